"""What a convex solver returns: weights, multipliers and certified numbers."""

import dataclasses
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from .bounds import relative_gap, scaled_dual
from .groups import PerSample, Weights
from .programs import Program


Status = Literal["optimal", "inaccurate", "infeasible", "non-unique", "max_iterations"]

INACCURATE = 1e-5
"""Relative gaps between the tolerance and this are `inaccurate`, above it the point
is not a solution."""


@dataclass(frozen=True, eq=False)
class Solution:
    r"""A primal and a dual point of a programme, with the gap between their values.

    Attributes:
        program: What was solved.
        weights: $z_g$, one row per group, in the coordinates of the programme.
        dual: $l$, scaled so that it is dual feasible. If `status` is `infeasible`,
            a certificate: $A_g^T l = 0$ for every group and $y^T l > 0$.
        cone_dual: Multipliers $\mu \ge 0$ of the cones, shape `(cones, n)`.
        primal: Objective of `weights`, an upper bound of the optimal value up to
            `equality_residual` and `cone_violation`.
        lower: Dual objective of `dual`, a lower bound of the optimal value.
        equality_residual: $\|f - y\| / \|y\|$ of a minimum-norm programme, else 0.
        cone_violation: Most negative cone row, as a nonnegative number.
        iterations: Number of iterations.
        status: `optimal` (gap within the tolerance), `non-unique` (optimal, one of
            many), `inaccurate` (gap below 1e-5), `max_iterations` (no solution) or
            `infeasible`.
    """

    program: Program
    weights: Weights
    dual: Float[np.ndarray, " n"]
    cone_dual: PerSample | None
    primal: float
    lower: float
    equality_residual: float
    cone_violation: float
    iterations: int
    status: Status

    @property
    def gap(self) -> float:
        """Certified relative distance of `primal` to the optimal value."""
        return relative_gap(self.primal, self.lower)

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
    feasible = scaled_dual(program, dual, cone_dual)
    residual = 0.0
    if program.penalty is None:
        error = np.linalg.norm(program.y - program.groups.apply(weights))
        residual = float(error / max(np.linalg.norm(program.y), _TINY))
    primal = program.objective(weights)
    gap = relative_gap(primal, feasible.value)
    converged = gap <= tolerance and residual <= _RESIDUAL
    usable = gap <= INACCURATE and residual <= INACCURATE
    return Solution(
        program=program,
        weights=weights,
        dual=feasible.dual,
        cone_dual=feasible.cone_dual,
        primal=primal,
        lower=feasible.value,
        equality_residual=residual,
        cone_violation=float(program.violation(weights).max(initial=0)),
        iterations=iterations,
        status="optimal" if converged else "inaccurate" if usable else "max_iterations",
    )


_TINY = float(np.finfo(float).tiny)
# The equality is restored to rounding; more than this is a failed restoration.
_RESIDUAL = 1e-9
