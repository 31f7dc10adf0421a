"""The loss of a network on a batch, which training makes small."""

from collections.abc import Callable

import equinox as eqx
from jaxtyping import Array, Float, PyTree

from ..data.source import Batch
from ..networks.network import Network
from ..networks.stateful import train_outputs
from .losses import Loss


BatchObjective = Callable[[Network, Batch], Float[Array, ""]]


class BatchLoss(eqx.Module):
    r"""The objective $\ell(f(x), y)$ of supervised training.

    Attributes:
        loss: Loss of outputs and targets, averaged over the batch.

    Example:
        ```python
        objective = op.BatchLoss(op.objectives.half_squared_error)
        loss, gradient = jax.value_and_grad(objective)(network, op.Batch(x, y))
        gradient.weights.shape
        ```
    """

    loss: Loss = eqx.field(static=True)

    def __call__(self, network: Network, batch: Batch) -> Float[Array, ""]:
        return self.loss(network(batch.x), batch.y)

    def in_training(
        self, network: Network, batch: Batch
    ) -> tuple[Float[Array, ""], PyTree[Array] | None]:
        """The loss of the outputs in training, and the new running statistics."""
        outputs, statistics = train_outputs(network, batch.x)
        return self.loss(outputs, batch.y), statistics
