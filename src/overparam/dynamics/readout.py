r"""The exact ridge readout of frozen features, for a whole path of penalties."""

from collections.abc import Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int

from ..checks import at_least
from ..errors import ConfigError
from .feature_cache import FeatureMatrix, StoredFeatures, gram
from .shifted import ShiftedSolutions, solve_shifted


PENALTIES = tuple(10.0 ** (-5 + i / 2) for i in range(9))
"""The default path, 1e-5 to 1e-1."""


class RidgePath(eqx.Module):
    r"""Ridge readouts $(F^\top F / N + \lambda I)^{-1} F^\top Y / N$ along a path.

    Attributes:
        penalties: Penalties $\lambda$, shape `(n,)`.
        readouts: Weights, shape `(n, width, n_outputs)`.
        intercepts: Unpenalised intercepts, shape `(n, n_outputs)`, or zeros.
        residuals: $\|(G + \lambda I) P - F^\top Y / N\|$ divided by $\|F^\top Y / N\|$,
            computed from the features and not from the factorisation.
        degrees_of_freedom: $\sum_i e_i / (e_i + \lambda)$ over the eigenvalues of $G$.
        cross_validation: Generalised cross-validation score,
            $\frac{\|Y - \hat Y\|^2 / N}{(1 - \mathrm{df} / N)^2}$.
    """

    penalties: Float[np.ndarray, " n"]
    readouts: Float[np.ndarray, "n width n_outputs"]
    intercepts: Float[np.ndarray, "n n_outputs"]
    residuals: Float[np.ndarray, " n"]
    degrees_of_freedom: Float[np.ndarray, " n"]
    cross_validation: Float[np.ndarray, " n"]

    def scores(
        self, features: FeatureMatrix | Float[Array, "n width"]
    ) -> Float[np.ndarray, "n_penalties n n_outputs"]:
        """Outputs of every readout of the path on other samples of the features."""
        matrix = as_matrix(features)
        n, width, n_outputs = self.readouts.shape
        stacked = self.readouts.transpose(1, 0, 2).reshape(width, n * n_outputs)
        flat = np.asarray(_times(matrix, stacked.astype(matrix.dtype)))
        outputs = flat.reshape(-1, n, n_outputs).transpose(1, 0, 2)
        return outputs + self.intercepts[:, None]


def one_hot_centred(
    labels: Int[Array, " n"], n_classes: int, *, dtype: DTypeLike
) -> Float[Array, "n n_classes"]:
    """Regression targets of classes: one-hot minus 1/K, so that rows sum to zero."""
    targets = jax.nn.one_hot(labels, n_classes, dtype=dtype)
    return targets - 1 / n_classes


def ridge_path(
    features: FeatureMatrix | Float[Array, "n width"],
    targets: Float[Array, "n n_outputs"],
    *,
    penalties: Sequence[float] = PENALTIES,
    intercept: bool = False,
) -> RidgePath:
    r"""The minimisers of $\frac1N \|F P - Y\|_F^2 + \lambda \|P\|_F^2$.

    The smaller of the primal ($F^\top F$) and, for stored features, the dual system
    ($F F^\top$) is factorised in float64, whatever the type of the features.

    Args:
        features: Features $F$ of the training samples.
        targets: Targets $Y$ (`one_hot_centred` for classes).
        penalties: Penalties $\lambda$, positive unless the features are fewer than the
            samples.
        intercept: Whether to fit an unpenalised intercept (by centring).

    Raises:
        ConfigError: If a penalty is negative, or zero with more features than samples.
    """
    matrix = as_matrix(features)
    at_least(0, **{"ridge": min(penalties, default=0.0)})
    n_samples, width = matrix.shape
    if min(penalties) == 0 and width > n_samples:
        raise ConfigError(
            f"`ridge` must be positive when there are more features ({width}) than "
            f"samples ({n_samples}), got 0."
        )
    means = _means(matrix, targets, intercept)
    if isinstance(matrix, StoredFeatures) and width > n_samples:
        solved = _dual(matrix, targets, means, penalties)
    else:
        solved = _primal(matrix, targets, means, penalties)
    return _with_diagnostics(matrix, targets, means, penalties, solved)


