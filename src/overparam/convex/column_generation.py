r"""Patterns on demand: solve, look for a violated dual constraint, add its pattern.

A sample of n patterns can be far from optimal. The dual optimum $l$ of the patterns at
hand is optimal for all of them if $|l^T (X u)_+| \le b$ on the unit ball (gated:
$\|X^T D l\| \le b$ for every pattern); a direction that violates it gives a pattern
that lowers the value. The search is local, so the result is an estimate of the optimum
over all patterns, and never called a bound of it.
"""

import dataclasses
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ..checks import at_least
from ..errors import ConfigError
from .interior_point import solve
from .patterns import patterns_of, with_directions
from .programs import Program, convex_program
from .solution import Solution


_STARTS = 400
_STEPS = 50
# Relative excess over the bound below which a direction does not count as violating.
_EXCESS = 1e-6


class Generated(NamedTuple):
    """The last solution, and the value and number of patterns of every round."""

    solution: Solution
    values: list[float]
    counts: list[int]


def generate_columns(
    program: Program,
    *,
    rounds: int = 10,
    added: int = 40,
    tolerance: float | None = None,
    max_iterations: int = 100,
    rng: np.random.Generator,
) -> Generated:
    """Solve over growing sets of patterns until no violating direction is found.

    Args:
        program: A plain or skip programme with the patterns to begin with.
        rounds: Most rounds.
        added: Most patterns added in a round.
        tolerance: Relative gap of every solution; `None` as for `solve`.
        max_iterations: Most Newton steps of every solution.
        rng: Generator of the starts of the search.
    """
    at_least(1, rounds=rounds, added=added)
    if program.network == "normalised":
        raise ConfigError("column generation is not built for normalised networks.")
    options = {"tolerance": tolerance, "max_iterations": max_iterations}
    solutions = [solve(program, **options)]
    while len(solutions) < rounds and solutions[-1].status != "max_iterations":
        found = violating_directions(solutions[-1], rng=rng)
        larger = _with_patterns(solutions[-1].program, found, added)
        if larger is None:
            break
        solutions.append(solve(larger, **options))
    return Generated(
        solutions[-1],
        [solution.primal for solution in solutions],
        [len(solution.program.patterns.masks) for solution in solutions],
    )


def violating_directions(
    solution: Solution, *, rng: np.random.Generator
) -> Float[np.ndarray, "found d"]:
    """Directions whose patterns break the dual constraint, the worst first.

    Fixed-point steps $u \\leftarrow \\pm X^T D_u l$, which maximise the linear part of
    the constraint on the present cell, from the gates at hand and from random starts.
    """
    program, x, dual = solution.program, solution.program.groups.x, solution.dual
    starts = np.concatenate(
        [program.patterns.gates, rng.standard_normal((_STARTS, x.shape[1]))]
    )
    best, directions = np.zeros(2 * len(starts)), np.concatenate([starts, starts])
    signs = np.repeat([1.0, -1.0], len(starts))
    u = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    for _ in range(_STEPS):
        active = u @ x.T >= 0
        blocks = (active * dual) @ x
        sizes = np.linalg.norm(blocks, axis=1)
        value = signs * (np.maximum(u @ x.T, 0) @ dual) if program.exact else sizes
        better = value > best
        best, directions = (
            np.where(better, value, best),
            np.where(better[:, None], u, directions),
        )
        ascent = signs[:, None] * blocks / np.maximum(sizes, 1e-300)[:, None]
        u = u + 0.5 * (ascent - u) if program.exact else ascent
        u /= np.maximum(np.linalg.norm(u, axis=1, keepdims=True), 1e-300)
    bound = program.bounds[-1] * (1 + _EXCESS)
    order = np.argsort(-best)
    return directions[order[best[order] > bound]]


def _with_patterns(
    program: Program, directions: Float[np.ndarray, "found d"], added: int
) -> Program | None:
    """The programme with the patterns of new directions, `None` if none is new."""
    x, old = program.groups.x, program.patterns
    new = patterns_of(x, directions)
    kept = [i for i, mask in enumerate(new.masks) if old.index(mask) is None][:added]
    larger = with_directions(old, x, new.gates[kept])
    if len(larger.masks) <= len(old.masks):
        return None
    built = convex_program(
        x,
        program.y,
        patterns=larger,
        network=program.network,
        relaxation=program.relaxation,
        penalty=program.penalty,
    )
    merged = built.merged_all_ones or program.merged_all_ones
    return dataclasses.replace(built, merged_all_ones=merged)
