"""Certified numbers: feasible dual points, feasible primal points, infeasibility."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.linalg import cho_factor, cho_solve, get_lapack_funcs

from .groups import BasisGroups, PerSample, Weights
from .programs import Program


# Directions of the labels' space that the groups reach less than this count as
# unreachable (a fraction of the largest eigenvalue of sum A A^T).
_RANK_TOLERANCE = 1e-12
# Relative size of X^T S mu up to which it counts as zero.
_BALANCED = 1e-12
_BALANCING_STEPS = 3
# Factors of multipliers up to this are zero but for rounding.
_VANISHES = 1e-8
# Relative distance of the labels to the reachable space above which no weights fit.
_FIT_TOLERANCE = 1e-9


def relative_gap(primal: float, lower: float) -> float:
    """The gap over the lower bound; zero if both values are (numerically) zero."""
    gap = max(primal - lower, 0.0)
    # Optimal values are nonnegative: no positive lower bound means none at all.
    return gap and (gap / lower if lower > np.finfo(float).eps * primal else np.inf)


class FeasibleDual(NamedTuple):
    """A dual feasible point and its objective, a lower bound of the optimum."""

    dual: Float[np.ndarray, " n"]
    cone_dual: PerSample | None
    value: float


def scaled_dual(
    program: Program,
    dual: Float[np.ndarray, " n"],
    cone_dual: PerSample | None = None,
) -> FeasibleDual:
    r"""The best feasible multiple of a dual point.

    $c \le \min_g b_g / \|A_g^T l + X^T S_g \mu_g\|$ is feasible for any $l$ and any
    $\mu \ge 0$; the value is $c\, y^T l - \tfrac{\kappa}{2} c^2 \|l\|^2$.
    """
    if cone_dual is not None:
        cone_dual = _balanced(program, np.maximum(cone_dual, 0))
    sizes = program.group_norms(program.dual_blocks(dual, cone_dual))
    return best_multiple(program, dual, cone_dual, sizes)


def best_multiple(
    program: Program,
    dual: Float[np.ndarray, " n"],
    cone_dual: PerSample | None,
    sizes: Float[np.ndarray, " groups"],
) -> FeasibleDual:
    """`scaled_dual` for given norms of the dual blocks."""
    with np.errstate(divide="ignore"):
        limit = float(np.min(program.bounds / sizes, initial=np.inf))
    linear, square = float(program.y @ dual), program.kappa * float(dual @ dual)
    best = linear / square if square else np.inf
    factor = max(0.0, min(limit, best))
    if not np.isfinite(factor):
        factor = 0.0
    return FeasibleDual(
        factor * dual,
        None if cone_dual is None else factor * cone_dual,
        factor * linear - 0.5 * factor**2 * square,
    )


def _balanced(program: Program, cone_dual: PerSample) -> PerSample:
    r"""Make $X^T S \mu$ vanish in the coordinates without penalty.

    Those are the null space of $D X$: the samples of the pattern do not enter.
    """
    if program.penalised is None or not isinstance(program.groups, BasisGroups):
        return cone_dual
    groups, first = program.groups, program.n_skip
    cone_dual = cone_dual.copy()
    for g, free in enumerate(program.penalised[first:] == 0):
        if not free.any():
            continue
        outside = program.signs[g] < 0
        rows = -groups.x[outside] @ groups.transforms[first + g][:, free]
        cone_dual[g, outside] = _balanced_cone(cone_dual[g, outside], rows)
    return cone_dual


def _balanced_cone(
    multipliers: Float[np.ndarray, " some"], rows: Float[np.ndarray, "some free"]
) -> Float[np.ndarray, " some"]:
    r"""Nonnegative multipliers near the given ones with $\sum_k \mu_k r_k = 0$.

    The correction is the least one relative to the multipliers; those that it would
    make negative, which are as small as the imbalance itself, become zero. Where it
    fails all become zero, which always balances.
    """
    scale = np.linalg.norm(multipliers) * np.linalg.norm(rows)
    kept, change = multipliers > 0, np.zeros(0)
    while kept.any():
        scaled = multipliers[kept, None] * rows[kept]
        change = np.ones(len(scaled))
        for _ in range(_BALANCING_STEPS):
            change -= scaled @ np.linalg.lstsq(scaled, change, rcond=1e-13)[0]
        if change.min() > _VANISHES:
            break
        kept[kept] = change > _VANISHES
    balanced = np.zeros_like(multipliers)
    if kept.any():
        balanced[kept] = change * multipliers[kept]
    fits = np.linalg.norm(balanced @ rows) <= _BALANCED * scale
    return balanced if fits else np.zeros_like(balanced)


class EqualityRepair:
    r"""Least-norm corrections $Z + A^T h$ that make $A Z = y$ hold."""

    def __init__(self, program: Program) -> None:
        self._program = program
        gram = program.groups.gram()
        self.basis: Float[np.ndarray, "n rank"] | None = None
        try:
            self._factor = cho_factor(gram)
            norm = np.abs(gram).sum(axis=0).max()
            (pocon,) = get_lapack_funcs(["pocon"], [gram])
            well = pocon(self._factor[0], norm)[0] > _RANK_TOLERANCE
        except np.linalg.LinAlgError:
            well = False
        if not well:
            values, vectors = np.linalg.eigh(gram)
            kept = values > _RANK_TOLERANCE * values[-1]
            self.basis = vectors[:, kept]
            self._inverse = 1 / values[kept]

    def unreachable(self) -> Float[np.ndarray, " n"] | None:
        """The part of the labels that no weights reach, `None` if there is none."""
        if self.basis is None:
            return None
        y = self._program.y
        rest = y - self.basis @ (self.basis.T @ y)
        rest -= self.basis @ (self.basis.T @ rest)
        size = np.linalg.norm(rest)
        return rest if size > _FIT_TOLERANCE * np.linalg.norm(y) else None

    def __call__(self, z: Weights) -> Weights:
        """The corrected weights."""
        groups = self._program.groups
        return z + groups.adjoint(self._solve(self._program.y - groups.apply(z)))

    def _solve(self, v: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        if self.basis is None:
            return cho_solve(self._factor, v, check_finite=False)
        return self.basis @ (self._inverse * (self.basis.T @ v))
