"""Largest eigenvalues of a symmetric operator that is known by its products."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from ...errors import SolverError


_VECTORS = 40
"""Basis vectors at which the iterations begin anew, or eight blocks of them."""
_MOST_BLOCKS = 1000
_ROUNDINGS = 10
"""Roundings of the largest eigenvalue below which no residual can be brought."""


def largest_eigenvalues(
    product: Callable[[np.ndarray], np.ndarray],
    size: int,
    count: int,
    *,
    tolerance: float,
    rounding: float,
) -> Float[np.ndarray, " count"]:
    """The largest eigenvalues, descending, of a matrix without negative ones.

    Lanczos iterations on a block of as many vectors as there are eigenvalues: on one
    vector, equal eigenvalues of several outputs would be found once.

    Args:
        product: The matrix times a vector.
        size: Its rows; at least ten times `count`.
        count: Number of eigenvalues.
        tolerance: Residuals of eigenvectors, relative to their eigenvalues.
        rounding: Relative rounding of products.

    Raises:
        SolverError: If the iterations do not converge.
    """
    start = np.random.default_rng(0).standard_normal((size, count))
    block, basis = np.linalg.qr(start)[0], np.empty((size, 0))
    projected, most = np.empty((0, 0)), max(_VECTORS, 8 * count)
    for _ in range(_MOST_BLOCKS):
        images = np.stack([product(column) for column in block.T], axis=1)
        known, basis = basis.shape[1], np.hstack([basis, block])
        moved = basis.T @ images
        corner = (moved[known:] + moved[known:].T) / 2
        projected = np.block([[projected, moved[:known]], [moved[:known].T, corner]])
        values, vectors = np.linalg.eigh(projected)
        rest, beyond = np.linalg.qr(_without(basis, images))
        residuals = np.linalg.norm(beyond @ vectors[known:, -count:], axis=0)
        least = _ROUNDINGS * rounding * values[-1]
        if (residuals <= np.maximum(tolerance * values[-count:], least)).all():
            return values[-count:][::-1]
        block = np.linalg.qr(_without(basis, rest))[0]
        if len(values) + count > most:
            kept = vectors[:, -(most // 2) :]
            basis, projected = basis @ kept, np.diag(values[-(most // 2) :])
    raise SolverError(
        f"The {count} largest eigenvalues of a tangent kernel of {size} rows did not "
        f"converge to {tolerance:g}; ask for fewer or a larger `tolerance`."
    )


def _without(basis: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """What of vectors is orthogonal to a basis; once is not enough in rounding."""
    for _ in range(2):
        vectors = vectors - basis @ (basis.T @ vectors)
    return vectors
