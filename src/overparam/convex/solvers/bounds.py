"""Certified numbers: feasible dual points, feasible primal points, infeasibility."""

import dataclasses
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.linalg import cho_factor, cho_solve, get_lapack_funcs

from ..programs.bases import line_sizes
from ..programs.groups import (
    BasisGroups,
    Groups,
    MaskedGroups,
    PerGroup,
    PerSample,
    Weights,
)
from ..programs.program import Program
from ..programs.rounding import gamma


# Reciprocal condition number of sum A A^T above which its Cholesky factor is used.
_WELL = 1e-8
# Singular values of the maps below this fraction of the largest, times the number of
# samples, are rounding.
_RANK_TOLERANCE = float(np.finfo(float).eps)
# Rows of the maps that are factored at a time.
_PANEL = 2000
_PROJECTIONS = 3
_REFINEMENTS = 2
# Part of the largest bound of the norm that rounding allows which proves that no
# weights fit.
_PROVEN = 1e-3
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
    r"""The best feasible multiple of a dual point, and what it proves.

    $c \le \min_g b_g / \|A_g^T l + X^T S_g \mu_g\|$ is feasible for any $l$ and any
    $\mu \ge 0$; the value is $c\, y^T l - \tfrac{\kappa}{2} c^2 \|l\|^2$. The norms are
    raised and the value lowered by the most that rounding can have done to them.
    """
    # Rounding leaves small negative multipliers, which would prove nothing.
    if cone_dual is not None:
        cone_dual = _balanced(program, np.maximum(cone_dual, 0))
    return best_multiple(program, dual, cone_dual, dual_sizes(program, dual, cone_dual))


def dual_sizes(
    program: Program,
    dual: Float[np.ndarray, " n"],
    cone_dual: PerSample | None = None,
) -> PerGroup:
    r"""Upper bounds of the norms of the dual blocks.

    A computed block is within $\gamma\, \sum_k (|m_{gk} l_k| + \mu_{gk}) \rho_{gk}$ of
    the exact one, where $\rho_{gk}$ are the sizes of the rows.
    """
    groups, first = program.groups, program.n_skip
    sizes = program.group_norms(program.dual_blocks(dual, cone_dual))
    rows = np.broadcast_to(groups.row_sizes, groups.masks.shape)
    absolute = (np.abs(groups.masks) * rows) @ np.abs(dual)
    if cone_dual is not None:
        used = np.abs(program.signs) * cone_dual
        absolute[first:] += (rows[first:] * used).sum(axis=1)
    error = gamma(*groups.x.shape)
    known = 1 - groups.distortion()
    raised = sizes * (1 + error) + error * absolute
    return np.where(known > 0, raised / np.where(known > 0, known, 1), np.inf)


