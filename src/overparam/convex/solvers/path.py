r"""The regularisation path: penalties from $\beta_{\max}$ down, warm and screened.

Screening is safe. With a feasible dual point $l$ and the absolute gap $\delta$, the
optimal $l^*$ is within $\sqrt{2 \delta}$, hence a group with $\|A_g^T l + X^T S_g
\mu_g\| + \sqrt{2 \delta}\, \|A_g\|_2 < b_g$ for some $\mu_g \ge 0$ (gated: 0) is zero
in every optimum.

Reference: Ndiaye, Fercoq, Gramfort, Salmon 2017, Gap safe screening rules, Theorem 6.
"""

import dataclasses

import numpy as np
from jaxtyping import Bool

from ...checks import at_least, positive
from ...errors import ConfigError
from ..programs.program import Program
from .bounds import dual_sizes, scaled_dual
from .interior_point import default_tolerance, solve
from .presolve import without_idle_rows
from .solution import Solution, assess


# Margin below the bound that covers rounding of the norms.
_ROUNDING = 1e-10


def largest_penalty(program: Program) -> float:
    r"""$\max_g \|A_g^T y\|$: from there on all weights are zero.

    For gated programmes this is $\beta_{\max}$; the cones of an exact one can make its
    weights zero already below.
    """
    return float(program.group_norms(program.groups.adjoint(program.y)).max())


def screened(program: Program, solution: Solution) -> Bool[np.ndarray, " groups"]:
    """Groups of a penalised programme that are zero in every optimum.

    Args:
        program: The programme.
        solution: Any points of a programme with the same groups and labels.

    Raises:
        ConfigError: If the programme asks for the minimum norm.
    """
    if program.penalty is None:
        raise ConfigError("screening is for programmes with fit=penalised.")
    feasible = scaled_dual(program, solution.dual, solution.cone_dual)
    gap = max(program.objective(solution.weights) - feasible.value, 0.0)
    sizes = dual_sizes(program, feasible.dual, feasible.cone_dual)
    reach = np.sqrt(2 * gap) * program.groups.spectral_norms()
    return sizes + reach < program.bounds * (1 - _ROUNDING)


def regularisation_path(
    program: Program,
    *,
    n_penalties: int = 20,
    smallest: float = 1e-3,
    largest: float | None = None,
    tolerance: float | None = None,
    warm: bool = True,
) -> list[Solution]:
    r"""Solutions on a logarithmic grid from $\beta_{\max}$ down to a fraction of it.

    Every solution starts from the one before, over the patterns that could not be
    screened with it; the numbers are of the whole programme. A normalised exact
    programme whose cones have idle rows is solved afresh for every penalty.

    Args:
        program: A gated or exact programme.
        n_penalties: Number of grid points.
        smallest: The last penalty as a fraction of the first.
        largest: The first penalty; `None` takes $\beta_{\max}$.
        tolerance: Relative gap of every solution; `None` as for `solve`.
        warm: Use the solution before; without it every penalty is solved alone.

    Example:
        ```python
        patterns = op.convex.enumerate_patterns(x)
        program = op.convex.convex_program(x, y[:, 0], patterns=patterns, penalty=1.0)
        path = op.convex.regularisation_path(program, n_penalties=3, smallest=0.1)
        ```
    """
    at_least(2, n_penalties=n_penalties)
    positive(largest=largest)
    if not 0 < smallest < 1:
        raise ConfigError(f"`smallest` must be between 0 and 1, got {smallest:g}.")
    warm = warm and without_idle_rows(program) is None
    top = largest_penalty(program) if largest is None else largest
    solutions: list[Solution] = []
    for penalty in np.geomspace(top, smallest * top, n_penalties):
        following = program.with_penalty(float(penalty))
        if warm and solutions and solutions[-1].weights.any():
            found = _solve_screened(following, solutions[-1], tolerance)
        else:
            found = solve(following, tolerance=tolerance)
        solutions.append(found)
    return solutions


def _solve_screened(
    program: Program, near: Solution, tolerance: float | None
) -> Solution:
    # Patterns with a group that may be non-zero, and at least one if there is one.
    kept = ~screened(program, near)
    copies = kept[program.n_skip :].reshape(2 if program.exact else 1, -1)
    patterns = np.asarray(copies.any(axis=0))
    if not patterns.any():
        patterns[:1] = True
    # The groups of some patterns, with the skip block, in their order.
    copies = np.tile(patterns, 2 if program.exact else 1)
    groups = np.flatnonzero(np.concatenate([np.ones(program.n_skip, bool), copies]))
    smaller = dataclasses.replace(
        program,
        groups=program.groups.select(groups),
        patterns=program.patterns.subset(patterns),
    )
    rows = groups[program.n_skip :] - program.n_skip
    known = scaled_dual(program, near.dual, near.cone_dual).cone_dual
    start = dataclasses.replace(
        near,
        program=smaller,
        weights=near.weights[groups],
        cone_dual=None if near.cone_dual is None else near.cone_dual[rows],
    )
    found = solve(smaller, tolerance=tolerance, near=start)
    weights = np.zeros_like(near.weights)
    weights[groups] = found.weights
    if known is not None and found.cone_dual is not None:
        # What screened a pattern proves that it stays inactive.
        known[rows] = found.cone_dual
    return assess(
        program,
        weights,
        found.dual,
        known,
        tolerance=tolerance or default_tolerance(program),
        iterations=found.iterations,
    )
