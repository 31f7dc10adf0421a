"""Labels of classes: checked where they have values, never taken for another class."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int

from ..errors import ConfigError


def check_labels(
    labels: Int[Array, " n"] | np.ndarray,
    n_classes: int,
    *,
    n_samples: int | None = None,
) -> None:
    """`labels` is a vector of classes in 0..n_classes-1.

    Inside a JAX transformation labels have no values yet: only their type and shape
    are checked.

    Args:
        labels: The classes.
        n_classes: Number of classes.
        n_samples: How many labels there must be; `None` takes any positive number.

    Raises:
        ConfigError: If they are not.
    """
    if not hasattr(labels, "dtype"):
        labels = np.asarray(labels)
    if labels.ndim != 1 or not labels.size:
        raise ConfigError(
            f"`labels` must be a vector of at least one class, got shape "
            f"{tuple(labels.shape)}."
        )
    if not jnp.issubdtype(labels.dtype, jnp.integer):
        raise ConfigError(
            f"`labels` must be whole numbers of an integer type, got {labels.dtype}; "
            "give `labels.astype(int)` if they are classes."
        )
    if n_samples is not None and len(labels) != n_samples:
        raise ConfigError(
            f"`labels` must be as many as the samples, {n_samples}, got {len(labels)}."
        )
    if isinstance(labels, Tracer):
        return
    values = np.asarray(labels)
    wrong = np.flatnonzero((values < 0) | (values >= n_classes))
    if len(wrong):
        raise ConfigError(
            f"`labels` must lie in 0..{n_classes - 1}, the {n_classes} classes; label "
            f"{wrong[0]} is {values[wrong[0]]}."
        )


def one_hot(
    labels: Int[Array, " n"], n_classes: int, *, dtype: DTypeLike
) -> Float[Array, "n n_classes"]:
    """1 in the column of each label, else 0.

    Inside a JAX transformation the row of a label that is no class is NaN.

    Raises:
        ConfigError: If labels that have values are not classes.
    """
    check_labels(labels, n_classes)
    rows = jax.nn.one_hot(labels, n_classes, dtype=dtype)
    if not isinstance(labels, Tracer):
        return rows
    return jnp.where(_is_class(labels, n_classes)[:, None], rows, jnp.nan)


def is_classes(targets: Array | np.ndarray) -> bool:
    """Whether targets are classes, and not numbers."""
    return targets.ndim == 1 and jnp.issubdtype(targets.dtype, jnp.integer)


def check_classes(targets: Array | np.ndarray) -> None:
    """Refuse numbers where a loss takes classes; values are not looked at.

    Raises:
        ConfigError: If the targets are none.
    """
    if not is_classes(targets):
        raise ConfigError(
            "This loss takes classes, a vector of whole numbers, got targets of "
            f"{targets.dtype} of shape {targets.shape}: a squared error takes those."
        )


def wanted_outputs(
    targets: Array, outputs: Float[Array, "batch n_outputs"]
) -> Float[Array, "batch n_outputs"]:
    """What outputs are to be for a squared loss: of classes their unit vectors.

    Raises:
        ConfigError: If targets are neither classes nor of the shape of the outputs.
    """
    if is_classes(targets):
        return one_hot(targets, outputs.shape[1], dtype=outputs.dtype)
    # Broadcast, a vector of targets would be compared with every output of every other.
    if targets.shape != outputs.shape:
        raise ConfigError(
            f"Targets must be classes or have the shape {outputs.shape} of the "
            f"outputs, got {targets.shape}."
        )
    return targets


def of_classes(
    losses: Float[Array, " n"], labels: Int[Array, " n"], n_classes: int
) -> Float[Array, " n"]:
    """Losses of samples, NaN where the label is no class: training then diverges."""
    return jnp.where(_is_class(labels, n_classes), losses, jnp.nan)


def _is_class(labels: Int[Array, " n"], n_classes: int) -> Array:
    return (labels >= 0) & (labels <= n_classes - 1)
