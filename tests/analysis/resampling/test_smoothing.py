"""Smoothed densities on the circle and on the torus."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from overparam.analysis.resampling.smoothing import circle_density, torus_density
from overparam.data import uniform_angles
from overparam.errors import ConfigError


GRID = uniform_angles(400)


@pytest.mark.parametrize("bandwidth", [0.05, 0.5])
def test_the_density_of_a_point_is_a_wrapped_gaussian(bandwidth):
    found = circle_density(np.array([3.0]), GRID, bandwidth=bandwidth)
    k = np.arange(1, 400)
    waves = np.cos(np.outer(GRID - 3.0, k)) @ np.exp(-((k * bandwidth) ** 2) / 2)
    # The next image is a full turn further: below 1e-8 at a bandwidth of 0.5.
    assert_allclose(found, (1 + 2 * waves) / (2 * math.pi), atol=1e-8)


def test_densities_have_mass_one(key):
    rng = np.random.default_rng(0)
    angles = rng.uniform(-9, 9, 30)
    found = circle_density(angles, GRID, bandwidth=0.1)
    assert_allclose(found.mean() * 2 * math.pi, 1, atol=1e-10)
    points = rng.uniform(-2, 2, (30, 2))
    field = torus_density(points, n_side=80, bandwidth=0.2)
    assert_allclose(field.mean() * 16, 1, atol=1e-10)


def test_the_first_axis_of_a_field_is_the_first_coordinate():
    field = torus_density(np.array([[1.0, -1.0]]), n_side=40, bandwidth=0.2)
    assert np.unravel_index(field.argmax(), field.shape) in {(29, 9), (30, 10)} | {
        (29, 10),
        (30, 9),
    }


def test_a_bandwidth_of_zero_is_refused():
    with pytest.raises(ConfigError, match="`bandwidth` must be a positive"):
        circle_density(np.zeros(1), GRID, bandwidth=0.0)


@pytest.mark.parametrize("bandwidth", [2.0, 6.0, 50.0])
def test_a_wide_gaussian_is_wrapped_as_often_as_it_reaches(bandwidth):
    found = circle_density(np.array([3.0]), GRID, bandwidth=bandwidth)
    k = np.arange(1, 9)
    waves = np.cos(np.outer(GRID - 3.0, k)) @ np.exp(-((k * bandwidth) ** 2) / 2)
    assert_allclose(found, (1 + 2 * waves) / (2 * math.pi), rtol=1e-12)
