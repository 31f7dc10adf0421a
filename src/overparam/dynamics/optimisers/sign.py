"""Steps of one size: what AdamW does whose state is made anew before every step."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array


# Of the published code of Wang et al. 2022: the decay has no effect at this size.
_DECAY = 1e-6
_EPSILON = 1e-8


def sign_descent(learning_rate: float) -> optax.GradientTransformation:
    """Steps of one size in the direction of the sign, as the published code takes."""

    def init(params: Any) -> optax.EmptyState:
        del params
        return optax.EmptyState()

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        def step(gradient: Array, weight: Array) -> Array:
            decay = learning_rate * _DECAY * weight
            size = jnp.abs(gradient) + _EPSILON
            return -decay - learning_rate * gradient / size

        return jax.tree.map(step, updates, params), state

    return optax.GradientTransformation(init, update)
