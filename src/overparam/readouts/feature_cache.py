"""Features of a frozen network as a matrix: computed once, or in blocks when large."""

import abc
import itertools
from collections.abc import Callable
from typing import TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from ..checks import at_least, positive
from ..networks.network import Network


Total = TypeVar("Total")

BLOCK_ROWS = 4096
"""Rows of features handled at once: large enough for full speed of the products."""
MEMORY_LIMIT = 4e9
"""Bytes that stored features may take by default."""
_PANELS = 4
"""Column panels of a Gram matrix: by symmetry 4 of them save 3/8 of the products."""


class FeatureMatrix(eqx.Module):
    r"""Features $F$ of $N$ samples, known by the products that solvers need."""

    @property
    @abc.abstractmethod
    def shape(self) -> tuple[int, int]:
        """Number of samples and of features."""

    @property
    @abc.abstractmethod
    def dtype(self) -> jnp.dtype:
        """Floating type of the features."""

    @abc.abstractmethod
    def rows(self, start: Int[Array, ""], n_rows: int) -> Float[Array, "rows width"]:
        """The features of samples `start` to `start + n_rows`."""

    def times(self, P: Float[Array, "width k"]) -> Float[Array, "n k"]:
        r"""$F P$, block by block."""

        def product(start: Int[Array, ""], n_rows: int) -> Float[Array, "rows k"]:
            return self.rows(start, n_rows) @ P

        return _fill(product, P.shape[1], self)

    def transposed_times(self, R: Float[Array, "n k"]) -> Float[Array, "width k"]:
        r"""$F^\top R$, block by block."""

        def add(
            total: Float[Array, "k width"],
            start: Int[Array, ""],
            fresh: Float[Array, "rows 1"],
        ) -> Float[Array, "k width"]:
            residual = jax.lax.dynamic_slice_in_dim(R, start, fresh.shape[0])
            return total + (residual * fresh).T @ self.rows(start, fresh.shape[0])

        zero = jnp.zeros((R.shape[1], self.shape[1]), self.dtype)
        return over_blocks(add, zero, self).T


class StoredFeatures(FeatureMatrix):
    """Features in memory.

    Attributes:
        values: The matrix, shape `(n_samples, width)`.

    Example:
        ```python
        features = op.readouts.StoredFeatures(network.features(x))
        features.times(network.readout).shape
        ```
    """

    values: Float[Array, "n width"]

    @property
    def shape(self) -> tuple[int, int]:
        return self.values.shape[0], self.values.shape[1]

    @property
    def dtype(self) -> jnp.dtype:
        return self.values.dtype

    def rows(self, start: Int[Array, ""], n_rows: int) -> Float[Array, "rows width"]:
        return jax.lax.dynamic_slice_in_dim(self.values, start, n_rows)

    def times(self, P: Float[Array, "width k"]) -> Float[Array, "n k"]:
        return self.values @ P

    def transposed_times(self, R: Float[Array, "n k"]) -> Float[Array, "width k"]:
        # Measured on CPU: three times as fast as `values.T @ R`.
        return (R.T @ self.values).T


class StreamedFeatures(FeatureMatrix):
    """Features that are computed again, block by block, in every product.

    Attributes:
        network: Network whose features are taken.
        x: Inputs, shape `(n_samples, *input)`.

    Example:
        ```python
        features = op.readouts.StreamedFeatures(network, x)
        assert jnp.allclose(features.times(network.readout), network(x) / network.scale)
        ```
    """

    network: Network
    x: Float[Array, "n *input"]

    @property
    def shape(self) -> tuple[int, int]:
        return self.x.shape[0], self.network.readout.shape[0]

    @property
    def dtype(self) -> jnp.dtype:
        return self.network.readout.dtype

    def rows(self, start: Int[Array, ""], n_rows: int) -> Float[Array, "rows width"]:
        return self.network.features(
            jax.lax.dynamic_slice_in_dim(self.x, start, n_rows)
        )


