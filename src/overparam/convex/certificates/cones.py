r"""Compiled nodes of the search over cones of directions.

For rows $a_i = |l_i| x_i$ and their signs the search bounds
$h(u) = \sum_{l_i > 0} (a_i^T u)_+ - \sum_{l_i < 0} (a_i^T u)_+$ over unit vectors of a
cone $\{V^T c : c \ge 0\}$. The first sum is convex, at most $\sum_j c_j g_j$ with
$g_j = \sum (a_i^T v_j)_+$; in the second $-(t)_+ \le -\alpha t$, $\alpha \in [0, 1]$.
With $w_j = g_j - \sum_i \alpha_i a_i^T v_j$ any $r$ with $V r \ge w$ proves
$h(u) \le w^T c \le r^T u \le \|r\|$. A sample whose hyperplane does not cut the cone is
linear on it, and leaves the sums for good.

Rounding: with $S = \sum_i \|a_i\|$ and $\kappa \ge \sum_j c_j$ for every unit vector of
the first cone (no descendant has a larger one), sums are within $\gamma S$, each
computed vertex is off the exact edge by at most its *drift*, and all of it changes the
bound by at most $\kappa S (\gamma + 4\,\mathrm{drift})$, which is added.
"""

import numpy as np

from ..solvers.compiled import compiled, dot, least_norm


MOST_DEEP = 400
"""Cones that one search holds open."""
LEAF = 255
"""In the place of an edge: the cone is not cut."""
_LEVELS = 65535
_SWEEPS = 200
# Relative distance of the relaxation's two sides at which it counts as solved.
_SOLVED = 1e-7
# Edges shorter than this part of the longest (their squares) are not cut.
_LONG = 0.3
# A hyperplane that cuts an edge nearer to its end than this part does not divide it.
_EVEN = 0.1
_UNIT = float(np.finfo(float).eps)


@compiled
def explore(rows, n_plus, cone, drift, bound, kappa, rounding, target, budget):
    """Divide a cone until all its parts are bounded by `target`, or `budget` is spent.

    Args:
        rows: $|l_i| x_i$, those with $l_i > 0$ first, shape `(n, d)`.
        n_plus: How many have $l_i > 0$.
        cone: Rows $v_j$ that span it, shape `(d, d)`.
        drift: Sum of the rounding of its vertices.
        bound: What is known of it.
        kappa: Most that coefficients of a unit vector sum to.
        rounding: $S \\gamma$ and $S$.
        target: What is to be proven.
        budget: Most cones to look at.

    Returns:
        Cones looked at; the largest bound of those that are done; the open ones, their
        drifts and bounds; the largest value of h that was met, and where.
    """
    n, d = rows.shape
    sizes = np.empty(n)
    for i in range(n):
        sizes[i] = dot(rows[i], rows[i])
    cones = np.empty((MOST_DEEP, d, d))
    fixed = np.zeros((MOST_DEEP, d))
    drifts, bounds = np.empty(MOST_DEEP), np.empty(MOST_DEEP)
    cut = np.empty((MOST_DEEP, n), np.int32)
    count = np.empty(MOST_DEEP, np.int64)
    z = np.empty((MOST_DEEP, n, d))
    a, c, r, at = np.empty(n), np.empty(d), np.empty(d), np.zeros(d)
    cones[0], drifts[0], bounds[0], count[0] = cone, drift, bound, n
    for i in range(n):
        cut[0, i] = i
        for j in range(d):
            z[0, i, j] = dot(rows[i], cone[j])
    count[0] = _decide(rows, n_plus, cut[0], n, z[0], fixed[0])
    top, nodes, proven, best = 0, 0, -np.inf, 0.0
    while top >= 0 and nodes < budget and top + 1 < MOST_DEEP and best <= target:
        nodes += 1
        some, products = cut[top, : count[top]], z[top, : count[top]]
        slack = kappa * (rounding[0] + 4 * rounding[1] * drifts[top])
        upper, value = _bound(
            rows, sizes, n_plus, cones[top], fixed[top], some, products,
            kappa, slack, target, a, c, r,
        )  # fmt: skip
        upper = min(upper, bounds[top])
        if value > best:
            best = value
            at[:] = r
        # Cuts only add to the slack: what it keeps above the target is done, too.
        lost = upper <= target + slack < value + 2 * slack
        if upper <= target or d == 1 or lost:
            proven = max(proven, upper)
            top -= 1
            continue
        j, k, share = _division(cones[top], n_plus, some, products, c)
        # The second child lies above the first, which takes the place of the parent.
        child = top + 1
        cones[child], fixed[child] = cones[top], fixed[top]
        norm = _vertex(cones[top], j, k, share, cones[child, k])
        cones[top, j] = cones[child, k]
        drifts[top] += 4 * _UNIT / norm
        drifts[child] = drifts[top]
        bounds[top] = bounds[child] = upper
        for i in range(count[top]):
            new = dot(rows[some[i]], cones[top, j])
            cut[child, i] = some[i]
            z[child, i] = products[i]
            z[child, i, k] = new
            products[i, j] = new
        m = count[top]
        count[child] = _decide(rows, n_plus, cut[child], m, z[child], fixed[child])
        count[top] = _decide(rows, n_plus, cut[top], m, z[top], fixed[top])
        top = child
    rest = top + 1
    return (
        nodes, proven, cones[:rest].copy(), drifts[:rest].copy(), bounds[:rest].copy(),
        best, at,
    )  # fmt: skip


