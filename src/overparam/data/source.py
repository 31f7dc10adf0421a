"""Where batches come from: one protocol for fresh samples and for finite tables."""

from typing import Any, NamedTuple, Protocol

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, PRNGKeyArray

from ..checks import arrays_by_shape
from ..errors import ConfigError


@arrays_by_shape
class Batch(NamedTuple):
    """Inputs and targets of one step; both lead with the batch.

    Example:
        ```python
        batch = op.Batch(x, y)
        op.BatchLoss(op.objectives.half_squared_error)(network, batch)
        ```
    """

    x: Array
    y: Array


class Source(Protocol):
    """A pure rule that gives the batch of every step.

    Random numbers are drawn for several steps in one call (`draw`), because that is
    about twice as fast as a draw per step; `batch` then makes the batch of one step.
    Both live inside the compiled loop.

    Example:
        ```python
        source = op.Table(x, y)  # or any object with these methods
        drawn = source.draw(key, jnp.asarray(0), 4, 5)
        ```
    """

    def steps_per_draw(self, batch_size: int) -> int:
        """How many steps one draw should serve."""
        ...

    def draw(
        self, key: PRNGKeyArray, step: Int[Array, ""], n_steps: int, batch_size: int
    ) -> Any:
        """What steps `step` to `step + n_steps` need; leaves lead with `n_steps`."""
        ...

    def batch(self, drawn: Any) -> Batch:
        """The batch of one step, from its slice of what was drawn."""
        ...


class Empty(eqx.Module):
    """No data: for training rules that know the distribution of the inputs exactly."""

    def steps_per_draw(self, batch_size: int) -> int:
        del batch_size
        return 1000

    def draw(
        self, key: PRNGKeyArray, step: Int[Array, ""], n_steps: int, batch_size: int
    ) -> Array:
        del key, step, batch_size
        return jnp.zeros((n_steps, 0, 0))

    def batch(self, drawn: Array) -> Batch:
        return Batch(drawn, drawn)


class Table(eqx.Module):
    """Finite data, visited in a new order every epoch; a last short batch is dropped.

    The order of epoch e depends on (key, e) alone, so that every network that is
    trained with the same key sees the same batches.

    Attributes:
        x: Inputs, shape `(n_samples, *input)`.
        y: Targets, shape `(n_samples, ...)`.

    Example:
        ```python
        source = op.Table(x, y)
        assert source.steps_per_epoch(5) == 4
        ```
    """

    x: Array
    y: Array

    def __check_init__(self) -> None:
        shapes = getattr(self.x, "shape", None), getattr(self.y, "shape", None)
        if shapes[0] and shapes[1] and shapes[0][0] != shapes[1][0]:
            raise ConfigError(
                f"Inputs and targets must be equally many, got {shapes[0][0]} and "
                f"{shapes[1][0]}."
            )

    def steps_per_epoch(self, batch_size: int) -> int:
        """Number of full batches in one pass over the table."""
        if not 1 <= batch_size <= self.x.shape[0]:
            raise ConfigError(
                f"`batch_size` must lie in [1, {self.x.shape[0]}], got {batch_size}."
            )
        return self.x.shape[0] // batch_size

    def steps_per_draw(self, batch_size: int) -> int:
        return self.steps_per_epoch(batch_size)

    def draw(
        self, key: PRNGKeyArray, step: Int[Array, ""], n_steps: int, batch_size: int
    ) -> Int[Array, "n_steps batch"]:
        per_epoch = self.steps_per_epoch(batch_size)
        if batch_size == self.x.shape[0]:
            whole = jnp.arange(batch_size, dtype=jnp.int32)
            return jnp.broadcast_to(whole, (n_steps, batch_size))

        def order(epoch: Int[Array, ""]) -> Int[Array, " used"]:
            key_of_epoch = jax.random.fold_in(key, epoch)
            samples = jnp.arange(self.x.shape[0], dtype=jnp.int32)
            return jax.random.permutation(key_of_epoch, samples)[
                : per_epoch * batch_size
            ]

        first = step // per_epoch
        n_orders = (n_steps - 1) // per_epoch + 2
        epochs = first + jnp.arange(n_orders, dtype=first.dtype)
        batches = jax.lax.map(order, epochs).reshape(-1, batch_size)
        return jax.lax.dynamic_slice_in_dim(batches, step % per_epoch, n_steps)

    def batch(self, drawn: Int[Array, " batch"]) -> Batch:
        return Batch(self.x[drawn], self.y[drawn])
