"""The teacher's distribution on the circle."""

import math

import jax
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from overparam.data import CircleTeacher, lattice_inputs, uniform_angles, unit_vectors
from overparam.data.sources.circle import SHIFT, wrap_angle
from overparam.errors import ConfigError


GAMMAS = [0.5, 10.0, 100.0, 1000.0]


@pytest.mark.parametrize("gamma", GAMMAS)
def test_the_density_has_mass_one_and_the_stated_harmonics(gamma):
    teacher = CircleTeacher(gamma)
    # The trapezoidal rule is exact to rounding for an analytic periodic function.
    theta = uniform_angles(8192)
    k = np.arange(0.0, 12.0)
    waves = np.exp(-1j * k[:, None] * theta)
    found = waves @ teacher.density(theta) * (2 * math.pi / 8192)
    assert_allclose(found, teacher.fourier(k), atol=1e-12)
    assert_allclose(found[0], 1, atol=1e-12)


@pytest.mark.parametrize("gamma", GAMMAS)
def test_samples_follow_the_density(gamma, key):
    teacher = CircleTeacher(gamma)
    angles = teacher.sample(100_000, key=key)
    grid = np.linspace(-math.pi, math.pi, 200_001)
    density = teacher.density(grid)
    cdf = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2)])
    result = stats.kstest(angles, lambda x: np.interp(x, grid, cdf / cdf[-1]))
    # A correct sampler fails once in 10^4 keys.
    assert result.pvalue > 1e-4


def test_a_third_of_the_teacher_belongs_to_the_second_mode():
    angles = CircleTeacher(math.inf).lattice(4096)
    assert np.sum(np.abs(angles - SHIFT) < 1e-12) == 1365
    assert np.sum(angles == 0) == 4096 - 1365


def test_two_keys_give_two_teachers_and_one_key_gives_one():
    teacher = CircleTeacher(100.0)
    one, same = (teacher.sample(8, key=jax.random.key(1)) for _ in range(2))
    other = teacher.sample(8, key=jax.random.key(2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_the_lattice_is_the_documented_one():
    x = lattice_inputs(4096)
    assert_allclose(np.mean(np.sum(x**2, axis=1)), 1.999830779581, rtol=1e-12)
    mean = unit_vectors(CircleTeacher(100.0).lattice(4096)).mean(axis=0)
    assert_allclose(mean, [0.63041977, 0.25956181], atol=1e-8)


def test_angles_wrap_into_one_turn():
    assert_allclose(wrap_angle(np.array([math.pi, -math.pi])), -math.pi)
    assert_allclose(
        wrap_angle(np.array([7.0, -9.0])),
        [7 - 2 * math.pi, -9 + 2 * math.pi],
    )


def test_a_concentration_that_is_not_positive_is_refused():
    with pytest.raises(ConfigError, match=r"`gamma` must be positive, got -1\.0; use"):
        CircleTeacher(-1.0)
    with pytest.raises(ConfigError, match="no density"):
        CircleTeacher(math.inf).density(np.zeros(1))
