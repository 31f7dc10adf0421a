"""How the weights move: the protocol of every training rule."""

from typing import Protocol, TypeVar

import equinox as eqx
from jaxtyping import Array, Float, PRNGKeyArray

from ..data.source import Batch
from ..networks.network import Network


class State(eqx.Module):
    """What a training rule carries from step to step; a pytree of arrays."""

    network: eqx.AbstractVar[Network]


class Info(eqx.Module):
    """Scalars of one step; the loop records their mean over each interval."""

    loss: eqx.AbstractVar[Float[Array, ""]]


S = TypeVar("S", bound=State)


class Dynamics(Protocol[S]):
    """A pure training rule. It is a pytree whose array leaves are hyper-parameters.

    Hyper-parameters that are array leaves (a learning rate, a penalty) can change
    without a new compilation and can be batched.
    """

    def init(self, network: Network, *, key: PRNGKeyArray) -> S:
        """The state before the first step."""
        ...

    def step(self, state: S, batch: Batch, *, key: PRNGKeyArray) -> tuple[S, Info]:
        """One step; the loss in `Info` is that of the batch before the update."""
        ...
