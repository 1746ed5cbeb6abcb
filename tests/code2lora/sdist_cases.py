"""Tiny source distributions, made on the disk, and the lists that pin them."""

import hashlib
import io
import json
import tarfile

from code2lora.training.sdists import SourceRelease


def write_sdist(folder, name, files, *, version="1.0", **options):
    """A .tar.gz of `files` (name -> text or bytes) in `folder`, and its release."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for file, content in files.items():
            data = content if isinstance(content, bytes) else content.encode()
            member = tarfile.TarInfo(f"{name}-{version}/{file}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return release_of(path, name=name, version=version, **options)


def release_of(path, *, name, version="1.0", **options):
    data = path.read_bytes()
    return SourceRelease(
        name=name,
        version=version,
        released="2024-05-06",
        file=path.name,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        licence="MIT",
        **options,
    )


def list_text(*releases, cutoff="2025-04-01", source_bytes=1_000_000):
    """The TOML of a list."""
    lines = [f'cutoff = "{cutoff}"', f"source_bytes = {source_bytes}"]
    for release in releases:
        lines += ["[[source]]", *(f'{key} = "{getattr(release, key)}"' for key in TEXTS), f"size = {release.size}"]
        lines += ["held_out = true"] if release.held_out else []
        lines += [f"leave_out = {json.dumps(release.leave_out)}"] if release.leave_out else []
    return "\n".join(lines) + "\n"


TEXTS = ("name", "version", "released", "file", "sha256", "licence")
