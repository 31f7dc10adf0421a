r"""The exact ridge readout of frozen features, for a whole path of penalties."""

import dataclasses
from collections.abc import Callable, Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int

from ..checks import at_least
from ..errors import ConfigError, SolverError
from ..objectives.labels import one_hot
from .feature_cache import (
    Centred,
    FeatureMatrix,
    StoredFeatures,
    centred,
    column_means,
    gram,
    kernel,
)
from .ridge_spectrum import DIGITS, FitLeft, fit_left, float64_rows
from .shifted import EIGEN_LIMIT, ShiftedSolutions, solve_shifted


PENALTIES = tuple(10.0 ** (-5 + i / 2) for i in range(9))
"""The default path, 1e-5 to 1e-1."""


class RidgePath(eqx.Module):
    r"""Ridge readouts $(F^\top F / N + \lambda I)^{-1} F^\top Y / N$ along a path.

    Attributes:
        penalties: Penalties $\lambda$, shape `(n,)`.
        readouts: Weights, shape `(n, width, n_outputs)`.
        intercepts: Unpenalised intercepts, shape `(n, n_outputs)`, or zeros.
        residuals: $\|(G + \lambda I) P - F^\top Y / N\|$ divided by $\|F^\top Y / N\|$,
            computed from the features and not from the factorisation. They do not
            bound the error of the objective: `gap_bounds` do.
        degrees_of_freedom: $\sum_i e_i / (e_i + \lambda)$ over the eigenvalues of $G$;
            NaN where these are lost to rounding even in float64. Beyond `EIGEN_LIMIT`
            features and samples they are those of the products, to their rounding.
        cross_validation: Generalised cross-validation score,
            $\frac{\|Y - \hat Y\|^2 / N}{(1 - \mathrm{df} / N)^2}$; NaN where the
            degrees of freedom are, and where none are left.
        gap_bounds: Most by which the objective of `ridge_path` at a readout and its
            intercept exceeds its minimum, $\|r\|^2 / \lambda$ plus the squared mean
            error that an intercept would take: half the gradient is $r$, and the
            objective is $2 \lambda$-strongly convex. Infinite without a penalty.
        centre: What `scores` takes from the features before a product, so that their
            means cost no digits; `None` without an intercept.
    """

    penalties: Float[np.ndarray, " n"]
    readouts: Float[np.ndarray, "n width n_outputs"]
    intercepts: Float[np.ndarray, "n n_outputs"]
    residuals: Float[np.ndarray, " n"]
    degrees_of_freedom: Float[np.ndarray, " n"]
    cross_validation: Float[np.ndarray, " n"]
    gap_bounds: Float[np.ndarray, " n"]
    centre: Float[np.ndarray, " width"] | None = None

    def scores(
        self, features: FeatureMatrix | Float[Array, "n width"]
    ) -> Float[np.ndarray, "n_penalties n n_outputs"]:
        """Outputs of every readout of the path on other samples of the features."""
        matrix = as_matrix(features)
        constants = self.intercepts
        if self.centre is not None:
            matrix = Centred(matrix, jnp.asarray(self.centre, matrix.dtype))
            constants = constants + self.centre @ self.readouts
        n, width, n_outputs = self.readouts.shape
        stacked = self.readouts.transpose(1, 0, 2).reshape(width, n * n_outputs)
        flat = np.asarray(_times(matrix, stacked.astype(matrix.dtype)))
        outputs = flat.reshape(-1, n, n_outputs).transpose(1, 0, 2)
        return outputs + constants[:, None]


def one_hot_centred(
    labels: Int[Array, " n"], n_classes: int, *, dtype: DTypeLike
) -> Float[Array, "n n_classes"]:
    """Regression targets of classes: one-hot minus 1/K, so that rows sum to zero.

    Raises:
        ConfigError: If the labels are not classes in 0..n_classes-1.

    Example:
        ```python
        targets = op.readouts.one_hot_centred(labels, 2, dtype="float32")
        assert jnp.allclose(targets.sum(axis=1), 0)
        ```
    """
    return one_hot(labels, n_classes, dtype=dtype) - 1 / n_classes


