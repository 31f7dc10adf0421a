r"""The semidefinite relaxation of $\max_{\|u\| \le 1} r(y)^T u + \sum_i |b_i^T u|$.

With $r(y) = r_0 + \sum_j y_j c_j$, $y \in [0, 1]^q$, every y and every $\delta > 0$
give the bound $\sqrt{(\delta_0 + \sum \delta_i)\, \lambda_{\max}(M)}$, $M = r r^T /
\delta_0 + \sum b_i b_i^T / \delta_i$ (Cauchy and Schwarz over the signs of all
terms). The best one has $M \preceq I$ and the least $\delta_0 + \sum \delta_i$. With
$W = I - \sum b_i b_i^T / \delta_i$ the least $\delta_0$ is $r^T W^{-1} r$, and

$$\sum e^{\theta_i} + r(y)^T W(\theta)^{-1} r(y) - \mu \log\det W(\theta)
- \nu \sum_j \log y_j (1 - y_j)$$

is convex in $\theta = \log \delta$ and y together. Newton's method minimises it for
falling $\mu$ and $\nu$; its matrices have the size of d or of the samples. At a
minimum $\delta_i^2 = b_i^T Z b_i$ with $Z = h h^T + \mu W^{-1}$, $h = W^{-1} r$, and
every Z tells that no bound of this kind is below $(\min_y |r(y)|_Z + \sum |b_i|_Z) /
\sqrt{\mathrm{tr} Z}$.
"""

import numpy as np

from .compiled import compiled, dot


_STEPS = 100
_HALVINGS = 30
# Part of a step to the boundary of the box.
_INSIDE = 0.95
# The barrier is lowered where the Newton decrement is at most this part of it.
_CENTRED = 2.0
_SETTLED = 0.1
_LOWER = 0.3


@compiled
def first_theta(free):
    """Values with half of the W that none would leave, or more."""
    p, d = free.shape
    theta, gram, size = np.empty(p), np.zeros((d, d)), 0.0
    for i in range(p):
        theta[i] = np.sqrt(dot(free[i], free[i]))
        for k in range(d):
            for s in range(d):
                gram[k, s] += free[i, k] * free[i, s] / theta[i]
    # The norm of Frobenius is not below the largest eigenvalue.
    for k in range(d):
        size += dot(gram[k], gram[k])
    for i in range(p):
        theta[i] = np.log(2 * theta[i] * np.sqrt(size))
    return theta


@compiled
def relax(free, linear, base, theta, y, target, accuracy, mu):
    """Improve theta and y, in place; any of them may be used.

    Args:
        free: Rows $b_i$, none of them zero, shape `(p, d)`.
        linear: Rows $c_j$, shape `(q, d)`.
        base: $r_0$.
        theta: $\\log \\delta$; raised until $W \\succ 0$.
        y: Between 0 and 1.
        target: The bound at which to stop, as well as where none can reach it as long
            as there are free rows.
        accuracy: Relative distance of the bound to the best at which to stop.
        mu: The barrier to begin with, as a part of the bound.

    Returns:
        The bound; what none is below; h; Newton steps.
    """
    (p, d), q = free.shape, len(linear)
    m = p + q
    upper, e, r = np.empty((d, d)), np.empty((d, m)), np.empty(d)
    gradient, diagonal = np.empty(m), np.empty(m)
    total, delta0, inside, raised = 0.0, 0.0, False, 0
    while not inside:
        if raised > _HALVINGS:
            return np.inf, 0.0, np.zeros(d), 0
        total, delta0, inside = _evaluated(free, linear, base, theta, y, upper, e, r)
        if not inside:
            raised += 1
            theta += 1.0
    mu *= (total + delta0) / d
    least, best, h, steps = 0.0, np.inf, np.zeros(d), 0
    decrement = np.inf
    while True:
        # In the columns of e are b_i / sqrt(delta_i) and c_j, in r is r, all times
        # the factor of W^-1.
        eta, nu = np.dot(r, e), mu * d / max(2 * q, 1)
        best = np.sqrt(total + delta0)
        h[:] = r
        _backward(upper, h)
        lengths, trace, nearest = 0.0, delta0 + mu * d, delta0
        for i in range(p):
            delta, z = np.exp(theta[i]), eta[i] * eta[i]
            for k in range(d):
                z += mu * e[k, i] * e[k, i]
            lengths += np.sqrt(delta * z)
            trace += z
            gradient[i], diagonal[i] = delta - z, delta + z
        for j in range(q):
            i = p + j
            up, down = nu / (1 - y[j]), nu / y[j]
            gradient[i] = 2 * eta[i] + up - down
            diagonal[i] = (up * up + down * down) / nu
            nearest += ((0.0 if eta[i] > 0 else 1.0) - y[j]) * eta[i]
        if delta0 > 0:
            lengths += max(0.0, nearest) * np.sqrt(1 + mu / delta0)
        if trace > 0:
            least = max(least, lengths / np.sqrt(trace))
        # On the central path the bound squared is within 2 mu d of the best.
        small = mu * d <= accuracy * best * best
        near = small and decrement <= _SETTLED * mu * d
        near = near or best <= least * (1 + accuracy)
        hopeless = p > 0 and least > target > 0
        if near or best <= target or hopeless or steps == _STEPS:
            break
        if decrement <= _CENTRED * mu * d and not small:
            mu *= _LOWER
            decrement = np.inf
            continue
        step = _newton(e, p, eta, mu, diagonal, gradient)
        slope, length = dot(gradient, step), 1.0
        for j in range(q):
            move = step[p + j]
            room = 1 - y[j] if move > 0 else y[j]
            if abs(move) * length > _INSIDE * room:
                length = _INSIDE * room / abs(move)
        before = _merit(total, delta0, upper, y, mu, nu)
        old_theta, old_y, moved = theta.copy(), y.copy(), False
        for _ in range(_HALVINGS):
            for i in range(p):
                theta[i] = old_theta[i] + length * step[i]
            for j in range(q):
                y[j] = old_y[j] + length * step[p + j]
            total, delta0, inside = _evaluated(
                free, linear, base, theta, y, upper, e, r
            )
            if inside:
                after = _merit(total, delta0, upper, y, mu, nu)
                moved = after <= before + 1e-4 * length * slope
            if moved:
                break
            length *= 0.5
        steps += 1
        if not moved:
            # Rounding hides what is left to gain.
            theta[:], y[:] = old_theta, old_y
            break
        decrement = -slope
    return best, least, h, steps


