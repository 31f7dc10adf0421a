r"""What a ridge fit leaves over, from the singular values of the features in float64.

Products such as $F^\top F$ keep eigenvalues down to a unit roundoff of the largest one,
singular values down to its square: they tell directions that a small penalty lets
through from directions that are empty.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import scipy.linalg
from jaxtyping import Float

from .feature_cache import Centred, FeatureMatrix
from .shifted import trace_left


DIGITS = 1e-3
"""Relative error that rounding may leave in what counts as known."""

_EPS = float(np.finfo(np.float64).eps)
_ROWS = 2048


class FitLeft(NamedTuple):
    r"""Degrees of freedom $d$ of ridge fits, $N - d$, and $\|Y - \hat Y\|^2 / N$.

    NaN where rounding of the features in float64 decides them.
    """

    spent: Float[np.ndarray, " n"]
    left: Float[np.ndarray, " n"]
    losses: Float[np.ndarray, " n"]


def fit_left(
    matrix: FeatureMatrix, targets: Float[np.ndarray, "N k"], penalties: Sequence[float]
) -> FitLeft:
    r"""Degrees of freedom and losses of exact ridge fits, with $F = U S V^\top$.

    With $w_i = \lambda / (s_i^2 / N + \lambda)$ these are $\sum_i (1 - w_i)$,
    $N - r + \sum_i w_i$ and $\sum_i w_i^2 |u_i^\top Y|^2 / N$ plus what $U$ leaves.

    Args:
        matrix: Features; those that are `Centred` are centred again in float64.
        targets: Targets, centred where the features are.
        penalties: Penalties, positive.
    """
    n_samples = len(targets)
    # The vector of ones is a null vector of what is centred.
    ones = int(isinstance(matrix, Centred))
    rank = min(n_samples - ones, matrix.shape[1])
    singular, parts, rest = _projections(matrix, targets, rank)
    error = max(matrix.shape) * _EPS * singular.max(initial=0.0)
    low, values, high = (
        np.maximum(singular + sign * error, 0) ** 2 / n_samples for sign in (-1, 0, 1)
    )
    found = []
    for penalty in penalties:
        shares = penalty / (values + penalty)
        spent = np.sum(values / (values + penalty))
        left = n_samples - rank + np.sum(shares)
        loss = (rest + np.sum(shares**2 * parts)) / n_samples
        doubt = trace_left(low, penalty) - trace_left(high, penalty)
        known = doubt <= DIGITS * min(max(spent, 1), left)
        found.append((spent, left, loss) if known else (np.nan,) * 3)
    return FitLeft(*np.array(found).T)


def _projections(
    matrix: FeatureMatrix, targets: np.ndarray, rank: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """Singular values, squared targets along their vectors, and the squared rest."""
    n_samples, width = matrix.shape
    if width >= n_samples:
        triangle = np.zeros((0, n_samples))
        for start in range(0, width, _ROWS):
            part = slice(start, start + _ROWS)
            block = np.vstack([rows[:, part] for _, rows in float64_rows(matrix)])
            if isinstance(matrix, Centred):
                block = block - block.mean(axis=0)
            triangle = _triangle(triangle, block.T)
        # Rows of an orthonormal basis, of what is orthogonal to ones where centred.
        basis = scipy.linalg.helmert(n_samples, full=rank == n_samples)
        vectors, singular, _ = scipy.linalg.svd(basis @ triangle.T)
        along = vectors.T @ (basis @ targets)
        return singular, np.sum(along**2, axis=1), 0.0
    triangle = np.zeros((0, width + targets.shape[1]))
    mean = sum(block.sum(axis=0) for _, block in float64_rows(matrix)) / n_samples
    if not isinstance(matrix, Centred):
        mean = np.zeros(width)
    for start, block in float64_rows(matrix):
        both = np.hstack([block - mean, targets[start : start + len(block)]])
        triangle = _triangle(triangle, both)
    vectors, singular, _ = scipy.linalg.svd(triangle[:width, :width])
    along = vectors.T @ triangle[:width, width:]
    rest = float(np.sum(triangle[width:, width:] ** 2))
    return singular, np.sum(along**2, axis=1), rest


def _triangle(above: np.ndarray, block: np.ndarray) -> np.ndarray:
    stacked = np.vstack([above, block])
    factor = np.asarray(scipy.linalg.qr(stacked, mode="r", check_finite=False)[0])
    return factor[: stacked.shape[1]]


def float64_rows(matrix: FeatureMatrix) -> Iterator[tuple[int, np.ndarray]]:
    """First rows and blocks of rows, in float64 before they are centred."""
    base, shift = matrix, np.zeros(matrix.shape[1])
    if isinstance(matrix, Centred):
        base, shift = matrix.features, np.asarray(matrix.shift, np.float64)
    for start in range(0, matrix.shape[0], _ROWS):
        size = min(_ROWS, matrix.shape[0] - start)
        yield start, np.asarray(base.rows(jnp.int32(start), size), np.float64) - shift
