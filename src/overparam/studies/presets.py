"""Other defaults of a study: those of a published script.

Only the standard library is imported here.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import ConfigError


Preset = tuple[tuple[Mapping[str, Any], Mapping[str, Any]], ...]
"""Pairs of a condition on fields and the defaults that hold under it."""


def defaults_of(preset: Preset, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults that hold for a config with these fields.

    A condition is asked of the fields, and of the defaults that were chosen before it.
    """
    chosen: dict[str, Any] = {}
    for condition, defaults in preset:
        known = {**chosen, **fields}
        if all(known.get(name) == value for name, value in condition.items()):
            chosen |= defaults
    return chosen


@contextlib.contextmanager
def naming_defaults(chosen: Mapping[str, Any]) -> Iterator[None]:
    """A block in which a config that is refused says which fields nobody gave.

    Args:
        chosen: The defaults that a preset put beside what was given.

    Raises:
        ConfigError: Where the block does; the sentence names those of its fields.
    """
    try:
        yield
    except ConfigError as error:
        named = [f"`{n}` {v}" for n, v in chosen.items() if f"`{n}`" in str(error)]
        if not named:
            raise
        told = f"The published command has {', '.join(named)}: give your own."
        raise ConfigError(f"{error} {told}") from None
