r"""Projections on activation cones, each found from the face that it was on before.

The nearest point of $\{z : S X z \ge 0\}$ to $w$ is $w + X^T S \mu$ for the multipliers
$\mu \ge 0$ of least $\|w + X^T S \mu\|$, nonnegative least squares in the Gram matrix
of the inputs, which all cones share. Its face is where $\mu > 0$, at most d rows.

Reference: Lawson and Hanson 1974, Solving least squares problems, chapter 23; the
factor is updated with a row, and by rotations without one.
"""

import numba
import numpy as np

from ..compiled import move


# Sums may be taken in any order, or no loop of them is vectorised.
_compiled = numba.njit(
    nogil=True, cache=True, error_model="numpy", fastmath={"reassoc", "contract"}
)
# Slack of a row, relative to the largest of the given point, that counts as negative.
_NEGATIVE = 1e-12
# Least squared pivot of the factor, relative to the squared size of its row.
_PIVOT = 1e-14
# Exchanges of a row, per dimension: a warm start takes less than one.
_EXCHANGES = 20


@_compiled
def project(gram, dimension, signs, rows, multipliers, chosen):
    """Find the multipliers of some cones, from those at hand.

    By normal equations: within the rounding times the squared condition of a face.

    Args:
        gram: Inner products of the inputs, shape `(n, n)`.
        dimension: The most rows of a face.
        signs: Cone signs S, shape `(cones, n)`.
        rows: $S X w$ of the chosen cones, shape `(chosen, n)`.
        multipliers: Multipliers, shape `(cones, n)`, zero off their face; overwritten.
        chosen: The cones to project on.
    """
    factor = np.zeros((dimension, dimension))
    index, wanted = np.empty(dimension, np.int64), np.empty(dimension)
    slack = np.empty(gram.shape[0])
    for i in range(len(chosen)):
        g = chosen[i]
        _nearest(gram, signs[g], rows[i], multipliers[g], factor, index, wanted, slack)


@_compiled
def _nearest(gram, signs, rows, multipliers, factor, index, wanted, slack):
    m = 0
    for j in range(len(rows)):
        if multipliers[j] > 0 and m < len(index):
            _with_row(gram, signs, factor, index, m, j)
            m += 1
    least, picked = -_NEGATIVE * np.abs(rows).max(), -1
    for _ in range(_EXCHANGES * len(index)):
        _solved(factor, m, rows, index, wanted)
        first = move(multipliers, wanted, index, m)
        if first >= 0:
            # The row that just came is negative by rounding alone.
            if index[first] == picked:
                return
            _without_row(factor, index, m, first)
            m -= 1
            continue
        slack[:] = 0
        for i in range(m):
            row, size = gram[index[i]], signs[index[i]] * multipliers[index[i]]
            for j in range(len(rows)):
                slack[j] += size * row[j]
        worst, picked = least, -1
        for j in range(len(rows)):
            value = rows[j] + signs[j] * slack[j]
            if value < worst and multipliers[j] == 0:
                worst, picked = value, j
        if picked < 0 or m == len(index):
            return
        _with_row(gram, signs, factor, index, m, picked)
        m += 1


@_compiled
def _with_row(gram, signs, factor, index, m, row):
    """A Cholesky factor with one more row."""
    index[m] = row
    for k in range(m):
        t = signs[row] * signs[index[k]] * gram[row, index[k]]
        for q in range(k):
            t -= factor[m, q] * factor[k, q]
        factor[m, k] = t / factor[k, k]
    t = gram[row, row]
    for q in range(m):
        t -= factor[m, q] * factor[m, q]
    factor[m, m] = np.sqrt(max(t, _PIVOT * gram[row, row]))


@_compiled
def _without_row(factor, index, m, first):
    """A Cholesky factor without one of its rows."""
    for i in range(first, m - 1):
        index[i] = index[i + 1]
        factor[i, : i + 2] = factor[i + 1, : i + 2]
    for i in range(first, m - 1):
        size = np.hypot(factor[i, i], factor[i, i + 1])
        cosine, sine = factor[i, i] / size, factor[i, i + 1] / size
        for k in range(i, m - 1):
            a, b = factor[k, i], factor[k, i + 1]
            factor[k, i] = cosine * a + sine * b
            factor[k, i + 1] = cosine * b - sine * a


@_compiled
def _solved(factor, m, rows, index, wanted):
    """The multipliers that make the slack of the face vanish."""
    for i in range(m):
        t = -rows[index[i]]
        for q in range(i):
            t -= factor[i, q] * wanted[q]
        wanted[i] = t / factor[i, i]
    for i in range(m - 1, -1, -1):
        t = wanted[i] / factor[i, i]
        wanted[i] = t
        for q in range(i):
            wanted[q] -= factor[i, q] * t
