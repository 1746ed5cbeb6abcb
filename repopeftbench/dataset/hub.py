"""The Hugging Face Hub (io): the only module that imports huggingface_hub, and only when it is called.

Everything is published in one commit on top of the state that was compared with, so that nobody's change in between
is overwritten, and nothing is half published. The token is the client's own matter: from `hf auth login` or HF_TOKEN;
it is neither taken as an argument nor written anywhere.
"""

import re
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

from repopeftbench.dataset.hub_changes import Change, FileChange, HubTarget, RemoteFile, RemoteState
from repopeftbench.errors import ConfigError, HubError

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_REPO_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_LOG_IN = "log in with `hf auth login` or set HF_TOKEN, with a token that has the right"
_NO_ACCESS = (401, 403)
_STALE = (409, 412)
_PASSING = (408, 429)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishOptions:
    """How a folder is published; `private` counts only where the repository does not exist yet."""

    message: str
    private: bool = False
    create_pr: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The commit that was made; `url` is its page, or that of the pull request."""

    commit: str
    url: str


def check_repo_id(repo_id: str) -> None:
    """Refuses what is no `ORG/NAME`, before anything is asked of the network.

    Raises:
        ConfigError: it is none.
    """
    if not _REPO_ID.fullmatch(repo_id) or ".." in repo_id or "--" in repo_id or len(repo_id) > 96:
        raise ConfigError(f"--repo-id {repo_id!r} is no ORG/NAME: letters, digits, '-', '_', '.' and one '/'")


def check_card(text: str, target: HubTarget) -> None:
    """Has the client's own classes read a card and its metadata.

    Raises:
        HubError: they cannot.
    """
    from huggingface_hub import DatasetCard, ModelCard

    try:
        card = (DatasetCard if target.repo_type == "dataset" else ModelCard)(text)
    except Exception as error:
        raise HubError(f"the card's metadata cannot be read: {_one_line(error)}") from error
    if str(card.data) in ("", "{}"):
        raise HubError("the card has no metadata: it must begin with a block of YAML between two lines ---")


def remote_state(target: HubTarget) -> RemoteState:
    """What is on the Hub now; nothing is changed there.

    Raises:
        HubError: the Hub cannot be asked, or does not let us.
    """
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError
    from huggingface_hub.hf_api import RepoFile

    api = _client()
    repo, kind = target.repo_id, target.repo_type
    with _translated(target):
        try:
            info = api.repo_info(repo, repo_type=kind, revision=target.revision)
            has_revision = True
        except RevisionNotFoundError:
            info, has_revision = api.repo_info(repo, repo_type=kind), False
        except GatedRepoError:
            raise
        except RepositoryNotFoundError:
            return RemoteState()
        commit = str(info.sha)
        listing = api.list_repo_tree(repo, repo_type=kind, revision=commit, recursive=True)
        files = tuple(
            RemoteFile(
                path=entry.path,
                size_bytes=entry.size,
                blob=entry.blob_id,
                sha256=entry.lfs.sha256 if entry.lfs else None,
            )
            for entry in listing
            if isinstance(entry, RepoFile)
        )
    return RemoteState(commit=commit, private=info.private, has_revision=has_revision, files=files)


def read_remote_file(target: HubTarget, remote: RemoteState, path: str) -> bytes | None:
    """The content of a small file on the Hub, None where there is none.

    Raises:
        HubError: the Hub cannot be asked, or does not let us.
    """
    if remote.commit is None or not any(file.path == path for file in remote.files):
        return None
    with _translated(target), TemporaryDirectory(prefix="repobench-") as folder:
        found = _client().hf_hub_download(
            target.repo_id, path, repo_type=target.repo_type, revision=remote.commit, local_dir=folder
        )
        return Path(found).read_bytes()


def check_visibility(target: HubTarget, remote: RemoteState, *, private: bool) -> None:
    """Refuses to publish in public what should be private.

    Raises:
        HubError: the repository is there already, and public.
    """
    if private and remote.private is False:
        raise HubError(f"{target.repo_id} is public already: make it private in its settings, then publish")


def publish_folder(
    folder: Path, target: HubTarget, remote: RemoteState, changes: Sequence[FileChange], options: PublishOptions
) -> Published:
    """Makes the changes in one commit on top of `remote`; repository and branch are made where they are missing.

    Where nothing changes, the branch alone is made, and the commit that is named is the one it begins at.

    Large files that an interrupted call uploaded are not sent again: the Hub knows them by their content.

    Args:
        folder: holds what is added and changed.
        target: where it goes.
        remote: the state that `changes` were computed with.
        changes: what becomes of each file.
        options: how.

    Raises:
        HubError: there is no token, no right, no network, or the Hub was changed since `remote`.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, get_token

    check_visibility(target, remote, private=options.private)
    if get_token() is None:
        raise HubError(f"there is no token of the Hub on this machine: {_LOG_IN}")
    api = _client()
    repo, kind = target.repo_id, target.repo_type
    with _translated(target):
        parent = remote.commit
        if parent is None:
            # None leaves it to the organisation's own default.
            api.create_repo(repo, repo_type=kind, private=options.private or None)
            parent = api.repo_info(repo, repo_type=kind).sha
        if not remote.has_revision and target.revision != "main":
            api.create_branch(repo, repo_type=kind, branch=target.revision, revision=parent)
        operations = [
            CommitOperationDelete(path_in_repo=change.path)
            if change.change is Change.DELETED
            else CommitOperationAdd(path_in_repo=change.path, path_or_fileobj=folder / change.path)
            for change in changes
            if change.change is not Change.UNCHANGED
        ]
        if not operations:
            return Published(commit=str(parent), url=f"{_page(target)}/tree/{quote(target.revision)}")
        made = api.create_commit(
            repo,
            repo_type=kind,
            operations=operations,
            commit_message=options.message,
            revision=target.revision,
            create_pr=options.create_pr,
            parent_commit=parent,
        )
    return Published(commit=made.oid, url=made.pr_url or made.commit_url)


