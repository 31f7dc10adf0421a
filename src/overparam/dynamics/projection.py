"""What variable projection and two-timescale descent share: the risk and the move."""

import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

from ..errors import ConfigError
from ..networks.network import Network
from ..readouts.problem import ReadoutProblem
from .dynamics import Info, State


Retraction = Callable[[Array], Array]
"""Brings every moved array back to its manifold."""


def stay(weights: Array) -> Array:
    """No manifold: weights are free."""
    return weights


def normalise(weights: Float[Array, "dim width"]) -> Float[Array, "dim width"]:
    r"""$w_j / \|w_j\|$: the nearest point of the unit sphere, column by column.

    Example:
        ```python
        unit = op.dynamics.normalise(network.weights)
        assert jnp.allclose(jnp.linalg.norm(unit, axis=0), 1)
        ```
    """
    return weights / jnp.sqrt(jnp.sum(weights**2, axis=0, keepdims=True))


class ProjectionState(State):
    """The network and what the solver keeps between steps.

    After a step the features are new and the readout is the one that moved them.

    Attributes:
        network: The network.
        memory: What the readout's solver keeps.
        risk: The risk before the last step; infinite before the first.
    """

    network: Network
    memory: Any
    risk: Float[Array, ""]

    @staticmethod
    def start(network: Network, memory: Any) -> "ProjectionState":
        """The state before the first step."""
        return ProjectionState(
            network, memory, jnp.asarray(jnp.inf, network.readout.dtype)
        )


class ProjectionInfo(Info):
    """The risk before the step, its two terms, and how fast the features moved.

    Attributes:
        loss: The risk $R$, sum of both terms.
        data_term: $|s Phi U - Y|^2/(2 lambda N)$.
        penalty_term: $s |U - c|^2/2$.
        speed: Largest absolute entry of the velocity of the features.
        n_iterations: Iterations of the readout's solver.
        rises: 1 if the risk is above that of the step before, else 0.
    """

    loss: Float[Array, ""]
    data_term: Float[Array, ""]
    penalty_term: Float[Array, ""]
    speed: Float[Array, ""]
    n_iterations: Float[Array, ""]
    rises: Float[Array, ""]


class Ridge(eqx.Module):
    r"""The penalty $\lambda |U - c|^2$ of a readout, and the risk it belongs to.

    $R = |s\Phi U - Y|^2/(2\lambda N) + s|U - c|^2/2$ stays of order one as
    $\lambda \to 0$ (arXiv 2504.18208, section 2).

    Example:
        ```python
        ridge = op.dynamics.Ridge(penalty=1e-2, centre=0.0)
        rule = op.dynamics.VarPro(ridge, time_step=1e-2)
        ```
    """

    penalty: Float[Array, ""]
    centre: Float[Array, ""]

    def __init__(self, penalty: float, centre: float) -> None:
        if not (math.isfinite(penalty) and penalty > 0):
            raise ConfigError(
                f"`penalty` must be positive, got {penalty}; "
                "the limit penalty -> 0 is the diffusion, see `limits`."
            )
        self.penalty = as_leaf(penalty)
        self.centre = as_leaf(centre)

    def like(self, readout: Array) -> tuple[Float[Array, ""], Float[Array, "m k"]]:
        """Penalty and centre in the type and shape of `readout`."""
        centre = jnp.broadcast_to(self.centre.astype(readout.dtype), readout.shape)
        return self.penalty.astype(readout.dtype), centre

    def velocity(
        self, problem: ReadoutProblem, readout: Float[Array, "m k"]
    ) -> PyTree[Array]:
        r"""$-s^{-1}\partial_\theta R$ at fixed readout."""
        penalty, _ = self.like(readout)
        return jax.tree.map(lambda g: -g / penalty, problem.feature_gradient(readout))

    def describe(
        self,
        problem: ReadoutProblem,
        readout: Float[Array, "m k"],
        velocity: PyTree[Array],
        *,
        before: ProjectionState,
        n_iterations: Int[Array, ""],
    ) -> ProjectionInfo:
        """The scalars of one step."""
        penalty, centre = self.like(readout)
        data_term = problem.mean_square(readout) / (2 * penalty)
        penalty_term = before.network.scale * jnp.sum((readout - centre) ** 2) / 2
        loss = data_term + penalty_term
        largest = [jnp.max(jnp.abs(leaf)) for leaf in jax.tree.leaves(velocity)]
        return ProjectionInfo(
            loss=loss,
            data_term=data_term,
            penalty_term=penalty_term,
            speed=jnp.max(jnp.stack(largest)),
            n_iterations=n_iterations.astype(readout.dtype),
            rises=(loss > before.risk).astype(readout.dtype),
        )


def move(
    network: Network,
    velocity: PyTree[Array],
    *,
    time_step: Float[Array, ""],
    retract: Retraction,
) -> Network:
    """Move the features along `velocity` for `time_step` and retract them."""

    def one(v: Array | None, leaf: Array) -> Array:
        if v is None:
            return leaf
        return retract(leaf + time_step.astype(leaf.dtype) * v)

    # `None` marks what stays: the readout and everything that is not a float.
    return jax.tree.map(one, velocity, network, is_leaf=lambda node: node is None)


def with_readout(network: Network, readout: Float[Array, "m k"]) -> Network:
    """The same features with another readout."""
    return eqx.tree_at(lambda net: net.readout, network, readout)


def as_leaf(value: float) -> Float[Array, ""]:
    """A hyper-parameter as an array leaf, so that it can be batched."""
    return jnp.asarray(value, jnp.result_type(float))
