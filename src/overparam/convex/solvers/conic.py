r"""Exact programmes by a primal-dual interior-point method in block-arrow form.

Per group: $t_g \ge \|z_g\|$ (a second-order cone) and, for ReLU blocks, the rows
$S_g X z_g \ge 0$. Eliminating the groups one by one leaves an $n \times n$ system,
$(\kappa I + \sum_g A_g H_g^{-1} A_g^T)\, d\nu = r$, with
$H_g = e_g^{-2}(I - \tfrac{2}{1 + 2\|w_g\|^2} w_g w_g^T) + X^T \mathrm{diag}(R_g) X$.

The start is an analytic centre of every cone, where weights and multipliers are
strictly feasible and perfectly centred. Slacks are computed from the weights and cone
multipliers from the dual point, never updated, so that all cones hold at every iterate
and rounding does not enter the Newton equations as a residual.
"""

import contextlib
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import get_lapack_funcs

from ..programs import cones
from ..programs.cones import Arrow
from ..programs.groups import PerGroup, PerSample, Samples, Weights
from ..programs.program import Program
from .bounds import EqualityRepair, scaled_dual
from .centres import analytic_centres
from .newton import Candidate, newton_solver
from .solution import Solution


# Relative shifts of the diagonal blocks to try in turn.
_SHIFTS = (0.0, 1e-15, 1e-14, 1e-13, 1e-12)
# How far a warm start is pulled from a solution to the centre.
_PULL = 0.03


class ConicState(NamedTuple):
    r"""An iterate whose cones all hold strictly.

    Attributes:
        heights: $t_g > \|z_g\|$.
        weights: $z_g$.
        dual: Multiplier $\nu$ of the predictions.
        row_duals: Multipliers of the cone rows.
        system: The Newton system that led here.
    """

    heights: PerGroup
    weights: Weights
    dual: Samples
    row_duals: PerSample
    system: "NewtonSystem | None" = None


class Direction(NamedTuple):
    """A Newton step, with the steps of the slacks and multipliers it implies."""

    heights: PerGroup
    weights: Weights
    dual: Samples
    row_duals: PerSample
    slack: Arrow
    rows: PerSample
    multiplier: Arrow