class Centred(FeatureMatrix):
    """Features less one number per column, which are never stored.

    Attributes:
        features: The features before it.
        shift: What is taken from each column, such as its mean.
    """

    features: FeatureMatrix
    shift: Float[Array, " width"]

    @property
    def shape(self) -> tuple[int, int]:
        return self.features.shape

    @property
    def dtype(self) -> jnp.dtype:
        return self.features.dtype

    def rows(self, start: Int[Array, ""], n_rows: int) -> Float[Array, "rows width"]:
        return self.features.rows(start, n_rows) - self.shift[None]


class WithIntercept(FeatureMatrix):
    """Features followed by a column of ones, which is never formed.

    Attributes:
        features: The features before it.
    """

    features: FeatureMatrix

    @property
    def shape(self) -> tuple[int, int]:
        n_samples, width = self.features.shape
        return n_samples, width + 1

    @property
    def dtype(self) -> jnp.dtype:
        return self.features.dtype

    def rows(self, start: Int[Array, ""], n_rows: int) -> Float[Array, "rows width"]:
        block = self.features.rows(start, n_rows)
        return jnp.concatenate([block, jnp.ones((n_rows, 1), block.dtype)], axis=1)

    def times(self, P: Float[Array, "width k"]) -> Float[Array, "n k"]:
        return self.features.times(P[:-1]) + P[-1:]

    def transposed_times(self, R: Float[Array, "n k"]) -> Float[Array, "width k"]:
        sums = jnp.sum(R, axis=0, keepdims=True)
        return jnp.concatenate([self.features.transposed_times(R), sums])


def cache_features(
    network: Network,
    x: Float[Array, "n *input"],
    *,
    memory_limit: float = MEMORY_LIMIT,
) -> FeatureMatrix:
    """The features of `x`, stored when they fit and streamed when they do not.

    Args:
        network: Network whose features are frozen.
        x: Inputs, shape `(n_samples, *input)`.
        memory_limit: Bytes that the stored matrix may take.

    Example:
        ```python
        features = op.readouts.cache_features(network, x)
        fit = op.readouts.logistic_readout(features, labels, n_classes=2, penalty=1e-2)
        ```
    """
    at_least(1, n_samples=x.shape[0])
    positive(memory_limit=memory_limit)
    streamed = StreamedFeatures(network, x)
    n_samples, width = streamed.shape
    if n_samples * width * streamed.dtype.itemsize > memory_limit:
        return streamed
    return StoredFeatures(_materialise(streamed))


@eqx.filter_jit
def column_means(features: FeatureMatrix) -> Float[Array, " width"]:
    """Mean of every feature, in the type of the features."""
    n_samples = features.shape[0]
    shares = jnp.full((n_samples, 1), 1 / n_samples, features.dtype)
    return features.transposed_times(shares)[:, 0]


def centred(features: FeatureMatrix) -> Centred:
    r"""The features less their column means, to rounding of these means.

    Products of features of mean $\mu$ and deviation $\sigma$ lose
    $(\mu/\sigma)^2$ units in the last place to the means; those of centred ones none.
    """
    # Of a column that is constant nothing is left, not the rounding of its mean.
    first, constant = _constant_columns(features)
    return Centred(features, jnp.where(constant, first[0], column_means(features)))


@eqx.filter_jit
def _constant_columns(
    features: FeatureMatrix,
) -> tuple[Float[Array, "1 width"], Bool[Array, " width"]]:
    """The features of a sample, and which of them all samples share."""
    first = features.rows(jnp.asarray(0), min(BLOCK_ROWS, features.shape[0]))[:1]

    def add(
        same: Bool[Array, " width"],
        start: Int[Array, ""],
        fresh: Float[Array, "rows 1"],
    ) -> Bool[Array, " width"]:
        return same & jnp.all(features.rows(start, len(fresh)) == first, axis=0)

    return first, over_blocks(add, jnp.ones(first.shape[1], bool), features)


@eqx.filter_jit
def kernel(features: FeatureMatrix) -> Float[Array, "n n"]:
    r"""$F F^\top$, in the type of the features."""
    if isinstance(features, StoredFeatures):
        return features.values @ features.values.T

    def columns(start: Int[Array, ""], n_rows: int) -> Float[Array, "rows n"]:
        return features.times(features.rows(start, n_rows).T).T

    return _fill(columns, features.shape[0], features)


