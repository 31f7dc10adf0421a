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

    Example:
        ```python
        rate = op.dynamics.StepDecay(0.1, 0.5, every=10)
        assert jnp.isclose(rate(jnp.asarray(20)), 0.025)
        ```
    """

    initial: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    factor: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    every: int = eqx.field(static=True)

    def __call__(self, count: Int[Array, ""]) -> Float[Array, ""]:
        power = (count // self.every).astype(self.initial.dtype)
        return self.initial * self.factor**power


class Tail(eqx.Module):
    r"""A constant or cosine step size, and a constant one after T steps.

    $\eta_0$, or $\eta_0 (1 + \cos(\pi t/T))/2$, for $t < T$; then $c\,\eta_0$.

    Attributes:
        initial: First step size $\eta_0$.
        factor: Factor $c$ of the tail.
        begins: Number of steps $T$ before the tail.
        cosine: Whether the step falls like a cosine before the tail.

    Example:
        ```python
        rate = op.dynamics.Tail(0.1, 0.5, begins=100)
        assert jnp.isclose(rate(jnp.asarray(100)), 0.05)
        ```
    """

    initial: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    factor: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    begins: int = eqx.field(static=True)
    cosine: bool = eqx.field(static=True, default=False)

    def __call__(self, count: Int[Array, ""]) -> Float[Array, ""]:
        head = self.initial
        if self.cosine:
            share = count.astype(head.dtype) / self.begins
            head = head * (1 + jnp.cos(jnp.pi * share)) / 2
        return jnp.where(count < self.begins, head, self.factor * self.initial)
