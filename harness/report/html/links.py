"""Where a file of a commit can be read on the web, from the URL that a repository was mined from. Pure."""

from urllib.parse import quote, urlsplit

_BLOBS = {
    "github.com": "/blob/",
    "gitlab.com": "/-/blob/",
    "codeberg.org": "/src/commit/",
    "bitbucket.org": "/src/",
}


def file_link(location: str, commit_sha: str, path: str, line: int) -> str | None:
    """The page of one line of a file at a commit; None where the host's pages are not known.

    Only the host and path of `location` are used, never a password in it, and the link is always https.

    Args:
        location: URL or local path of a repository, as in the dataset's manifest.
        commit_sha: of the commit.
        path: in the repository.
        line: counted from 1.
    """
    try:
        parts = urlsplit(location)
        host = (parts.hostname or "").removeprefix("www.")
    except ValueError:
        return None
    if parts.scheme not in ("https", "http") or host not in _BLOBS:
        return None
    repository = quote(parts.path.strip("/").removesuffix(".git"))
    mark = f"#lines-{line}" if host == "bitbucket.org" else f"#L{line}"
    return f"https://{host}/{repository}{_BLOBS[host]}{quote(commit_sha)}/{quote(path)}{mark}"
