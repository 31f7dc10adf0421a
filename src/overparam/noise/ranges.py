"""Names and ranges of the noise; standard library only, so that configs use them."""

import math
from typing import Literal

from ..checks import one_of
from ..errors import ConfigError


Kind = Literal["none", "shared", "entrywise", "isotropic"]
Unit = Literal["filter", "kernel"]
IsotropicScale = Literal["standard", "reference"]

KINDS: tuple[Kind, ...] = ("none", "shared", "entrywise", "isotropic")
"""Noise types 0 to 3 of Wan et al. 2024, in their order."""

MIN_FLOAT32_EXPONENT = 0.3
"""Draws reach 2**(32 / alpha), which float32 cannot hold for smaller exponents."""


def check_kind(kind: str) -> None:
    """`kind` is a kind of noise; the numbers of the paper get a translation."""
    if kind.removeprefix("type") in ("0", "1", "2", "3"):
        number = int(kind[-1])
        raise ConfigError(
            f"`noise` must be one of {', '.join(KINDS)}, got {kind!r}; type "
            f"{number} is {KINDS[number]}."
        )
    one_of(KINDS, noise=kind)


def check_exponent(
    maximum: float, *, precision: str | None = None, **value: float
) -> None:
    """One exponent lies in (0, maximum] and its draws fit the precision, if given."""
    for name, exponent in value.items():
        if not 0 < exponent <= maximum:
            hint = "; 2 is Gaussian noise." if maximum == 2 else "."
            raise ConfigError(
                f"`{name}` must be in (0, {maximum:g}], got {exponent:g}{hint}"
            )
        if precision == "float32" and exponent < MIN_FLOAT32_EXPONENT:
            raise ConfigError(
                f"`{name}` below {MIN_FLOAT32_EXPONENT} overflows float32, got "
                f"{exponent:g}; use precision float64."
            )


def check_level(sigma: float) -> None:
    """`sigma` is a noise level."""
    if not (math.isfinite(sigma) and sigma >= 0):
        raise ConfigError(f"`sigma` must be finite and at least 0, got {sigma:g}.")
