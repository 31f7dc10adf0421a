r"""The readout of variable projection on mini-batches: which average of the optima.

For features $\Phi$ (B x M) and one-hot targets the optimum of a batch is
$U^* = (\Phi^\top\Phi/(MB) + \lambda I)^{-1} \Phi^\top Y/B$ (output scale $s = 1/M$).
A rule says which readout moves the features and which one is kept.

Reference: Barboni, Peyré, Vialard, arXiv 2504.18208, section 6.2.
"""

import abc
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..checks import arrays_by_shape, at_least, positive
from ..errors import ConfigError
from .ridge import ridge_readout, solve_positive


class SeenBatch(NamedTuple):
    """A batch as the readout sees it: features, targets, output scale, penalty."""

    values: Float[Array, "batch width"]
    targets: Float[Array, "batch n_outputs"]
    scale: float
    penalty: Float[Array, ""]

    def optimum(self) -> Float[Array, "width n_outputs"]:
        """The optimal readout of this batch."""
        return ridge_readout(
            self.values,
            self.targets,
            penalty=self.penalty,
            centre=jnp.zeros_like(self.penalty),
            scale=self.scale,
        )


@arrays_by_shape
class Chosen(NamedTuple):
    """The readout that moves the features, the one that is kept, and the memory."""

    moving: Float[Array, "width n_outputs"]
    kept: Float[Array, "width n_outputs"]
    memory: Any


class ReadoutRule(eqx.Module):
    """How the readout follows the batches."""

    @abc.abstractmethod
    def init(self, readout: Float[Array, "width n_outputs"]) -> Any:
        """The memory before the first step."""

    @abc.abstractmethod
    def choose(
        self,
        batch: SeenBatch,
        readout: Float[Array, "width n_outputs"],
        memory: Any,
    ) -> Chosen:
        """The readouts of one step."""


class Running(ReadoutRule):
    r"""$U \leftarrow m U + (1 - m) U^*$; $m = 0$ is the optimum of every batch.

    Attributes:
        average: $m$ in [0, 1).

    Example:
        ```python
        rule = op.readouts.Running(average=0.5)
        op.dynamics.StochasticVarPro(learning_rate=1e-2, penalty=1e-2, rule=rule)
        ```
    """

    average: float = eqx.field(static=True, default=0.5)

    def __check_init__(self) -> None:
        if not 0 <= self.average < 1:
            raise ConfigError(
                f"`readout_average` must be in [0, 1), got {self.average}."
            )

    def init(self, readout: Float[Array, "width n_outputs"]) -> None:
        del readout

    def choose(
        self,
        batch: SeenBatch,
        readout: Float[Array, "width n_outputs"],
        memory: None,
    ) -> Chosen:
        new = self.average * readout + (1 - self.average) * batch.optimum()
        return Chosen(new, new, memory)


class Moving(eqx.Module):
    r"""Averages of $s\Phi^\top\Phi/B$ and $\Phi^\top Y/B$, and their total weight."""

    gram: Float[Array, "width width"]
    moment: Float[Array, "width n_outputs"]
    weight: Float[Array, ""]


class Gram(ReadoutRule):
    r"""The optimum for moving averages of $\Phi^\top\Phi$ and $\Phi^\top Y$.

    $A \leftarrow bA + (1-b) s\Phi^\top\Phi/B$, likewise $C$; then
    $U = (A/w + \lambda I)^{-1} C/w$ with $w = 1 - b^t$. The forgetting factor
    $b = e^{-B/S}$ averages over the same number $S$ of samples at every batch size.

    Attributes:
        window: $S$ in samples; 0 forgets at once.

    Example:
        ```python
        rule = op.readouts.Gram(window=1024)
        op.dynamics.StochasticVarPro(learning_rate=1e-2, penalty=1e-2, rule=rule)
        ```
    """

    window: float = eqx.field(static=True, default=4096.0)

    def __check_init__(self) -> None:
        at_least(0, readout_window=self.window)

    def init(self, readout: Float[Array, "width n_outputs"]) -> Moving:
        width = readout.shape[0]
        gram = jnp.zeros((width, width), readout.dtype)
        weight = jnp.zeros((), readout.dtype)
        return Moving(gram, jnp.zeros_like(readout), weight)

    def choose(
        self,
        batch: SeenBatch,
        readout: Float[Array, "width n_outputs"],
        memory: Moving,
    ) -> Chosen:
        del readout
        n_samples = batch.values.shape[0]
        window = jnp.asarray(self.window, batch.values.dtype)
        forgetting = jnp.exp(-n_samples / window) if self.window else 0 * window
        transposed = batch.values.T
        gram = (batch.scale / n_samples) * (transposed @ batch.values)
        moment = transposed @ batch.targets / n_samples
        memory = Moving(
            forgetting * memory.gram + (1 - forgetting) * gram,
            forgetting * memory.moment + (1 - forgetting) * moment,
            forgetting * memory.weight + (1 - forgetting),
        )
        new = solve_positive(
            memory.gram / memory.weight,
            memory.moment / memory.weight,
            shift=batch.penalty,
        )
        return Chosen(new, new, memory)


class EpochSum(eqx.Module):
    """Sum and number of the optima since the epoch began."""

    total: Float[Array, "width n_outputs"]
    count: Int[Array, ""]


class EpochMean(ReadoutRule):
    """The optimum of every batch moves the features; an epoch ends on their mean.

    Attributes:
        steps_per_epoch: Number of steps of an epoch.

    Example:
        ```python
        rule = op.readouts.EpochMean(steps_per_epoch=10)
        op.dynamics.StochasticVarPro(learning_rate=1e-2, penalty=1e-2, rule=rule)
        ```
    """

    steps_per_epoch: int = eqx.field(static=True)

    def __check_init__(self) -> None:
        positive(steps_per_epoch=self.steps_per_epoch)

    def init(self, readout: Float[Array, "width n_outputs"]) -> EpochSum:
        return EpochSum(jnp.zeros_like(readout), jnp.zeros((), jnp.int32))

    def choose(
        self,
        batch: SeenBatch,
        readout: Float[Array, "width n_outputs"],
        memory: EpochSum,
    ) -> Chosen:
        del readout
        optimum = batch.optimum()
        total, count = memory.total + optimum, memory.count + 1
        ends = count == self.steps_per_epoch
        kept = jnp.where(ends, total / self.steps_per_epoch, optimum)
        left = EpochSum(
            jnp.where(ends, jnp.zeros_like(total), total),
            jnp.where(ends, jnp.zeros_like(count), count),
        )
        return Chosen(optimum, kept, left)
