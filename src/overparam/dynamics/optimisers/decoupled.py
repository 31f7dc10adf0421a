"""Decoupled weight decay with one coefficient per part of the network."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PyTree

from ...networks.layers import field_name


def decoupled(
    learning_rate: Any,
    *,
    optimiser: str = "adam",
    coefficients: Mapping[str, Float[Array, ""]],
) -> optax.GradientTransformation:
    r"""$\theta_k \leftarrow \theta_k - \eta\,(\text{step}_k + 2 c_k \theta_k)$

    The penalty $\sum_k c_k \|\theta_k\|^2$ is left out of the gradient that Adam
    rescales (Loshchilov and Hutter 2019, arXiv 1711.05101, Algorithm 2). With plain
    gradient descent both forms are the same.

    Args:
        learning_rate: Step size $\eta$ or a schedule of it.
        optimiser: "adam" or "sgd".
        coefficients: $c_k$ by field of the network.

    Example:
        ```python
        rule = op.Descent(
            "half-squared-error",
            op.dynamics.decoupled,
            learning_rate=1e-2,
            coefficients={"weights": 1e-3},
        )
        state = rule.init(network, key=key)
        ```
    """
    scale = {"adam": optax.scale_by_adam, "sgd": optax.identity}[optimiser]()

    def pull(path: tuple[Any, ...], update: Array, weight: Array) -> Array:
        name = field_name(path)
        if name not in coefficients:
            return update
        return update + 2 * jnp.asarray(coefficients[name], weight.dtype) * weight

    def add(updates: PyTree, weights: PyTree | None) -> PyTree:
        return jax.tree_util.tree_map_with_path(pull, updates, weights)

    return optax.chain(
        scale, optax.stateless(add), optax.scale_by_learning_rate(learning_rate)
    )
