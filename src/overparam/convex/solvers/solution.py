"""What a convex solver returns: weights, multipliers and certified numbers."""

import dataclasses
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from ...checks import arrays_by_shape
from ..programs.cones import norms
from ..programs.groups import PerSample, Weights
from ..programs.program import Program
from ..programs.rounding import gamma
from .bounds import relative_gap, scaled_dual


Status = Literal["optimal", "inaccurate", "infeasible", "non-unique", "max_iterations"]

INACCURATE = 1e-5
"""Relative gaps between the tolerance and this are `inaccurate`, above it the point
is not a solution."""

RESIDUAL = 1e-9
"""The equality is restored to rounding; more than this is a failed restoration."""


@arrays_by_shape
@dataclass(frozen=True, eq=False)
class Solution:
    r"""A primal and a dual point of a programme, with the gap between their values.

    Attributes:
        program: What was solved.
        weights: $z_g$, one row per group, in the coordinates of the programme.
        dual: $l$, scaled so that it is dual feasible. If `status` is `infeasible`,
            a certificate: $A_g^T l = 0$ for every group and $y^T l > 0$.
        cone_dual: Multipliers $\mu \ge 0$ of the cones, shape `(cones, n)`.
        primal: Objective of the network of `weights` on the data, an upper bound of the
            optimal value up to `equality_residual` and `cone_violation`; infinite where
            the labels of a minimum-norm programme are not fitted.
        lower: Dual objective of `dual` less what rounding can have added, a lower bound
            of the optimal value and never above `primal`.
        equality_residual: $\|f - y\| / \|y\|$ of a minimum-norm programme, else 0.
        cone_violation: Most negative cone row, as a nonnegative number.
        margin: What rounding and labels that are not quite fitted hide of `primal`: to
            first order the cost of fitting them.
        iterations: Number of iterations.
        status: `optimal` (gap within the tolerance, rounding included), `non-unique`
            (optimal, one of many), `inaccurate` (gap below 1e-5), `infeasible` (`dual`
            proves that no weights fit) or `max_iterations` (none of these is known).
    """

    program: Program
    weights: Weights
    dual: Float[np.ndarray, " n"]
    cone_dual: PerSample | None
    primal: float
    lower: float
    equality_residual: float
    cone_violation: float
    margin: float
    iterations: int
    status: Status

    @property
    def gap(self) -> float:
        """Certified relative distance of `upper` to the optimal value."""
        return relative_gap(self.upper, self.lower)

    @property
    def upper(self) -> float:
        """`primal` with its `margin`.

        Weights that miss a label may pay less than the optimum, and would else be the
        better for it, with a gap of zero.
        """
        return self.primal + self.margin

    @property
    def solved(self) -> bool:
        """Whether the weights may be used as a solution."""
        return self.status in ("optimal", "non-unique")

    @property
    def skip_weights(self) -> Float[np.ndarray, " d"] | None:
        """Weights of the linear block."""
        return self.weights[0] if self.program.n_skip else None

    @property
    def neuron_weights(self) -> Weights:
        """Weights of the ReLU blocks in input coordinates (exact: u above v)."""
        return self.program.groups.neurons(self.weights)[self.program.n_skip :]

    @property
    def group_norms(self) -> Float[np.ndarray, " groups"]:
        """Norm of every block."""
        return self.program.group_norms(self.weights)

    @property
    def predictions(self) -> Float[np.ndarray, " n"]:
        """Predictions $f$ on the data."""
        return self.program.groups.apply(self.weights)

    def with_status(self, status: Status) -> "Solution":
        """The same point under another status."""
        return dataclasses.replace(self, status=status)


def assess(
    program: Program,
    weights: Weights,
    dual: Float[np.ndarray, " n"],
    cone_dual: PerSample | None,
    *,
    tolerance: float,
    iterations: int,
) -> Solution:
    """The solution object of given arrays; every number is computed from them."""
    weights, dual = _finite(weights), _finite(dual)
    cone_dual = None if cone_dual is None else _finite(cone_dual)
    feasible = scaled_dual(program, dual, cone_dual)
    primal, residual, margin = network_value(program, weights, feasible.dual)
    # A smaller lower bound is one, too: it never exceeds the value of a point at hand.
    lower = min(feasible.value, primal)
    found = Solution(
        program=program,
        weights=weights,
        dual=feasible.dual,
        cone_dual=feasible.cone_dual,
        primal=primal,
        lower=lower,
        equality_residual=residual,
        cone_violation=float(program.violation(weights).max(initial=0)),
        margin=margin,
        iterations=iterations,
        status="max_iterations",
    )
    if found.gap <= tolerance and residual <= RESIDUAL:
        return found.with_status("optimal")
    usable = found.gap <= INACCURATE and residual <= INACCURATE
    return found.with_status("inaccurate") if usable else found


def network_value(
    program: Program, weights: Weights, dual: Float[np.ndarray, " n"]
) -> tuple[float, float, float]:
    """Objective of a network, its equality residual and what rounding hides of both.

    The programme's own objective counts where it is larger: weights outside their cones
    are a network of other patterns.
    """
    predictions, paid = program.realised(weights)
    missing = program.y - predictions
    sums = norms(weights) @ np.broadcast_to(
        program.groups.row_sizes, program.groups.masks.shape
    )
    rounding = gamma(program.groups.x.shape[1], len(weights)) * sums
    penalty = float(program.bounds @ paid)
    if program.penalty is not None:
        value = penalty + 0.5 * float(missing @ missing)
        margin = float(np.abs(missing) @ rounding + 0.5 * rounding @ rounding)
        return max(value, program.objective(weights)), 0.0, margin
    # The residual changes the value of the optimum by its product with the multiplier.
    margin = abs(float(dual @ missing)) + float(np.abs(dual) @ rounding)
    size = max(float(np.linalg.norm(program.y)), _TINY)
    residual = float(np.linalg.norm(missing)) / size
    if not residual <= INACCURATE:
        return np.inf, residual, margin
    return max(penalty, program.objective(weights)), residual, margin


def _finite(values: np.ndarray) -> np.ndarray:
    """The values, zero if one of them is not finite (a point that proves nothing)."""
    return values if np.isfinite(values).all() else np.zeros_like(values)


_TINY = float(np.finfo(float).tiny)
