r"""Radial features on the torus $\mathbb{R}^d/4\mathbb{Z}^d$."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..checks import one_of, positive
from .network import Network


SIDE = 4.0
"""Length of the torus in each direction."""

Kernel = Callable[[Float[Array, "dim *shape"], float], Float[Array, "*shape"]]
"""A kernel of offset and length; coordinates come first, so that it vectorises."""


def wrap(points: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The representative of every coordinate in [-2, 2)."""
    return points - SIDE * jnp.floor(points / SIDE + 0.5)


def _distance(offset: Float[Array, "dim *shape"]) -> Float[Array, "*shape"]:
    squares = jnp.sum(offset**2, axis=0)
    # The inner `where` makes the derivative at distance 0 be 0.
    return jnp.where(squares > 0, jnp.sqrt(jnp.where(squares > 0, squares, 1)), 0)


def _laplace(offset: Float[Array, "dim *shape"], width: float) -> Array:
    return 2 / width**2 * jnp.exp(-_distance(offset) / width)


def _gaussian(offset: Float[Array, "dim *shape"], width: float) -> Array:
    return jnp.exp(-jnp.sum(offset**2, axis=0) / (2 * width**2))


def _cosine(offset: Float[Array, "dim *shape"], width: float) -> Array:
    del width
    return jnp.prod((1 + jnp.cos(jnp.pi / 2 * offset)) / 2, axis=0)


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
    """

    weights: Float[Array, "dim width"]
    readout: Float[Array, "width n_outputs"]
    kernel: str = eqx.field(static=True, default="laplace")
    length: float = eqx.field(static=True, default=0.5)
    scale: float = eqx.field(static=True, default=1.0)

    def __check_init__(self) -> None:
        one_of(KERNELS, kernel=self.kernel)
        positive(length=self.length)

    def features(self, x: Float[Array, "batch dim"]) -> Float[Array, "batch width"]:
        offset = wrap(x.T[:, :, None] - self.weights[:, None, :])
        return KERNELS[self.kernel](offset, self.length)
