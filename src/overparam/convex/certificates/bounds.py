"""Lower bounds that a multiplier proves."""

import numpy as np
from jaxtyping import Float

from ..programs.program import Architecture
from .signed import signed_activation


ROUNDING = 1e-11
"""Relative error of sums, norms and singular values."""


def loose_bound(
    x: Float[np.ndarray, "n d"],
    y: Float[np.ndarray, " n"],
    dual: Float[np.ndarray, " n"],
    *,
    penalty: float,
    network: Architecture,
) -> float:
    """The lower bound that a multiplier proves by a bound of its activation."""
    if network == "normalised":
        parts = np.maximum(dual, 0), np.maximum(-dual, 0)
        size = max(float(np.linalg.norm(part)) for part in parts)
    else:
        size = signed_activation(x, dual)
    if network == "skip":
        size = max(size, linear_size(x, dual))
    return dual_value(y, dual, size=(1 + ROUNDING) * size / penalty)


def linear_size(
    x: Float[np.ndarray, "n d"], dual: Float[np.ndarray, "n *outputs"]
) -> float:
    r"""$\|X^T l\|$, what a skip connection gains, with its rounding error."""
    sums = x.T @ dual
    error = (len(x) + sums.size + 8) * float(np.finfo(float).eps)
    absolute = float(np.linalg.norm(np.abs(x).T @ np.abs(dual)))
    return float(np.linalg.norm(sums)) + error * absolute


def dual_factor(
    y: Float[np.ndarray, " n"], dual: Float[np.ndarray, " n"], *, size: float
) -> float:
    """The best multiple of a multiplier that is at most 1 / `size`; 0 if none is."""
    square, linear = float(dual @ dual), float(y @ dual)
    # Below the smallest normal number sums of squares lose all digits.
    if not (np.isfinite(size) and min(square, linear) >= np.finfo(float).tiny):
        return 0.0
    factor = linear / square
    return 1 / size if size * factor > 1 else factor


def dual_value(
    y: Float[np.ndarray, " n"], dual: Float[np.ndarray, " n"], *, size: float
) -> float:
    """The lower bound that the best multiple of a multiplier proves."""
    factor = dual_factor(y, dual, size=size)
    if not factor:
        return 0.0
    slack = ROUNDING * float(np.abs(y) @ np.abs(dual))
    value = factor * (y @ dual - 0.5 * factor * (dual @ dual) - slack)
    return max(0.0, float(value))
