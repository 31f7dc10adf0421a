"""Losses of a batch: functions of outputs and targets, found by name."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int

from ..checks import one_of
from .labels import check_classes, of_classes, wanted_outputs


Loss = Callable[[Array, Array], Float[Array, ""]]


def half_squared_error(
    outputs: Float[Array, "batch n_outputs"], targets: Array
) -> Float[Array, ""]:
    r"""$\frac{1}{2B} \sum_i \|y_i - \hat y_i\|^2$: summed over outputs.

    Targets that are classes stand for their unit vectors.

    Example:
        ```python
        loss = op.objectives.half_squared_error(network(x), y)
        assert jnp.isclose(loss, ((network(x) - y) ** 2).sum(axis=1).mean() / 2)
        ```
    """
    wanted = wanted_outputs(targets, outputs)
    return 0.5 * jnp.mean(jnp.sum((outputs - wanted) ** 2, axis=1))


def half_sum_of_squares(
    outputs: Float[Array, "batch n_outputs"], targets: Array
) -> Float[Array, ""]:
    r"""$\tfrac12 \|f - y\|^2$: summed over the batch too, as in a convex programme.

    Example:
        ```python
        mean = op.objectives.half_squared_error(network(x), y)
        assert jnp.isclose(op.objectives.half_sum_of_squares(network(x), y), 20 * mean)
        ```
    """
    return 0.5 * jnp.sum((outputs - wanted_outputs(targets, outputs)) ** 2)


def cross_entropy(
    outputs: Float[Array, "batch n_classes"], targets: Int[Array, " batch"]
) -> Float[Array, ""]:
    r"""$\mathrm{mean}_i [\log \sum_c e^{f_c} - f_{y_i}]$ of integer labels, in nats.

    Example:
        ```python
        equal = jnp.zeros((20, 2))  # two classes, equally likely
        assert jnp.isclose(op.objectives.cross_entropy(equal, labels), jnp.log(2))
        ```
    """
    check_classes(targets)
    with jax.numpy_dtype_promotion("standard"):
        losses: Any = optax.softmax_cross_entropy_with_integer_labels(outputs, targets)
    return jnp.mean(of_classes(losses, targets, outputs.shape[1]))


def hinge(
    outputs: Float[Array, "batch n_classes"], targets: Int[Array, " batch"]
) -> Float[Array, ""]:
    r"""$\mathrm{mean}_i \max(0, 1 + \max_{c \ne y_i} f_c - f_{y_i})$.

    Reference: Crammer, Singer, JMLR 2 (2001), eq. 2.

    Example:
        ```python
        far = 2 * jnp.stack([1.0 - labels, labels], axis=1)  # right by a margin of 2
        assert op.objectives.hinge(far, labels) == 0
        ```
    """
    check_classes(targets)
    is_target = jax.nn.one_hot(targets, outputs.shape[1], dtype=bool)
    own = jnp.sum(jnp.where(is_target, outputs, 0), axis=1)
    best_other = jnp.max(jnp.where(is_target, -jnp.inf, outputs), axis=1)
    losses = jax.nn.relu(1 + best_other - own)
    return jnp.mean(of_classes(losses, targets, outputs.shape[1]))


LOSSES: Mapping[str, Loss] = MappingProxyType(
    {
        "half-squared-error": half_squared_error,
        "half-sum-of-squares": half_sum_of_squares,
        "cross-entropy": cross_entropy,
        "hinge": hinge,
    }
)
"""The losses by name: functions of outputs and targets that give a number.

Example:
    ```python
    loss = op.objectives.LOSSES["cross-entropy"]
    assert jnp.isclose(loss(jnp.zeros((20, 2)), labels), jnp.log(2))
    ```
"""


def loss_named(name: str) -> Loss:
    """The loss called `name`.

    Raises:
        ConfigError: If there is none; the names are listed.
    """
    one_of(LOSSES, loss=name)
    return LOSSES[name]


def loss_of_constant(
    targets: Float[np.ndarray, "n n_outputs"] | Int[np.ndarray, " n"],
) -> float:
    r"""The least loss of one answer to all samples.

    Numbers: half the squared error, $\tfrac12 \sum_k \mathrm{Var}(y_k)$. Classes: the
    cross-entropy, $-\sum_c p_c \log p_c$ with their shares $p_c$.
    """
    if targets.ndim == 2:
        return 0.5 * float(np.var(targets, axis=0, dtype=np.float64).sum())
    shares = np.unique_counts(targets).counts / len(targets)
    return float(-(shares * np.log(shares)).sum())


def accuracy(
    outputs: Float[Array, "batch n_classes"], targets: Int[Array, " batch"]
) -> Float[Array, ""]:
    r"""$\mathrm{mean}_i\, 1[\mathrm{argmax}_c f_c = y_i]$.

    The share of samples whose largest output is that of their label.

    Example:
        ```python
        outputs = jnp.stack([1.0 - labels, labels], axis=1)
        assert op.objectives.accuracy(outputs, labels) == 1
        ```
    """
    labels = jnp.asarray(targets)  # NumPy's have a type that JAX may not have.
    hits = jnp.argmax(outputs, axis=1).astype(labels.dtype) == labels
    return jnp.mean(hits.astype(outputs.dtype))
