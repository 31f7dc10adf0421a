"""Densities of point sets on the circle and on the torus, by wrapped Gaussians."""

import math

import numpy as np
from jaxtyping import Float

from ...checks import positive


_DEVIATIONS = 9.0
"""Standard deviations beyond which a Gaussian is below rounding."""


def circle_density(
    angles: Float[np.ndarray, " n"],
    grid: Float[np.ndarray, " cells"],
    *,
    bandwidth: float,
) -> Float[np.ndarray, " cells"]:
    """Density on `grid` of angles smoothed by a wrapped Gaussian.

    Args:
        angles: Angles of the points.
        grid: Angles at which the density is wanted.
        bandwidth: Standard deviation in radians.
    """
    positive(bandwidth=bandwidth)
    grid, angles = np.asarray(grid, float), np.asarray(angles, float)
    total = np.zeros(len(grid))
    # A bandwidth of `_DEVIATIONS` radians gives the uniform density already. Offsets
    # are at most half a turn: what lies more than `most` turns away is below rounding.
    bandwidth = min(bandwidth, _DEVIATIONS)
    most = max(1, math.ceil((_DEVIATIONS * bandwidth - math.pi) / (2 * math.pi)))
    for turn in range(-most, most + 1):
        offset = np.subtract.outer(grid, np.mod(angles, 2 * math.pi))
        offset = (offset + math.pi) % (2 * math.pi) - math.pi + 2 * math.pi * turn
        total += np.exp(-(offset**2) / (2 * bandwidth**2)).mean(axis=1)
    return total / (math.sqrt(2 * math.pi) * bandwidth)


def torus_density(
    points: Float[np.ndarray, "n 2"], *, n_side: int = 200, bandwidth: float
) -> Float[np.ndarray, "side side"]:
    """Density of points on a square grid over the torus of side 4; first axis is x."""
    positive(bandwidth=bandwidth)
    centres = -2 + 4 * (np.arange(n_side) + 0.5) / n_side
    # A circle of circumference 4 per coordinate.
    scale = math.pi / 2
    factors = []
    for axis in (0, 1):
        columns = [
            circle_density(
                np.array([value]) * scale, centres * scale, bandwidth=bandwidth * scale
            )
            * scale
            for value in points[:, axis]
        ]
        factors.append(np.array(columns))
    return factors[0].T @ factors[1] / len(points)
