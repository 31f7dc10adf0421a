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

from ..solvers.sign_relaxation import first_theta, relax
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
    sizes = (
        eigenvalue_bound(x, signed, *best_weights(x, signed))
        for signed in (dual, -dual)
    )
    # NumPy's maximum keeps what is no number, which proves nothing.
    return float(np.ldexp(np.max([*sizes]) + 1.01 * left_out, exponent))


def best_weights(
    x: Float[np.ndarray, "n d"], dual: Float[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, " negative"], Float[np.ndarray, " positive_and_one"]]:
    r"""Nearly the best $a$ and $\delta$, first $\delta_0$.

    In units where $\sum |l_i| \|x_i\|$ is about 1.
    """
    if len(x) < x.shape[1]:
        # Coordinates in the span of the samples.
        x = np.ascontiguousarray(np.linalg.qr(x.T)[1].T)
    free = 0.5 * dual[dual > 0, None] * x[dual > 0]
    linear = dual[dual < 0, None] * x[dual < 0]
    base, n_negative = free.sum(axis=0), len(linear)
    if not len(free):
        return np.zeros(n_negative), np.zeros(1)
    best, theta, weights = np.inf, np.zeros(len(free)), np.zeros(n_negative)
    for barrier in _BARRIERS:
        start, share = first_theta(free), np.full(n_negative, 0.5)
        bound, _, _, steps = relax(
            free, linear, base, np.zeros(n_negative), np.ones(n_negative), start, share,
            0.0, _ACCURACY, barrier,
        )  # fmt: skip
        if bound < best:
            best, theta, weights = bound, start, share
        if steps <= _FEW_STEPS:
            break
    delta = np.exp(theta)
    first = max(0.0, best**2 - float(delta.sum()))
    return weights, np.concatenate([[first], delta])


def eigenvalue_bound(
    x: Float[np.ndarray, "n d"],
    dual: Float[np.ndarray, " n"],
    weights: Float[np.ndarray, " negative"],
    delta: Float[np.ndarray, " positive_and_one"],
) -> float:
    r"""The bound of $l^T (X u)_+$ that $a$ and $\delta$ prove, with its rounding error.

    Sums of k products are within $k \epsilon$ of their absolute values, norms of rows
    and matrices included; the eigenvalue is proven by a factorisation.
    """
    plus, minus = dual > 0, dual < 0
    if not plus.any():
        return 0.0
    factors = np.where(plus, 0.5 * dual, 0.0)
    factors[minus] = weights * dual[minus]
    n, d = x.shape
    r, rows = factors @ x, factors[plus, None] * x[plus]
    apart = float(np.linalg.norm(r))
    if delta[0] > _EPS * delta.sum():
        rows, apart = np.concatenate([r[None], rows]), 0.0
    else:
        delta = delta[1:]
    scaled = rows / np.sqrt(delta)[:, None]
    gram = scaled @ scaled.T if len(scaled) < d else scaled.T @ scaled
    top = _proven_top(gram) + (len(scaled) + d) * _EPS * float(np.sum(scaled**2))
    size = float(np.sqrt(delta.sum() * top)) + apart
    mass = float(np.abs(dual) @ np.linalg.norm(x, axis=1))
    return size * (1 + (n + d + 8) * _EPS) + (n + 16) * _EPS * mass


def _proven_top(matrix: Float[np.ndarray, "k k"]) -> float:
    """Not below the largest eigenvalue of a matrix without negative ones.

    If s I - A has a Cholesky factor in floating point, no eigenvalue of A is above s by
    more than (k + 2) eps tr(s I - A). Rump 2006, Verification of positive definiteness.
    """
    k = len(matrix)
    top, more = float(np.linalg.eigvalsh(matrix)[-1]), 4 * k * _EPS
    while True:
        shift = top * (1 + more)
        try:
            np.linalg.cholesky(shift * np.eye(k) - matrix)
        except np.linalg.LinAlgError:
            more *= 4
        else:
            return shift * (1 + k * (k + 4) * _EPS)
