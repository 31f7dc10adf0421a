"""A training rule that is interrupted: every T steps the network is changed."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, PRNGKeyArray

from ..data.source import Batch
from ..networks.network import Network
from .dynamics import Dynamics, Info, State


class PeriodicState(State):
    """The state of the rule, and the number of steps."""

    inner: State
    count: Int[Array, ""]

    @property
    def network(self) -> Network:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.inner.network


class Periodic(eqx.Module):
    r"""$\theta \leftarrow g(\theta)$ after every T steps of another rule.

    What the rule keeps beside the network (moments of an optimiser) is left alone.

    Attributes:
        rule: How the weights move in between.
        change: The map $g$ from a network to one of the same shapes.
        every: Number of steps $T$.

    Example:
        ```python
        balance = lambda net: op.analysis.rebalance(net, op.objectives.L2())
        rule = op.Descent("half-squared-error", learning_rate=1e-2)
        every = op.dynamics.Periodic(rule, balance, every=100)
        ```
    """

    rule: Dynamics[Any]
    change: Callable[[Any], Network]
    every: int = eqx.field(static=True)

    def init(self, network: Network, *, key: PRNGKeyArray) -> PeriodicState:
        inner = self.rule.init(network, key=key)
        return PeriodicState(inner=inner, count=jnp.zeros((), jnp.int32))  # pyright: ignore[reportCallIssue]

    def step(
        self, state: PeriodicState, batch: Batch, *, key: PRNGKeyArray
    ) -> tuple[PeriodicState, Info]:
        inner, info = self.rule.step(state.inner, batch, key=key)
        count = state.count + 1
        arrays, rest = eqx.partition(inner.network, eqx.is_array)

        def changed(arrays: Network) -> Network:
            return eqx.filter(self.change(eqx.combine(arrays, rest)), eqx.is_array)

        arrays = jax.lax.cond(count % self.every == 0, changed, lambda a: a, arrays)
        network = eqx.combine(arrays, rest)
        inner = eqx.tree_at(lambda s: s.network, inner, network)
        return PeriodicState(inner=inner, count=count), info  # pyright: ignore[reportCallIssue]
