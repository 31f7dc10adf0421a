"""The exact multinomial logistic readout, by a truncated Newton method."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ..checks import at_least, positive
from ..errors import ConfigError
from ..objectives.labels import check_labels, one_hot
from .feature_cache import FeatureMatrix, StoredFeatures, WithIntercept, centred, gram
from .newton import SMALLEST_STEP, conjugate_gradients, line_search


@dataclass(frozen=True, kw_only=True)
class NewtonSettings:
    """When the Newton iteration stops.

    Example:
        ```python
        settings = op.readouts.NewtonSettings(tolerance=1e-3)
        op.readouts.logistic_readout(
            network.features(x), labels, n_classes=2, penalty=1e-2, settings=settings
        ).converged
        ```
    """

    tolerance: float | None = None
    """Gradient norm relative to the one at zero weights at which the iteration has
    converged; by default 1e-6 for float64 features and 1e-5 for float32 ones. At least
    ten units in the last place of the features."""
    max_steps: int = 50
    """Most Newton steps."""
    max_inner: int = 60
    """Most conjugate gradient iterations in one Newton step."""

    def __post_init__(self) -> None:
        positive(tolerance=self.tolerance)
        at_least(1, max_steps=self.max_steps, max_inner=self.max_inner)


class LogisticFit(eqx.Module):
    r"""A multinomial logistic readout with its certificate.

    Attributes:
        readout: Weights $P$, shape `(width, n_classes)`; rows sum to zero.
        intercept: Unpenalised intercept, shape `(n_classes,)`; zero when not asked for.
        objective: Mean cross-entropy plus penalty at `readout`.
        relative_gradient: Gradient norm divided by the one at zero weights, from
            residuals that keep their digits when all samples are fitted; 0 where the
            gradient vanishes at zero weights already.
        gap_bound: $\|\nabla\|^2 / (2 \lambda)$, no smaller than the objective's
            distance to its minimum; it is also the duality gap at the dual point that
            the class probabilities give. With an intercept, of the weights alone.
        converged: Whether `relative_gradient` reached the tolerance. Of the objective
            `gap_bound` speaks: on separable data with a tiny penalty the gradient is
            small long before the minimum.
        n_steps: Newton steps.
        n_products: Hessian products in all of them.
        objectives: Objective before each step and at the end, then NaN.
    """

    readout: Float[Array, "width n_classes"]
    intercept: Float[Array, " n_classes"]
    objective: Float[Array, ""]
    relative_gradient: Float[Array, ""]
    gap_bound: Float[Array, ""]
    converged: Bool[Array, ""]
    n_steps: Int[Array, ""]
    n_products: Int[Array, ""]
    objectives: Float[Array, " max_steps_plus_1"]


def logistic_readout(
    features: FeatureMatrix | Float[Array, "n width"],
    labels: Int[Array, " n"],
    *,
    n_classes: int,
    penalty: float,
    intercept: bool = False,
    weights: Float[Array, " n"] | None = None,
    settings: NewtonSettings | None = None,
) -> LogisticFit:
    r"""The minimiser of mean cross-entropy plus $\frac\lambda2 \|P\|_F^2$.

    The objective is $\sum_i c_i [\mathrm{lse}(z_i) - z_{i y_i}] / \sum_i c_i
    + \frac\lambda2 \|P\|_F^2$ with $z = F P$ (plus the intercept). Every Newton step
    is solved by conjugate gradients preconditioned with
    $\tfrac12 F^\top F / N + \lambda I$, which majorises the Hessian at every point
    (Böhning 1992), and followed by a line search that expands and backtracks. The
    program is pure: it can be batched with `jax.vmap`.

    Args:
        features: Features $F$ of the training samples.
        labels: Classes in 0..n_classes-1.
        n_classes: Number of classes $K$.
        penalty: $\lambda > 0$.
        intercept: Whether to add an unpenalised intercept.
        weights: $c_i > 0$ of the samples; ones if `None`.
        settings: When to stop.

    Returns:
        The readout and its certificate; `converged` is false if it is not exact.

    Reference:
        Böhning 1992, "Multinomial logistic regression algorithm", Ann. Inst. Stat.
        Math. 44; Nocedal & Wright 2006, Algorithm 7.1.

    Example:
        ```python
        features = network.features(x)
        fit = op.readouts.logistic_readout(features, labels, n_classes=2, penalty=1e-2)
        fit.readout.shape, float(fit.objective), bool(fit.converged)
        ```
    """
    matrix = (
        features if isinstance(features, FeatureMatrix) else StoredFeatures(features)
    )
    settings = settings or NewtonSettings()
    at_least(2, n_classes=n_classes)
    _check(penalty, settings, matrix.dtype)
    check_labels(labels, n_classes, n_samples=matrix.shape[0])
    return _solve(
        WithIntercept(matrix) if intercept else matrix,
        labels,
        jnp.asarray(penalty, matrix.dtype),
        n_classes,
        settings,
        None if weights is None else weights / jnp.mean(weights),
    )


def _check(penalty: float, settings: NewtonSettings, dtype: jnp.dtype) -> None:
    if not 0 < penalty < math.inf:
        raise ConfigError(
            "`ridge` must be positive for a logistic readout: without it the optimum "
            f"may not exist; got {penalty:g}."
        )
    limits = jnp.finfo(dtype)
    if penalty < limits.tiny:
        raise ConfigError(
            f"`ridge` must be at least {float(limits.tiny):.2g}, the smallest number "
            f"of {dtype} features, got {penalty:g}; raise it or use float64."
        )
    least = 10 * float(limits.eps)
    if settings.tolerance is not None and settings.tolerance < least:
        raise ConfigError(
            f"`tolerance` must be at least {least:.2g} for {dtype} features, which "
            f"resolve no smaller gradients, got {settings.tolerance:g}."
        )


class _Problem(NamedTuple):
    """Objective, gradient and Hessian products of the penalised cross-entropy.

    With an intercept the features are centred by `means`: the intercept is free, so
    that this moves no minimum, and products lose no digits to the means.
    """

    features: FeatureMatrix
    targets: Float[Array, "n n_classes"]
    penalty: Float[Array, "width 1"]
    means: Float[Array, "width_minus_1 1"] | None
    weights: Float[Array, " n"] | None

    def shared(self, values: Array) -> Float[Array, "n n_classes"]:
        """What samples give, by their part in the mean."""
        values = values / len(self.targets)
        return values if self.weights is None else self.weights[:, None] * values

    def norm(self, gradient: Array) -> Float[Array, ""]:
        """Norm of a gradient as it is for features that are not centred."""
        if self.means is not None:
            weights = gradient[:-1] + self.means * gradient[-1:]
            gradient = jnp.concatenate([weights, gradient[-1:]])
        return jnp.linalg.norm(gradient)

    def of_given_features(self, P: Array) -> Array:
        """The readout for the features that are not centred."""
        if self.means is None:
            return P
        return P.at[-1].add(-self.means[:, 0] @ P[:-1])

    def objective(self, P: Array, scores: Array) -> Float[Array, ""]:
        losses = jax.nn.logsumexp(scores, axis=1) - jnp.sum(
            self.targets * scores, axis=1
        )
        if self.weights is not None:
            losses = self.weights * losses
        # Accumulated in the widest type there is: steps near the optimum are tiny.
        wide = jnp.result_type(float)
        squares = jnp.sum(self.penalty * P**2, dtype=wide)
        return jnp.mean(losses, dtype=wide) + squares / 2

    def gradient(
        self, P: Array, probabilities: Array
    ) -> Float[Array, "width n_classes"]:
        residual = self.shared(probabilities - self.targets)
        return self.features.transposed_times(residual) + self.penalty * P

    def exact_gradient(self, P: Array) -> Float[Array, "width n_classes"]:
        """The gradient with residuals of full relative accuracy.

        A fitted sample's probability of its class rounds to 1, which loses its
        residual: that is minus the sum of the other probabilities.
        """
        others = jax.nn.softmax(self.features.times(P)) * (1 - self.targets)
        own = jnp.sum(others, axis=1, keepdims=True)
        residual = self.shared(others - self.targets * own)
        return self.features.transposed_times(residual) + self.penalty * P

    def curvature(self, direction: Array, probabilities: Array) -> Array:
        change = self.features.times(direction)
        change -= jnp.sum(probabilities * change, axis=1, keepdims=True)
        weighted = self.shared(probabilities * change)
        return self.features.transposed_times(weighted) + self.penalty * direction


class _Point(NamedTuple):
    P: Array
    scores: Array
    objective: Array
    gradient: Array
    norm: Array
    n_steps: Array
    n_products: Array
    stalled: Array
    objectives: Array


@eqx.filter_jit
def _solve(
    features: FeatureMatrix,
    labels: Int[Array, " n"],
    penalty: Float[Array, ""],
    n_classes: int,
    settings: NewtonSettings,
    weights: Float[Array, " n"] | None,
) -> LogisticFit:
    dtype, width = features.dtype, features.shape[1]
    has_intercept = isinstance(features, WithIntercept)
    penalties = jnp.full((width, 1), penalty)
    if has_intercept:
        penalties = penalties.at[-1].set(0)
    targets = one_hot(labels, n_classes, dtype=dtype)
    given = _Problem(features, targets, penalties, None, weights)
    problem = given
    if isinstance(features, WithIntercept):
        less = centred(features.features)
        features = WithIntercept(less)
        means = less.shift[:, None]
        problem = _Problem(features, targets, penalties, means, weights)
    # The intercept's entry is half a sample mean of ones, so the sum is definite.
    factor = _factor(gram(features) / 2, penalties[:, 0])
    start = _start(problem, n_classes, settings)
    target = start.norm * _tolerance(settings, dtype)

    def unfinished(point: _Point) -> Bool[Array, ""]:
        return (
            (point.norm > target)
            & (point.n_steps < settings.max_steps)
            & ~point.stalled
        )

    def step(point: _Point) -> _Point:
        return _newton_step(problem, factor, point, start.norm, settings)

    end = jax.lax.while_loop(unfinished, step, start)
    P = problem.of_given_features(end.P)
    norm = given.norm(given.exact_gradient(P))
    scale = jnp.where(start.norm > 0, start.norm, 1)
    bound = jnp.linalg.norm(problem.exact_gradient(end.P)) if has_intercept else norm
    return LogisticFit(
        readout=P[:-1] if has_intercept else P,
        intercept=P[-1] if has_intercept else jnp.zeros(n_classes, dtype),
        objective=end.objective,
        relative_gradient=norm / scale,
        gap_bound=bound * (bound / (2 * penalty)),
        converged=norm <= scale * _tolerance(settings, dtype),
        n_steps=end.n_steps,
        n_products=end.n_products,
        objectives=end.objectives,
    )


def _factor(
    matrix: Float[Array, "width width"], shift: Float[Array, " width"]
) -> Float[Array, "width width"]:
    """A Cholesky factor for the preconditioner: of more, if rounding leaves none."""
    whole = matrix + jnp.diag(shift)
    rounding = len(matrix) * jnp.finfo(matrix.dtype).eps * jnp.max(jnp.diagonal(whole))
    factor = jnp.linalg.cholesky(whole)

    def larger() -> Float[Array, "width width"]:
        raised = rounding * jnp.eye(len(matrix), dtype=matrix.dtype)
        return jnp.linalg.cholesky(whole + raised)

    return jax.lax.cond(jnp.all(jnp.isfinite(factor)), lambda: factor, larger)


def _tolerance(settings: NewtonSettings, dtype: jnp.dtype) -> float:
    default = 1e-5 if dtype == jnp.float32 else 1e-6
    return default if settings.tolerance is None else settings.tolerance


def _start(problem: _Problem, n_classes: int, settings: NewtonSettings) -> _Point:
    n_samples, width = problem.features.shape
    dtype = problem.features.dtype
    P = jnp.zeros((width, n_classes), dtype)
    scores = jnp.zeros((n_samples, n_classes), dtype)
    # At zero weights all classes are equally likely: known without any pass.
    objective = jnp.log(jnp.asarray(n_classes, jnp.result_type(float)))
    gradient = problem.gradient(P, jnp.full_like(scores, 1 / n_classes))
    history = jnp.full(settings.max_steps + 1, jnp.nan, objective.dtype)
    zero = jnp.zeros((), jnp.int32)
    return _Point(
        P,
        scores,
        objective,
        gradient,
        problem.norm(gradient),
        zero,
        zero,
        jnp.zeros((), bool),
        history.at[0].set(objective),
    )


def _newton_step(
    problem: _Problem,
    factor: Float[Array, "width width"],
    point: _Point,
    first_norm: Float[Array, ""],
    settings: NewtonSettings,
) -> _Point:
    probabilities = jax.nn.softmax(point.scores)
    # A forcing term that goes to zero gives superlinear convergence.
    forcing = jnp.minimum(0.1, jnp.sqrt(point.norm / first_norm))
    direction, n_products = conjugate_gradients(
        lambda d: problem.curvature(d, probabilities),
        lambda r: jax.scipy.linalg.cho_solve((factor, True), r),
        -point.gradient,
        tolerance=forcing,
        max_iterations=settings.max_inner,
    )
    change = problem.features.times(direction)
    size, objective = line_search(
        lambda a: problem.objective(point.P + a * direction, point.scores + a * change),
        jnp.vdot(point.gradient, direction),
        point.objective,
        resolution=float(jnp.finfo(change.dtype).eps),
    )
    P, scores = point.P + size * direction, point.scores + size * change
    gradient = problem.gradient(P, jax.nn.softmax(scores))
    n_steps = point.n_steps + 1
    return _Point(
        P,
        scores,
        objective,
        gradient,
        problem.norm(gradient),
        n_steps,
        point.n_products + n_products,
        size <= SMALLEST_STEP,
        point.objectives.at[n_steps].set(objective),
    )
