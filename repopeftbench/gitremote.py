"""Remote git repositories over https, ssh and files (io): the part of git that goes over a network.

Nothing is checked out, no submodule and no redirect to another host is followed, and no question for a password is
answered. Not protected from: a server that sends objects without end.
"""

import os
from pathlib import Path

import pygit2

from repopeftbench.errors import SourceError

# Without a limit, a server that accepts and then says nothing is waited for without end. In milliseconds.
pygit2.settings.server_connect_timeout = 60_000
pygit2.settings.server_timeout = 300_000


def fetch_all(address: str, folder: Path, url: str) -> None:
    """Makes objects, branches, tags and HEAD of the bare repository in `folder` (made if need be) those of a remote.

    Args:
        address: where the remote is read from.
        folder: the repository that is written.
        url: what the remote is called in messages.

    Raises:
        SourceError: the remote cannot be read, or the folder cannot be written.
    """
    try:
        if folder.exists():
            repository = pygit2.Repository(str(folder), pygit2.enums.RepositoryOpenFlag.NO_SEARCH)
        else:
            repository = pygit2.init_repository(str(folder), bare=True)
        # libgit2 then follows a redirect within the host alone (a repository that was renamed there).
        repository.config["http.followRedirects"] = "false"
        # No remote is configured: a password in the URL is not written down.
        heads = repository.remotes.create_anonymous(address).list_heads(_NoPrompt(url))
        there = {head.name for head in heads}
        for name in [name for name in repository.references if name not in there]:
            # Before the fetch: a branch a/b cannot come while a branch a is there.
            repository.references.delete(name)
        repository.remotes.create_anonymous(address).fetch(
            ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"], callbacks=_NoPrompt(url)
        )
        for head in heads:
            if head.name == "HEAD":
                repository.set_head(head.symref_target or head.oid)
    except (pygit2.GitError, KeyError, ValueError, OSError) as error:
        raise SourceError(f"{url} cannot be cloned or updated: {error}") from error


class _NoPrompt(pygit2.RemoteCallbacks):
    """Gives the keys of a running SSH agent, once; refuses whatever else would have to be typed in."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self._tried = False

    def credentials(
        self, url: str, username_from_url: str | None, allowed_types: pygit2.enums.CredentialType
    ) -> pygit2.KeypairFromAgent:
        if allowed_types & pygit2.enums.CredentialType.SSH_KEY and not self._tried and "SSH_AUTH_SOCK" in os.environ:
            self._tried = True
            return pygit2.KeypairFromAgent(username_from_url or "git")
        raise SourceError(
            f"{self._url} cannot be cloned or updated: it is not there, or wants a name and a password, which are not "
            "given: check the spelling, or name a local clone"
        )


def transports() -> dict[str, bool]:
    """Ways to clone, and whether the installed libgit2 was built with each."""
    return {
        "https": bool(pygit2.features & pygit2.enums.Feature.HTTPS),
        "ssh": bool(pygit2.features & pygit2.enums.Feature.SSH),
    }