def best_multiple(
    program: Program,
    dual: Float[np.ndarray, " n"],
    cone_dual: PerSample | None,
    sizes: PerGroup,
) -> FeasibleDual:
    """`scaled_dual` for given norms of the dual blocks."""
    # The value is a parabola in the factor: best at its top, or where a bound stops it.
    with np.errstate(divide="ignore"):
        limit = float(np.min(program.bounds / sizes, initial=np.inf))
    linear, square = float(program.y @ dual), program.kappa * float(dual @ dual)
    best = linear / square if square else np.inf
    factor = max(0.0, min(limit, best))
    if not np.isfinite(factor):
        factor = 0.0
    # Of the products, both of which only lower what is claimed.
    error = gamma(len(dual))
    value = factor * linear - 0.5 * factor**2 * square * (1 + error)
    value -= error * factor * float(np.abs(program.y) @ np.abs(dual))
    return FeasibleDual(
        factor * dual,
        None if cone_dual is None else factor * cone_dual,
        max(0.0, value),
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
    # Each round drops the multipliers that the correction would make negative: there
    # are fewer every time, so that it ends.
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
    r"""Least-norm corrections $Z + A^T h$ that make $A Z = y$ hold.

    Where $\sum_g A_g A_g^T$ is safely definite its Cholesky factor does it. Otherwise
    the maps are factored themselves, $A^T = Q R$, with samples brought to one size:
    the sum has the squares of their singular values and loses those below the root of
    rounding.

    Attributes:
        basis: A basis of the multipliers that matter, those without the ones that are
            orthogonal to all predictions; `None` if all matter.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self.basis: Float[np.ndarray, "n rank"] | None = None
        gram = program.groups.gram()
        try:
            self._factor = cho_factor(gram)
            norm = np.abs(gram).sum(axis=0).max()
            (pocon,) = get_lapack_funcs(["pocon"], [gram])
            well = pocon(self._factor[0], norm)[0] > _WELL
        except np.linalg.LinAlgError:
            well = False
        if not well:
            self._lines = line_sizes(program.groups.row_sizes, axis=0)
            left, sizes = _left_singular(program.groups, self._lines)
            kept = sizes > _RANK_TOLERANCE * len(gram) * sizes.max(initial=0)
            self._reached = left[:, kept]
            self.basis = self._reached / self._lines[:, None]
            self._spread = self.basis / sizes[kept]

    def unreachable(self) -> Float[np.ndarray, " n"] | None:
        r"""A proof that no weights fit the labels, `None` if there is none.

        For any $l$ weights that fit have $\sum_g \|z_g\| \ge y^T l / \max_g \|A_g^T
        l\|$. It is a proof where this is as large as rounding lets it be: the
        certificate is orthogonal to all predictions as far as float64 can tell. The
        units of columns do not change what is reached, but large columns hide small
        ones from rounding: it must be a proof for columns of one size, too.
        """
        proof = self._orthogonal()
        groups = self._program.groups
        if proof is None or not isinstance(groups, MaskedGroups):
            return proof
        sizes = line_sizes(groups.x, axis=0)
        if (sizes == sizes[0]).all():
            return proof
        even = dataclasses.replace(groups, x=groups.x / sizes)
        repair = EqualityRepair(dataclasses.replace(self._program, groups=even))
        return repair._orthogonal()

    def _orthogonal(self) -> Float[np.ndarray, " n"] | None:
        """Multipliers that prove it in the units at hand."""
        if self.basis is None:
            return None
        program, lines = self._program, self._lines
        labels = program.y / lines
        rest = labels.copy()
        for _ in range(_PROJECTIONS):
            rest -= self._reached @ (self._reached.T @ rest)
        size = np.linalg.norm(program.y)
        if not np.linalg.norm(lines * rest) > _FIT_TOLERANCE * size:
            return None
        # Noise of the projection, where no weights reach the sample itself.
        unit = np.linalg.norm(labels)
        rest[np.abs(rest) <= np.finfo(float).eps * unit] = 0
        rest /= lines
        gained = float(program.y @ rest)
        gained -= gamma(len(rest)) * float(np.abs(program.y) @ np.abs(rest))
        reached = float(dual_sizes(program, rest).max(initial=0))
        least = _PROVEN / gamma(*program.groups.x.shape) * unit
        return rest if gained > least * reached else None

    def __call__(self, z: Weights) -> Weights:
        """The corrected weights."""
        groups, y = self._program.groups, self._program.y
        corrected = z + groups.adjoint(self._solve(y - groups.apply(z)))
        if self.basis is not None:
            for _ in range(_REFINEMENTS):
                missing = y - groups.apply(corrected)
                corrected = corrected + groups.adjoint(self._solve(missing))
        return corrected

    def _solve(self, v: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        if self.basis is None:
            return cho_solve(self._factor, v, check_finite=False)
        return self._spread @ (self._spread.T @ v)


def _left_singular(
    groups: Groups, lines: Float[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, "n n"], Float[np.ndarray, " n"]]:
    """Left singular vectors and values of all maps side by side, from $A^T = Q R$.

    The rows are divided by the sizes of the samples, which changes neither what weights
    reach nor, being powers of two, any digit.
    """
    n = len(groups.x)
    triangle = np.zeros((0, n))
    count = max(1, _PANEL // groups.dimension)
    for first in range(0, groups.n_groups, count):
        some = groups.select(np.arange(first, min(first + count, groups.n_groups)))
        stacked = np.concatenate([triangle, some.stacked() / lines])
        triangle = np.asarray(np.linalg.qr(stacked, mode="r"))
    left, sizes, _ = np.linalg.svd(triangle.T)
    return left, np.pad(sizes, (0, n - len(sizes)))