@compiled
def record(rows, n_plus, cone, kappa, rounding, target, budget):
    """The tree below a cone whose parts are all bounded by `target`, in preorder.

    Returns:
        Per node the edge that was cut, `j d + k`, or `LEAF`; per cut the share of its
        first end; per leaf $r$ and the $\\alpha$ of all samples with $l_i < 0$, of
        `_LEVELS` levels. All are empty where `budget` nodes do not suffice.
    """
    n, d = rows.shape
    sizes = np.empty(n)
    for i in range(n):
        sizes[i] = dot(rows[i], rows[i])
    cones, drifts = np.empty((MOST_DEEP, d, d)), np.zeros(MOST_DEEP)
    cones[0] = cone
    codes, shares = np.empty(budget, np.uint8), np.empty(budget)
    vectors = np.empty((budget, d), np.float32)
    levels = np.empty((budget, n - n_plus), np.uint16)
    cut, z, fixed = np.empty(n, np.int32), np.empty((n, d)), np.empty(d)
    a, c, r = np.empty(n), np.empty(d), np.empty(d)
    alphas = np.empty(n)
    top, nodes, n_cuts, leaves = 0, 0, 0, 0
    while top >= 0 and nodes < budget and top + 1 < MOST_DEEP:
        fixed[:] = 0
        for i in range(n):
            cut[i] = i
            for j in range(d):
                z[i, j] = dot(rows[i], cones[top, j])
            alphas[i] = 1.0 if z[i].min() >= 0 else 0.0
        m = _decide(rows, n_plus, cut, n, z, fixed)
        slack = kappa * (rounding[0] + 4 * rounding[1] * drifts[top])
        upper, _ = _bound(
            rows, sizes, n_plus, cones[top], fixed, cut[:m], z[:m],
            kappa, slack, target, a, c, r,
        )  # fmt: skip
        nodes += 1
        if upper <= target or d == 1:
            for i in range(m):
                alphas[cut[i]] = a[i]
            for i in range(n - n_plus):
                levels[leaves, i] = np.uint16(np.rint(_LEVELS * alphas[n_plus + i]))
                alphas[n_plus + i] = levels[leaves, i] / _LEVELS
            _rounded(rows, n_plus, cones[top], alphas, c, r)
            vectors[leaves] = r
            leaves += 1
            codes[nodes - 1] = LEAF
            top -= 1
            continue
        j, k, share = _division(cones[top], n_plus, cut[:m], z[:m], c)
        codes[nodes - 1] = j * d + k
        shares[n_cuts] = share
        n_cuts += 1
        # As in `explore`: the second child is looked at first.
        child = top + 1
        cones[child] = cones[top]
        norm = _vertex(cones[top], j, k, share, cones[child, k])
        cones[top, j] = cones[child, k]
        drifts[top] += 4 * _UNIT / norm
        drifts[child] = drifts[top]
        top = child
    if top >= 0:
        nodes = n_cuts = leaves = 0
    return codes[:nodes], shares[:n_cuts], vectors[:leaves], levels[:leaves]


@compiled
def _rounded(rows, n_plus, cone, alphas, c, r):
    """Fill r for the alphas that are written, which are rounded ones."""
    d = len(cone)
    gram, w, free = np.empty((d, d)), np.zeros(d), np.zeros(d, np.bool_)
    for j in range(d):
        for k in range(d):
            gram[j, k] = dot(cone[j], cone[k])
        for i in range(len(rows)):
            inner = dot(rows[i], cone[j])
            w[j] += max(inner, 0.0) if i < n_plus else -alphas[i] * inner
    c[:] = 0
    least_norm(gram, w, c, free)
    _direction(cone, w, c, r)


@compiled
def _vertex(cone, j, k, share, out):
    """Write the unit vector that divides an edge; the norm of the mean it is of."""
    for q in range(out.size):
        out[q] = share * cone[j, q] + (1 - share) * cone[k, q]
    norm = np.sqrt(dot(out, out))
    out /= norm
    return norm