def as_matrix(features: FeatureMatrix | Float[Array, "n width"]) -> FeatureMatrix:
    """Features as a `FeatureMatrix`; an array counts as stored."""
    return features if isinstance(features, FeatureMatrix) else StoredFeatures(features)


class _Means(NamedTuple):
    """Column means to be removed: those of the data, or zeros without an intercept."""

    features: Float[np.ndarray, " width"]
    targets: Float[np.ndarray, " n_outputs"]


@eqx.filter_jit
def _times(matrix: FeatureMatrix, P: Array | np.ndarray) -> Array:
    return matrix.times(jnp.asarray(P))


@eqx.filter_jit
def _transposed_times(matrix: FeatureMatrix, R: Array | np.ndarray) -> Array:
    return matrix.transposed_times(jnp.asarray(R))


@jax.jit
def _outer(matrix: StoredFeatures) -> Array:
    return matrix.values @ matrix.values.T


def _means(matrix: FeatureMatrix, targets: Array, intercept: bool) -> _Means:
    if not intercept:
        return _Means(np.zeros(matrix.shape[1]), np.zeros(targets.shape[1]))
    ones = np.full((matrix.shape[0], 1), 1 / matrix.shape[0], matrix.dtype)
    sums = np.asarray(_transposed_times(matrix, ones), np.float64)
    return _Means(sums[:, 0], np.asarray(targets, np.float64).mean(axis=0))


def _primal(
    matrix: FeatureMatrix, targets: Array, means: _Means, penalties: Sequence[float]
) -> ShiftedSolutions:
    G = np.array(gram(matrix), np.float64)
    if means.features.any():
        G -= np.outer(means.features, means.features)
    moment = _moment(matrix, targets, means)
    return solve_shifted(G, moment, penalties)


def _dual(
    matrix: StoredFeatures, targets: Array, means: _Means, penalties: Sequence[float]
) -> ShiftedSolutions:
    n_samples = matrix.shape[0]
    kernel = np.array(_outer(matrix), np.float64) / n_samples
    if means.features.any():
        kernel -= kernel.mean(axis=0)
        kernel -= kernel.mean(axis=1, keepdims=True)
    centred = np.asarray(targets, np.float64) - means.targets
    dual = solve_shifted(kernel, centred / n_samples, penalties)
    stacked = np.concatenate(list(dual.solutions), axis=1)
    back = _transposed_times(matrix, stacked.astype(matrix.dtype))
    readouts = np.array(back, np.float64)
    readouts -= np.outer(means.features, stacked.sum(axis=0))
    solutions = np.stack(np.split(readouts, len(penalties), axis=1))
    return ShiftedSolutions(solutions, dual.degrees_of_freedom)


def _moment(
    matrix: FeatureMatrix, targets: Array, means: _Means
) -> Float[np.ndarray, "width n_outputs"]:
    product = _transposed_times(matrix, targets.astype(matrix.dtype))
    moment = np.asarray(product, np.float64) / matrix.shape[0]
    return moment - np.outer(means.features, means.targets)


def _with_diagnostics(
    matrix: FeatureMatrix,
    targets: Array,
    means: _Means,
    penalties: Sequence[float],
    solved: ShiftedSolutions,
) -> RidgePath:
    readouts, df = solved.solutions, solved.degrees_of_freedom
    n_samples, dtype = matrix.shape[0], matrix.dtype
    intercepts = means.targets - means.features @ readouts
    losses, residuals = [], []
    moment = np.linalg.norm(_moment(matrix, targets, means))
    for readout, intercept, penalty in zip(
        readouts, intercepts, penalties, strict=True
    ):
        error = np.array(_times(matrix, readout.astype(dtype)), np.float64)
        error += intercept - np.asarray(targets, np.float64)
        pulled = _transposed_times(matrix, error.astype(dtype))
        pull = np.asarray(pulled, np.float64) / n_samples
        pull -= np.outer(means.features, error.mean(axis=0))
        residuals.append(np.linalg.norm(pull + penalty * readout) / moment)
        losses.append(np.sum(error**2) / n_samples)
    free = np.maximum(1 - df / n_samples, np.finfo(float).tiny)
    return RidgePath(
        penalties=np.asarray(penalties, np.float64),
        readouts=readouts,
        intercepts=intercepts,
        residuals=np.array(residuals),
        degrees_of_freedom=df,
        cross_validation=np.array(losses) / free**2,
    )
