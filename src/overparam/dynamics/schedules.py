"""Step sizes that change along a run: pytrees that optax can call."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int


class StepDecay(eqx.Module):
    r"""$\eta_t = \eta_0 \, c^{\lfloor t / T \rfloor}$: a factor after every T steps.

    Attributes:
        initial: First step size $\eta_0$.
        factor: Factor $c$.
        every: Number of steps $T$ between two changes.
    """

    initial: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    factor: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    every: int = eqx.field(static=True)

    def __call__(self, count: Int[Array, ""]) -> Float[Array, ""]:
        power = (count // self.every).astype(self.initial.dtype)
        return self.initial * self.factor**power
