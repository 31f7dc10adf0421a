r"""The multiplier whose bound without a search is the best.

The eigenvalue's bound $\bar\sigma$ of $\sigma$ (`signed.py`) is convex in the
multiplier, so that the largest $y^T l - \tfrac12 \|l\|^2$ with $\bar\sigma(\pm l) \le
\beta$ is a convex programme. Its dual is the problem of the network itself, with
*relaxed neurons*: outputs s with $s^T l \le \bar\sigma(l)$ for all l. So it is solved
as that problem is (`solvers/neurons.py`): the gradient of $\bar\sigma$ at a multiplier
is the relaxed neuron that it lacks, and then all sizes are corrected. Gradients are
taken near the best multiplier so far, in the direction of the residual.

Reference: Ben-Ameur and Neto 2007, Acceleration of cutting-plane and column generation
algorithms: applications to network design (the point between the two).
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from ..programs.program import Architecture
from ..solvers.compiled import least_norm
from .bounds import dual_factor
from .signed import best_weights


# Relative distance to the best bound of its kind at which to stop.
_ACCURACY = 1e-2
# Steps with as many samples times squared dimensions, and in any case.
_WORK, _MOST_STEPS, _LEAST_STEPS = 1.2e7, 300, 5
# Part of the best multiplier in the one that is looked at.
_NEAR = 0.8
# Samples below this part of all are left out.
_TINY = 1e-60
# Added to the unit diagonal of a matrix, which rounding must not make singular.
_RIDGE = 1e-12


def better_multipliers(
    x: Float[np.ndarray, "n d"],
    y: Float[np.ndarray, " n"],
    *,
    penalty: float,
    network: Architecture,
) -> Iterator[Float[np.ndarray, " n"]]:
    """Multipliers from the labels to nearly the best one, each better than before."""
    if network == "normalised":
        # Of the bound max(|l+|, |l-|) the best is known.
        parts = np.maximum(y, 0), np.maximum(-y, 0)
        first, second = (
            part * dual_factor(part, part, size=float(np.linalg.norm(part)) / penalty)
            for part in parts
        )
        yield first - second
        return
    units = float(np.abs(x).max(initial=0)), float(np.abs(y).max(initial=0))
    yield y
    if not all(units):
        return
    x, y, penalty = x / units[0], y / units[1], penalty / units[0] / units[1]
    if not penalty > 0:  # It is lost beside such inputs and labels.
        return
    n, d = x.shape
    best, upper, multiplier, residual = 0.0, 0.5 * float(y @ y), y, y
    outputs, sizes = np.zeros((0, n)), np.zeros(0)
    for _ in range(int(np.clip(_WORK / (n * d**2), _LEAST_STEPS, _MOST_STEPS))):
        dual = _NEAR * multiplier + (1 - _NEAR) * residual
        new = [_relaxed_neuron(x, dual), -_relaxed_neuron(x, -dual)]
        if network == "skip":
            pulled = x.T @ dual
            new.append(x @ pulled / max(float(np.linalg.norm(pulled)), _RIDGE))
        size = max(float(one @ dual) for one in new)
        if not np.isfinite(size):
            return
        factor = dual_factor(y, dual, size=size / penalty)
        lower = factor * float(y @ dual - 0.5 * factor * dual @ dual)
        if lower > best:
            best, multiplier = lower, factor * dual
            yield units[1] * multiplier
        if upper <= best * (1 + _ACCURACY):
            return
        outputs = np.vstack([outputs, *new])
        sizes = np.append(sizes, np.zeros(len(new)))
        used = sizes > 0
        least_norm(outputs @ outputs.T, outputs @ y - penalty, sizes, used)
        outputs, sizes = outputs[sizes > 0], sizes[sizes > 0]
        # Of nearly equal neurons rounding may leave sizes that cost more than none do.
        if not penalty * float(sizes.sum()) <= 0.5 * float(y @ y):
            return
        residual = y - sizes @ outputs
        upper = 0.5 * float(residual @ residual) + penalty * float(sizes.sum())


def _relaxed_neuron(
    x: Float[np.ndarray, "n d"], dual: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    r"""The gradient of $\bar\sigma$ at a multiplier, whose product with it is its size.

    With $\bar\sigma^2 = \sum \delta_i + r^T W^{-1} r$ of the best $\delta$ and a,
    $W = I - \sum b_i b_i^T / \delta_i$ and $b_i = l_i x_i / 2$, it is $(x_i^T h / 2 +
    \delta_i / l_i) / \bar\sigma$, $h = W^{-1} r$, where $l_i > 0$, else $a_i x_i^T h /
    \bar\sigma$.
    """
    each = np.abs(dual) * np.linalg.norm(x, axis=1)
    mass = float(each.sum())
    used = each > _TINY * mass
    free, linear = used & (dual > 0), used & (dual < 0)
    if not free.any():
        return np.zeros(len(x))
    dual = dual / mass
    weights, delta = best_weights(x[used], dual[used])
    halves = 0.5 * dual[free, None] * x[free]
    a = np.zeros(len(x))
    a[linear] = weights
    r = halves.sum(axis=0) + (a * dual) @ x
    w = (1 + _RIDGE) * np.eye(x.shape[1]) - (halves / delta[1:, None]).T @ halves
    inner = x @ np.linalg.solve(w, r)
    neuron = np.where(linear, a * inner, np.maximum(inner, 0))
    neuron[free] = 0.5 * inner[free] + delta[1:] / dual[free]
    return neuron / np.sqrt(max(float(neuron @ dual), np.finfo(float).tiny))
