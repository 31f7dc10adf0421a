"""What every estimator does with what it is given: classes, weights, seeds, outputs."""

import numbers
import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, validate_data

from ..errors import ConfigError
from ..networks.files.serialise import from_arrays, to_arrays
from ..networks.network import Network


Stored = tuple[dict[str, np.ndarray], dict[str, Any]]
"""A network as arrays of float64 and a description: what is pickled and copied."""


def read(estimator: Any, X: Any, y: Any = "no_validation", **options: Any) -> Any:
    """Inputs in float64, and targets with them, as scikit-learn reads and checks them.

    Raises:
        ValueError: In scikit-learn's words.
    """
    return validate_data(estimator, X, y, dtype=np.float64, **options)


def read_targets(estimator: Any, X: Any, y: Any, **options: Any) -> Any:
    """Inputs and targets that are numbers, a column for each output."""
    x, y = read(estimator, X, y, multi_output=True, y_numeric=True, **options)
    return x, y.astype(np.float64).reshape(len(y), -1), y.ndim == 2


def seed_of(random_state: Any) -> int:
    """A seed of the house from scikit-learn's `random_state`, a whole number as it is.

    Raises:
        ValueError: If it is none of what scikit-learn takes.
    """
    if isinstance(random_state, numbers.Integral):
        check_random_state(random_state)
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))


def sample_weights(given: Any, x: Any) -> Float[np.ndarray, " n"]:
    """Weights of samples as float64, ones if none are given.

    Raises:
        ValueError: If one is negative, or all are zero, or they are no vector of the
            samples.
    """
    weights = np.asarray(_check_sample_weight(given, x, dtype=np.float64))
    if weights.min() < 0 or not weights.any():
        raise ConfigError(
            "`sample_weight` must be at least zero, and not zero everywhere; the "
            f"smallest weight is {weights.min():g}, the largest {weights.max():g}."
        )
    return weights


def classes_of(
    y: Any, weights: Float[np.ndarray, " n"]
) -> tuple[np.ndarray, Int[np.ndarray, " n"]]:
    """The classes in order, and the number of each label's class.

    Raises:
        ValueError: If labels are no classes, or all samples with a weight are of one.
    """
    check_classification_targets(y)
    classes, labels = np.unique(y, return_inverse=True)
    present = np.unique(labels[weights > 0])
    if len(present) < 2:
        raise ConfigError(
            "a classifier needs samples of two classes, got one class alone: "
            f"{classes[present[0]]}."
        )
    return classes, labels


def signed(
    labels: Int[np.ndarray, " n"], n_classes: int
) -> Float[np.ndarray, "n n_outputs"]:
    """Labels 1 and -1: of one output for two classes, else of one per class."""
    if n_classes == 2:
        return 2.0 * labels[:, None] - 1
    return np.where(labels[:, None] == np.arange(n_classes), 1.0, -1.0)


def most_likely(
    decisions: Float[np.ndarray, "n *n_outputs"], classes: np.ndarray
) -> np.ndarray:
    """The class of the largest output, or of the sign of the only one."""
    if decisions.ndim == 1:
        return classes[(decisions > 0).astype(int)]
    return classes[decisions.argmax(axis=1)]


def check_squares(size: Any, *, what: str) -> None:
    """Refuse numbers whose squares float64 does not hold.

    Args:
        size: Their mean squares, or the roots of these.
        what: What they are, in the plural.

    Raises:
        ConfigError: If one is not finite.
    """
    if not np.all(np.isfinite(size)):
        raise ConfigError(
            f"the {what} are so large that float64 does not hold their squares; "
            "rescale the data."
        )


def warn_unfinished(what: str) -> None:
    """Warn as scikit-learn does that a fit is not the optimum."""
    warnings.warn(
        f"The fit is not the optimum: {what}.", ConvergenceWarning, stacklevel=4
    )


def stored(network: Network) -> Stored:
    """A network as arrays."""
    return to_arrays(network)


def outputs(arrays: Stored, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n k"]:
    """Outputs of a stored network in float64, whatever the precision around."""
    with jax.enable_x64(True):
        return np.asarray(from_arrays(*arrays)(jnp.asarray(x)))
