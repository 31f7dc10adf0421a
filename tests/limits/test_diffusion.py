"""The ultra-fast diffusion: documented energies and the laws of the scheme."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import solve_ivp

from overparam.data import CircleTeacher
from overparam.data.sources.torus import teacher_density
from overparam.errors import ConfigError, SolverError
from overparam.limits import CircleGrid, TorusGrid, diffusion, energy, ultra_fast


def circle(gamma: float, n_cells: int) -> CircleGrid:
    return CircleGrid(CircleTeacher(gamma).density, n_cells)


def torus(n_side: int) -> TorusGrid:
    return TorusGrid(lambda points: teacher_density(points, gamma=10.0), n_side)


GRIDS = {"circle": circle(100.0, 256), "torus": torus(24)}

# Of an independent implementation, at times 0, .1, 1, 5, 8, 10.
ENERGIES = {
    10.0: [0.22771, 0.15900, 0.047825, 5.173e-5, 8.70e-8, 1.18e-9],
    100.0: [1.0277, 0.40274, 0.17991, 0.034250, 2.4054e-3, 6.369e-5],
    1000.0: [3.9390, 0.65026, 0.35097, 0.16225, 0.11170, 0.088379],
}
EXACT_START = {10.0: 0.2277112297, 100.0: 1.0276988320, 1000.0: 3.9389520829}
GAPS = {10.0: 1.06097, 100.0: 0.99737, 1000.0: 0.39434}


@pytest.mark.parametrize("gamma", ENERGIES)
def test_the_documented_energies(gamma):
    path = ultra_fast(circle(gamma, 4096), [0, 0.1, 1, 5, 8, 10])
    assert_allclose(path.energies[0], EXACT_START[gamma], atol=1e-8)
    assert_allclose(path.energies[:3], ENERGIES[gamma][:3], rtol=1e-3)
    assert_allclose(path.energies[3:], ENERGIES[gamma][3:], rtol=1e-2)


def test_the_slowest_teacher_is_reached_in_the_end():
    path = ultra_fast(circle(1000.0, 4096), [31.25])
    assert_allclose(path.energies, 3.66e-7, rtol=1e-2)


def test_a_spectral_gap_is_the_same_number_every_time():
    grid = circle(10.0, 64)
    assert len({grid.gap() for _ in range(3)}) == 1


@pytest.mark.parametrize("gamma", GAPS)
def test_the_documented_spectral_gaps(gamma):
    assert_allclose(circle(gamma, 4096).gap(), GAPS[gamma], rtol=1e-5)


def test_a_density_at_rest_takes_no_more_steps():
    grid = circle(100.0, 1024)
    soon, late = (ultra_fast(grid, [0.0, end]) for end in (100.0, 1e4))
    assert late.n_steps == soon.n_steps
    rest = grid.mobility / (grid.mobility.sum() * grid.volume)
    # A ten thousandth of the tolerance.
    assert_allclose(late.densities[-1], rest, rtol=1e-9)


@pytest.mark.parametrize("name", GRIDS)
def test_mass_bounds_and_energy(name):
    grid = GRIDS[name]
    times = np.linspace(0, 3, 31)
    path = ultra_fast(grid, times)
    masses = path.densities.sum(axis=1) * grid.volume
    assert_allclose(masses, 1, atol=1e-12)
    ratios = grid.mobility / path.densities
    # The maximum principle of the equation, up to the error of the time steps.
    assert ratios.max() <= ratios[0].max() * (1 + 1e-4)
    assert ratios.min() >= ratios[0].min() * (1 - 1e-4)
    assert np.all(np.diff(path.energies) < 0)


@pytest.mark.parametrize("name", GRIDS)
def test_times_within_a_step_are_as_good_as_its_ends(name):
    grid = GRIDS[name]
    times = np.linspace(0, 3, 1201)
    path = ultra_fast(grid, times)
    assert path.n_steps < len(times) / 2
    few = ultra_fast(grid, times[::100])  # So few that a step ends at each of them.
    fine = ultra_fast(grid, times[::100], tolerance=1e-8)
    errors = [
        np.abs(found / fine.densities - 1).max()
        for found in (few.densities, path.densities[::100])
    ]
    # Both sum some hundred errors of at most 1e-5 each, most of which are damped.
    assert errors[1] < 3 * errors[0] < 3e-4
    assert_allclose(path.densities.sum(axis=1) * grid.volume, 1, atol=1e-12)
    assert np.all(np.diff(path.energies) < 0)


def test_the_energy_falls_at_the_stated_rate():
    grid = circle(100.0, 1024)
    at, step = 0.5, 1e-3
    path = ultra_fast(grid, [at - step, at, at + step], tolerance=1e-8)
    p = grid.mobility / path.densities[1]
    ahead = np.roll(p, -1)
    # dE/dt = -int nu p |grad p|^2, at the faces between cells.
    faces = grid.coupling * (p + ahead) / 2 * (ahead - p) ** 2
    rate = -grid.volume * np.sum(faces)
    found = (path.energies[2] - path.energies[0]) / (2 * step)
    assert_allclose(found, rate, rtol=1e-4)


def test_a_symmetric_teacher_keeps_the_density_symmetric():
    grid = CircleGrid(lambda theta: (1 + 0.8 * np.cos(theta)) / (2 * math.pi), 256)
    path = ultra_fast(grid, [0.5, 2.0])
    assert_allclose(path.densities, path.densities[:, ::-1], atol=1e-12)


@pytest.mark.parametrize("name", GRIDS)
def test_the_teacher_is_stationary(name):
    grid = GRIDS[name]
    path = ultra_fast(grid, [2.0], initial=grid.mobility)
    assert_allclose(path.densities[0], grid.mobility, rtol=1e-12)
    assert energy(grid, grid.mobility) == 0


def test_the_scheme_is_of_second_order_in_space():
    solutions = [
        ultra_fast(circle(10.0, n), [1.0], tolerance=1e-9).densities[0]
        for n in (81, 243, 729)
    ]
    # Odd factors of 3: coarse centres are centres of the finer grids too.
    errors = [
        np.abs(solutions[0] - solutions[2][4::9]).max(),
        np.abs(solutions[1] - solutions[2][1::3]).max(),
    ]
    # With the finest grid as reference an order of 2 gives (81 - 1)/(9 - 1) = 10.
    assert 9 < errors[0] / errors[1] < 11


@pytest.mark.parametrize("gamma", [10.0, 100.0])
def test_the_late_rate_is_twice_the_gap(gamma):
    grid = circle(gamma, 1024)
    path = ultra_fast(grid, [10.0, 12.0], tolerance=1e-7)
    rate = -np.diff(np.log(path.energies))[0] / 2
    # At gamma 100 the second eigenvalue still shows by then.
    assert_allclose(rate, 2 * grid.gap(), rtol=0.01 if gamma == 10 else 0.1)


def test_a_generic_stiff_integrator_agrees():
    grid = circle(100.0, 128)
    start = np.full(128, 1 / (2 * math.pi))
    found = ultra_fast(grid, [1.0], tolerance=1e-9).densities[0]
    reference = solve_ivp(
        lambda _, f: -grid.apply(grid.mobility / f),
        (0, 1),
        start,
        method="LSODA",
        rtol=1e-10,
        atol=1e-13,
    )
    assert_allclose(found, reference.y[:, -1], atol=1e-6)


def test_a_uniform_teacher_has_a_closed_form():
    # With nu = 1/(2 pi) and mass as coordinate, 1/f solves the heat equation. From
    # 1/f = 2 pi (1 + a cos 2 pi m) particles sit at x = 2 pi m + a e^(-t) sin 2 pi m.
    a, time, errors = 0.5, 0.7, []

    def density(x: np.ndarray, a: float) -> np.ndarray:
        mass = x.copy()
        for _ in range(100):  # Kepler's equation by its contraction of factor a.
            mass = x - a * np.sin(mass)
        return 1 / (2 * math.pi * (1 + a * np.cos(mass)))

    for n in (64, 128):
        grid = CircleGrid(lambda x: np.full_like(x, 1 / (2 * math.pi)), n)
        start = density(grid.angles, a)
        path = ultra_fast(grid, [time], initial=start, tolerance=1e-9)
        exact = density(grid.angles, a * math.exp(-time))
        errors.append(np.abs(path.densities[0] - exact).max())
    assert errors[1] < 1e-3 * exact.max()
    # Second order in the width of a cell.
    assert 3.7 < errors[0] / errors[1] < 4.3


def test_a_linear_system_is_solved():
    rng = np.random.default_rng(0)
    for grid in GRIDS.values():
        n = grid.mobility.size
        diagonal, right = rng.uniform(1, 2, n), rng.normal(size=n)
        solved = grid.solve(diagonal, 0.1, right)
        residual = diagonal * solved - 0.1 * (grid.matrix() @ solved) - right
        # On the torus conjugate gradients stop at 1e-6, inside Newton's iteration.
        assert np.linalg.norm(residual) <= 1e-5 * np.linalg.norm(right)
        assert_allclose(grid.matrix() @ solved, grid.apply(solved), atol=1e-7)


def test_output_times_and_cells_are_checked():
    with pytest.raises(ConfigError, match="`times` must be increasing"):
        ultra_fast(GRIDS["circle"], [1.0, 0.5])
    with pytest.raises(ConfigError, match="`cells` must be at least 8, got 4"):
        circle(10.0, 4)


@pytest.mark.parametrize("times", [[np.inf], [0.0, np.nan], [-1.0], [1.0, 0.5]])
def test_times_that_never_come_are_refused(times):
    with pytest.raises(ConfigError, match="`times` must be increasing, finite"):
        ultra_fast(GRIDS["circle"], times)


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_a_density_must_be_positive(value):
    initial = np.full(256, 1 / (2 * math.pi))
    initial[7] = value
    with pytest.raises(ConfigError, match="`initial` must be a positive finite"):
        ultra_fast(GRIDS["circle"], [0.1], initial=initial)


def test_an_integration_that_cannot_go_on_says_so(monkeypatch):
    def lost(stepper, factor, right, start):
        return np.full_like(start, np.nan)

    monkeypatch.setattr(diffusion._Stepper, "_newton", lost)
    with pytest.raises(SolverError, match="The diffusion stopped at time 0"):
        ultra_fast(GRIDS["circle"], [0.1])
