r"""Compiled nodes of the search over activation signs.

A node fixes the signs of some samples with $l_i > 0$. There $(x_i^T u)_+$ is $x_i^T u$
or zero, and its sign enters by a multiplier $m_i \in [0, 1]$: with $a_i = |l_i| x_i$
and signs $s_i$ the node's maximum is at most that of $r^T u + \tfrac12
\sum_{\text{free}} |a_i^T u|$,

$$r = \tfrac12 \sum_{\text{free}} a_i + \sum_{s_i = 1} a_i + \sum_{\text{fixed}} m_i s_i
a_i - \sum_{l_i < 0} \alpha_i a_i,$$

which `solvers/sign_relaxation.py` bounds. Samples with $l_i < 0$ need no branch: once
all signs are fixed no bound is above the maximum of all directions, as $a_i^T u$ and 0
are nowhere above $(a_i^T u)_+$, even without m. An m above 1 would prune little more,
and where signs contradict each other the best ones are infinite.

Rounding: the bound is $\sqrt{\sum \delta_i (1 + \eta)}$ where $(1 + \eta) I - M$ has a
Cholesky factor in floating point; what products and sums lose is added.
"""

import numpy as np

from ..solvers.compiled import compiled, dot
from ..solvers.sign_relaxation import factorised, relax


# Relative distance of a node's bound to the best of its kind; that of the last nodes.
_ACCURACY, _EXACT = 1e-2, 1e-9
# The barrier at the start, as a part of the bound: first node, children.
_FIRST, _LATER = 0.1, 0.03
# Starts of children: distance to the box, growth of log delta.
_APART, _LOOSER = 0.02, 0.1
# Least part of delta_0; more than what its cancellation leaves.
_LEAST = 1e-12
_MARGIN = 1e-10
# How soon a sample far from its hyperplane is given up as the next to be fixed.
_FAR = 3.0
_EPS = float(np.finfo(float).eps)


@compiled
def explore(rows, n_plus, signs, theta, weights, bound, target, budget, slack):
    """Fix signs until all parts of a node are bounded by `target`, or budget is spent.

    Args:
        rows: $|l_i| x_i$, those with $l_i > 0$ first, shape `(n, d)`.
        n_plus: How many have $l_i > 0$.
        signs: Of these; zero where free.
        theta: $\\log \\delta$ of the free ones.
        weights: $m$ of the fixed ones, $\\alpha$ of those with $l_i < 0$.
        bound: What is known of the node.
        target: What is to be proven.
        budget: Most nodes to look at.
        slack: What is added to every bound.

    Returns:
        Nodes looked at; the largest bound of those that are done; signs, theta, weights
        and bounds of the open ones; the largest value that was met, and where.
    """
    (n, d), deep = rows.shape, n_plus + 2
    all_signs, all_theta = np.empty((deep, n_plus), np.int8), np.empty((deep, n_plus))
    all_weights, bounds = np.empty((deep, n)), np.empty(deep)
    all_signs[0], all_theta[0], all_weights[0], bounds[0] = signs, theta, weights, bound
    direction, at = np.empty(d), np.zeros(d)
    top, nodes, proven, best = 0, 0, -np.inf, 0.0
    while top >= 0 and nodes < budget and best <= target:
        nodes += 1
        upper = slack + node_bound(
            rows, n_plus, all_signs[top], all_theta[top], all_weights[top],
            target - slack, bounds[top] == np.inf, direction,
        )  # fmt: skip
        upper = min(upper, bounds[top])
        value = 0.0
        for i in range(n):
            inner = dot(rows[i], direction)
            value += max(inner, 0.0) if i < n_plus else -max(inner, 0.0)
        if value > best:
            best = value
            at[:] = direction
        pick = next_sign(rows, all_signs[top], direction)
        if upper <= target or pick < 0:
            proven = max(proven, upper)
            top -= 1
            continue
        child = top + 1
        all_signs[child], all_theta[child] = all_signs[top], all_theta[top]
        all_weights[child] = all_weights[top]
        bounds[top] = bounds[child] = upper
        all_signs[top, pick], all_signs[child, pick] = 1, -1
        all_weights[top, pick] = all_weights[child, pick] = 0
        top = child
    rest = top + 1
    return (
        nodes, proven, all_signs[:rest].copy(), all_theta[:rest].copy(),
        all_weights[:rest].copy(), bounds[:rest].copy(), best, at,
    )  # fmt: skip


