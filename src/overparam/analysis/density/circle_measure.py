"""A measure on the circle in order, from which every distance is found."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float

from ...errors import DataError


TURN = 2 * math.pi

Weights = Float[np.ndarray, " n"] | None


@dataclass(frozen=True, eq=False)
class CircleMeasure:
    """Weighted angles in order; what is compared with many is put in order once.

    Attributes:
        angles: Angles in [0, 2 pi), in order, in float64.
        masses: Their masses, of sum 1.
    """

    angles: Float[np.ndarray, " n"]
    masses: Float[np.ndarray, " n"]

    @staticmethod
    def of(given: Any, weights: Weights = None) -> "CircleMeasure":
        """The measure of angles in any order, of equal weights by default.

        Raises:
            DataError: As `normalised`.
        """
        if isinstance(given, CircleMeasure):
            return given
        angles = np.mod(np.asarray(given, float), TURN)
        order = np.argsort(angles)
        return CircleMeasure(angles[order], normalised(weights, len(angles))[order])

    @cached_property
    def levels(self) -> Float[np.ndarray, " n"]:
        """The mass up to and with each angle."""
        levels = np.cumsum(self.masses)
        levels[-1] = 1.0
        return levels

    @cached_property
    def waves(self) -> Float[np.ndarray, "2 n"]:
        """Cosines and sines of half the angles."""
        half = self.angles / 2
        return np.stack([np.cos(half), np.sin(half)])

    @cached_property
    def sums(self) -> Float[np.ndarray, "2 n_and_1"]:
        """Sums of the waves, times the masses, over the first 0 to n angles."""
        sums = np.zeros((2, len(self.angles) + 1))
        np.cumsum(self.masses * self.waves, axis=1, out=sums[:, 1:])
        return sums

    @cached_property
    def self_term(self) -> float:
        """Mean chord of two independent points, $E|X - X'|$."""
        (cosine, sine), (cosines, sines) = self.waves, self.sums[:, 1:]
        # Sums over all earlier points; a point's own term is zero.
        return 4 * float(np.sum(self.masses * (sine * cosines - cosine * sines)))


def normalised(weights: Weights, n: int) -> Float[np.ndarray, " n"]:
    """Weights of sum 1: equal ones for `None`.

    Raises:
        DataError: If there are no points, or the weights are not usable.
    """
    if n == 0:
        raise DataError("A distance needs at least one point in each set, got none.")
    if weights is None:
        return np.full(n, 1 / n)
    weights = np.asarray(weights, float)
    total = float(np.sum(weights))
    if weights.shape != (n,) or not np.all(weights >= 0) or not 0 < total < math.inf:
        raise DataError(
            f"Weights must be {n} non-negative numbers with a positive sum, "
            f"got shape {weights.shape} and sum {total}."
        )
    return weights / total