def ridge_path(
    features: FeatureMatrix | Float[Array, "n width"],
    targets: Float[Array, "n n_outputs"],
    *,
    penalties: Sequence[float] = PENALTIES,
    intercept: bool = False,
) -> RidgePath:
    r"""The minimisers of $\frac1N \|F P - Y\|_F^2 + \lambda \|P\|_F^2$.

    The smaller of the primal ($F^\top F$) and, for stored features, the dual system
    ($F F^\top$) is factorised in float64, whatever the type of the features. Its
    entries are sums in that type, of unit roundoff $u$: the readout is accurate to
    about $u (e_1 + \lambda) / (e_n + \lambda)$ with the largest and smallest eigenvalue
    of the system, and `gap_bounds` say what is reached. Degrees of freedom and losses
    that these sums leave open are taken from the singular values of the features.

    Args:
        features: Features $F$ of the training samples.
        targets: Targets $Y$ (`one_hot_centred` for classes).
        penalties: Penalties $\lambda$, positive unless the features are fewer than the
            samples.
        intercept: Whether to fit an unpenalised intercept (features and targets are
            centred first, so that no digits are lost to their means).

    Raises:
        ConfigError: If a penalty is negative, or zero with more features than samples,
            or targets do not match the features.
        SolverError: If features are not finite, or rounding leaves no digit of a
            readout (a relative residual above 1).

    Example:
        ```python
        path = op.readouts.ridge_path(network.features(x), y, penalties=[1e-3, 1e-1])
        path.penalties[path.cross_validation.argmin()], path.degrees_of_freedom
        ```
    """
    matrix = as_matrix(features)
    wanted = np.asarray(targets, np.float64)
    _check(matrix, wanted, penalties)
    stored = isinstance(matrix, StoredFeatures)
    means = np.zeros(wanted.shape[1])
    if intercept:
        matrix, means = centred(matrix), wanted.mean(axis=0)
        # Equal targets have no deviations, but for rounding.
        means = np.where(np.ptp(wanted, axis=0) > 0, means, wanted[0])
    solve = _dual if stored and matrix.shape[1] > matrix.shape[0] else _primal
    path = _with_diagnostics(matrix, wanted - means, penalties, solve)
    if isinstance(matrix, Centred):  # For what features and targets were before.
        shift = np.asarray(matrix.shift, np.float64)
        intercepts = path.intercepts + means - shift @ path.readouts
        return dataclasses.replace(path, intercepts=intercepts, centre=shift)
    return path


def as_matrix(features: FeatureMatrix | Float[Array, "n width"]) -> FeatureMatrix:
    """Features as a `FeatureMatrix`; an array counts as stored."""
    return features if isinstance(features, FeatureMatrix) else StoredFeatures(features)


@eqx.filter_jit
def _times(matrix: FeatureMatrix, P: Array | np.ndarray) -> Array:
    return matrix.times(jnp.asarray(P))


@eqx.filter_jit
def _transposed_times(matrix: FeatureMatrix, R: Array | np.ndarray) -> Array:
    return matrix.transposed_times(jnp.asarray(R))


def _check(
    matrix: FeatureMatrix, targets: np.ndarray, penalties: Sequence[float]
) -> None:
    n_samples, width = matrix.shape
    if not len(penalties):
        raise ConfigError("`penalties` must hold at least one number, got none.")
    for penalty in penalties:
        at_least(0, ridge=penalty)
    if min(penalties) == 0 and width > n_samples:
        raise ConfigError(
            f"`ridge` must be positive when there are more features ({width}) than "
            f"samples ({n_samples}), got 0."
        )
    if targets.ndim != 2 or len(targets) != n_samples or not n_samples:
        raise ConfigError(
            f"`targets` must have shape ({n_samples}, n_outputs), one row for each row "
            f"of the features, got {targets.shape}."
        )


def _means(matrix: FeatureMatrix) -> Float[np.ndarray, " width"]:
    """What is left of the means of centred features; 0 of others, whose means stay."""
    if not isinstance(matrix, Centred):
        return np.zeros(matrix.shape[1])
    return np.asarray(column_means(matrix), np.float64)


def _primal(
    matrix: FeatureMatrix, targets: np.ndarray, penalties: Sequence[float]
) -> ShiftedSolutions:
    G = np.array(gram(matrix), np.float64)
    means = _means(matrix)
    if means.any():
        G -= np.outer(means, means)
    resolution = float(jnp.finfo(matrix.dtype).eps)
    solved = solve_shifted(
        G, _moment(matrix, targets), penalties, resolution=resolution
    )
    # What is left of the samples and not of the columns.
    n_samples, width = matrix.shape
    return solved._replace(left=solved.left + (n_samples - width))


def _dual(
    matrix: FeatureMatrix, targets: np.ndarray, penalties: Sequence[float]
) -> ShiftedSolutions:
    n_samples = matrix.shape[0]
    system = np.array(kernel(matrix), np.float64) / n_samples
    means = _means(matrix)
    if means.any():
        system -= system.mean(axis=0)
        system -= system.mean(axis=1, keepdims=True)
    resolution = float(jnp.finfo(matrix.dtype).eps)
    dual = solve_shifted(system, targets / n_samples, penalties, resolution=resolution)
    stacked = np.concatenate(list(dual.solutions), axis=1)
    back = _transposed_times(matrix, stacked.astype(matrix.dtype))
    readouts = np.array(back, np.float64)
    readouts -= np.outer(means, stacked.sum(axis=0))
    solutions = np.stack(np.split(readouts, len(penalties), axis=1))
    return dual._replace(solutions=solutions)


def _moment(
    matrix: FeatureMatrix, targets: np.ndarray
) -> Float[np.ndarray, "width n_outputs"]:
    product = _transposed_times(matrix, targets.astype(matrix.dtype))
    return np.asarray(product, np.float64) / matrix.shape[0]


