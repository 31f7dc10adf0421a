"""Wasserstein distances on the circle against POT."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from overparam.analysis.density.circle_measure import CircleMeasure
from overparam.analysis.density.circular import (
    _cost,
    _quantile,
    circle_w1,
    circle_w2,
)


def draw(seed: int):
    rng = np.random.default_rng(seed)
    n, m = rng.integers(1, 25, 2)
    spread = rng.uniform(0.01, 1)
    a, b = spread * rng.uniform(-4, 4, n), rng.uniform(-4, 4, m)
    return a, b, rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(m))


def geodesics(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.abs((a[:, None] - b[None, :] + math.pi) % (2 * math.pi) - math.pi)


@pytest.mark.parametrize("block", range(4))
def test_distances_are_those_of_a_linear_programme(block):
    ot = pytest.importorskip("ot")
    for seed in range(50 * block, 50 * block + 50):
        a, b, u, v = draw(seed)
        costs = geodesics(a, b)
        w1 = circle_w1(a, b, first_weights=u, second_weights=v)
        w2 = circle_w2(a, b, first_weights=u, second_weights=v)
        assert_allclose(w1, ot.emd2(u, v, costs), atol=1e-10)
        # The square root doubles the digits lost near 0.
        assert_allclose(w2**2, ot.emd2(u, v, costs**2), atol=1e-10)


@given(st.floats(-7, 7), st.floats(-7, 7))
@settings(max_examples=30)
def test_two_points_are_as_far_as_their_geodesic(a, b):
    first, second = np.array([a]), np.array([b])
    geodesic = geodesics(first, second)[0, 0]
    assert_allclose(circle_w1(first, second), geodesic, atol=1e-9)
    # The shift is found to 1e-15, which costs that much of (2 pi)^2 in the square.
    assert_allclose(circle_w2(first, second) ** 2, geodesic**2, atol=1e-12)


@given(st.floats(-7, 7), st.integers(0, 2**31))
@settings(max_examples=20)
def test_rotations_change_nothing(angle, seed):
    a, b, u, v = draw(seed)
    weights = {"first_weights": u, "second_weights": v}
    for distance in (circle_w1, circle_w2):
        turned = distance(a + angle, b + angle, **weights)
        assert_allclose(turned**2, distance(a, b, **weights) ** 2, atol=1e-12)


def test_the_second_distance_is_at_least_the_first():
    for seed in range(30):
        a, b, u, v = draw(seed)
        weights = {"first_weights": u, "second_weights": v}
        assert circle_w1(a, b, **weights) <= circle_w2(a, b, **weights) + 1e-9


def bisected(a, b, u, v):
    """The second distance, by bisection on all quantiles at every step."""
    first, second = CircleMeasure.of(a, u), CircleMeasure.of(b, v)
    x, p, y, q = first.angles, first.levels, second.angles, second.levels
    low, high = -1.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        at = _quantile(x, p, q - middle)
        after = np.append(y[1:], y[0] + 2 * math.pi)
        if np.sum((after - at) ** 2 - (y - at) ** 2) > 0:
            high = middle
        else:
            low = middle
        if high - low <= 1e-15:
            break
    return math.sqrt(max(_cost(x, p, y, q, (low + high) / 2), 0.0))


def test_looking_at_what_can_move_alone_changes_no_bit():
    for seed in range(200):
        a, b, u, v = draw(seed)
        if seed % 3 == 0:  # Ties, and jumps at the same places.
            a, b = np.round(a, 1), np.round(b, 1)
        if seed % 4 == 0:
            u, v = np.full(len(u), 1 / len(u)), np.full(len(v), 1 / len(v))
        if seed % 5 == 0 and len(a) > 1:
            u[np.argmin(u)] = 0
            u /= u.sum()
        if seed % 7 == 0:
            b, v = a + 1e-9, u
        found, plain = (
            circle_w2(a, b, first_weights=u, second_weights=v),
            bisected(a, b, u, v),
        )
        if len(b) <= len(a):
            assert found == plain
        else:  # The other measure's jumps are summed: rounding of the squares differs.
            assert found**2 == pytest.approx(plain**2, rel=1e-12, abs=1e-13)
