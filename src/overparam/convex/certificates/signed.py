r"""A bound of $\max_{\|u\| \le 1} |l^T (X u)_+|$ that uses the signs of the multiplier.

On samples with $l_i > 0$, $(t)_+ = (t + |t|) / 2$; on the others $-|l_i| (t)_+ \le -a_i
|l_i| t$ for every $a_i \in [0, 1]$. With $b_i = l_i x_i / 2$ and $r(a) = \sum_{l_i > 0}
b_i - \sum_{l_i < 0} a_i |l_i| x_i$ the maximum of $l^T (X u)_+$ is at most that of
$|r^T u| + \sum_{l_i > 0} |b_i^T u|$, and for every $\delta > 0$ at most $\sqrt{\sum
\delta_i\, \lambda_{\max}(r r^T / \delta_0 + \sum b_i b_i^T / \delta_i)}$. The best a
and $\delta$ are the solution of a semidefinite programme, found by
`solvers/sign_relaxation.py`; whatever they are, the bound of them is proven.
"""

import numpy as np
from jaxtyping import Float

from ..solvers.compiled import compiled, dot
from ..solvers.sign_relaxation import factorised, first_theta, relax
from .activation import in_units


# Relative distance of the bound to the best of its kind.
_ACCURACY = 1e-5
# Barriers to begin with, as parts of the bound; a path that needs more Newton steps has
# left the middle, where a few of a thousand end up to a percent above the best.
_BARRIERS = (1.0, 30.0)
_FEW_STEPS = 24
_EPS = float(np.finfo(float).eps)


def signed_activation(
    x: Float[np.ndarray, "n d"], dual: Float[np.ndarray, " n"]
) -> float:
    r"""A proven upper bound of $\max_{\|u\| \le 1} |l^T (X u)_+|$ in any dimension."""
    _, x, dual, left_out, exponent = in_units(x, dual)
    if dual @ np.linalg.norm(x, axis=1) < 0:
        # The larger side is likely this one; the other only has to be below it.
        dual = -dual
    larger = eigenvalue_bound(x, dual, *best_weights(x, dual))
    other = eigenvalue_bound(x, -dual, *best_weights(x, -dual, larger))
    # NumPy's maximum keeps what is no number, which proves nothing.
    return float(np.ldexp(np.maximum(larger, other) + 1.01 * left_out, exponent))


def best_weights(
    x: Float[np.ndarray, "n d"], dual: Float[np.ndarray, " n"], enough: float = 0.0
) -> tuple[Float[np.ndarray, " negative"], Float[np.ndarray, " positive_and_one"]]:
    r"""Nearly the best $a$ and $\delta$, first $\delta_0$, or any that prove `enough`.

    In units where $\sum |l_i| \|x_i\|$ is about 1.
    """
    if len(x) < x.shape[1]:
        # Coordinates in the span of the samples.
        x = np.ascontiguousarray(np.linalg.qr(x.T)[1].T)
    return _best_weights(x, dual, enough)


@compiled
def _best_weights(x, dual, enough):
    d, n_free, n_linear = x.shape[1], 0, 0
    for i in range(len(x)):
        n_free += dual[i] > 0
        n_linear += dual[i] < 0
    free, linear, base = np.empty((n_free, d)), np.empty((n_linear, d)), np.zeros(d)
    weights, delta = np.zeros(n_linear), np.ones(n_free + 1)
    i_free, i_linear = 0, 0
    for i in range(len(x)):
        for k in range(d):
            if dual[i] > 0:
                free[i_free, k] = 0.5 * dual[i] * x[i, k]
                base[k] += free[i_free, k]
            elif dual[i] < 0:
                linear[i_linear, k] = dual[i] * x[i, k]
        i_free += dual[i] > 0
        i_linear += dual[i] < 0
    if not n_free:
        return weights, np.zeros(1)
    best, k = np.inf, 0
    while k < len(_BARRIERS):
        start, share = first_theta(free), np.full(n_linear, 0.5)
        bound, _, _, steps = relax(
            free, linear, base, start, share, enough, _ACCURACY, _BARRIERS[k],
        )  # fmt: skip
        if bound < best:
            best, weights = bound, share
            for i in range(n_free):
                delta[1 + i] = np.exp(start[i])
        if best <= enough:
            break
        if enough > 0:
            # None is as low, which a few steps have told.
            enough = 0.0
        elif steps <= _FEW_STEPS:
            break
        else:
            k += 1
    delta[0] = max(0.0, best**2 - np.sum(delta[1:]))
    return weights, delta


@compiled
def eigenvalue_bound(x, dual, weights, delta):
    r"""The bound of $l^T (X u)_+$ that $a$ and $\delta$ prove, with its rounding error.

    Sums of k products are within $k \epsilon$ of their absolute values, norms of rows
    and matrices included; the eigenvalue is proven by a factorisation.
    """
    n, d = x.shape
    r, rows = np.zeros(d), np.empty((len(delta), d))
    total, mass, apart, i_free, i_linear = np.sum(delta), 0.0, 0.0, 1, 0
    for i in range(n):
        mass += abs(dual[i]) * np.sqrt(dot(x[i], x[i]))
        if dual[i] > 0:
            half = 0.5 * dual[i]
            r += half * x[i]
            rows[i_free] = half / np.sqrt(delta[i_free]) * x[i]
            i_free += 1
        elif dual[i] < 0:
            r += weights[i_linear] * dual[i] * x[i]
            i_linear += 1
    if len(delta) == 1:
        return 0.0
    if delta[0] > _EPS * total:
        rows[0] = r / np.sqrt(delta[0])
    else:
        rows, apart, total = rows[1:], np.sqrt(dot(r, r)), total - delta[0]
    gram = np.dot(rows, rows.T) if len(rows) < d else np.dot(rows.T, rows)
    top = _proven_top(gram) + (len(rows) + d) * _EPS * np.sum(rows * rows)
    size = np.sqrt(total * top) + apart
    return size * (1 + (n + d + 8) * _EPS) + (n + 16) * _EPS * mass


@compiled
def _proven_top(matrix):
    """Not below the largest eigenvalue of a matrix without negative ones.

    If s I - A has a Cholesky factor in floating point, no eigenvalue of A is above s by
    more than (k + 2) eps tr(s I - A). Rump 2006, Verification of positive definiteness.
    """
    k = len(matrix)
    top, more = np.linalg.eigvalsh(matrix)[-1], 4 * k * _EPS
    while more < 1:
        shift = top * (1 + more)
        if factorised(shift * np.eye(k) - matrix):
            return shift * (1 + k * (k + 4) * _EPS)
        more *= 4
    return np.inf
