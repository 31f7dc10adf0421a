"""Teacher and student points on the torus."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from overparam.data import sample_student, sample_teacher
from overparam.data.sources.torus import (
    lattice_student,
    lattice_teacher,
    teacher_density,
    wrap_torus,
)
from overparam.errors import ConfigError


def grid(n: int) -> np.ndarray:
    x = -2 + 4 * (np.arange(n) + 0.5) / n
    return np.stack(np.meshgrid(x, x, indexing="ij"), axis=-1).reshape(-1, 2)


@pytest.mark.parametrize("gamma", [10.0, 100.0])
def test_the_density_has_mass_one(gamma):
    values = teacher_density(grid(256), gamma=gamma)
    # Analytic and periodic: the midpoint rule converges to rounding.
    assert_allclose(np.sum(values) * (4 / 256) ** 2, 1, atol=1e-12)


def test_samples_have_the_moments_of_the_density(key):
    gamma, n = 10.0, 200_000
    points = sample_teacher(n, gamma=gamma, key=key)
    assert np.all((points >= -2) & (points < 2))
    cells = grid(256)
    weights = teacher_density(cells, gamma=gamma) * (4 / 256) ** 2
    for k in ((1, 0), (0, 1), (1, 1), (2, -1)):
        wave = np.exp(0.5j * math.pi * (points @ np.array(k)))
        exact = np.sum(weights * np.exp(0.5j * math.pi * (cells @ np.array(k))))
        # Each real part has a standard deviation of at most 1/sqrt(n).
        assert abs(np.mean(wave) - exact) < 6 / math.sqrt(n)


def test_infinite_concentration_gives_two_points(key):
    expected = [[-1, 0], [1, 1]]
    assert_allclose(sample_teacher(4096, gamma=math.inf, key=key), expected)
    assert_allclose(lattice_teacher(7, gamma=math.inf), expected)


def test_students_are_spread_evenly(key):
    for points in (lattice_student(4096), sample_student(4096, key=key)):
        counts = np.histogram2d(*points.T, bins=4, range=[[-2, 2], [-2, 2]])[0]
        # 256 expected; 6 standard deviations of a binomial count are 93.
        assert np.all(np.abs(counts - 256) < 93)


def test_wrapping_reaches_the_half_open_square():
    wrapped = wrap_torus(np.array([[2.0, -2.0], [3.5, -7.0]]))
    assert_allclose(wrapped, [[-2, -2], [-0.5, 1]])


def test_a_concentration_that_is_not_positive_is_refused():
    with pytest.raises(ConfigError, match="`gamma` must be positive"):
        lattice_teacher(4, gamma=0.0)
