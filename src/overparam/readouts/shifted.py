"""Symmetric systems with several multiples of the identity added."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.linalg
from jaxtyping import Float

from ..errors import SolverError


EIGEN_LIMIT = 4000
"""Up to this size one eigendecomposition serves the whole path; beyond it, a Cholesky
factorisation per penalty is cheaper (about 1/30 of the operations)."""


class ShiftedSolutions(NamedTuple):
    r"""Solutions of $(G + \lambda I) P = C$ along a path of shifts.

    Attributes:
        solutions: $P$ for each shift, shape `(n, width, k)`.
        degrees_of_freedom: $\mathrm{tr}\, G (G + \lambda I)^{-1}$ for each shift.
        left: $\mathrm{tr}\, \lambda (G + \lambda I)^{-1}$ for each shift, the rest of
            the width; not from a difference, which would cancel.
        doubts: How far these may be off by errors of the entries of $G$; 0 at the shift
            0, where they count directions, and from Cholesky factors, which know none.
    """

    solutions: Float[np.ndarray, "n width k"]
    degrees_of_freedom: Float[np.ndarray, " n"]
    left: Float[np.ndarray, " n"]
    doubts: Float[np.ndarray, " n"]


def trace_left(values: Float[np.ndarray, " width"], shift: float) -> float:
    r"""$\sum_i \lambda / (e_i + \lambda)$ for eigenvalues $e$ and a positive shift."""
    return float(np.sum(shift / (values + shift)))


def solve_shifted(
    G: Float[np.ndarray, "width width"],
    C: Float[np.ndarray, "width k"],
    shifts: Sequence[float],
    *,
    resolution: float = float(np.finfo(np.float64).eps),
) -> ShiftedSolutions:
    r"""Solve $(G + \lambda I) P = C$ in float64 for every shift $\lambda \ge 0$.

    Args:
        G: Symmetric positive semi-definite matrix; it is overwritten, because at width
            10,000 a copy is 800 MB.
        C: Right-hand sides.
        shifts: The shifts; at zero the solution of smallest norm is given.
        resolution: Relative error of the entries of $G$: eigenvalues that it may have
            made count as zero where nothing is added to them.

    Raises:
        SolverError: If $G$ is not finite, or not definite once it is shifted.
    """
    # The entries of a semi-definite matrix are no larger than those of its diagonal.
    if not (np.all(np.isfinite(np.diagonal(G))) and np.all(np.isfinite(C))):
        raise SolverError(
            "The ridge system is not finite: the features or targets contain values "
            "that are not finite, or too large to be squared in their type."
        )
    if len(G) <= EIGEN_LIMIT or min(shifts) == 0:
        return _by_eigen(G, C, shifts, resolution)
    return _by_cholesky(G, C, shifts)


def _by_eigen(
    G: np.ndarray, rhs: np.ndarray, shifts: Sequence[float], resolution: float
) -> ShiftedSolutions:
    values, vectors = scipy.linalg.eigh(G, overwrite_a=True)
    values = np.maximum(values, 0.0)
    rotated = vectors.T @ rhs
    # Without a penalty, directions that no feature spans get nothing.
    error = len(G) * resolution * values[-1]
    kept = values > error
    low, high = np.maximum(values - error, 0.0), values + error
    solutions, df, left, doubts = [], [], [], []
    for shift in shifts:
        shifted = np.where(kept | (shift > 0), values + shift, np.inf)
        solutions.append(vectors @ (rotated / shifted[:, None]))
        df.append(float(np.sum(values / shifted)))
        if shift > 0:
            left.append(trace_left(values, shift))
            doubts.append(trace_left(low, shift) - trace_left(high, shift))
        else:
            left.append(float(np.sum(~kept)))
            doubts.append(0.0)
    return ShiftedSolutions(np.stack(solutions), *map(np.array, (df, left, doubts)))


def _by_cholesky(
    G: np.ndarray, rhs: np.ndarray, shifts: Sequence[float]
) -> ShiftedSolutions:
    solutions, left = [], []
    diagonal = np.diag_indices_from(G)
    before = G[diagonal]
    (invert,) = scipy.linalg.get_lapack_funcs(["trtri"], [G])
    for shift in shifts:
        G[diagonal] = before + shift
        try:
            factor = scipy.linalg.cholesky(G, lower=True, check_finite=False)
        except scipy.linalg.LinAlgError as error:
            raise SolverError(
                f"The ridge system is not definite at penalty {shift:g}, less than "
                "what rounding takes from it; raise `ridge`, centre and scale the "
                "features, or give them in float64."
            ) from error
        solutions.append(scipy.linalg.cho_solve((factor, True), rhs))
        inverse, _ = invert(factor, lower=1, overwrite_c=1)
        # trace(G (G + s)^-1) = width - s trace((G + s)^-1) = width - s |L^-1|^2.
        # `norm` reads the matrix as it lies; `vdot` would copy it, 800 MB each time.
        left.append(shift * float(np.linalg.norm(inverse)) ** 2)
    rest = np.array(left)
    return ShiftedSolutions(np.stack(solutions), len(G) - rest, rest, 0.0 * rest)
