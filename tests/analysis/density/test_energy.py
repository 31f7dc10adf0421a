"""Energy distances against double loops, Fourier series and closed forms."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from overparam.analysis.density.circular import circle_w1, circle_w2
from overparam.analysis.density.energy import (
    circle_energy,
    grid_self_terms,
    torus_energy,
    torus_self_term,
    uniform_floor,
)
from overparam.errors import DataError


def draw(seed: int, n: int, m: int):
    rng = np.random.default_rng(seed)
    a, b = rng.uniform(-7, 7, n), rng.uniform(-7, 7, m)
    return a, b, rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(m))


def double_loop(distance, x, y, a, b) -> float:
    def mean(p, q, u, v):
        return sum(
            u[i] * v[j] * distance(p[i], q[j])
            for i in range(len(p))
            for j in range(len(q))
        )

    square = 2 * mean(x, y, a, b) - mean(x, x, a, a) - mean(y, y, b, b)
    return math.sqrt(max(square, 0))


def chord(a: float, b: float) -> float:
    return abs(2 * math.sin((a - b) / 2))


@settings(max_examples=25)
@given(st.integers(0, 2**31), st.integers(1, 12), st.integers(1, 12))
def test_the_sorted_distance_is_the_double_loop(seed, n, m):
    a, b, u, v = draw(seed, n, m)
    found = circle_energy(a, b, first_weights=u, second_weights=v)
    # Its square is exact to 1e-15, so that the value has a floor of a few 1e-8.
    assert_allclose(found, double_loop(chord, a, b, u, v), atol=1e-7)


def test_the_sorted_distance_is_its_fourier_series():
    a, b, u, v = draw(0, 6, 5)
    k = np.arange(1, 100_001)
    phases = np.exp(-1j * np.outer(k, a)) @ u - np.exp(-1j * np.outer(k, b)) @ v
    series = 8 / math.pi * np.sum(np.abs(phases) ** 2 / (4 * k**2 - 1))
    found = circle_energy(a, b, first_weights=u, second_weights=v)
    # The terms left out are below (8/pi) 4/(4 k) = 3e-5 in the square.
    assert_allclose(found**2, series, atol=3e-5)


def test_equal_sets_are_at_distance_zero():
    a, _, u, _ = draw(1, 9, 1)
    turned = a + 2 * math.pi
    assert circle_energy(a, turned, first_weights=u, second_weights=u) < 1e-7
    points = np.random.default_rng(0).normal(size=(9, 2))
    assert torus_energy(points, points + 4) < 1e-7


@given(st.floats(-10, 10), st.integers(0, 2**31))
@settings(max_examples=20)
def test_rotations_change_nothing(angle, seed):
    a, b, u, v = draw(seed, 7, 4)
    plain = circle_energy(a, b, first_weights=u, second_weights=v)
    turned = circle_energy(a + angle, b + angle, first_weights=u, second_weights=v)
    assert_allclose(plain, turned, atol=1e-7)


@pytest.mark.parametrize("n", [16, 128])
def test_even_atoms_reach_the_floor_against_the_uniform_law(n):
    atoms = 2 * math.pi * np.arange(n) / n
    uniform = 2 * math.pi * (np.arange(65536) + 0.5) / 65536
    # Next order 1/n^2, and the 65536 atoms have a floor of their own.
    assert_allclose(
        circle_energy(atoms, uniform), uniform_floor(n), rtol=3 / n**2 + 1e-4
    )


@pytest.mark.parametrize("chordal", [False, True])
def test_the_torus_distance_is_the_double_loop(chordal):
    rng = np.random.default_rng(3)
    x, y = rng.uniform(-2, 2, (8, 2)), rng.uniform(-2, 2, (6, 2))
    a, b = rng.dirichlet(np.ones(8)), rng.dirichlet(np.ones(6))

    def distance(p, q):
        if chordal:
            return math.hypot(*(4 / math.pi * np.sin(math.pi / 4 * (p - q))))
        return math.hypot(*((p - q + 2) % 4 - 2))

    expected = double_loop(distance, x, y, a, b)
    weights = {"first_weights": a, "second_weights": b, "chordal": chordal}
    found = torus_energy(x, y, **weights)
    assert_allclose(found, expected, atol=1e-7)
    own = torus_self_term(y, weights=b, chordal=chordal)
    assert torus_energy(x, y, **weights, second_self=own) == found


def test_only_chords_tell_all_laws_of_the_torus_apart():
    centres = -2 + 4 * (np.arange(16) + 0.5) / 16
    grid = np.stack(np.meshgrid(centres, centres, indexing="ij"), -1).reshape(-1, 2)
    even = np.full(256, 1 / 256)
    # The wrapped distance has a kink across x = 2, which this wave meets twice.
    wave = even * (1 + 0.5 * np.cos(math.pi * grid[:, 0]))
    distances = [
        torus_energy(grid, grid, second_weights=wave, chordal=chordal)
        for chordal in (False, True)
    ]
    assert distances[0] == 0
    assert distances[1] > 0.01


def test_self_terms_of_densities_are_sums_over_frequencies():
    centres = -2 + 4 * (np.arange(12) + 0.5) / 12
    grid = np.stack(np.meshgrid(centres, centres, indexing="ij"), -1).reshape(-1, 2)
    densities = np.random.default_rng(5).uniform(0, 3, (2, 144))
    expected = [torus_self_term(grid, weights=row, chordal=True) for row in densities]
    assert_allclose(grid_self_terms(densities), expected, rtol=1e-12)


def test_blocks_give_the_same_sum(monkeypatch):
    rng = np.random.default_rng(4)
    x, y = rng.uniform(-2, 2, (30, 2)), rng.uniform(-2, 2, (20, 2))
    whole = torus_energy(x, y)
    monkeypatch.setattr("overparam.analysis.density.energy._BLOCK_ENTRIES", 50)
    assert_allclose(torus_energy(x, y), whole, rtol=1e-12)


def test_unusable_weights_are_refused():
    with pytest.raises(DataError, match="at least one point"):
        circle_energy(np.zeros(0), np.zeros(1))
    with pytest.raises(DataError, match="2 non-negative numbers"):
        circle_energy(np.zeros(2), np.zeros(1), first_weights=np.array([1.0, -1.0]))


@pytest.mark.parametrize("distance", [circle_energy, circle_w1, circle_w2])
def test_float32_angles_are_compared_in_float64(distance):
    angles = np.random.default_rng(2).uniform(-3, 3, (2, 200)).astype("float32")
    assert distance(*angles) == distance(*angles.astype(float))
    assert distance(angles[0], angles[0]) <= 1e-7


@pytest.mark.parametrize("chordal", [False, True])
def test_float32_points_of_the_torus_are_compared_in_float64(chordal):
    points = np.random.default_rng(3).uniform(-2, 2, (2, 90, 2)).astype("float32")
    found = torus_energy(*points, chordal=chordal)
    assert found == torus_energy(*points.astype(float), chordal=chordal)