@compiled
def next_sign(rows, signs, direction):
    """The free sample whose sign is fixed next, -1 where all are."""
    largest, pick = -1.0, -1
    for i in range(signs.size):
        if signs[i] == 0:
            size = np.sqrt(dot(rows[i], rows[i]))
            score = size * np.exp(-_FAR * abs(dot(rows[i], direction)) / size)
            if score > largest:
                largest, pick = score, i
    return pick


@compiled
def node_bound(rows, n_plus, signs, theta, weights, target, first, direction):
    """The proven bound of a node; improves theta and weights, fills the direction.

    The `first` node begins far from the best, children near that of their parent. The
    direction is a unit vector, or zero.
    """
    (n, d), p = rows.shape, 0
    for i in range(n_plus):
        p += signs[i] == 0
    free, linear, base = np.empty((p, d)), np.empty((n - p, d)), np.zeros(d)
    some, y = np.empty(p), np.empty(n - p)
    i_free, i_linear = 0, 0
    for i in range(n):
        if i < n_plus and signs[i] == 0:
            some[i_free] = theta[i] + _LOOSER
            for k in range(d):
                free[i_free, k] = 0.5 * rows[i, k]
                base[k] += free[i_free, k]
            i_free += 1
            continue
        factor = -1.0 if i >= n_plus else float(signs[i])
        for k in range(d):
            linear[i_linear, k] = factor * rows[i, k]
            if i < n_plus and signs[i] > 0:
                base[k] += rows[i, k]
        y[i_linear] = min(1 - _APART, max(_APART, weights[i]))
        i_linear += 1
    accuracy = _ACCURACY if p else _EXACT
    mu = _FIRST if first else _LATER
    bound, _, h, _ = relax(free, linear, base, some, y, target, accuracy, mu)
    norm = np.sqrt(dot(h, h))
    direction[:] = h / norm if norm > 0 else h
    i_free, i_linear = 0, 0
    for i in range(n):
        if i < n_plus and signs[i] == 0:
            theta[i] = some[i_free]
            i_free += 1
        else:
            weights[i] = y[i_linear]
            i_linear += 1
    return _proven(free, linear, base, some, y, bound)


@compiled
def _proven(free, linear, base, theta, y, bound):
    """The bound that theta and y prove, with the rounding error of all that is done."""
    (p, d), q = free.shape, len(linear)
    r, mass, total = base.copy(), 0.0, 0.0
    for j in range(q):
        for k in range(d):
            r[k] += y[j] * linear[j, k]
        mass += (1 + y[j]) * np.sqrt(dot(linear[j], linear[j]))
    matrix, shifted, trace = np.zeros((d, d)), np.empty((d, d)), 0.0
    for i in range(p):
        delta = np.exp(theta[i])
        total += delta
        mass += 2 * np.sqrt(dot(free[i], free[i]))
        _add(matrix, free[i], delta)
    lost = (2 * (p + q) + d + 32) * _EPS * mass
    if not p:
        return np.sqrt(dot(r, r)) + lost
    first = max(0.0, bound * bound - total) + _LEAST * total
    _add(matrix, r, first)
    for k in range(d):
        trace += matrix[k, k]
    margin = _MARGIN
    while True:
        for k in range(d):
            for s in range(d):
                shifted[k, s] = -matrix[k, s]
            shifted[k, k] += 1 + margin
        if factorised(shifted):
            break
        margin *= 10
        if margin > 1:
            return np.inf
    # Of the products in the matrix, and of the factor: Rump 2006.
    margin += (p + 8) * _EPS * trace + (d + 4) * d * _EPS * (1 + margin)
    size = np.sqrt((first + total) * (1 + margin))
    return size * (1 + (p + 8) * _EPS) + lost


@compiled
def _add(matrix, row, delta):
    """Add a row's product with itself over delta to the upper half."""
    d = row.size
    for k in range(d):
        part = row[k] / delta
        for s in range(k, d):
            matrix[k, s] += part * row[s]
