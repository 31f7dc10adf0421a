r"""Radial features on the torus $\mathbb{R}^d/4\mathbb{Z}^d$."""

import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..checks import one_of, positive
from .network import Network
from .two_layer import check_shapes


SIDE = 4.0
"""Length of the torus in each direction."""

Offsets = Sequence[Float[Array, "batch width"]]
"""Wrapped offsets, one array per coordinate: so all of a kernel is one fused loop."""

Kernel = Callable[[Offsets, float], Float[Array, "batch width"]]


def wrap(points: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The representative of every coordinate in [-2, 2)."""
    return points - SIDE * jnp.floor(points / SIDE + 0.5)


def _square(offsets: Offsets) -> Float[Array, "batch width"]:
    return functools.reduce(operator.add, [offset * offset for offset in offsets])


def _laplace(offsets: Offsets, length: float) -> Float[Array, "batch width"]:
    square = _square(offsets)
    # The inner `where` makes the derivative at distance 0 be 0.
    distance = jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1)), 0)
    return 2 / length**2 * jnp.exp(-distance / length)


def _gaussian(offsets: Offsets, length: float) -> Float[Array, "batch width"]:
    return jnp.exp(-_square(offsets) / (2 * length**2))


def _cosine(offsets: Offsets, length: float) -> Float[Array, "batch width"]:
    del length
    factors = [(1 + jnp.cos(jnp.pi / 2 * offset)) / 2 for offset in offsets]
    return functools.reduce(operator.mul, factors)


KERNELS: Mapping[str, Kernel] = MappingProxyType(
    {"laplace": _laplace, "gaussian": _gaussian, "cosine": _cosine}
)


class RadialFeatures(Network):
    r"""$f(x) = s \sum_j u_j\, k(\mathrm{wrap}(x - w_j))$ with $w_j$ on the torus.

    Kernels of the wrapped offset $d$ with length $\ell$: `laplace`
    $\tfrac{2}{\ell^2} e^{-|d|/\ell}$, `gaussian` $e^{-|d|^2/2\ell^2}$ and `cosine`
    $\prod_i (1 + \cos(\pi d_i/2))/2$, which needs no length. The derivative of
    `laplace` at $d = 0$ is taken to be 0.

    Attributes:
        weights: Points $w_j$, shape `(dim, width)`; column j is neuron j.
        readout: Output weights, shape `(width, n_outputs)`.
        kernel: Name of the kernel.
        length: Length $\ell$ of the kernel.
        scale: Output scale $s$.

    Reference: Barboni, Peyré, Vialard, arXiv 2504.18208, section 6.1 (the published
    code uses `laplace`).

    Example:
        ```python
        points = jax.random.uniform(key, (2, 8), minval=-2, maxval=2)
        radial = op.networks.RadialFeatures(weights=points, readout=jnp.ones((8, 1)))
        radial(x[:, :2]).shape
        ```
    """

    weights: Float[Array, "dim width"]
    readout: Float[Array, "width n_outputs"]
    kernel: str = eqx.field(static=True, default="laplace")
    length: float = eqx.field(static=True, default=0.5)
    scale: float = eqx.field(static=True, default=1.0)

    def __check_init__(self) -> None:
        one_of(KERNELS, kernel=self.kernel)
        positive(length=self.length)
        check_shapes(self.weights, self.readout, skip=False)

    def features(self, x: Float[Array, "batch dim"]) -> Float[Array, "batch width"]:
        offsets = [
            wrap(x[:, i, None] - self.weights[None, i]) for i in range(x.shape[1])
        ]
        return KERNELS[self.kernel](offsets, self.length)
