"""What differs between two sets of versions that decide how source is parsed. Pure."""

from repopeftbench.dataset.manifest import Versions


def differences(wanted: Versions, found: Versions) -> tuple[str, ...]:
    """One phrase per package of another version, such as `python 3.12.1 instead of 3.11.7`."""
    return tuple(
        f"{name.replace('_', '-')} {value} instead of {before}"
        for (name, before), (_, value) in zip(wanted, found, strict=True)
        if value != before
    )
