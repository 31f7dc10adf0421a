"""Sliced Wasserstein distance of weighted populations, with its permutation test."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, PRNGKeyArray

from ...checks import counts
from .nulls import PermutationTest, check_permutations, generator
from .populations import Population


N_DIRECTIONS = 100
"""Random directions over which the one-dimensional distances are averaged."""


@dataclass(frozen=True)
class Slices:
    """All neurons of two populations, sorted along random directions.

    Relabelling neurons changes only which group a step of a cumulative law belongs to:
    the sorting is done once for all permutations.
    """

    order: Int[np.ndarray, "directions n"]
    gaps: Float[np.ndarray, "directions n_minus_1"]
    weights: Float[np.ndarray, " n"]
    n_first: int

    def distance(self, in_first: Float[np.ndarray, " n"]) -> float:
        """Mean over directions of the 1-Wasserstein distance for given groups.

        NaN where a group has no weight.
        """
        p = in_first * self.weights
        q = (1 - in_first) * self.weights
        if not (p.any() and q.any()):
            return np.nan
        steps = (p / p.sum() - q / q.sum())[self.order]
        cumulative = np.cumsum(steps, axis=1)[:, :-1]
        return float(np.mean(np.sum(np.abs(cumulative) * self.gaps, axis=1)))


def slices(
    a: Population,
    b: Population,
    *,
    n_directions: int = N_DIRECTIONS,
    key: PRNGKeyArray,
) -> Slices:
    """Project two populations on random directions.

    Where a neuron and its negative are the same, absolute projections are compared.
    """
    counts(n_directions=n_directions)
    points = np.concatenate([a.points, b.points]).astype(np.float64)
    weights = np.concatenate([a.shares, b.shares])
    directions = generator(key).standard_normal((n_directions, points.shape[1]))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    projected = directions @ points.T
    if a.sign_invariant:
        # The law of |projection| determines the symmetrised law.
        projected = np.abs(projected)
    order = np.argsort(projected, axis=1)
    gaps = np.diff(np.take_along_axis(projected, order, axis=1), axis=1)
    return Slices(order, gaps, weights, len(a.points))


def sliced_wasserstein(
    a: Population,
    b: Population,
    *,
    n_permutations: int = 199,
    n_directions: int = N_DIRECTIONS,
    key: PRNGKeyArray,
) -> PermutationTest:
    """Sliced 1-Wasserstein distance and its permutation null.

    Args:
        a: First population.
        b: Second population, in the same space.
        n_permutations: Number of relabellings, at least 99.
        n_directions: Number of random directions.
        key: Random key.
    """
    check_permutations(n_permutations)
    both = slices(a, b, n_directions=n_directions, key=key)
    rng = generator(key)
    labels = (np.arange(len(both.weights)) < both.n_first).astype(float)
    null = [both.distance(rng.permutation(labels)) for _ in range(n_permutations)]
    return PermutationTest(statistic=both.distance(labels), null=np.array(null))