@compiled
def _decide(rows, n_plus, cut, count, z, fixed):
    """Keep the samples whose hyperplanes cut the cone; the active others are linear."""
    kept = 0
    for i in range(count):
        low, high = z[i].min(), z[i].max()
        if low >= 0:
            if cut[i] < n_plus:
                fixed += rows[cut[i]]
            else:
                fixed -= rows[cut[i]]
        elif high > 0:
            cut[kept] = cut[i]
            z[kept] = z[i]
            kept += 1
    return kept


@compiled
def _bound(
    rows, sizes, n_plus, cone, fixed, some, z, kappa, slack, target, a, c, r
):  # fmt: skip
    """The bound of a cone and the value of h at its direction r; fills a, c and r."""
    d, m = len(cone), len(some)
    gram, start, w = np.empty((d, d)), np.empty(d), np.empty(d)
    free = np.zeros(d, np.bool_)
    for j in range(d):
        for k in range(d):
            gram[j, k] = dot(cone[j], cone[k])
        total = dot(fixed, cone[j])
        for i in range(m):
            if some[i] < n_plus and z[i, j] > 0:
                total += z[i, j]
        start[j] = total
    for i in range(m):
        if some[i] >= n_plus:
            a[i] = 1.0 if z[i].sum() > 0 else 0.0
    c[:] = 0
    upper, value = np.inf, 0.0
    for _ in range(_SWEEPS):
        w[:] = start
        for i in range(m):
            if some[i] >= n_plus and a[i] > 0:
                for j in range(d):
                    w[j] -= a[i] * z[i, j]
        least_norm(gram, w, c, free)
        norm, short = _direction(cone, w, c, r)
        upper = min(upper, norm + kappa * short + slack)
        if upper <= target or norm == 0:
            return upper, value
        # Both sides at the direction of r: of the relaxation, and of h itself.
        relaxed, true = dot(c, start), dot(fixed, r)
        for i in range(m):
            inner = dot(rows[some[i]], r)
            if some[i] >= n_plus:
                relaxed -= max(inner, 0.0)
                true -= max(inner, 0.0)
            else:
                true += max(inner, 0.0)
        value = true / norm
        if relaxed > target * norm or norm - relaxed / norm < _SOLVED * norm:
            break
        length = r.copy()
        for i in range(m):
            if some[i] >= n_plus:
                row = rows[some[i]]
                new = min(1.0, max(0.0, a[i] + dot(row, length) / sizes[some[i]]))
                length -= (new - a[i]) * row
                a[i] = new
    return upper, value


@compiled
def _direction(cone, w, c, r):
    """Fill r = V^T c; its norm, and the most by which V r is below w."""
    r[:] = 0
    for j in range(c.size):
        if c[j] > 0:
            r += c[j] * cone[j]
    short = 0.0
    for j in range(c.size):
        short = max(short, w[j] - dot(cone[j], r))
    return np.sqrt(dot(r, r)), short


@compiled
def _square(first, second):
    """The squared length of an edge; 1 - cosine would be lost where it is short."""
    total = 0.0
    for q in range(first.size):
        total += (first[q] - second[q]) ** 2
    return total


@compiled
def _division(cone, n_plus, some, z, c):
    """The edge that is cut, and the part of its first end in the new vertex.

    Among long edges the one whose ends disagree most on the signs of samples with
    $l_i > 0$, at the hyperplane that tells most; else the longest, in its middle.
    """
    d = len(cone)
    longest, far = -1.0, (0, 1)
    for j in range(d):
        for k in range(j):
            length = _square(cone[j], cone[k])
            if length > longest:
                longest, far = length, (k, j)
    most, edge, sample, short = 0.0, far, -1, _LONG * longest
    for j in range(d):
        for k in range(j):
            if c[j] <= 0 or c[k] <= 0 or _square(cone[j], cone[k]) < short:
                continue
            total, largest, which = 0.0, 0.0, -1
            for i in range(len(some)):
                if some[i] < n_plus and z[i, j] * z[i, k] < 0:
                    share = min(c[j] * abs(z[i, j]), c[k] * abs(z[i, k]))
                    total += share
                    if share > largest:
                        largest, which = share, i
            if total > most:
                most, edge, sample = total, (k, j), which
    if sample >= 0:
        near, other = abs(z[sample, edge[0]]), abs(z[sample, edge[1]])
        share = other / (near + other)
        if min(share, 1 - share) >= _EVEN:
            return edge[0], edge[1], share
    return far[0], far[1], 0.5
