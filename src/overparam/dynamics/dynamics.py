"""How the weights move: the protocol of every training rule."""

from typing import Protocol, TypeVar

import equinox as eqx
from jaxtyping import Array, Float, PRNGKeyArray

from ..data.source import Batch
from ..networks.network import Network


class State(eqx.Module):
    """What a training rule carries from step to step; a pytree of arrays.

    Example:
        ```python
        rule = op.Descent("half-squared-error", learning_rate=1e-2)
        assert jnp.array_equal(rule.init(network, key=key).network(x), network(x))
        ```
    """

    network: eqx.AbstractVar[Network]


class Info(eqx.Module):
    """Scalars of one step; the loop records their mean over each interval.

    Example:
        ```python
        rule = op.Descent("half-squared-error", learning_rate=1e-2)
        state, info = rule.step(rule.init(network, key=key), op.Batch(x, y), key=key)
        float(info.loss)
        ```
    """

    loss: eqx.AbstractVar[Float[Array, ""]]


S = TypeVar("S", bound=State)


class Dynamics(Protocol[S]):
    """A pure training rule. It is a pytree whose array leaves are hyper-parameters.

    Hyper-parameters that are array leaves (a learning rate, a penalty) can change
    without a new compilation and can be batched.

    Example:
        ```python
        rule = op.Descent("half-squared-error", learning_rate=1e-2)
        state, info = rule.step(rule.init(network, key=key), op.Batch(x, y), key=key)
        state.network, info.loss
        ```
    """

    def init(self, network: Network, *, key: PRNGKeyArray) -> S:
        """The state before the first step."""
        ...

    def step(self, state: S, batch: Batch, *, key: PRNGKeyArray) -> tuple[S, Info]:
        """One step; the loss in `Info` is that of the batch before the update."""
        ...
