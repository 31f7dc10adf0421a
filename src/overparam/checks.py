"""Checks of single values, used by configs and constructors: one sentence per mistake.

Only the standard library is imported here, so that the command line stays fast.
"""

import math
from collections.abc import Iterable

from .errors import ConfigError


def at_least(minimum: float, **values: float | None) -> None:
    """Every value is finite and at least `minimum`; `None` passes."""
    for name, value in values.items():
        if value is not None and not (math.isfinite(value) and value >= minimum):
            raise ConfigError(f"`{name}` must be at least {minimum:g}, got {value}.")


def positive(**values: float | None) -> None:
    """Every value is a positive finite number; `None` passes."""
    for name, value in values.items():
        if value is not None and not (math.isfinite(value) and value > 0):
            message = f"`{name}` must be a positive finite number, got {value}."
            raise ConfigError(message)


def in_range(low: float, high: float, **values: float | None) -> None:
    """Every value lies in the closed interval [low, high]; `None` passes."""
    for name, value in values.items():
        if value is not None and not low <= value <= high:
            message = f"`{name}` must lie in [{low:g}, {high:g}], got {value}."
            raise ConfigError(message)


def one_of(choices: Iterable[str], **values: str) -> None:
    """Every value is one of `choices`."""
    choices = list(choices)
    for name, value in values.items():
        if value not in choices:
            listed = ", ".join(choices)
            raise ConfigError(f"`{name}` must be one of {listed}; got {value!r}.")
