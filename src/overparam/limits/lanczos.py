"""Largest eigenvalues of a symmetric operator that is known by its products."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float


_VECTORS = 40
"""Basis vectors at which the iterations begin anew, or eight blocks of them."""
_MOST_BLOCKS = 1000


def largest_eigenvalues(
    product: Callable[[np.ndarray], np.ndarray],
    size: int,
    count: int,
    *,
    tolerance: float,
    floor: float,
) -> tuple[Float[np.ndarray, " count"], Float[np.ndarray, "size count"]] | None:
    """The largest eigenvalues, descending, and eigenvectors of a symmetric matrix.

    Lanczos iterations on a block of as many vectors as there are eigenvalues: on one
    vector, equal eigenvalues, as of several outputs, would be found once.

    Args:
        product: The matrix times a vector.
        size: Its rows; at least ten times `count`, and `most_vectors(count)`.
        count: Number of eigenvalues.
        tolerance: Residuals of eigenvectors, relative to their eigenvalues.
        floor: Residuals that are small enough anyway, relative to the norm of the
            matrix; at least a few roundings.

    Returns:
        `None` if the iterations do not converge.
    """
    start = np.random.default_rng(0).standard_normal((size, count))
    block, basis = np.linalg.qr(start)[0], np.empty((size, 0))
    projected, most, norm = np.empty((0, 0)), most_vectors(count), 0.0
    for _ in range(_MOST_BLOCKS):
        images = np.stack([product(column) for column in block.T], axis=1)
        known, basis = basis.shape[1], np.hstack([basis, block])
        moved = basis.T @ images
        corner = (moved[known:] + moved[known:].T) / 2
        projected = np.block([[projected, moved[:known]], [moved[:known].T, corner]])
        values, vectors = np.linalg.eigh(projected)
        rest, beyond = np.linalg.qr(_without(basis, images))
        residuals = np.linalg.norm(beyond @ vectors[known:, -count:], axis=0)
        norm = max(norm, *np.abs(values[[0, -1]]))
        wanted = np.maximum(tolerance * np.abs(values[-count:]), floor * norm)
        if (residuals <= wanted).all():
            return values[-count:][::-1], basis @ vectors[:, : -count - 1 : -1]
        block = np.linalg.qr(_without(basis, rest))[0]
        if len(values) + count > most:
            kept = vectors[:, -(most // 2) :]
            basis, projected = basis @ kept, np.diag(values[-(most // 2) :])
    return None


def most_vectors(count: int) -> int:
    """Basis vectors that are held for so many eigenvalues."""
    return max(_VECTORS, 8 * count)


def _without(basis: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """What of vectors is orthogonal to a basis; once is not enough in rounding."""
    for _ in range(2):
        vectors = vectors - basis @ (basis.T @ vectors)
    return vectors
