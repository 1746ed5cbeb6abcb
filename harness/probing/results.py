"""What probing came to, kept beside the run that it is of (io): `execution.parquet`, and `execution.json` on how.

Both have the same bytes whenever the same predictions are executed in the same way; a run's own files stay as they are.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from harness.errors import ProbeError
from harness.probing.execution_table import VERSION, executions_from_parquet, executions_to_parquet
from harness.probing.records import Execution
from harness.probing.runnable import ARGUMENTS, LIMITS, TIMES
from harness.run_store import EXECUTION, EXECUTION_MANIFEST, PREDICTIONS
from repopeftbench import __version__
from repopeftbench.atomic import write_atomically
from repopeftbench.dataset.manifest import file_sha256
from sandboxes import policy


class ExecutionManifest(BaseModel):
    """How predictions were executed; `contained` is false where nothing isolated them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    exec_pass_version: int = VERSION
    driver: Literal["docker", "local"]
    contained: bool
    image: str
    """Digest of the image; of the local driver, the interpreter and its packages."""
    policy: str
    """Digest of the policy and the limits."""
    runtime: str
    arguments: tuple[str, ...] = ARGUMENTS
    times: int = TIMES
    limit: int | None
    seed: int
    dataset_sha256: str
    predictions_sha256: str | None
    tool_version: str = __version__


def describe_execution(
    *,
    driver: Literal["docker", "local"],
    image: str,
    runtime: str,
    limit: int | None,
    seed: int,
    dataset_sha256: str,
    run: Path | None,
) -> ExecutionManifest:
    """The manifest of an execution of `run`, or of a dataset's tasks where it is None."""
    return ExecutionManifest(
        driver=driver,
        contained=driver == "docker",
        image=image,
        policy=policy.digest(LIMITS, runtime),
        runtime=runtime,
        limit=limit,
        seed=seed,
        dataset_sha256=dataset_sha256,
        predictions_sha256=None if run is None else file_sha256(run / PREDICTIONS),
    )


def write_executions(folder: Path, executions: Sequence[Execution], manifest: ExecutionManifest) -> Path:
    """Puts the executions into a run's folder; the manifest comes last. The path of the table."""
    (folder / EXECUTION_MANIFEST).unlink(missing_ok=True)
    write_atomically(folder / EXECUTION, executions_to_parquet(executions))
    write_atomically(folder / EXECUTION_MANIFEST, execution_json(manifest).encode())
    return folder / EXECUTION


def execution_json(manifest: ExecutionManifest) -> str:
    """The manifest as a file holds it."""
    return json.dumps(manifest.model_dump(mode="json"), indent=2, sort_keys=True) + "\n"


def read_executions(folder: Path) -> tuple[ExecutionManifest, tuple[Execution, ...]] | None:
    """What probing the run in `folder` came to; None if it was not probed.

    Raises:
        ProbeError: the files are damaged, of another version, or of other predictions than the run has now.
    """
    path = folder / EXECUTION_MANIFEST
    if not path.is_file() or not (folder / EXECUTION).is_file():
        return None
    try:
        manifest = ExecutionManifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise ProbeError(f"{path} cannot be read: {error.errors()[0]['msg']}: probe the run again.") from error
    if manifest.exec_pass_version != VERSION:
        raise ProbeError(
            f"{path} has version {manifest.exec_pass_version} of exec_pass, this is {VERSION}: probe the run again."
        )
    if manifest.predictions_sha256 != file_sha256(folder / PREDICTIONS):
        raise ProbeError(f"{folder / EXECUTION} is of other predictions than the run has now: probe the run again.")
    return manifest, executions_from_parquet((folder / EXECUTION).read_bytes(), folder / EXECUTION)
