"""What commands refuse: options that were given where they have no meaning."""

from collections.abc import Iterable
from typing import Any

from repopeftbench.errors import ConfigError


def refuse_options(options: Any, defaults: Any, names: Iterable[str], reason: str) -> None:
    """Passes if none of the fields `names` of `options` differs from that of `defaults`.

    Raises:
        ConfigError: one does; the sentence gives `reason`.
    """
    for name in names:
        value, flag = getattr(options, name), f"--{name.replace('_', '-')}"
        if value != getattr(defaults, name):
            raise ConfigError(f"{flag} {value} has no meaning {reason}: leave {flag} out")
