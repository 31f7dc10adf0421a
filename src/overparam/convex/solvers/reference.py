"""The same programmes handed to CVXPY: slow, and independent of our solvers."""

from typing import Any

import numpy as np

from ...errors import ConfigError, SolverError
from ..programs.groups import BasisGroups, MaskedGroups
from ..programs.program import Program
from .solution import Solution, assess
from .units import Units, in_units


def solve_reference(
    program: Program, *, solver: str = "CLARABEL", tolerance: float = 1e-6
) -> Solution:
    """The optimum according to CVXPY, with numbers computed from the arrays it gives.

    Equality and cones hold to the solver's accuracy only: see `equality_residual` and
    `cone_violation` of the solution.

    Args:
        program: What to minimise.
        solver: Name of an installed CVXPY solver: `CLARABEL`, `MOSEK`, ...
        tolerance: Relative gap up to which the status is `optimal`.

    Raises:
        ConfigError: If the extra `convex` or the solver is not installed.
        SolverError: If the solver gives no point.

    Example:
        ```python
        patterns = op.convex.enumerate_patterns(x)
        program = op.convex.convex_program(x, y[:, 0], patterns=patterns, penalty=1.0)
        op.convex.solve_reference(program).primal  # of CVXPY
        ```
    """
    try:
        import cvxpy as cp
    except ImportError as error:
        raise ConfigError(
            "`reference` needs the extra `convex`: pip install 'overparam[convex]'."
        ) from error
    if solver not in cp.installed_solvers():
        listed = ", ".join(cp.installed_solvers())
        raise ConfigError(f"{solver} is not installed; CVXPY has {listed}.")

    def hand_over(scaled: Program, units: Units) -> Solution:
        return _solve(cp, scaled, solver, tolerance)

    return in_units(program, hand_over)


def _solve(cp: Any, program: Program, solver: str, tolerance: float) -> Solution:
    z = cp.Variable((program.groups.n_groups, program.groups.dimension))
    groups = program.groups
    if isinstance(groups, BasisGroups):
        flat = groups.blocks.reshape(len(program.y), -1)
        predictions = flat @ cp.vec(z, order="C")
    else:
        assert isinstance(groups, MaskedGroups)
        predictions = cp.sum(cp.multiply(groups.masks.T, groups.x @ z.T), axis=1)
    penalised = z
    if program.penalised is not None:
        penalised = cp.multiply(program.penalised, z)
    penalty = program.bounds @ cp.norm(penalised, 2, axis=1)
    constraints = _cones(cp, program, z)
    cone_constraints = list(constraints)
    if program.penalty is None:
        constraints.append(predictions == program.y)
        problem = cp.Problem(cp.Minimize(penalty), constraints)
    else:
        loss = 0.5 * cp.sum_squares(predictions - program.y)
        problem = cp.Problem(cp.Minimize(penalty + loss), constraints)
    try:
        problem.solve(solver=solver)
    except cp.error.SolverError as error:
        raise SolverError(f"{solver} failed: {error}") from error
    if z.value is None:
        raise SolverError(f"{solver} found no point: {problem.status}.")
    dual = program.y - program.groups.apply(z.value)
    if program.penalty is None:
        dual = -np.asarray(constraints[-1].dual_value)
    cone_dual = None
    if program.exact:
        values = [np.asarray(c.dual_value).reshape(-1) for c in cone_constraints]
        cone_dual = np.stack(values).reshape(program.signs.shape)
    iterations = problem.solver_stats.num_iters or 0
    return assess(
        program, z.value, dual, cone_dual, tolerance=tolerance, iterations=iterations
    )


def _cones(cp: Any, program: Program, z: Any) -> list[Any]:
    groups, first = program.groups, program.n_skip
    if not program.exact:
        return []
    if not isinstance(groups, BasisGroups):
        rows = cp.multiply(program.signs, z[first:] @ groups.x.T)
        return [rows >= 0]
    return [
        cp.multiply(signs, groups.x @ (groups.transforms[g] @ z[g])) >= 0
        for g, signs in enumerate(program.signs)
    ]