@eqx.filter_jit
def gram(features: FeatureMatrix) -> Float[Array, "width width"]:
    r"""$F^\top F / N$, exactly symmetric, in the type of the features."""
    n_samples, width = features.shape
    edges = [round(width * i / _PANELS) for i in range(_PANELS + 1)]
    panels = [(a, b) for a, b in itertools.pairwise(edges) if a < b]

    def add(
        total: tuple[Array, ...], start: Int[Array, ""], fresh: Float[Array, "rows 1"]
    ) -> tuple[Array, ...]:
        block = features.rows(start, fresh.shape[0]) * fresh
        return tuple(
            part + block[:, a:b].T @ block[:, a:]
            for part, (a, b) in zip(total, panels, strict=True)
        )

    zeros = tuple(jnp.zeros((b - a, width - a), features.dtype) for a, b in panels)
    parts = over_blocks(add, zeros, features)
    padded = [
        jnp.pad(p, ((0, 0), (a, 0))) for p, (a, _) in zip(parts, panels, strict=True)
    ]
    upper = jnp.triu(jnp.concatenate(padded))
    return (upper + jnp.triu(upper, 1).T) / n_samples


def over_blocks(
    add: Callable[[Total, Int[Array, ""], Float[Array, "rows 1"]], Total],
    total: Total,
    features: FeatureMatrix,
) -> Total:
    """Fold `add(total, start, fresh)` over blocks of rows of one size.

    The last block ends at the last sample, so that nothing is padded; `fresh` is 0 for
    the rows that it shares with the block before it and 1 for all others.
    """
    n_samples = features.shape[0]
    n_rows = min(BLOCK_ROWS, n_samples)
    offsets = jnp.arange(n_rows, dtype=jnp.int32)

    def visit(index: Int[Array, ""], total: Total) -> Total:
        start = jnp.minimum(index * n_rows, n_samples - n_rows)
        fresh = (start + offsets >= index * n_rows).astype(features.dtype)
        return add(total, start, fresh[:, None])

    n_blocks = jnp.asarray(-(-n_samples // n_rows), jnp.int32)
    return jax.lax.fori_loop(jnp.zeros_like(n_blocks), n_blocks, visit, total)


def _fill(
    values: Callable[[Int[Array, ""], int], Float[Array, "rows k"]],
    n_columns: int,
    features: FeatureMatrix,
) -> Float[Array, "n k"]:
    """The matrix whose rows from `start` on are `values(start, n_rows)`."""

    def write(
        total: Float[Array, "n k"], start: Int[Array, ""], fresh: Float[Array, "rows 1"]
    ) -> Float[Array, "n k"]:
        block = values(start, fresh.shape[0])
        return jax.lax.dynamic_update_slice_in_dim(total, block, start, axis=0)

    empty = jnp.zeros((features.shape[0], n_columns), features.dtype)
    return over_blocks(write, empty, features)


def wide_gram(features: FeatureMatrix) -> Float[np.ndarray, "width width"]:
    r"""$F^\top F / N$ summed in float64 whatever the type of the features.

    Twice the work of `gram`, for what takes its small eigenvalues apart.
    """
    n_samples, width = features.shape
    total = np.zeros((width, width))
    for start in range(0, n_samples, BLOCK_ROWS):
        n_rows = min(BLOCK_ROWS, n_samples - start)
        block = np.asarray(_rows(features, start, n_rows), np.float64)
        total += block.T @ block
    return total / n_samples


@eqx.filter_jit
def _rows(
    features: FeatureMatrix, start: Int[Array, ""] | int, n_rows: int
) -> Float[Array, "rows width"]:
    return features.rows(jnp.asarray(start, jnp.int32), n_rows)


@eqx.filter_jit
def _materialise(features: StreamedFeatures) -> Float[Array, "n width"]:
    return _fill(features.rows, features.shape[1], features)
