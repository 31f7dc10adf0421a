r"""Analytic centres of activation cones.

The centre of $\{z : S X z > 0\}$ minimises $\tfrac12\|z\|^2 - \sum_k \log(S X z)_k$,
with the norm of the coordinates that are penalised.
There $z = X^T S (1 / (S X z))$ and $\|z\|^2 = n$, which makes it the perfectly centred
start of an interior-point method, and a short direction with a large smallest margin.
A sampled gate is a poor point of its own cone: its smallest margin can be $10^5$
times smaller.
"""

import numpy as np
from jaxtyping import Float

from ..programs.cones import dots, norms
from ..programs.groups import Groups, PerGroup, PerSample, Weights
from ..programs.program import Program


_MAX_STEPS = 100
_LINE_SEARCH_STEPS = 8
# Newton decrement at which a centre is accurate enough to start from, and the one where
# the gradient in the coordinates without penalty vanishes too.
_CENTRED = 0.3
_BALANCED = 1e-7


def analytic_centres(program: Program) -> Weights:
    """The centre of the cone of every pattern, in the coordinates of its group."""
    first, count = program.n_skip, len(program.patterns.masks)
    groups = program.groups.select(np.arange(first, first + count))
    signs = program.signs[:count]
    centres = groups.coordinates(program.patterns.gates)
    centres *= (np.sqrt(signs.shape[1]) / norms(centres))[:, None]
    paid, enough = np.ones_like(centres), _CENTRED
    if program.penalised is not None:
        paid, enough = program.penalised[first : first + count], _BALANCED
    active = np.arange(count)
    for _ in range(_MAX_STEPS):
        centres[active], decrement = _newton_step(
            groups.select(active), signs[active], paid[active], centres[active]
        )
        active = active[decrement > enough]
        if not len(active):
            break
    return centres


def _newton_step(
    groups: Groups, signs: PerSample, paid: Weights, z: Weights
) -> tuple[Weights, PerGroup]:
    margins = signs * groups.activations(z, 0) + (signs == 0)
    gradient = paid * z - groups.activations_adjoint(signs / margins, 0)
    hessian = groups.cone_hessian((signs / margins) ** 2, 0)
    hessian += paid[:, :, None] * np.eye(groups.dimension)
    step = -_solved(hessian, gradient)
    decrement = np.sqrt(np.maximum(0, -dots(gradient, step)))
    moved = signs * groups.activations(step, 0)
    products = dots(paid * z, step), dots(paid * step, step)
    length = _line_search(*products, margins, moved, 1 / (1 + decrement))
    return z + length[:, None] * step, decrement


def _solved(
    hessian: Float[np.ndarray, "cones d d"], gradient: Weights
) -> Float[np.ndarray, "cones d"]:
    """Newton steps; a shift by rounding serves where thin cones make one singular.

    The step then still descends, and the line search keeps it inside.
    """
    try:
        return np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0]
    except np.linalg.LinAlgError:
        d = hessian.shape[1]
        shift = d * np.finfo(float).eps * np.trace(hessian, axis1=1, axis2=2)
        shifted = hessian + shift[:, None, None] * np.eye(d)
        return np.linalg.solve(shifted, gradient[:, :, None])[:, :, 0]


def _line_search(
    linear: PerGroup,
    quadratic: PerGroup,
    margins: PerSample,
    moved: PerSample,
    length: PerGroup,
) -> PerGroup:
    """Damped Newton steps in the step length; they cannot leave the cones."""
    for _ in range(_LINE_SEARCH_STEPS):
        ratio = moved / (margins + length[:, None] * moved)
        slope = linear + length * quadratic - ratio.sum(axis=1)
        curvature = quadratic + dots(ratio, ratio)
        damping = curvature + np.abs(slope) * np.sqrt(curvature)
        length = length - slope / np.maximum(damping, np.finfo(float).tiny)
    return length


class ConeLift:
    r"""Lifts of exact weights into their cones that leave the predictions as they are.

    With $S X c \ge 1$, adding $\tau c$ to both weights u and v of a pattern keeps
    $D X (u - v)$ and costs at most $2 \tau \|c\|$.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self._count = len(program.patterns.masks)
        centres = analytic_centres(program)
        first = program.n_skip
        groups = program.groups.select(np.arange(first, first + self._count))
        signs = program.signs[: self._count]
        margins = np.where(signs, signs * groups.activations(centres, 0), np.inf)
        self._witnesses = centres / margins.min(axis=1, keepdims=True)

    def __call__(self, z: Weights) -> Weights:
        """Weights inside all cones."""
        first = self._program.n_skip
        depth = self._program.violation(z).reshape(2, self._count).max(axis=0)
        lift = depth[:, None] * self._witnesses
        return np.concatenate([z[:first], z[first:] + np.concatenate([lift, lift])])
