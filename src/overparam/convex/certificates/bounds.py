"""Lower bounds that a multiplier proves, and the loose bound of its activation."""

import numpy as np
from jaxtyping import Float

from ..programs.program import Architecture


ROUNDING = 1e-11
"""Relative error of sums, norms and singular values."""
_MOST_SQUARE = 500
"""Rows up to which a matrix of all left singular vectors is made."""
_SCALING_STEPS = 60


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
        size = loose_activation(x, dual)
    if network == "skip":
        size = max(size, float(np.linalg.norm(x.T @ dual)))
    return dual_value(y, dual, size=(1 + ROUNDING) * size / penalty)


def dual_value(
    y: Float[np.ndarray, " n"], dual: Float[np.ndarray, " n"], *, size: float
) -> float:
    """The best bound of the multiples of a multiplier that are at most 1 / `size`."""
    square, linear = float(dual @ dual), float(y @ dual)
    # Below the smallest normal number sums of squares lose all digits.
    if not (np.isfinite(size) and min(square, linear) >= np.finfo(float).tiny):
        return 0.0
    factor = linear / square
    if size * factor > 1:
        factor = 1 / size
    slack = ROUNDING * float(np.abs(y) @ np.abs(dual))
    return max(0.0, factor * (linear - 0.5 * factor * square - slack))


def loose_activation(
    x: Float[np.ndarray, "n d"], dual: Float[np.ndarray, " n"]
) -> float:
    r"""An upper bound of $\max_{\|u\| \le 1} |l^T (X u)_+|$ in any dimension.

    $(t)_+ = (t + |t|)/2$ gives $\tfrac12 \|X^T l\| + \tfrac12 \max_{s \in \{-1,1\}^n}
    \|X^T \mathrm{diag}(l) s\|$, and for every positive diagonal $\Delta$ the maximum
    is at most $\sqrt{\mathrm{tr}\Delta\; \lambda_{\max}(\Delta^{-1/2} Q
    \Delta^{-1/2})}$ with $Q = \mathrm{diag}(l) X X^T \mathrm{diag}(l)$.
    """
    rows = dual[:, None] * x
    rows = rows[np.any(rows != 0, axis=1)]
    if not len(rows):
        return 0.0
    scale = np.linalg.norm(rows, axis=1)
    best = np.inf
    for step in range(_SCALING_STEPS):
        left, sizes, _ = np.linalg.svd(
            rows / np.sqrt(scale)[:, None], full_matrices=len(rows) <= _MOST_SQUARE
        )
        best = min(best, float(np.sqrt(scale.sum()) * sizes[0]))
        # At the minimum the leading eigenvector has weights proportional to the scale.
        share = left[:, 0] ** 2 / (scale / scale.sum())
        scale = scale * (1e-3 + share) ** (1 / (2 + step))
    return 0.5 * float(np.linalg.norm(x.T @ dual)) + 0.5 * best