class ConicMethod:
    """Steps and certificates of the block-arrow method for one programme."""

    def __init__(self, program: Program, repair: EqualityRepair | None) -> None:
        self.program = program
        self.repair = repair

    def start(self, near: Solution | None = None) -> ConicState:
        """The perfectly centred start, or one near another programme's solution."""
        centred = self._centred_start()
        return centred if near is None else self._warm_start(near, centred)

    def _warm_start(self, near: Solution, centred: ConicState) -> ConicState:
        """A solution pulled towards the centre, inside all cones.

        Heights make the products of the norm cones about those of the rows.
        """
        program = self.program
        blocks = program.dual_blocks(near.dual, near.cone_dual)
        used = (program.group_norms(blocks) / program.bounds).max(initial=1e-300)
        factor = (1 - _PULL) / used
        weights = near.weights + _PULL * centred.weights
        row_duals = _PULL * centred.row_duals
        if near.cone_dual is not None:
            row_duals = row_duals + factor * near.cone_dual
        dual = factor * near.dual
        blocks = self.penalised(program.dual_blocks(dual, row_duals))
        product = np.median(self.slack_rows(weights) * row_duals)
        paired = cones.dots(self.penalised(weights), blocks)
        heights = (product + paired) / program.bounds
        least = (1 + _PULL**2) * program.group_norms(weights)
        floor = _PULL**2 * centred.heights
        return ConicState(np.maximum(heights, least + floor), weights, dual, row_duals)

    def _centred_start(self) -> ConicState:
        """All complementarity products are equal."""
        program, groups = self.program, self.program.groups
        n, first = len(program.y), program.n_skip
        centres = analytic_centres(program)
        height = np.linalg.norm(program.y) / np.sqrt(groups.n_groups)
        shrink = height / np.sqrt(1 + n)
        weights = np.zeros((groups.n_groups, groups.dimension))
        weights[first:] = shrink * np.concatenate([centres, centres])
        rows = self.slack_rows(weights)
        bounds = program.bounds[first:]
        row_duals = (bounds / np.sqrt(1 + n))[:, None] * shrink / rows
        # At the exact centres this uses n / (1 + n) of the squared bounds; centres that
        # are only nearly exact may use more than all.
        blocks = program.dual_blocks(np.zeros(n), row_duals)[first:]
        used = np.maximum(cones.norms(blocks), np.finfo(float).tiny)
        room = np.sqrt((0.5 + n) / (1 + n)) * bounds / used
        return ConicState(
            heights=np.full(groups.n_groups, height),
            weights=weights,
            dual=np.zeros(n),
            row_duals=np.minimum(1, room)[:, None] * row_duals,
        )

    def penalised(self, z: Weights) -> Weights:
        """The coordinates that are penalised; the others set to zero."""
        return z if self.program.penalised is None else self.program.penalised * z

    def signed_rows(self, z: Weights) -> PerSample:
        """The cone rows $S X z$."""
        first = self.program.n_skip
        return self.program.signs * self.program.groups.activations(z, first)

    def slack_rows(self, z: Weights) -> PerSample:
        """The slacks of the cone rows; those of idle rows are one."""
        return self.signed_rows(z) + (self.program.signs == 0)

    def certify(self, state: ConicState) -> Candidate:
        """Bounds that hold at any iterate, and the points that give them.

        The upper bound is infinite as long as restoring the equality leaves a cone.
        """
        weights = state.weights
        if self.repair is not None and state.system is not None:
            # The second time corrects what rounding left of the first.
            for _ in range(2):
                weights = state.system.restore_equality(weights)
        upper = self.program.objective(weights)
        if self.repair is not None and (
            state.system is None or self.program.violation(weights).any()
        ):
            upper = np.inf
        dual = scaled_dual(self.program, state.dual, state.row_duals)
        return Candidate(weights, upper, dual.dual, dual.cone_dual, dual.value)

    def step(self, state: ConicState) -> ConicState | None:
        """One predictor-corrector step, `None` where the numbers break down."""
        system = NewtonSystem(self, state)
        if not system.interior:
            return None
        system.factorise()
        # Mehrotra's rule: a step straight to the optimum is tried, and the less of it
        # fits into the cones, the more the real step is bent towards the centre.
        zeros = system.slack.times(0.0)
        predictor = system.direction(zeros, 0.0 * system.rows, 1.0)
        shrink = (1 - min(1.0, system.longest(predictor))) ** 3
        target, row_target = system.second_order(predictor)
        target.head[...] += shrink * system.mu
        row_target += shrink * system.mu
        direction = system.direction(target, row_target, 1.0 - shrink)
        # On the boundary the next system would be singular.
        length = min(1.0, 0.99 * system.longest(direction))
        return ConicState(
            heights=state.heights + length * direction.heights,
            weights=state.weights + length * direction.weights,
            dual=state.dual + length * direction.dual,
            row_duals=state.row_duals + length * direction.row_duals,
            system=system,
        )


