"""Penalties on the weights of a network, written as functions of the network."""

from collections.abc import Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..errors import ConfigError
from ..networks.network import Network
from ..networks.two_layer import TwoLayer
from .norms import path_norm


class L2Penalty(eqx.Module):
    r"""$\sum_k c_k \|\theta_k\|^2$ with one coefficient per named part of the network.

    Attributes:
        coefficients: Coefficient $c_k$ for each field name ("weights", "readout").

    Example:
        ```python
        penalty = op.objectives.L2Penalty({"weights": 1e-3, "readout": 1e-2})
        float(penalty(network))
        ```
    """

    coefficients: dict[str, Float[Array, ""]]

    def __init__(self, coefficients: Mapping[str, float]) -> None:
        self.coefficients = {k: jnp.asarray(v) for k, v in coefficients.items()}

    def __call__(self, network: Network) -> Float[Array, ""]:
        missing = [name for name in self.coefficients if not hasattr(network, name)]
        if missing:
            raise ConfigError(
                f"{type(network).__name__} has no part `{missing[0]}` to penalise."
            )
        total = jnp.zeros((), network.readout.dtype)
        for name, coefficient in self.coefficients.items():
            for leaf in jax.tree.leaves(getattr(network, name)):
                total += coefficient.astype(leaf.dtype) * jnp.sum(leaf**2)
        return total


class ReadoutNorm(eqx.Module):
    r"""$c \sum_{jk} |U_{jk}|$, the penalty of neurons whose features have norm one.

    The minimum over the factors $\alpha a = u$ of $(\alpha^2 + a^2)/2$ is $|u|$.

    Example:
        ```python
        penalty = op.objectives.ReadoutNorm(0.1)
        assert jnp.isclose(penalty(network), 0.1 * jnp.abs(network.readout).sum())
        ```
    """

    coefficient: float = eqx.field(static=True)

    def __call__(self, network: Network) -> Float[Array, ""]:
        return self.coefficient * jnp.sum(jnp.abs(network.readout))


class PathNorm(eqx.Module):
    r"""$c \sum_j \|u_j\| \|v_j\|$, the group lasso to which L2 training amounts.

    Example:
        ```python
        penalty = op.objectives.PathNorm(0.1)
        assert jnp.isclose(penalty(network), 0.1 * op.objectives.path_norm(network))
        ```
    """

    coefficient: float = eqx.field(static=True)

    def __call__(self, network: Network) -> Float[Array, ""]:
        assert isinstance(network, TwoLayer)
        return self.coefficient * path_norm(network)
