r"""Patterns on demand: solve, look for a violated dual constraint, add its pattern.

A sample of n patterns can be far from optimal. The dual optimum $l$ of the patterns at
hand is optimal for all of them if $|l^T (X u)_+| \le b$ on the unit ball (gated:
$\|X^T D l\| \le b$ for every pattern; normalised: for outputs $(X u)_+$ of norm one,
and projections of $l$ on the range of $D X$). A direction that violates it gives a
pattern that lowers the value. The search is local, so the result is an estimate of the
optimum over all patterns, and never called a bound of it.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from ...checks import at_least
from ..programs.arrangement import unit_rows
from ..programs.patterns import patterns_of, with_directions
from ..programs.program import Program, over_patterns
from .ascent import ascend, signed_rows
from .interior_point import solve
from .solution import Solution


_STARTS = 400
_STEPS = 50
# Relative shift that makes rank-deficient fits unique.
_SHIFT = 1e-10
# Relative excess over the bound below which a direction does not count as violating.
_EXCESS = 1e-6
# Size of the step by which a local maximum is moved off the boundaries of cells.
_NUDGE = 1e-6


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
        program: A programme with the patterns to begin with.
        rounds: Most rounds.
        added: Most patterns added in a round.
        tolerance: Relative gap of every solution; `None` as for `solve`.
        max_iterations: Most Newton steps of every solution.
        rng: Generator of the starts of the search.
    """
    at_least(1, rounds=rounds, added=added)
    options = {"tolerance": tolerance, "max_iterations": max_iterations}
    solutions = [solve(program, **options)]
    while len(solutions) < rounds and solutions[-1].status != "max_iterations":
        found = violating_directions(solutions[-1], rng=rng)
        last = solutions[-1].program
        x, old = last.groups.x, last.patterns
        new = patterns_of(x, found)
        kept = [i for i, mask in enumerate(new.masks) if old.index(mask) is None]
        larger = with_directions(old, x, new.gates[kept[:added]])
        if len(larger.masks) <= len(old.masks):
            break
        solutions.append(solve(over_patterns(last, larger), **options))
    return Generated(
        solutions[-1],
        [solution.primal for solution in solutions],
        [len(solution.program.patterns.masks) for solution in solutions],
    )


def violating_directions(
    solution: Solution, *, rng: np.random.Generator
) -> Float[np.ndarray, "found d"]:
    """Directions whose patterns break the dual constraint, the worst first.

    The exact constraint climbs to its local maxima from the gates at hand and from
    random starts (`ascent.py`); others make fixed-point steps (`_fixed_points`).
    """
    program, x = solution.program, solution.program.groups.x
    starts = np.concatenate(
        [program.patterns.gates, rng.standard_normal((_STARTS, x.shape[1]))]
    )
    starts = unit_rows(starts)
    if program.exact and program.network != "normalised":
        sides = [
            ascend(*signed_rows(x, side), starts)
            for side in (solution.dual, -solution.dual)
        ]
        directions, best = (np.concatenate(parts) for parts in zip(*sides, strict=True))
        # Maxima lie on the boundaries of cells, whose centres need a point inside.
        directions = directions + _NUDGE * rng.standard_normal(directions.shape)
    else:
        directions, best = _fixed_points(program, solution.dual, starts)
    bound = program.bounds[-1] * (1 + _EXCESS)
    if solution.status == "infeasible":
        # Any output along the certificate brings the labels nearer.
        bound = _EXCESS * best.max(initial=0)
    order = np.argsort(-best)
    return directions[order[best[order] > bound]]


def _fixed_points(
    program: Program,
    dual: Float[np.ndarray, " n"],
    starts: Float[np.ndarray, "k d"],
) -> tuple[Float[np.ndarray, "found d"], Float[np.ndarray, " found"]]:
    r"""The best directions on the way of steps to the maximum of the present cell.

    That is $\pm X^T D_u l$, or the least-squares fit of $\pm D_u l$ by a normalised
    neuron.
    """
    x = program.groups.x
    best, directions = np.zeros(2 * len(starts)), np.concatenate([starts, starts])
    signs, u = np.repeat([1.0, -1.0], len(starts)), directions
    for _ in range(_STEPS):
        blocks, value = _best_on_cells(program, u @ x.T >= 0, dual)
        if program.exact:
            hidden = np.maximum(u @ x.T, 0)
            sizes = np.maximum(np.linalg.norm(hidden, axis=1), 1e-300)
            value = signs * (hidden @ dual) / sizes
        better = value > best
        best, directions = (
            np.where(better, value, best),
            np.where(better[:, None], u, directions),
        )
        ascent = signs[:, None] * blocks
        ascent /= np.maximum(np.linalg.norm(ascent, axis=1, keepdims=True), 1e-300)
        # The zero direction is no direction: where nothing ascends, nothing moves.
        ascent = np.where(ascent.any(axis=1, keepdims=True), ascent, u)
        u = u + 0.5 * (ascent - u) if program.exact else ascent
        u /= np.maximum(np.linalg.norm(u, axis=1, keepdims=True), 1e-300)
    return directions, best


def _best_on_cells(
    program: Program,
    active: Bool[np.ndarray, "found n"],
    dual: Float[np.ndarray, " n"],
) -> tuple[Float[np.ndarray, "found d"], Float[np.ndarray, " found"]]:
    """The weights that maximise the constraint for each pattern, and its maximum."""
    x = program.groups.x
    pulled = (active * dual) @ x
    if program.network != "normalised":
        return pulled, np.linalg.norm(pulled, axis=1)
    n, d = x.shape
    products = (x[:, :, None] * x[:, None, :]).reshape(n, d * d)
    grams = (active @ products).reshape(-1, d, d)
    shift = _SHIFT * np.trace(grams, axis1=1, axis2=2) + np.finfo(float).tiny
    grams += shift[:, None, None] * np.eye(d)
    fits = np.linalg.solve(grams, pulled[:, :, None])[:, :, 0]
    return fits, np.sqrt(np.maximum(np.sum(fits * pulled, axis=1), 0))