@compiled
def _evaluated(free, linear, base, theta, y, upper, e, r):
    """Sum of delta, delta_0 and whether W > 0; fills what they come from."""
    p, d = free.shape
    total, scaled, column = 0.0, np.empty((p, d)), np.empty((d, 1))
    for i in range(p):
        total += np.exp(theta[i])
        root = np.exp(-0.5 * theta[i])
        for k in range(d):
            scaled[i, k] = root * free[i, k]
            e[k, i] = scaled[i, k]
    upper[:] = np.dot(scaled.T, scaled)
    for k in range(d):
        for s in range(d):
            upper[k, s] = (1.0 if k == s else 0.0) - upper[k, s]
    if not factorised(upper):
        return total, np.inf, False
    for k in range(d):
        column[k, 0] = base[k]
        for j in range(len(linear)):
            e[k, p + j] = linear[j, k]
            column[k, 0] += y[j] * linear[j, k]
    _forward(upper, e)
    _forward(upper, column)
    r[:] = column[:, 0]
    return total, dot(r, r), True


@compiled
def _merit(total, delta0, upper, y, mu, nu):
    value = total + delta0
    for k in range(len(upper)):
        value -= 2 * mu * np.log(upper[k, k])
    for j in range(y.size):
        value -= nu * (np.log(y[j]) + np.log(1 - y[j]))
    return value


@compiled
def _newton(e, n_free, eta, mu, diagonal, gradient):
    """The Newton step: the Hessian is a diagonal and products of the columns of e.

    Their matrix has rank d (d + 3) / 2 at most, which is used where samples are more.
    """
    d, m = e.shape
    rank = d * (d + 3) // 2
    if m <= rank:
        matrix = np.dot(e.T, e)
        for i in range(m):
            for j in range(i + 1):
                k = matrix[i, j]
                left = -eta[i] if i < n_free else 1.0
                right = -eta[j] if j < n_free else 1.0
                new = 2 * left * right * k
                if i < n_free:
                    new += mu * k * k
                matrix[i, j] = new
                matrix[j, i] = new
            matrix[i, i] += diagonal[i]
        step = _solved(matrix, gradient)
        for i in range(m):
            step[i] = -step[i]
        return step
    factors, scaled = np.zeros((m, rank)), np.empty((m, rank))
    for i in range(m):
        k = d
        for p in range(d):
            factors[i, p] = np.sqrt(2.0) * e[p, i] * (-eta[i] if i < n_free else 1.0)
            for s in range(p + 1):
                if i < n_free:
                    twice = np.sqrt(mu if s == p else 2 * mu)
                    factors[i, k] = twice * e[p, i] * e[s, i]
                k += 1
        for k in range(rank):
            scaled[i, k] = factors[i, k] / diagonal[i]
    matrix = np.dot(factors.T, scaled)
    for k in range(rank):
        matrix[k, k] += 1
    step = np.dot(scaled, _solved(matrix, np.dot(gradient, scaled)))
    for i in range(m):
        step[i] -= gradient[i] / diagonal[i]
    return step


@compiled
def _solved(matrix, vector):
    """Solve with a positive definite matrix; zero where rounding has spoilt it."""
    lower, x = np.zeros_like(matrix), np.zeros_like(vector)
    try:
        lower = np.linalg.cholesky(matrix)
    except Exception:
        return x
    n = len(matrix)
    for i in range(n):
        t = vector[i]
        for k in range(i):
            t -= lower[i, k] * x[k]
        x[i] = t / lower[i, i]
    for i in range(n - 1, -1, -1):
        x[i] /= lower[i, i]
        for k in range(i):
            x[k] -= lower[i, k] * x[i]
    return x


@compiled
def factorised(matrix):
    """Put the upper factor in the upper half; whether the matrix was positive."""
    n = len(matrix)
    for k in range(n):
        if not matrix[k, k] > 0:
            return False
        root = np.sqrt(matrix[k, k])
        for j in range(k, n):
            matrix[k, j] /= root
        for i in range(k + 1, n):
            factor = matrix[k, i]
            for j in range(i, n):
                matrix[i, j] -= factor * matrix[k, j]
    return True


@compiled
def _forward(upper, columns):
    """Apply the inverse of the transposed factor to columns, in place."""
    for i in range(len(upper)):
        for k in range(i):
            factor = upper[k, i]
            for j in range(columns.shape[1]):
                columns[i, j] -= factor * columns[k, j]
        for j in range(columns.shape[1]):
            columns[i, j] /= upper[i, i]


@compiled
def _backward(upper, vector):
    """Apply the inverse of the factor to a vector, in place."""
    for i in range(len(upper) - 1, -1, -1):
        t = vector[i]
        for k in range(i + 1, len(upper)):
            t -= upper[i, k] * vector[k]
        vector[i] = t / upper[i, i]
