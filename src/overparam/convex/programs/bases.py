r"""Bases of the column spaces of $D X$, in which normalised neurons are measured.

A normalised neuron is its output on the data, so that only the column space of $D X$
matters: the same whatever the units of the columns of X, and whatever its other rows.
Each block is factored itself, $D X E^{-1} = Q R$ with the columns brought to one norm
(a Gram matrix would square the condition number), and a direction counts as null where
its singular value is below rounding, $\max(n, d)\,\epsilon$ of the largest. Where the
block with rows of equal size has more directions than that, the rows hide some of them
from each other and nothing is known about the block (its distortion is infinite).
"""

import dataclasses
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from ...errors import DataError
from .groups import BasisGroups, PerSample
from .rounding import gamma


# Sizes of columns below this have inverses whose squares overflow.
_LEAST = 2.0**-500
# Rounding of an orthonormal basis and of a product with it, in units of that of sums.
_CANCELLED = 8


class _Basis(NamedTuple):
    transform: Float[np.ndarray, "d rank"]
    inverse: Float[np.ndarray, "rank d"]
    kept: Bool[np.ndarray, " rank"]
    distortion: float


def basis_groups(
    x: Float[np.ndarray, "n d"], masks: PerSample, *, exact: bool
) -> BasisGroups:
    """Blocks with orthonormal columns; null directions of a pattern go last, unscaled.

    Only the row space of the inputs matters: weights outside it predict nothing.

    Raises:
        DataError: If a column is too small for its weights to be held.
    """
    columns = line_sizes(x, axis=0)
    smallest = columns.min()
    if smallest < _LEAST:
        raise DataError(
            f"column {columns.argmin()} of `x` has entries of size {smallest:.0e}, and "
            "float64 does not hold the weights that normalise it; rescale it."
        )
    inputs = x / columns
    # An orthonormal basis of the rows, none if they span all directions.
    right, singular, scale = _factored(inputs / line_sizes(inputs, axis=1)[:, None])
    rank, rows = max(1, _rank(singular, inputs.shape)), None
    if rank < inputs.shape[1]:
        rows = np.linalg.qr(scale[:, None] * right[:, :rank])[0]
    bases = [_basis(inputs[mask > 0], rows) for mask in masks]
    transforms = np.stack([basis.transform for basis in bases]) / columns[:, None]
    inverses = np.stack([basis.inverse for basis in bases]) * columns
    kept = np.stack([basis.kept for basis in bases]).astype(float)
    distortions = np.array([basis.distortion for basis in bases])
    groups = BasisGroups(x, masks, transforms, inverses, kept, distortions)
    if exact:
        twice = groups.select(np.tile(np.arange(len(masks)), 2))
        signs = np.repeat([1.0, -1.0], len(masks))
        return dataclasses.replace(twice, masks=signs[:, None] * twice.masks)
    return groups


def line_sizes(x: Float[np.ndarray, "n d"], axis: int) -> Float[np.ndarray, " lines"]:
    """Powers of two of the order of the rows or columns of a matrix; 1 if zero."""
    largest = np.abs(x).max(axis=axis, initial=0)
    return np.where(largest > 0, np.ldexp(0.5, np.frexp(largest)[1]), 1.0)


def _basis(
    block: Float[np.ndarray, "some d"], rows: Float[np.ndarray, "d rank"] | None
) -> _Basis:
    inner = block
    if rows is not None:
        inner = block @ rows
        # A column that cancels is zero but for rounding, of the basis itself too.
        rounding = _CANCELLED * gamma(block.shape[1]) * np.abs(block).sum(axis=1)
        sizes = np.linalg.norm(inner, axis=0)
        inner = np.where(sizes > np.linalg.norm(rounding), inner, 0.0)
    right, singular, scale = _factored(inner)
    size = inner.shape[1]
    rank = _rank(singular, inner.shape)
    lengths = np.pad(singular[:rank], (0, size - rank), constant_values=1.0)
    transform = right / scale[:, None] / lengths
    inverse = (right * scale[:, None] * lengths).T
    if rows is not None:
        transform, inverse = rows @ transform, inverse @ rows.T
    kept = np.arange(size) < rank
    if rank < min(inner.shape):
        alike = inner / line_sizes(inner, axis=1)[:, None]
        # A rank that depends on the sizes of samples is not known: nothing is promised.
        if rank < _rank(_factored(alike)[1], inner.shape):
            return _Basis(transform, inverse, kept, np.inf)
    used = transform[:, :rank]
    outputs = block @ used
    apart = (
        np.linalg.norm(outputs.T @ outputs - np.eye(rank)) + gamma(len(block)) * rank
    )
    # What rounds in the outputs, whose exact norms are meant.
    absolute = np.abs(block) @ np.linalg.norm(used, axis=1)
    error = gamma(block.shape[1]) * np.linalg.norm(absolute)
    return _Basis(transform, inverse, kept, float(apart + error))


def _factored(
    block: Float[np.ndarray, "some d"],
) -> tuple[
    Float[np.ndarray, "d d"], Float[np.ndarray, " least"], Float[np.ndarray, " d"]
]:
    """Right singular vectors and values of a block with columns of norm one, and
    the norms that they had.
    """
    # A power of two first: the squares in a norm can then neither overflow nor vanish,
    # and the least norm but zero is one, so that 0.5 stands for zero columns alone.
    scale = line_sizes(block, axis=0)
    scale = scale * np.maximum(np.linalg.norm(block / scale, axis=0), 0.5)
    # The triangle has the same singular values and right vectors, and d rows only.
    triangle = np.linalg.qr(block / scale, mode="r")
    _, singular, right = np.linalg.svd(triangle)
    return right.T, singular, scale


def _rank(singular: Float[np.ndarray, " least"], shape: tuple[int, ...]) -> int:
    cut = max(shape) * np.finfo(float).eps * singular.max(initial=0)
    return int(np.count_nonzero(singular > cut))
