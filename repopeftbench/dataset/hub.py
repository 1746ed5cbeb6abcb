"""The Hugging Face Hub (io): the only module of this package that imports `huggingface_hub`, and only when asked."""

from collections.abc import Sequence
from pathlib import Path

from repopeftbench.errors import DatasetError


def download_dataset(repo_id: str, revision: str | None, patterns: Sequence[str]) -> Path:
    """The folder of a dataset's files in the Hub's cache, downloaded as far as they are not there; named by its commit.

    Args:
        repo_id: `owner/name`.
        revision: branch, tag or commit; None for the latest.
        patterns: which files, as glob patterns of their paths.

    Raises:
        DatasetError: the Hub has no such dataset or cannot be reached.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        folder = snapshot_download(repo_id, repo_type="dataset", revision=revision, allow_patterns=list(patterns))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DatasetError(
            f"dataset {repo_id} of the Hub cannot be read: {first}: check its name and the network, or name a folder "
            "that holds its files"
        ) from error
    return Path(folder)
