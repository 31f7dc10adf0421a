r"""Local maxima of $l^T (X u)_+$ on the unit sphere.

With rows $a_i = |l_i| x_i$ it is $\sum_{l_i > 0} (a_i^T u)_+ - \sum_{l_i < 0} (a_i^T
u)_+$, a difference of convex functions. Where the first sum is linear, on the pattern
of u, the maximum over the ball is that of a concave function: $\|r\|$ at $r / \|r\|$,
for the shortest $r = \sum_{l_i > 0,\, a_i^T u > 0} a_i - \sum_{l_i < 0} \alpha_i a_i$
over $\alpha \in [0, 1]$. The first sum lies above its linear part, so that no step
descends. Unlike steps along the gradient these end *on* the kinks of samples with
$l_i < 0$, where maxima like to be.

Reference: Yuille and Rangarajan 2003, The concave-convex procedure.
"""

import numpy as np
from jaxtyping import Float

from .compiled import compiled, dot


_ROUNDS = 100
_SWEEPS = 300


def signed_rows(
    x: Float[np.ndarray, "n d"], dual: Float[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, "k d"], int]:
    """Rows $|l_i| x_i$ that are not zero, those with $l_i > 0$ first; how many have."""
    order = np.concatenate([np.flatnonzero(dual > 0), np.flatnonzero(dual < 0)])
    rows = np.abs(dual[order])[:, None] * x[order]
    used = rows.any(axis=1)
    return np.ascontiguousarray(rows[used]), int(np.sum(used & (dual[order] > 0)))


@compiled
def ascend(rows, n_plus, starts):
    """The local maximum above each direction: directions, shape as `starts`; values.

    A direction that no step leaves from keeps the value minus infinity.
    """
    n, d = rows.shape
    found, values = np.zeros((len(starts), d)), np.full(len(starts), -np.inf)
    sizes, a, r, u = np.empty(n), np.empty(n), np.empty(d), np.empty(d)
    for i in range(n):
        sizes[i] = dot(rows[i], rows[i])
    for s in range(len(starts)):
        u[:] = starts[s]
        for i in range(n_plus, n):
            a[i] = 1.0 if dot(rows[i], u) > 0 else 0.0
        for _ in range(_ROUNDS):
            r[:] = 0
            for i in range(n):
                if i >= n_plus:
                    r -= a[i] * rows[i]
                elif dot(rows[i], u) > 0:
                    r += rows[i]
            _shorten(rows, n_plus, sizes, a, r)
            norm = np.sqrt(dot(r, r))
            if norm == 0:
                break
            r /= norm
            value = 0.0
            for i in range(n):
                inner = max(dot(rows[i], r), 0.0)
                value += inner if i < n_plus else -inner
            if value <= values[s] + 1e-12 * abs(values[s]):
                break
            values[s] = value
            found[s] = r
            u[:] = r
    return found, values


@compiled
def _shorten(rows, n_plus, sizes, a, r):
    """Coordinate descent: the shortest r over the weights a of negative samples."""
    for _ in range(_SWEEPS):
        moved = 0.0
        for i in range(n_plus, len(rows)):
            row = rows[i]
            new = min(1.0, max(0.0, a[i] + dot(row, r) / sizes[i]))
            step = new - a[i]
            if step != 0:
                r -= step * row
                a[i] = new
                moved = max(moved, step * step * sizes[i])
        if moved <= 1e-16 * dot(r, r):
            return
