r"""The regularisation path: penalties from $\beta_{\max}$ down, warm and screened.

Screening is safe. With a feasible dual point $l$ and the absolute gap $\delta$, the
optimal $l^*$ is within $\sqrt{2 \delta}$, hence a group with $\|A_g^T l\| + \sqrt{2
\delta}\, \|A_g\|_2 < b_g$ is zero in every optimum.

Reference: Ndiaye, Fercoq, Gramfort, Salmon 2017, Gap safe screening rules, Theorem 6.
"""

import dataclasses

import numpy as np
from jaxtyping import Bool

from ..checks import at_least
from ..errors import ConfigError
from .bounds import scaled_dual
from .interior_point import solve
from .programs import Program
from .solution import Solution, assess


# Margin below the bound that covers rounding of the norms.
_ROUNDING = 1e-10


def largest_penalty(program: Program) -> float:
    r"""$\beta_{\max} = \max_g \|A_g^T y\|$: from there on gated weights are zero."""
    return float(program.group_norms(program.groups.adjoint(program.y)).max())


def screened(program: Program, solution: Solution) -> Bool[np.ndarray, " groups"]:
    """Groups of a gated penalised programme that are zero in every optimum.

    Args:
        program: The programme.
        solution: Any points of a programme with the same groups and labels.

    Raises:
        ConfigError: If the programme is exact or asks for the minimum norm.
    """
    if program.exact or program.penalty is None:
        raise ConfigError("screening is for gated programmes with fit=penalised.")
    feasible = scaled_dual(program, solution.dual)
    gap = max(program.objective(solution.weights) - feasible.value, 0.0)
    sizes = program.group_norms(program.groups.adjoint(feasible.dual))
    reach = np.sqrt(2 * gap) * program.groups.spectral_norms()
    return sizes + reach < program.bounds * (1 - _ROUNDING)


def regularisation_path(
    program: Program,
    *,
    n_penalties: int = 20,
    smallest: float = 1e-3,
    tolerance: float = 1e-7,
) -> list[Solution]:
    r"""Solutions on a logarithmic grid from $\beta_{\max}$ down to a fraction of it.

    Every solution starts from the one before, over the groups that could not be
    screened with it; the numbers are of the whole programme.

    Args:
        program: A gated programme.
        n_penalties: Number of grid points.
        smallest: The last penalty as a fraction of $\beta_{\max}$.
        tolerance: Relative gap of every solution.
    """
    at_least(2, n_penalties=n_penalties)
    if program.exact or not 0 < smallest < 1:
        raise ConfigError("a path needs a gated programme and 0 < smallest < 1.")
    top = largest_penalty(program)
    solutions: list[Solution] = []
    for penalty in np.geomspace(top, smallest * top, n_penalties):
        following = program.with_penalty(float(penalty))
        near = solutions[-1] if solutions else None
        solutions.append(_solve_screened(following, near, tolerance))
    return solutions


def _solve_screened(
    program: Program, near: Solution | None, tolerance: float
) -> Solution:
    if near is None or not near.weights.any():
        return solve(program, tolerance=tolerance)
    kept = np.flatnonzero(~screened(program, near))
    if not len(kept):
        kept = np.arange(1)
    smaller = dataclasses.replace(program, groups=program.groups.select(kept))
    start = dataclasses.replace(near, program=smaller, weights=near.weights[kept])
    found = solve(smaller, tolerance=tolerance, near=start)
    weights = np.zeros_like(near.weights)
    weights[kept] = found.weights
    return assess(
        program,
        weights,
        found.dual,
        None,
        tolerance=tolerance,
        iterations=found.iterations,
    )
