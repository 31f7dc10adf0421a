"""Wasserstein distances on the circle against POT."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from overparam.analysis.density.circular import circle_w1, circle_w2


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
