"""Full-batch training: every step sees the same batch, and nothing is copied."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray


class Whole(eqx.Module):
    """A source whose every batch is `all`: inputs and targets, or a summary of them.

    Attributes:
        all: What the step of a training rule is given.
    """

    all: Any

    def steps_per_draw(self, batch_size: int) -> int:
        """Nothing is drawn, so the number only sets the length of inner loops."""
        del batch_size
        return 64

    def draw(
        self, key: PRNGKeyArray, step: Int[Array, ""], n_steps: int, batch_size: int
    ) -> Float[Array, " n_steps"]:
        """A placeholder per step."""
        del key, step, batch_size
        return jnp.zeros(n_steps)

    def batch(self, drawn: Float[Array, ""]) -> Any:
        """The whole, whatever was drawn."""
        del drawn
        return self.all