def _with_diagnostics(
    matrix: FeatureMatrix,
    targets: np.ndarray,
    penalties: Sequence[float],
    solve: Callable[..., ShiftedSolutions],
) -> RidgePath:
    """The path on features and targets that are centred, or taken as they are."""
    solved = solve(matrix, targets, penalties)
    readouts = solved.solutions
    n_samples, dtype = matrix.shape[0], matrix.dtype
    means = _means(matrix)
    intercepts = 0.0 - means @ readouts
    losses, residuals = [], []
    # Constant targets have a moment of 0, and a readout that is exactly 0.
    moment = float(np.linalg.norm(_moment(matrix, targets))) or 1.0
    size = float(np.sum(targets**2)) / n_samples
    for index, penalty in enumerate(penalties):
        # Views: they follow what is set below.
        of = matrix, targets, means, readouts[index], intercepts[index], penalty
        error, residual = _residual(*of)
        if not residual <= moment and moment**2 <= DIGITS**2 * penalty * size:
            # No feature sees the targets: what was solved for is rounding.
            readouts[index], intercepts[index] = 0, 0
            error, residual = _residual(*of)[0], moment
        residuals.append(residual / moment)
        _check_residual(residuals[-1], penalty, dtype)
        losses.append(np.sum(error**2) / n_samples)
    gap_bounds = _gap_bounds(matrix, targets, penalties, readouts, intercepts)
    spent, left, losses = _left_over(
        matrix, targets, penalties, solved, losses, gap_bounds
    )
    free = np.where(left > 0, left, np.nan) / n_samples
    return RidgePath(
        penalties=np.asarray(penalties, np.float64),
        readouts=readouts,
        intercepts=intercepts,
        residuals=np.array(residuals),
        degrees_of_freedom=spent,
        cross_validation=losses / free**2,
        gap_bounds=gap_bounds,
    )


def _residual(
    matrix: FeatureMatrix,
    targets: np.ndarray,
    means: np.ndarray,
    readout: np.ndarray,
    intercept: np.ndarray,
    penalty: float,
) -> tuple[np.ndarray, float]:
    """Errors of a readout, and the norm of half the gradient of its objective."""
    n_samples, dtype = matrix.shape[0], matrix.dtype
    error = np.array(_times(matrix, readout.astype(dtype)), np.float64)
    error += intercept - targets
    pulled = _transposed_times(matrix, error.astype(dtype))
    pull = np.asarray(pulled, np.float64) / n_samples
    pull -= np.outer(means, error.mean(axis=0))
    return error, float(np.linalg.norm(pull + penalty * readout))


def _left_over(
    matrix: FeatureMatrix,
    targets: np.ndarray,
    penalties: Sequence[float],
    solved: ShiftedSolutions,
    losses: Sequence[float],
    gap_bounds: Float[np.ndarray, " n"],
) -> FitLeft:
    """Degrees of freedom and losses, once more where the products leave them open."""
    spent, left = solved.degrees_of_freedom.copy(), solved.left.copy()
    kept = np.array(losses)
    unsure = solved.doubts > DIGITS * np.minimum(np.maximum(spent, 1), left)
    # Outputs of the readout are within the root of the gap of those of the minimiser.
    unsure |= gap_bounds > DIGITS**2 * kept
    unsure &= np.asarray(penalties) > 0
    if unsure.any() and min(matrix.shape) <= EIGEN_LIMIT:
        found = fit_left(matrix, targets, np.asarray(penalties)[unsure].tolist())
        spent[unsure], left[unsure], kept[unsure] = found
    return FitLeft(spent, left, kept)


def _gap_bounds(
    matrix: FeatureMatrix,
    targets: np.ndarray,
    penalties: Sequence[float],
    readouts: np.ndarray,
    intercepts: np.ndarray,
) -> Float[np.ndarray, " n"]:
    (n, width, k), n_samples = readouts.shape, matrix.shape[0]
    stacked = np.hstack(list(readouts))
    pull, mean, error_mean = np.zeros((width, n * k)), np.zeros(width), np.zeros(n * k)
    for start, block in float64_rows(matrix):
        wanted = np.tile(targets[start : start + len(block)], n)
        errors = block @ stacked + intercepts.ravel() - wanted
        pull += block.T @ errors / n_samples
        mean += block.sum(axis=0) / n_samples
        error_mean += errors.sum(axis=0) / n_samples
    offsets = np.zeros(n)
    if isinstance(matrix, Centred):
        pull -= np.outer(mean, error_mean)
        offsets = np.sum(error_mean.reshape(n, k) ** 2, axis=1)
    shifts = np.asarray(penalties, np.float64)
    pulls = np.stack(np.hsplit(pull, n)) + shifts[:, None, None] * readouts
    positive = np.where(shifts > 0, shifts, 1.0)
    with np.errstate(over="ignore"):  # an infinite bound is one
        bounds = np.sum(pulls**2, axis=(1, 2)) / positive + offsets
    return np.where(shifts > 0, bounds, np.inf)


def _check_residual(residual: float, penalty: float, dtype: jnp.dtype) -> None:
    # That of the readout 0 is 1.
    if not residual <= 1:
        raise SolverError(
            f"The ridge readout at penalty {penalty:g} is lost to rounding in {dtype} "
            f"(relative residual {residual:.2g}); raise `ridge`, centre and scale the "
            "features, or give them in float64."
        )
