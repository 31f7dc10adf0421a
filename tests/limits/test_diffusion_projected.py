"""The projected diffusion: documented energies, order of particles, fixed points."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from overparam.data import CircleTeacher, uniform_angles
from overparam.errors import ConfigError, SolverError
from overparam.limits import projected
from overparam.limits.diffusion_projected import Galerkin, visible_harmonics


FOURIER = CircleTeacher(100.0).fourier


def test_the_documented_energies():
    # Of an independent implementation.
    path = projected(FOURIER, [0, 0.05, 0.1, 0.25, 0.5, 1, 2], particles=1024)
    assert_allclose(path.energies[0], 0.7887699806, rtol=1e-5)
    documented = [0.45837, 0.39231, 0.30346, 0.25171, 0.20645, 0.18275]
    assert_allclose(path.energies[1:], documented, rtol=5e-3)
    assert np.all(np.diff(path.angles, axis=1) > -1e-6)


@pytest.mark.parametrize(
    ("gamma", "energy", "harmonics"),
    [
        (10.0, 0.2210038730, 100),
        (100.0, 0.7887699806, 100),
        (1000.0, 2.3495258631, 200),
    ],
)
def test_the_first_energy_is_half_the_visible_power(gamma, energy, harmonics):
    path = projected(
        CircleTeacher(gamma).fourier,
        [0.0],
        particles=30 * harmonics,
        harmonics=harmonics,
    )
    # What is left out beyond the last harmonic is rho^(2 k), at most 1e-11.
    assert_allclose(path.energies[0], energy, atol=1e-9)


def test_few_harmonics_miss_power():
    path = projected(FOURIER, [0.0], particles=1024, harmonics=14)
    assert_allclose(path.energies[0], 0.7870, atol=1e-4)


def test_the_galerkin_readout_has_the_teachers_visible_moments():
    angles = np.sort(np.random.default_rng(0).uniform(-3, 3, 900))
    galerkin = Galerkin(FOURIER, 12)
    u, slope, energy = galerkin.solve(angles)
    k = visible_harmonics(12)
    assert list(k) == [0, 1, 2, 4, 6, 8, 10, 12]
    waves = np.exp(-1j * np.outer(k, angles))
    assert_allclose(waves @ u / 900, FOURIER(k.astype(float)), atol=1e-10)
    step = 1e-6
    # u is a function of the angle: its derivative by differences of one particle
    # would change the weights, so the basis is evaluated again instead.
    basis = np.concatenate(
        [np.cos(np.outer(k, angles)), np.sin(np.outer(k[1:], angles))]
    )
    weights = np.linalg.lstsq(basis.T, u, rcond=None)[0]
    moved = np.concatenate(
        [np.cos(np.outer(k, angles + step)), np.sin(np.outer(k[1:], angles + step))]
    )
    assert_allclose(slope, (weights @ moved - u) / step, atol=1e-3)
    assert energy >= 0


def test_the_teachers_quantiles_hardly_move():
    # Quantiles of the teacher by its cumulative density.
    grid = np.linspace(-np.pi, np.pi, 400_001)
    density = CircleTeacher(10.0).density(grid)
    cdf = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2)])
    angles = np.interp((np.arange(2000) + 0.5) / 2000, cdf / cdf[-1], grid)
    path = projected(
        CircleTeacher(10.0).fourier, [0, 0.2], particles=2000, initial=angles
    )
    # 2000 atoms are the teacher up to O(1/2000^2) in each harmonic.
    assert np.abs(path.angles[1] - angles).max() < 1e-3
    assert path.energies[0] < 1e-5


def test_odd_harmonics_are_not_seen():
    def bent(k):
        return FOURIER(k) + 0.0075 * (np.abs(k) == 3)

    plain, other = (
        projected(f, [0.05], particles=600, harmonics=20) for f in (FOURIER, bent)
    )
    assert np.array_equal(plain.angles, other.angles)


def test_twice_the_particles_change_little():
    paths = [
        projected(CircleTeacher(10.0).fourier, [1.0], particles=m, harmonics=10)
        for m in (300, 600)
    ]
    assert_allclose(paths[0].energies, paths[1].energies, rtol=1e-4)


def test_too_few_particles_are_refused():
    message = "`particles` must be at least 30 x `harmonics` = 900, got 256"
    with pytest.raises(ConfigError, match=message):
        projected(FOURIER, [1.0], particles=256)
    with pytest.raises(ConfigError, match="`times` must be increasing"):
        projected(FOURIER, [-1.0])
    assert len(uniform_angles(3)) == 3


def test_a_time_that_no_number_of_steps_reaches_is_refused():
    with pytest.raises(SolverError, match=r"up to time 1e\+30 would take about .*e\+3"):
        projected(CircleTeacher(10.0).fourier, [0, 1e30], particles=120, harmonics=4)


def test_particles_in_one_place_have_no_readout():
    with pytest.raises(SolverError, match="do not tell 33 waves apart"):
        projected(FOURIER, [0.1], initial=np.zeros(1024))
