r"""Unbiased weighted distances between populations of neurons.

With weights p on A and q on B, summing to 1, and a kernel k,
$$\hat M^2 = \frac{\sum_{i \ne j} p_i p_j k_{ij}}{1 - \sum p_i^2}
+ \frac{\sum_{i \ne j} q_i q_j k_{ij}}{1 - \sum q_i^2} - 2 \sum_{ij} p_i q_j k_{ij}.$$
It is an unbiased estimate of a squared distance and may be negative. Importance goes
into the weights; drawing neurons first would make duplicates look like agreement.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment

from ...checks import arrays_by_shape, at_least
from ...errors import ConfigError
from .populations import Points, Population


Kernel = Literal["gaussian", "energy"]
BANDWIDTHS = (0.25, 1.0, 4.0)
"""Multiples of the median squared distance in the sum of kernels."""

_NEAR = 1e-3
"""Share of their squared norms at which two points are near."""
_BLOCK_ENTRIES = 2**20
"""Entries of the differences of near points that are formed at once: 8 MiB."""

Shares = Float[np.ndarray, "n columns"]


@arrays_by_shape
@dataclass(frozen=True)
class Pooled:
    """The kernel matrix of two populations together, with a zero diagonal."""

    kernel: Float[np.ndarray, "n n"]
    weights: Float[np.ndarray, " n"]
    n_first: int

    @property
    def in_first(self) -> Float[np.ndarray, " n"]:
        """1 for the neurons of the first population, 0 for the others."""
        return (np.arange(len(self.weights)) < self.n_first).astype(float)

    def statistic(self) -> float:
        r"""$\hat M^2$ of the two populations."""
        first = self.in_first[:, None]
        return float(self.statistics(first, 1 - first)[0])

    def statistics(
        self, first: Shares, second: Shares
    ) -> Float[np.ndarray, " columns"]:
        r"""$\hat M^2$ for columns of multiplicities on either side, in two products."""
        p = _normalised(self.weights[:, None] * first)
        q = _normalised(self.weights[:, None] * second)
        towards_p, towards_q = self.kernel @ p, self.kernel @ q
        within = _pairs(p, towards_p) + _pairs(q, towards_q)
        return within - 2 * np.sum(p * towards_q, axis=0)


def pooled(
    a: Population,
    b: Population,
    *,
    kernel: Kernel = "gaussian",
    bandwidths: tuple[float, ...] = (1.0,),
) -> Pooled:
    r"""The kernel of two populations.

    Args:
        a: First population.
        b: Second population, in the same space.
        kernel: `gaussian`, $\exp(-\|z - z'\|^2 / \tau)$ with $\tau$ the median pooled
            squared distance, or `energy`, $-\|z - z'\|$, for which $\hat M^2$ is the
            energy distance (Székely and Rizzo 2013).
        bandwidths: Multiples of $\tau$ over which gaussian kernels are summed.
    """
    if a.points.shape[1] != b.points.shape[1] or a.sign_invariant != b.sign_invariant:
        raise ConfigError(
            "Populations must be given in one representation, got dimensions "
            f"{a.points.shape[1]} and {b.points.shape[1]}."
        )
    points = np.concatenate([a.points, b.points])
    weights = np.concatenate([a.shares, b.shares])
    matrix = _kernel(points, points, kernel, bandwidths, a.sign_invariant)
    np.fill_diagonal(matrix, 0.0)
    return Pooled(matrix, weights, len(a.points))


def energy_distance(a: Population, b: Population) -> float:
    r"""$2E\|X - Y\| - E\|X - X'\| - E\|Y - Y'\|$, unbiased, with the weights.

    Example:
        ```python
        from overparam.analysis.comparison.populations import Population

        draws = rng.normal(size=(2, 50, 3))
        a, b = (Population(points=points, weights=np.ones(50)) for points in draws)
        op.analysis.energy_distance(a, b)  # unbiased: near 0 for one law
        ```
    """
    return pooled(a, b, kernel="energy").statistic()


def wasserstein(a: Population, b: Population) -> float:
    r"""$\min_\pi \frac1n \sum_j \|a_j - b_{\pi(j)}\|$ over permutations, exactly.

    That is the 1-Wasserstein distance of uniform populations of one size.

    Raises:
        ConfigError: If sizes differ or weights are not all equal.

    Example:
        ```python
        from overparam.analysis.comparison.populations import Population

        draw = rng.normal(size=(50, 3))
        a, b = (Population(points=draw + c, weights=np.ones(50)) for c in (0, 1))
        assert np.isclose(op.analysis.wasserstein(a, b), np.sqrt(3))
        ```
    """
    if len(a.points) != len(b.points) or np.ptp(a.weights) or np.ptp(b.weights):
        raise ConfigError(
            "The exact Wasserstein distance is by assignment: it needs two uniform "
            f"populations of one size, got {len(a.points)} and {len(b.points)} neurons."
        )
    costs = np.sqrt(squared_distances(a.points, b.points))
    if a.sign_invariant:
        flipped = np.sqrt(squared_distances(a.points, -b.points))
        costs = np.minimum(costs, flipped)
    rows, columns = linear_sum_assignment(costs)
    return float(costs[rows, columns].mean())


def alignment(a: Points, b: Points) -> float:
    r"""Centred kernel alignment of two feature sets on the same probes.

    $\|\Phi_A^\top \Phi_B\|_F^2 / (\|\Phi_A^\top \Phi_A\|_F \|\Phi_B^\top \Phi_B\|_F)$
    for centred features: 1 if the kernels are proportional (Kornblith et al. 2019,
    arXiv 1905.00414, linear CKA); NaN for features that are 0.

    Args:
        a: Centred features of A, one row per neuron, one column per probe.
        b: Those of B on the same probes.
    """
    at_least(2, n_probes=min(a.shape[1], b.shape[1]))
    cross = np.sum((a @ b.T) ** 2)
    sizes = float(np.sqrt(np.sum((a @ a.T) ** 2) * np.sum((b @ b.T) ** 2)))
    return float(cross) / sizes if sizes else float("nan")


def squared_distances(a: Points, b: Points) -> Float[np.ndarray, "n m"]:
    """Squared Euclidean distances of all pairs of rows, in float64.

    By products, which lose the digits that two near points share: those pairs are
    subtracted before they are squared. Relative errors stay below about 1e-12.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    squares = np.sum(a**2, axis=1)[:, None] + np.sum(b**2, axis=1)[None, :]
    found = squares - 2 * a @ b.T
    rows, columns = np.nonzero(found <= _NEAR * squares)
    step = max(1, _BLOCK_ENTRIES // a.shape[1])
    for start in range(0, len(rows), step):
        i, j = rows[start : start + step], columns[start : start + step]
        found[i, j] = np.sum((a[i] - b[j]) ** 2, axis=1)
    return found


def _kernel(
    a: Points,
    b: Points,
    kernel: Kernel,
    bandwidths: tuple[float, ...],
    sign_invariant: bool,
) -> Float[np.ndarray, "n m"]:
    distances = squared_distances(a, b)
    scale = np.median(distances[np.triu_indices(len(a), 1)]) if len(a) > 1 else 1.0

    def value(squared: np.ndarray) -> np.ndarray:
        if kernel == "energy":
            return -np.sqrt(squared)
        width = scale if scale > 0 else 1.0
        return sum(
            (np.exp(-squared / (multiple * width)) for multiple in bandwidths),
            start=np.zeros_like(squared),
        )

    if not sign_invariant:
        return value(distances)
    return (value(distances) + value(squared_distances(a, -b))) / 2


def _normalised(weights: Shares) -> Shares:
    total = np.broadcast_to(weights.sum(axis=0, keepdims=True), weights.shape)
    nothing = np.full_like(weights, np.nan)
    return np.divide(weights, total, out=nothing, where=total > 0)


def _pairs(p: Shares, towards: Shares) -> Float[np.ndarray, " columns"]:
    """The mean over pairs of neurons; NaN where all weight is on a single one."""
    others = 1 - np.sum(p**2, axis=0)
    sums = np.sum(p * towards, axis=0)
    return np.divide(sums, others, out=np.full_like(sums, np.nan), where=others > 0)
