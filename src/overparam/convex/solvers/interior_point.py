"""The front door of the interior-point methods."""

import os
from typing import Any

import numpy as np

from ...checks import at_least, positive
from ...errors import ConfigError
from ..programs.groups import MaskedGroups
from ..programs.program import Program
from .active_set.method import ActiveSetMethod
from .bounds import EqualityRepair
from .conic import ConicMethod
from .gated import GatedMethod
from .newton import iterate
from .presolve import without_idle_rows
from .solution import Solution, assess
from .units import Units, in_units


_GATED_TOLERANCE = 1e-7
_EXACT_TOLERANCE = 1e-6
# Multiplications of a step in block-arrow form from which the active set is faster.
_LARGE = 1e9


def solve(
    program: Program,
    *,
    tolerance: float | None = None,
    max_iterations: int = 100,
    near: Solution | None = None,
) -> Solution:
    r"""The optimum of a convex programme with a certified gap.

    Gated programmes are solved through their dual (`gated`), exact ones in block-arrow
    form (`conic`), large ones on their active set (`active_set`) and in block-arrow
    form if that does not reach the tolerance. Neither the status nor any number of the
    result relies on the iteration: all are computed from the returned arrays.

    Args:
        program: What to minimise.
        tolerance: Relative gap at which to stop; `None` takes 1e-7 (gated) or 1e-6
            (exact), which rounding does not prevent.
        max_iterations: Most Newton steps, or rounds on the active set.
        near: Solution of a similar programme with the same groups to start from.

    Returns:
        The solution; look at `status` before using the weights.

    Raises:
        ConfigError: If `near` has other groups, or the programme cones that its free
            directions leave (see `presolve`), where a solution is no start.

    Example:
        ```python
        patterns = op.convex.enumerate_patterns(x)
        program = op.convex.convex_program(x, y[:, 0], patterns=patterns, penalty=1.0)
        found = op.convex.solve(program)
        found.primal, found.gap, found.status
        ```
    """
    positive(tolerance=tolerance)
    at_least(1, max_iterations=max_iterations)
    if tolerance is None:
        tolerance = default_tolerance(program)
    accuracy: float = tolerance

    def solver(scaled: Program, units: Units) -> Solution:
        start = None if near is None else units.enter_point(near)
        return _solve(scaled, accuracy, max_iterations, start)

    return in_units(program, solver)


def _solve(
    program: Program, tolerance: float, limit: int, near: Solution | None
) -> Solution:
    # Without a penalty the labels must be fitted exactly: that no weights do is proven
    # here, as an iteration could only fail to converge.
    repair = EqualityRepair(program) if program.penalty is None else None
    if repair is not None:
        unreachable = repair.unreachable()
        if unreachable is not None:
            return infeasible(program, unreachable)
    # Zero weights if they are optimal, which needs no iteration.
    zeros = np.zeros((program.groups.n_groups, program.groups.dimension))
    duals = np.zeros_like(program.signs) if program.exact else None
    zero = assess(program, zeros, program.y, duals, tolerance=tolerance, iterations=0)
    if zero.status == "optimal":
        return zero
    if program.exact:
        # Three arrays of blocks (Hessians, factors, inverses), the outer products of
        # the samples, and the arrays over cone rows that one step holds. What does not
        # fit is refused in a sentence, before the system ends the process without one.
        n, d, count = len(program.y), program.groups.dimension, program.groups.n_groups
        needed = 8 * (3 * count * d**2 + n * d**2 + 8 * count * n)
        available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        if needed > available:
            raise ConfigError(
                f"the exact programme needs about {needed / 1e9:.0f} GB; lower "
                "n_patterns or use method=admm."
            )
    reduced = without_idle_rows(program)
    if near is not None:
        if near.weights.shape != (program.groups.n_groups, program.groups.dimension):
            raise ConfigError(
                f"`near` has weights of shape {near.weights.shape}, the programme has "
                f"{program.groups.n_groups} groups of {program.groups.dimension}."
            )
        if reduced is not None:
            raise ConfigError(
                "this normalised programme has cone rows that constrain nothing, and "
                "starts from its own centre only; leave `near` out."
            )
    # A little below the tolerance, so that the final recomputation agrees.
    accuracy = 0.9 * tolerance
    run = None
    if program.exact and near is None and _is_large(program):
        method = ActiveSetMethod(program, repair)
        run = iterate(method, tolerance=accuracy, max_iterations=limit)
    if run is None or not run.gap <= accuracy:
        kind = ConicMethod if program.exact else GatedMethod
        method: Any = kind(reduced.program if reduced else program, repair)
        rest = iterate(method, tolerance=accuracy, max_iterations=limit, near=near)
        run = rest if run is None else run.merge(rest)
    weights = run.best.weights
    # In the programme as it was given: a fault of the iteration or of the reduction
    # would show as a gap or a violated cone, never as a number that is believed.
    return assess(
        program,
        reduced.restore(program, weights) if reduced else weights,
        run.best.dual,
        run.best.cone_dual,
        tolerance=tolerance,
        iterations=run.iterations,
    )


def _is_large(program: Program) -> bool:
    """Whether an exact programme is solved faster on its active set.

    Normalised neurons are not: what their cones leave free has no bound.
    """
    groups = program.groups
    work = groups.n_groups * len(groups.x) * groups.dimension**2
    return isinstance(groups, MaskedGroups) and work >= _LARGE


def default_tolerance(program: Program) -> float:
    """The relative gap that rounding does not prevent."""
    return _EXACT_TOLERANCE if program.exact else _GATED_TOLERANCE


def infeasible(program: Program, certificate: np.ndarray) -> Solution:
    """No weights fit the labels: `certificate` is orthogonal to all predictions."""
    return Solution(
        program=program,
        weights=np.zeros((program.groups.n_groups, program.groups.dimension)),
        dual=certificate,
        cone_dual=None,
        primal=np.inf,
        lower=np.inf,
        equality_residual=1.0,
        cone_violation=0.0,
        margin=0.0,
        iterations=0,
        status="infeasible",
    )
