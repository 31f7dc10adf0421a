"""How large a step is stable: eigenvalues of the kernel at the start."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ...networks.network import Network
from ..problem import MakeProblem
from .moments import half_cosine_fourier


def largest_eigenvalue(
    make_problem: MakeProblem, network: Network, batch: Any
) -> float:
    r"""$\kappa_{\max}$ of $K = s\Phi^\top\Phi/N$ by power iteration."""
    return float(_power_iteration(make_problem, network, batch))


@eqx.filter_jit
def _power_iteration(
    make_problem: MakeProblem, network: Network, batch: Any, n_iterations: int = 100
) -> Float[Array, ""]:
    problem = make_problem(network, batch)
    # Features are not negative, so that the leading eigenvector has one sign.
    start = jnp.ones_like(network.readout)

    def iterate(vector: Float[Array, "m 1"], _: None):
        image = problem.product(vector)
        size = jnp.sqrt(jnp.sum(image**2))
        return image / size, size

    start = start / jnp.sqrt(jnp.sum(start**2))
    _, sizes = jax.lax.scan(iterate, start, None, length=n_iterations)
    return sizes[-1]


def stable_time_step(largest_readout: float, *, penalty: float) -> float:
    r"""$2/\max_k k^2 u_{\max}^2 \kappa_k/(\kappa_k + \lambda)$ for ReLU on the circle.

    A rough bound for explicit steps; $\kappa_k = 2 c_k^2$ are the eigenvalues of the
    kernel for uniform features, with $c_k$ the harmonics of the half cosine.
    """
    k = np.arange(1, 65)
    kappa = 2 * half_cosine_fourier(k) ** 2
    # A power that overflows raises, a product is infinite.
    stiffness = (
        largest_readout * largest_readout * (k**2 * kappa / (kappa + penalty)).max()
    )
    return float(2 / stiffness)
