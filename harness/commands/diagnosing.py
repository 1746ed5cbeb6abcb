"""`repobench diagnose`: is a method's conditioning real?"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from harness.commands.folders import DATA_FOLDER
from harness.commands.reporting import missing_page_library
from harness.console import Tracker, record, say, show
from repopeftbench.schema import Split, Track

if TYPE_CHECKING:
    from harness.diagnosing.diagnosis import Diagnosis

DIAGNOSIS_FOLDER = Path("repobench-out/diagnosis")
JSON_NAME, MARKDOWN_NAME = "diagnosis.json", "diagnosis.md"


@Parameter(name="*", negative="")
@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnoseOptions:
    """What `diagnose` can be told."""

    data: Path = DATA_FOLDER
    """Folder of the dataset."""
    out: Annotated[Path | None, Parameter(name=("--out", "-o"))] = None
    """Folder of the diagnosis. Default: that of a run, else repobench-out/diagnosis."""
    adapters: Path | None = None
    """Instead of a run or a checkpoint: a folder with one PEFT adapter for each repository, owner/name."""
    reference: Path | None = None
    """The dataset that the network was trained on, for the mean adapter. Default: the training tasks of --data."""
    shared: Path | None = None
    """A shared LoRA that was trained on the same tasks, to compare with: the headline gate."""
    oracle: Path | None = None
    """A checkpoint of per-repo-lora, or a folder of adapters: how much there is to gain."""
    shuffled: str | None = None
    """A checkpoint of the same method, trained on shuffled inputs."""
    split: Annotated[tuple[Split, ...], Parameter(name_transform=str.lower)] = (Split.CR_VAL,)
    """Splits whose tasks are measured; look at cr_test once."""
    track: Track | None = None
    """Default: static where the splits have tasks there, else evolution."""
    limit: int = 32
    """Most tasks of each repository, drawn with the seed."""
    repositories: int | None = None
    """Most repositories, drawn with the seed."""
    seed: int = 0
    """Seed of draws, permutations and the bootstrap."""
    context_length: int = 512
    """Most tokens of prefix and target."""
    backbone: str = "nano"
    """`nano` (bundled), a Hub id or a folder; of a run it is the run's."""
    encoder: str | None = None
    """Backbone that turns code into vectors. Default: the one that the checkpoint was trained with."""
    embeddings: Literal["dataset"] | None = None
    """`dataset` takes the published vectors of imported data in the place of an encoder."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    dtype: str = "auto"
    """auto, float32, bfloat16 or float16."""
    cache: Path | None = None
    """Folder of the clones, if `mine` was given one."""


_DEFAULT_DIAGNOSE = DiagnoseOptions()


def diagnose(subject: str | None = None, /, options: DiagnoseOptions = _DEFAULT_DIAGNOSE) -> int:
    """Tell whether conditioning is real: own adapters against the mean, other repositories' and a shared LoRA.

    Args:
        subject: Folder of a run, or a checkpoint: a folder, a .pt file or a Hub id.
        options: Options.
    """
    from harness.diagnosing.diagnosis import DiagnosisRequest
    from harness.diagnosing.diagnosis import diagnose as make_diagnosis
    from harness.diagnosing.document import to_json, to_markdown
    from harness.diagnosing.subjects import SubjectSettings
    from harness.run_store import MANIFEST
    from repopeftbench.atomic import write_atomically
    from repopeftbench.dataset.build import default_cache

    is_run = subject is not None and (Path(subject).expanduser() / MANIFEST).is_file()
    out = options.out or (Path(subject) if is_run and subject is not None else DIAGNOSIS_FOLDER)
    with Tracker("steps") as tracker:
        found = make_diagnosis(
            DiagnosisRequest(
                subject=subject,
                adapters=options.adapters,
                data=options.data,
                cache=options.cache or default_cache(),
                out=out,
                reference=options.reference,
                shared=options.shared,
                oracle=options.oracle,
                shuffled=options.shuffled,
                settings=SubjectSettings(
                    backbone=options.backbone,
                    device=options.device,
                    dtype=options.dtype,
                    encoder=options.encoder,
                    embeddings=None if options.embeddings is None else options.data,
                    encoding=tracker.encoding,
                ),
                track=options.track,
                splits=tuple(dict.fromkeys(options.split)),
                limit=options.limit,
                repositories=options.repositories,
                context_length=options.context_length,
                seed=options.seed,
                progress=tracker.update,
            )
        )
    write_atomically(out / MARKDOWN_NAME, to_markdown(found).encode())
    write_atomically(out / JSON_NAME, to_json(found).encode())
    _tell(found, out)
    _draw(found, out)
    say(f"written to {out / MARKDOWN_NAME} and {out / JSON_NAME}")
    return 0


def _tell(found: "Diagnosis", out: Path) -> None:
    """The verdict with its reasons, and what was not measured."""
    show(f"{found.method}: {found.judgement.verdict}")
    for reason in found.judgement.reasons:
        show(f"  {reason}")
    for remark in (*found.remarks, *(f"not measured: {name}" for name in found.judgement.missing)):
        say(remark)
    record(
        method=found.method,
        verdict=found.judgement.verdict,
        reasons=found.judgement.reasons,
        not_measured=found.judgement.missing,
        diagnosis=out / JSON_NAME,
    )


def _draw(found: "Diagnosis", out: Path) -> None:
    """Writes the figures, where the libraries of reports are installed."""
    missing = missing_page_library()
    if missing is not None:
        say(f"no figures: {missing} is not installed; pip install 'repopeftbench[report]' brings it")
        return
    from harness.diagnosing.figures import figures
    from harness.report.figures.files import write_figures
    from repopeftbench.atomic import fill_atomically

    fill_atomically(out / "diagnosis-figures", lambda folder: write_figures(figures(found), folder, lambda *_: None))