class NewtonSystem:
    """The linear equations of one iterate, factored once for all right-hand sides."""

    def __init__(self, method: ConicMethod, state: ConicState) -> None:
        self._method, self._state = method, state
        program = self._program = method.program
        self._blocks = program.dual_blocks(state.dual, state.row_duals)
        self.slack = Arrow(state.heights, method.penalised(state.weights))
        self.multiplier = Arrow(program.bounds, -method.penalised(self._blocks))
        self.rows = method.slack_rows(state.weights)
        total = cones.inner(self.slack, self.multiplier)
        total += float(np.vdot(self.rows, state.row_duals))
        self.mu = total / (len(state.heights) + self.rows.size)

    @property
    def interior(self) -> bool:
        """Whether all cones hold strictly."""
        return bool(
            cones.inside(self.slack)
            and cones.inside(self.multiplier)
            and np.all(self.rows > 0)
            and np.all(self._state.row_duals > 0)
        )

    def factorise(self) -> None:
        """Factor the blocks and their Schur complement."""
        self._scaling = cones.nesterov_todd(self.slack, self.multiplier)
        self._lam = self._scaling.apply(self.multiplier)
        self._ratio = self._state.row_duals / self.rows
        hessians, pivots, axes = self._hessians()
        # Inverse factors, in place: a factor is applied many times a step, to all
        # groups in one batched product, where LAPACK would solve group by group.
        lower = _shifted_cholesky(hessians)
        (trtri,) = get_lapack_funcs(["trtri"], [lower])
        for factor in lower:
            # LAPACK is column-major: it sees the transpose, which is upper triangular.
            trtri(factor.T, lower=0, overwrite_c=1)
        # Of $T^T H T = L L^T$ follows $H^{-1} = F^T F$ with $F = L^{-1} T^T$.
        change = axes - np.eye(axes.shape[1])[pivots]
        columns = lower[np.arange(len(lower)), :, pivots]
        lower += columns[:, :, None] * change[:, None, :]
        self._factors = lower
        schur = self._program.groups.block_schur(self._factors)
        schur[np.diag_indices_from(schur)] += self._program.kappa
        repair = self._method.repair
        self._solve = newton_solver(schur, None if repair is None else repair.basis)

    def _hessians(
        self,
    ) -> tuple[Float[np.ndarray, "groups d d"], Int[np.ndarray, " groups"], Weights]:
        r"""All $T_g^T H_g T_g$, the pivots of $T_g$ and its columns there.

        $T_g$ is the identity but for that column: $w_g$, divided by its own pivot.
        Along $w_g$ the norm cone curves as little as $\mu$, across it the cone rows as
        much as $1/\mu$. As an entry of its own the first is not lost to rounding, if it
        is summed from the rows of $w_g$, which are small where they curve much. The
        pivot has the largest $w_{gk}^2 H_{gkk}$: no entry is large for its place.
        """
        program, groups, scaling = self._program, self._program.groups, self._scaling
        first, kept, tails = program.n_skip, program.penalised, scaling.tail
        g, k = (np.arange(size) for size in tails.shape)
        # The norm cone gives a multiple of the identity minus a matrix of rank one, the
        # cone rows a weighted Gram matrix. A coordinate without penalty is in the rows
        # alone.
        weight = 1 / scaling.size**2
        least = weight / (2 * scaling.head**2 - 1)
        paid = np.ones_like(tails) if kept is None else kept
        steep = program.signs**2 * self._ratio
        hessians = (-2 * least[:, None] * tails)[:, :, None] * tails[:, None, :]
        hessians[:, k, k] += weight[:, None] * paid
        hessians[first:] += groups.cone_hessian(steep, first)
        pivots = (tails**2 * hessians[:, k, k]).argmax(axis=1)
        axes, sizes = np.eye(len(k))[pivots], tails[g, pivots][:, None]
        np.divide(tails, sizes, out=axes, where=sizes != 0)
        along = least[:, None] * paid * axes
        along[first:] += groups.cone_gradient(steep, axes, first)
        hessians[g, pivots] = hessians[g, :, pivots] = along
        hessians[g, pivots, pivots] = cones.dots(axes, along)
        return hessians, pivots, axes

    def direction(
        self, target: Arrow, row_target: PerSample, factor: float
    ) -> Direction:
        """The step to the complementarity `target`, residuals shrunk by `factor`."""
        program, state, scaling = self._program, self._state, self._scaling
        first, groups = program.n_skip, program.groups
        # Block elimination: heights are scalars of their groups and go first, then the
        # weights of each group, until the dual point is left with n equations.
        wanted = target.plus(cones.product(self._lam, self._lam), -1.0)
        pushed = scaling.apply_inverse(cones.divide(self._lam, wanted))
        row_pushed = row_target / self.rows - state.row_duals
        right = self._method.penalised(pushed.tail) - factor * self._free_residual
        right[first:] += groups.activations_adjoint(program.signs * row_pushed, first)
        right += (pushed.head * self._slope)[:, None] * scaling.tail
        # $H^{-1} = F^T F$: one half is shared by both right-hand sides.
        half = self._half(right)
        dual = self._solve(
            -factor * self._equality_residual - groups.apply(self._half_adjoint(half))
        )
        weights = self._half_adjoint(half + self._half(groups.adjoint(dual)))
        along = cones.dots(scaling.tail, weights)
        heights = pushed.head / self._head + self._slope * along
        # Slacks and multipliers follow from the step, so that no residual of theirs can
        # build up.
        rows = self._method.signed_rows(weights)
        row_duals = row_pushed - self._ratio * rows
        tails = -self._method.penalised(program.dual_blocks(dual, row_duals))
        return Direction(
            heights,
            weights,
            dual,
            row_duals,
            slack=Arrow(heights, self._method.penalised(weights)),
            rows=rows,
            multiplier=Arrow(np.zeros_like(heights), tails),
        )

    def longest(self, step: Direction) -> float:
        """The largest multiple of a step that leaves no cone."""
        return min(
            cones.max_step(self.slack, step.slack),
            cones.max_step(self.multiplier, step.multiplier),
            cones.max_step_positive(self.rows, step.rows),
            cones.max_step_positive(self._state.row_duals, step.row_duals),
        )

    def second_order(self, predictor: Direction) -> tuple[Arrow, PerSample]:
        """Minus what the predictor neglects in the complementarity."""
        neglected = cones.product(
            self._scaling.apply_inverse(predictor.slack),
            self._scaling.apply(predictor.multiplier),
        )
        return neglected.times(-1.0), -predictor.rows * predictor.row_duals

    def restore_equality(self, weights: Weights) -> Weights:
        """Move the predictions to the labels, mostly along the cone faces."""
        groups = self._program.groups
        missing = self._solve(self._program.y - groups.apply(weights))
        return weights + self._half_adjoint(self._half(groups.adjoint(missing)))

    @cached_property
    def _equality_residual(self) -> Samples:
        program, state = self._program, self._state
        predictions = program.groups.apply(state.weights)
        return predictions + program.kappa * state.dual - program.y

    @cached_property
    def _free_residual(self) -> Weights | float:
        """Stationarity of the coordinates without penalty."""
        penalised = self._program.penalised
        return 0.0 if penalised is None else (penalised - 1) * self._blocks

    @cached_property
    def _head(self) -> PerGroup:
        return (2 * self._scaling.head**2 - 1) / self._scaling.size**2

    @cached_property
    def _slope(self) -> PerGroup:
        return 2 * self._scaling.head / (2 * self._scaling.head**2 - 1)

    def _half(self, z: Weights) -> Weights:
        return (self._factors @ z[:, :, None])[:, :, 0]

    def _half_adjoint(self, z: Weights) -> Weights:
        return (z[:, None, :] @ self._factors)[:, 0]


def _shifted_cholesky(
    matrices: Float[np.ndarray, "groups d d"],
) -> Float[np.ndarray, "groups d d"]:
    """Cholesky factors, of slightly shifted matrices if rounding made them indefinite.

    The shift perturbs the Newton direction but none of the feasibility conditions,
    which are computed from the step.
    """
    k = np.arange(matrices.shape[1])
    diagonal = matrices[:, k, k]
    for shift in _SHIFTS[:-1]:
        matrices[:, k, k] = (1 + shift) * diagonal
        with contextlib.suppress(np.linalg.LinAlgError):
            return np.linalg.cholesky(matrices)
    matrices[:, k, k] = (1 + _SHIFTS[-1]) * diagonal
    return np.linalg.cholesky(matrices)
