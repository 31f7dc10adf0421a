"""VGG11 without batch normalisation, narrow or wide."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from ...drawing import normal, uniform
from ...errors import ConfigError
from ..deep import check_chain
from ..network import Network
from ..sizes import check_sizes, multiplied
from .convolution import check_images, conv3x3, max_pool2x2


WIDTHS = (64, 128, 256, 256, 512, 512, 512, 512)
"""Filters of the convolutions at width multiplier 1."""
POOLED = (0, 1, 3, 5, 7)
"""Convolutions after which a 2 x 2 maximum is taken."""
SMALLEST = 2 ** len(POOLED)
"""Least height and width of an image."""


class VGG(Network):
    r"""$f(x) = s\, \mathrm{mean}(\text{convolutions}(x))\, U$; ReLU, no biases.

    Attributes:
        kernels: Weights of the convolutions, (3, 3, in, out).
        readout: Output weights $U$, shape `(width, n_outputs)`.
        scale: Output scale $s$.

    Reference: Simonyan and Zisserman, arXiv 1409.1556, configuration A; the wide form
    (multiplier 2, no biases, one linear layer) is that of arXiv 2306.08125.
    """

    kernels: tuple[Float[Array, "3 3 channels filters"], ...]
    readout: Float[Array, "width n_outputs"]
    scale: float = eqx.field(static=True, default=1.0)

    def __check_init__(self) -> None:
        weights = (*self.kernels, self.readout)
        # Transformations rebuild modules around placeholders that are not arrays.
        if not all(hasattr(array, "shape") for array in weights):
            return
        if not self.kernels:
            raise ConfigError("`kernels` must hold at least one convolution, got none.")
        check_chain(weights, name="a VGG")

    def features(
        self, x: Float[Array, "batch height width channels"]
    ) -> Float[Array, "batch width"]:
        check_images(x, self.kernels[0], name="vgg11", smallest=SMALLEST)
        hidden = x
        for index, kernel in enumerate(self.kernels):
            hidden = jax.nn.relu(conv3x3(hidden, kernel))
            if index in POOLED:
                hidden = max_pool2x2(hidden)
        return jnp.mean(hidden, axis=(1, 2))


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
