r"""Gated programmes by a dual interior-point method with a Hadamard-Schur matrix.

The dual $\max_l y^T l - \tfrac{\kappa}{2}\|l\|^2$ subject to $\|A_g^T l\| \le b_g$ has
one unknown per sample. With Nesterov-Todd scalings $(e_g, w_g)$ of its cones the Newton
matrix is $\kappa I + \sum_g e_g^{-2} A_g (I + 2 w_g w_g^T) A_g^T$: for masks a Hadamard
product of two $n \times n$ matrices, whatever the dimension. The primal weights are
the multipliers and never unknowns of a factorisation.
"""

from typing import NamedTuple

import numpy as np

from ..programs import cones
from ..programs.cones import Arrow
from ..programs.groups import Samples
from ..programs.program import Program
from .bounds import EqualityRepair, best_multiple
from .newton import Candidate, newton_solver
from .solution import Solution


# Fraction of the dual bounds that a warm start uses.
_WARM = 0.99


class GatedState(NamedTuple):
    r"""A strictly feasible dual point with its slacks, and multipliers.

    Attributes:
        dual: $l$.
        slack: $s_g = (b_g, A_g^T l)$.
        multiplier: $\zeta_g$; the primal weights are minus its tails.
    """

    dual: Samples
    slack: Arrow
    multiplier: Arrow


class GatedMethod:
    """Steps and certificates of the dual method for one programme."""

    def __init__(self, program: Program, repair: EqualityRepair | None) -> None:
        self.program = program
        self.repair = repair

    def start(self, near: Solution | None = None) -> GatedState:
        """The centred starting point, or one near a solution of a similar programme."""
        if near is not None:
            # Pull a solution into the cones: the dual point is scaled to use a fraction
            # of its bounds, and the multipliers get heights that make all
            # complementarity products about equal, as on the central path.
            program = self.program
            sizes = program.group_norms(program.groups.adjoint(near.dual))
            dual = _WARM / (sizes / program.bounds).max(initial=1e-300) * near.dual
            slack = Arrow(program.bounds, program.groups.adjoint(dual))
            tails = -near.weights
            lengths = cones.norms(tails)
            room = float(((1 - _WARM) * program.bounds * lengths).mean())
            heights = np.sqrt(lengths**2 + 2 * lengths * room / program.bounds)
            heights += room / program.bounds
            return GatedState(dual, slack, Arrow(heights, tails))
        bounds, groups = self.program.bounds, self.program.groups
        zeros = np.zeros((groups.n_groups, groups.dimension))
        dual = np.zeros_like(self.program.y)
        size = np.linalg.norm(self.program.y) / np.sqrt(groups.n_groups)
        multiplier = Arrow(np.full(groups.n_groups, size), zeros)
        return GatedState(dual, Arrow(bounds, zeros), multiplier)

    def certify(self, state: GatedState) -> Candidate:
        """Bounds that hold at any iterate, and the points that give them."""
        weights = -state.multiplier.tail
        if self.repair is not None:
            weights = self.repair(weights)
        sizes = cones.norms(state.slack.tail)
        dual = best_multiple(self.program, state.dual, None, sizes)
        return Candidate(
            weights, self.program.objective(weights), dual.dual, None, dual.value
        )

    def step(self, state: GatedState) -> GatedState | None:
        """One predictor-corrector step, `None` where the numbers break down."""
        if not (cones.inside(state.slack) and cones.inside(state.multiplier)):
            return None
        system = _NewtonSystem(self, state)
        mu = cones.inner(state.slack, state.multiplier) / len(state.slack.head)
        predictor = system.direction(system.complementarity, 1.0)
        shrink = (1 - min(1.0, predictor.longest(state))) ** 3
        correction = system.second_order(predictor)
        target = system.complementarity.plus(correction, -1.0)
        target.head[...] += shrink * mu
        direction = system.direction(target, 1.0 - shrink)
        length = min(1.0, 0.99 * direction.longest(state))
        dual = state.dual + length * direction.dual
        # The slacks are computed and not updated, so that the dual point is exactly
        # feasible and its residual does not enter the Newton equations.
        return GatedState(
            dual,
            Arrow(self.program.bounds, self.program.groups.adjoint(dual)),
            state.multiplier.plus(direction.multiplier, length),
        )


class _Direction(NamedTuple):
    dual: Samples
    slack: Arrow
    multiplier: Arrow

    def longest(self, state: GatedState) -> float:
        return min(
            cones.max_step(state.slack, self.slack),
            cones.max_step(state.multiplier, self.multiplier),
        )


class _NewtonSystem:
    """The linear equations of one iterate, factored once for all right-hand sides."""

    def __init__(self, method: GatedMethod, state: GatedState) -> None:
        program, self._groups = method.program, method.program.groups
        self._scaling = cones.nesterov_todd(state.slack, state.multiplier)
        self._lam = self._scaling.apply(state.multiplier)
        self.complementarity = cones.product(self._lam, self._lam).times(-1.0)
        self._residual = (
            program.kappa * state.dual
            - program.y
            - self._groups.apply(state.multiplier.tail)
        )
        schur = self._groups.schur(1 / self._scaling.size**2, self._scaling.tail)
        schur[np.diag_indices_from(schur)] += program.kappa
        basis = None if method.repair is None else method.repair.basis
        self._solve = newton_solver(schur, basis)

    def direction(self, target: Arrow, factor: float) -> _Direction:
        """The step towards `target` in the scaled complementarity."""
        pushed = self._scaling.apply_inverse(cones.divide(self._lam, target))
        dual = self._solve(-factor * self._residual + self._groups.apply(pushed.tail))
        slack = Arrow(np.zeros_like(pushed.head), self._groups.adjoint(dual))
        pulled = self._scaling.apply_inverse_square(slack)
        return _Direction(dual, slack, pushed.plus(pulled, -1.0))

    def second_order(self, predictor: _Direction) -> Arrow:
        """What the predictor neglects in the complementarity."""
        return cones.product(
            self._scaling.apply_inverse(predictor.slack),
            self._scaling.apply(predictor.multiplier),
        )
