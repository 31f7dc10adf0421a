r"""Energy distances between weighted point sets on the circle and on the torus.

$\mathrm{MMD}^2 = 2E|X-Y| - E|X-X'| - E|Y-Y'|$, diagonal included, with chords on the
circle, and on the torus with wrapped Euclidean distances (as published) or chords.

The wrapped distance of the torus is *not* of negative type: its MMD^2 is negative for
some pairs of laws, and is clipped at 0. Chords, which are distances in the flat torus's
embedding in $\mathbb{R}^4$, are: they tell any two laws apart.
"""

import math

import numpy as np
from jaxtyping import Float

from ...data.sources.torus import SIDE, wrap_torus
from .circle_measure import CircleMeasure, Weights, normalised


Angles = Float[np.ndarray, " n"] | CircleMeasure


def circle_energy(
    first: Angles,
    second: Angles,
    *,
    first_weights: Weights = None,
    second_weights: Weights = None,
) -> float:
    r"""Energy distance of two measures on the unit circle, exact in O(n log n).

    For sorted angles in $[0, 2\pi)$ a chord is $2\sin((a - a')/2)$ with $a \ge a'$, so
    that prefix sums of sines and cosines give all pairs.

    Args:
        first: Angles of the first measure, or the measure in order.
        second: Likewise of the second.
        first_weights: Weights, scaled to sum 1; equal by default.
        second_weights: Likewise.

    Returns:
        The square root of MMD^2, clipped at 0; its absolute floor is about 1e-8.

    Reference: Székely and Rizzo 2013 (energy statistics).
    """
    few, many = (
        CircleMeasure.of(first, first_weights),
        CircleMeasure.of(second, second_weights),
    )
    if len(few.angles) > len(many.angles):
        few, many = many, few
    cosine, sine = few.waves
    # Of the many, those up to `place` are before a point and the others after it.
    place = np.searchsorted(many.angles, few.angles)
    before = 2 * many.sums[:, place] - many.sums[:, -1:]
    chords = 2 * (sine * before[0] - cosine * before[1])
    square = 2 * np.sum(few.masses * chords) - few.self_term - many.self_term
    return math.sqrt(max(float(square), 0.0))


def uniform_floor(n: int) -> float:
    r"""Energy distance of `n` evenly spaced atoms from the uniform law of the circle.

    $\sqrt{\pi/3}/n$ to first order in $1/n^2$: no set of `n` points comes closer, so
    that every curve of particles against a density ends here.
    """
    return math.sqrt(math.pi / 3) / n


def torus_energy(
    first: Float[np.ndarray, "n dim"],
    second: Float[np.ndarray, "m dim"],
    *,
    first_weights: Weights = None,
    second_weights: Weights = None,
    second_self: float | None = None,
    chordal: bool = False,
) -> float:
    """Energy distance of two measures on the torus of side 4, in blocks of rows.

    Args:
        first: Points of the first measure.
        second: Points of the second measure.
        first_weights: Weights, scaled to sum 1; equal by default.
        second_weights: Likewise.
        second_self: `torus_self_term` of the second measure, when it is known already.
        chordal: Distances by chords instead of wrapped Euclidean ones.

    Returns:
        The square root of MMD^2, clipped at 0; its absolute floor is about 1e-8.
    """
    first, second = np.asarray(first, float), np.asarray(second, float)
    a = normalised(first_weights, len(first))
    b = normalised(second_weights, len(second))
    if second_self is None:
        second_self = torus_self_term(second, weights=b, chordal=chordal)
    square = 2 * _mean_distance(first, second, a, b, chordal=chordal)
    square -= torus_self_term(first, weights=a, chordal=chordal) + second_self
    return math.sqrt(max(square, 0.0))


def torus_self_term(
    points: Float[np.ndarray, "n dim"],
    *,
    weights: Weights = None,
    chordal: bool = False,
) -> float:
    """$E|X - X'|$ of one measure on the torus; compute it once for a fixed teacher."""
    points = np.asarray(points, float)
    weights = normalised(weights, len(points))
    return _mean_distance(points, points, weights, weights, chordal=chordal)


def grid_self_terms(
    densities: Float[np.ndarray, "times cells"],
) -> Float[np.ndarray, " times"]:
    """Chordal `torus_self_term` of densities on the square cells of a `TorusGrid`.

    Distances of cells depend on their offset only: a sum over frequencies.
    """
    side = math.isqrt(densities.shape[1])
    circle = chords(SIDE / side * np.arange(side)[:, None])
    chord = np.linalg.norm(circle - circle[0], axis=1)
    kernel = np.fft.fft2(np.hypot(chord[:, None], chord[None, :])).real
    weights = densities / densities.sum(axis=1, keepdims=True)
    waves = np.fft.fft2(weights.reshape(-1, side, side))
    return np.sum(kernel * np.abs(waves) ** 2, axis=(1, 2)) / side**2


def chords(
    points: Float[np.ndarray, "n dim"],
) -> Float[np.ndarray, "n twice_dim"]:
    """Points of the torus on circles of radius 2/pi, one circle per coordinate."""
    angles = 2 * math.pi / SIDE * points
    radius = SIDE / (2 * math.pi)
    return radius * np.concatenate([np.cos(angles), np.sin(angles)], axis=1)


_BLOCK_ENTRIES = 2**20
"""Entries of one block of distances: 8 MiB in float64."""


def _mean_distance(
    x: np.ndarray, y: np.ndarray, a: np.ndarray, b: np.ndarray, *, chordal: bool
) -> float:
    if chordal:
        x, y = chords(x), chords(y)
    rows = max(1, _BLOCK_ENTRIES // len(y))
    total = 0.0
    for start in range(0, len(x), rows):
        squares = np.zeros((len(x[start : start + rows]), len(y)))
        for axis in range(x.shape[1]):
            offset = x[start : start + rows, axis, None] - y[None, :, axis]
            if not chordal:
                offset = wrap_torus(offset)
            squares += np.square(offset, out=offset)
        total += float(a[start : start + rows] @ (np.sqrt(squares, out=squares) @ b))
    return total
