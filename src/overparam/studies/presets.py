"""Other defaults of a study: those of a published script.

Only the standard library is imported here.
"""

from collections.abc import Mapping
from typing import Any


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
