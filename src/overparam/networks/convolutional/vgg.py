"""VGG networks, narrow or wide, without batch normalisation or with it."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from ...drawing import normal, uniform
from ...errors import ConfigError
from ..deep import check_chain, with_one
from ..network import LATER, Network
from ..sizes import check_sizes, multiplied
from ..stateful import Stateful
from .batch_norm import BatchNorm, Moments, Normaliser
from .convolution import check_images, conv3x3, max_pool2x2


WIDTHS = (64, 128, 256, 256, 512, 512, 512, 512)
"""Filters of the convolutions at width multiplier 1."""
POOLED = (0, 1, 3, 5, 7)
"""Convolutions after which a 2 x 2 maximum is taken."""
SMALLEST = 2 ** len(POOLED)
"""Least height and width of an image of a VGG11."""


class VGG(Network):
    r"""$f(x) = s\, \mathrm{mean}(\text{convolutions}(x))\, U$ with ReLU.

    Attributes:
        kernels: Weights of the convolutions, (3, 3, in, out).
        readout: Output weights $U$, shape `(width, n_outputs)`, or with a last row that
            is the output bias.
        scale: Output scale $s$.
        biases: Of the convolutions, shape `(filters,)`; empty for none.
        pooled: Convolutions after which a 2 x 2 maximum is taken.

    Reference: Simonyan and Zisserman, arXiv 1409.1556, configuration A; the wide form
    (multiplier 2, no biases, one linear layer) is that of arXiv 2306.08125.
    """

    kernels: tuple[Float[Array, "3 3 channels filters"], ...]
    readout: Float[Array, "width n_outputs"]
    scale: float = eqx.field(static=True, default=1.0)
    biases: tuple[Float[Array, " filters"], ...] = eqx.field(default=(), metadata=LATER)
    pooled: tuple[int, ...] = eqx.field(static=True, default=POOLED, metadata=LATER)

    def __check_init__(self) -> None:
        if _are_arrays(*self.kernels, self.readout, *self.biases):
            _check_chain(self.kernels, self.readout)
            _check_filters("biases", self.biases, self.kernels)

    def features(
        self, x: Float[Array, "batch height width channels"]
    ) -> Float[Array, "batch width"]:
        def after(index: int, hidden: Array) -> Array:
            return (
                hidden + self.biases[index][None, None, None] if self.biases else hidden
            )

        return _features(x, self, after)


class NormalisedVGG(Stateful):
    """A VGG with batch normalisation between every convolution and its ReLU.

    Attributes:
        kernels: Weights of the convolutions, (3, 3, in, out).
        norms: Their normalisations.
        readout: Output weights, shape `(width, n_outputs)`, or with a last row that is
            the output bias.
        statistics: Running moments, one for each normalisation.
        scale: Output scale.
        pooled: Convolutions after which a 2 x 2 maximum is taken.
    """

    kernels: tuple[Float[Array, "3 3 channels filters"], ...]
    norms: tuple[BatchNorm, ...]
    readout: Float[Array, "width n_outputs"]
    statistics: tuple[Moments, ...]
    scale: float = eqx.field(static=True, default=1.0)
    pooled: tuple[int, ...] = eqx.field(static=True, default=POOLED)

    def __check_init__(self) -> None:
        if _are_arrays(*jax.tree.leaves(self)):
            _check_chain(self.kernels, self.readout)
            for part in (self.norms, self.statistics):
                for field in dataclasses.fields(type(part[0]) if part else Moments):
                    arrays = [getattr(each, field.name) for each in part]
                    _check_filters(field.name, arrays, self.kernels, empty=False)

    def features(
        self, x: Float[Array, "batch height width channels"]
    ) -> Float[Array, "batch width"]:
        return self._apply(x, Normaliser(self.statistics, training=False))

    def features_of_batch(
        self, x: Float[Array, "batch height width channels"]
    ) -> tuple[Float[Array, "batch width"], tuple[Moments, ...]]:
        normalise = Normaliser(self.statistics, training=True)
        features = self._apply(x, normalise)
        return features, tuple(normalise.moved)

    def _apply(self, x: Array, normalise: Normaliser) -> Array:
        return _features(x, self, lambda i, hidden: normalise(self.norms[i], hidden))


def _features(
    x: Array, network: VGG | NormalisedVGG, after: Callable[[int, Array], Array]
) -> Array:
    """The features, with `after(index, hidden)` between a convolution and its ReLU."""
    smallest = 2 ** len(network.pooled)
    check_images(x, network.kernels[0], name="vgg11", smallest=smallest)
    hidden = x
    for index, kernel in enumerate(network.kernels):
        hidden = jax.nn.relu(after(index, conv3x3(hidden, kernel)))
        if index in network.pooled:
            hidden = max_pool2x2(hidden)
    return with_one(jnp.mean(hidden, axis=(1, 2)), network.readout)


def _are_arrays(*leaves: Any) -> bool:
    # Transformations rebuild modules around placeholders that are not arrays.
    return all(hasattr(leaf, "shape") for leaf in leaves)


def _check_chain(kernels: Sequence[Array], readout: Array) -> None:
    if not kernels:
        raise ConfigError("`kernels` must hold at least one convolution, got none.")
    check_chain((*kernels, readout), name="a VGG")


def _check_filters(
    name: str, arrays: Sequence[Array], kernels: Sequence[Array], *, empty: bool = True
) -> None:
    expected = [kernel.shape[-1:] for kernel in kernels]
    shapes = [array.shape for array in arrays]
    if shapes != expected and not (empty and not shapes):
        raise ConfigError(
            f"`{name}` must be one for each convolution, of shapes {expected}, got "
            f"{shapes}."
        )


def vgg11(
    n_outputs: int = 10,
    *,
    channels: int = 3,
    multiplier: float = 1.0,
    dtype: DTypeLike = "float32",
    key: PRNGKeyArray,
) -> VGG:
    r"""A VGG11; with `multiplier=2` the wide one, 36,867,456 feature weights.

    Convolutions are drawn from $N(0, 2/(9 \cdot \text{filters}))$, the readout from
    $U(-1/\sqrt{d}, 1/\sqrt{d})$ with d its fan-in. The output scale is 1.

    Args:
        n_outputs: Number of outputs.
        channels: Channels of the images.
        multiplier: Factor of all widths.
        dtype: Floating type of the weights.
        key: Random key.

    Example:
        ```python
        net = op.networks.vgg11(2, multiplier=1 / 64, key=key)
        net.readout.shape  # (features, outputs); images are channels last
        ```
    """
    widths = multiplied(WIDTHS, multiplier)
    sizes = [("channels", channels), *widths, ("n_outputs", n_outputs)]
    check_sizes(sizes, dtype, n_taps=9)
    return _draw(tuple(size for _, size in sizes), jnp.dtype(dtype).name, key)


@eqx.filter_jit
def _draw(sizes: tuple[int, ...], dtype: str, key: PRNGKeyArray) -> VGG:
    *widths, n_outputs = sizes
    keys = jax.random.split(key, len(widths))
    kernels = tuple(
        math.sqrt(2 / (9 * after)) * normal(k, (3, 3, before, after), dtype)
        for before, after, k in zip(widths[:-1], widths[1:], keys[1:], strict=True)
    )
    bound = 1 / math.sqrt(widths[-1])
    shape = (widths[-1], n_outputs)
    readout = uniform(keys[0], shape, dtype, bound=bound)
    return VGG(kernels=kernels, readout=readout)