def download_dataset(target: HubTarget, patterns: Sequence[str] = ("*",)) -> Path:
    """The folder of the files that match `patterns` in the Hub's cache of this machine, named by their commit.

    What is there already, from an interrupted call too, is not fetched again.

    Raises:
        HubError: the Hub cannot be asked, does not let us, or has no such repository or revision.
    """
    api = _client()
    repo, kind = target.repo_id, target.repo_type
    with _translated(target):
        commit = str(api.repo_info(repo, repo_type=kind, revision=target.revision).sha)
        return Path(api.snapshot_download(repo, repo_type=kind, revision=commit, allow_patterns=list(patterns)))


def has_token() -> bool:
    """Whether somebody is logged in to the Hub on this machine."""
    from huggingface_hub import get_token

    return get_token() is not None


def ask_hub(seconds: float) -> str | None:
    """Why the Hub does not answer within a time; None if it does.

    Args:
        seconds: longest wait.
    """
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set"
    request = urllib.request.Request(f"{constants.ENDPOINT}/api/datasets?limit=1")
    try:
        with urllib.request.urlopen(request, timeout=seconds) as answer:
            answer.read(1)
    except (OSError, ValueError) as error:
        return f"{constants.ENDPOINT} does not answer: {_one_line(error)}"
    return None


def _page(target: HubTarget) -> str:
    from huggingface_hub import constants

    kind = "datasets/" if target.repo_type == "dataset" else ""
    return f"{constants.ENDPOINT}/{kind}{target.repo_id}"


def _client() -> "HfApi":
    from huggingface_hub import HfApi
    from huggingface_hub.utils.tqdm import disable_progress_bars

    if not sys.stderr.isatty():
        disable_progress_bars()
    return HfApi(library_name="repobench")


@contextmanager
def _translated(target: HubTarget) -> Iterator[None]:
    """Turns what the client raises into one sentence that says what to do."""
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

    # The HTTP library's base class; which library it is depends on the client's version.
    http_error = cast("type[Exception]", HfHubHTTPError.__mro__[1])
    try:
        yield
    except HFValidationError as error:
        raise HubError(f"{target.repo_id!r} cannot be a repository of the Hub: {_one_line(error)}") from error
    except OfflineModeIsEnabled as error:
        raise HubError("HF_HUB_OFFLINE forbids to ask the Hub: unset it") from error
    except RuntimeError as error:
        # An upload that failed comes wrapped, with its reason as the cause.
        reason = error.__cause__
        if not isinstance(reason, http_error):
            raise
        raise HubError(_sentence(target, reason)) from error
    except ValueError as error:
        if "metadata in README.md" not in str(error):
            raise
        raise HubError(f"the Hub does not take the card: {_one_line(error)}") from error
    except http_error as error:
        raise HubError(_sentence(target, error)) from error


def _sentence(target: HubTarget, error: BaseException) -> str:
    from huggingface_hub import constants
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError

    repo_id, again = target.repo_id, "run the same command again, it goes on where it stopped"
    if not isinstance(error, HfHubHTTPError):
        return (
            f"the Hub at {constants.ENDPOINT} cannot be reached ({_one_line(error)}): check the network, then {again}"
        )
    status = error.response.status_code
    if isinstance(error, GatedRepoError):
        return f"{repo_id} is gated: accept its terms on {constants.ENDPOINT} with the account of your token"
    if isinstance(error, RevisionNotFoundError):
        return f"{repo_id} has no branch, tag or commit {target.revision!r}: check the name"
    if isinstance(error, RepositoryNotFoundError):
        return f"the Hub has no {target.repo_type} {repo_id} that this token may see: check the name, or {_LOG_IN}"
    if status in _STALE:
        return f"{repo_id} ({target.revision}) was changed on the Hub meanwhile; nothing was published: run it again"
    if status in _NO_ACCESS:
        return f"the Hub refuses {repo_id} to this token ({status}): check the name, or {_LOG_IN}"
    said = f"the Hub answered {status} for {repo_id} ({_one_line(error.server_message or error)})"
    return f"{said}: {again}" if status >= 500 or status in _PASSING else said


def _one_line(error: object) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
