"""What the methods share: Newton solves, certificates, the loop."""

from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
from jaxtyping import Float
from scipy.linalg import cho_factor, cho_solve

from ..programs.groups import PerSample, Samples, Square, Weights
from .bounds import relative_gap
from .solution import Solution


# Diagonal shift of the factored matrix, as a fraction of its mean eigenvalue; the
# refinement below removes its effect on the solution.
_SHIFT = 1e-14
_REFINEMENTS = 2
# Iterations without progress after which rounding is taken to have taken over, and the
# part of the gap that must remain at most for an iteration to count as progress.
_PATIENCE = 5
_PROGRESS = 0.99


class Candidate(NamedTuple):
    """A primal and a dual point with the bounds of the optimum that they prove."""

    weights: Weights
    upper: float
    dual: Samples
    cone_dual: PerSample | None
    lower: float

    def merge(self, other: "Candidate") -> "Candidate":
        """The better primal with the better dual point."""
        primal = self if self.upper <= other.upper else other
        dual = self if self.lower >= other.lower else other
        return Candidate(
            primal.weights, primal.upper, dual.dual, dual.cone_dual, dual.lower
        )


State = TypeVar("State")


class Method(Protocol[State]):
    """A predictor-corrector method for one programme."""

    def start(self, near: Solution | None) -> State: ...

    def certify(self, state: State) -> Candidate: ...

    def step(self, state: State) -> State | None: ...


class Iterated(NamedTuple):
    """The best points an interior-point method found."""

    best: Candidate
    iterations: int

    @property
    def gap(self) -> float:
        """The relative gap of the best points."""
        return relative_gap(self.best.upper, self.best.lower)

    def merge(self, other: "Iterated") -> "Iterated":
        """The better points of two methods."""
        return Iterated(self.best.merge(other.best), self.iterations + other.iterations)


def iterate(
    method: Method[State],
    *,
    tolerance: float,
    max_iterations: int,
    near: Solution | None = None,
) -> Iterated:
    """Step until the certified gap is below `tolerance` or rounding takes over."""
    state = method.start(near)
    best = method.certify(state)
    smallest, age, iteration = relative_gap(best.upper, best.lower), 0, 0
    while iteration < max_iterations and smallest > tolerance and age < _PATIENCE:
        iteration += 1
        try:
            with np.errstate(all="ignore"):
                following = method.step(state)
                if following is None:
                    break
                state, candidate = following, method.certify(following)
        except np.linalg.LinAlgError:  # The numbers break down.
            break
        if np.isnan(candidate.upper) or not np.isfinite(candidate.lower):
            break
        best = best.merge(candidate)
        gap = relative_gap(best.upper, best.lower)
        age = 0 if gap < _PROGRESS * smallest or np.isinf(gap) else age + 1
        smallest = min(gap, smallest)
    return Iterated(best, iteration)


def newton_solver(
    matrix: Square, basis: Float[np.ndarray, "n rank"] | None = None
) -> Callable[[Samples], Samples]:
    """A refined Cholesky solver of `matrix`, restricted to the span of `basis`."""
    if basis is not None:
        matrix = basis.T @ matrix @ basis
    shifted = matrix.copy()
    shifted[np.diag_indices_from(shifted)] += _SHIFT * np.trace(matrix) / len(matrix)
    factor = cho_factor(shifted, overwrite_a=True, check_finite=False)

    def solve(v: Samples) -> Samples:
        v = v if basis is None else basis.T @ v
        solution = cho_solve(factor, v, check_finite=False)
        for _ in range(_REFINEMENTS):
            residual = v - matrix @ solution
            solution += cho_solve(factor, residual, check_finite=False)
        return solution if basis is None else basis @ solution

    return solve
