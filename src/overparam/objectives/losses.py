"""Losses of a batch: functions of outputs and targets, averaged over the batch."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from .labels import of_classes


def half_squared_error(
    outputs: Float[Array, "batch n_outputs"], targets: Float[Array, "batch n_outputs"]
) -> Float[Array, ""]:
    r"""$\frac{1}{2B} \sum_i \|y_i - \hat y_i\|^2$: summed over outputs."""
    return 0.5 * jnp.mean(jnp.sum((outputs - targets) ** 2, axis=1))


def half_sum_of_squares(
    outputs: Float[Array, "batch n_outputs"], targets: Float[Array, "batch n_outputs"]
) -> Float[Array, ""]:
    r"""$\tfrac12 \|f - y\|^2$: summed over samples, as in a convex programme."""
    return 0.5 * jnp.sum((outputs - targets) ** 2)


def cross_entropy(
    outputs: Float[Array, "batch n_classes"], targets: Int[Array, " batch"]
) -> Float[Array, ""]:
    """Mean softmax cross-entropy of integer labels, in nats."""
    with jax.numpy_dtype_promotion("standard"):
        losses: Any = optax.softmax_cross_entropy_with_integer_labels(outputs, targets)
    return jnp.mean(of_classes(losses, targets, outputs.shape[1]))


def accuracy(
    outputs: Float[Array, "batch n_classes"], targets: Int[Array, " batch"]
) -> Float[Array, ""]:
    """Share of samples whose largest output is that of their label."""
    hits = jnp.argmax(outputs, axis=1).astype(targets.dtype) == targets
    return jnp.mean(hits.astype(outputs.dtype))
