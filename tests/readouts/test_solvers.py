"""Conjugate gradients that start from the last readout."""

import jax
import jax.numpy as jnp
import pytest
from numpy.testing import assert_allclose

from overparam.data import Batch
from overparam.dynamics import Ridge, VarPro, normalise
from overparam.networks import RadialFeatures
from overparam.networks.radial import wrap
from overparam.readouts import (
    CircleProblem,
    DenseProblem,
    SpectralConjugate,
    StaleConjugate,
    blocked_problem,
)
from overparam.readouts.solvers import conjugate_gradients

from ..dynamics.circle_data import batch, even_student, lattice, moments, trace


def test_conjugate_gradients_solve_in_as_many_steps_as_eigenvalues(key):
    # Three distinct eigenvalues: exact in three steps, but for rounding.
    orthogonal = jnp.linalg.qr(jax.random.normal(key, (9, 9)))[0]
    matrix = orthogonal @ jnp.diag(jnp.array([1.0] * 3 + [5.0] * 3 + [9.0] * 3))
    matrix = matrix @ orthogonal.T
    right = jnp.ones((9, 1))
    found, n_iterations = conjugate_gradients(
        lambda v: matrix @ v,
        right,
        start=jnp.zeros_like(right),
        precondition=lambda v: v,
        tolerance=1e-12,
        max_iterations=20,
    )
    assert_allclose(matrix @ found, right, atol=1e-10)
    assert int(n_iterations) <= 4


@pytest.mark.parametrize("make", [DenseProblem, CircleProblem])
def test_a_stale_preconditioner_follows_the_direct_trajectory(make):
    x, y = lattice(256, 256)
    data = batch(x, y) if make is DenseProblem else moments(x, y)
    common = {"problem": make, "retract": normalise}
    ridge = Ridge(1e-3, 1.0)
    direct = VarPro(ridge, 2.0**-10, **common)
    # A refresh every 7 steps, so that the run renews it several times.
    stale = VarPro(ridge, 2.0**-10, solver=StaleConjugate(refresh=7), **common)
    expected, one = trace(direct, even_student(40), data, 30)
    found, other = trace(stale, even_student(40), data, 30)
    # The residual is at most 1e-11 of the right-hand side.
    assert_allclose(other.loss, one.loss, rtol=1e-9)
    assert_allclose(found.network.weights, expected.network.weights, atol=1e-8)
    assert (
        0 < float(other.n_iterations[1:].min()) <= float(other.n_iterations.max()) < 40
    )


def test_a_step_that_needs_all_iterations_refreshes_the_next():
    x, y = lattice(256, 256)
    problem = CircleProblem(even_student(40), moments(x, y))
    solver = StaleConjugate(max_iterations=1)
    memory = solver.init(even_student(40))
    one = jnp.ones((40, 1))
    common = {"penalty": jnp.asarray(1e-3), "centre": one, "start": one}
    solution = solver.solve(problem, memory, **common)
    assert int(solution.memory.n_left) in (0, solver.refresh - 1)
    assert int(solution.n_iterations) <= 1


def torus(key, width, n_samples, dtype):
    """Random features on the torus, and labels of others."""
    points = 4 * jax.random.uniform(key, (2, width + 50), dtype) - 2
    teacher = RadialFeatures(points[:, width:], jnp.ones((50, 1), dtype), scale=0.02)
    x = 1.5 * jax.random.normal(key, (n_samples, 2), dtype)
    zeros = jnp.zeros((width, 1), dtype)
    student = RadialFeatures(points[:, :width], zeros, scale=1 / width)
    return student, Batch(x, teacher(x))


@pytest.mark.parametrize("centre", [0.0, 1.0])
def test_largest_eigenvalues_follow_the_dense_trajectory_for_100_steps(key, centre):
    student, data = torus(key, 200, 500, jnp.float64)
    common = {"problem": blocked_problem, "retract": wrap}
    ridge = Ridge(1e-3, centre)
    direct = VarPro(ridge, 2.0**-10, **common)
    spectral = VarPro(ridge, 2.0**-10, solver=SpectralConjugate(), **common)
    expected, one = trace(direct, student, data, 100)
    found, other = trace(spectral, student, data, 100)
    assert_allclose(other.loss, one.loss, rtol=1e-9)
    assert_allclose(found.network.weights, expected.network.weights, atol=1e-7)
    # Fewer iterations than the width, and never all of them.
    assert 0 < float(other.n_iterations[1:].mean()) < 30
    assert float(other.n_iterations.max()) < 60


def test_largest_eigenvalues_serve_float32(key):
    student, data = torus(key, 200, 500, jnp.float32)
    common = {"problem": blocked_problem, "retract": wrap}
    ridge = Ridge(1e-3, 1.0)
    one = trace(VarPro(ridge, 2.0**-10, **common), student, data, 20)[1]
    solver = SpectralConjugate()
    other = trace(VarPro(ridge, 2.0**-10, solver=solver, **common), student, data, 20)
    # Rounding of the labels' fit counts 1/penalty times: 1e-7 / 1e-3.
    assert_allclose(other[1].loss, one.loss, rtol=1e-4)
    assert float(other[1].n_iterations.max()) < 60


def test_a_readout_that_is_not_solved_is_solved_with_the_whole_matrix(key):
    student, data = torus(key, 60, 200, jnp.float64)
    problem = DenseProblem(student, data)
    solver = SpectralConjugate(rank=2, max_iterations=2)
    penalty, one = jnp.asarray(1e-5), jnp.ones((60, 1))
    solution = solver.solve(
        problem, solver.init(student), penalty=penalty, centre=one, start=0 * one
    )
    # Rounding of a matrix with condition 1e5 and more.
    assert_allclose(solution.readout, problem.solve(penalty, one), rtol=1e-7)
    assert int(solution.memory.n_left) == 0


def test_largest_eigenvalues_are_those_of_the_gram_matrix(key):
    student, data = torus(key, 60, 200, jnp.float64)
    problem = DenseProblem(student, data)
    solver, penalty = SpectralConjugate(rank=10), jnp.asarray(1e-3)
    memory = solver.renew(problem, solver.init(student), penalty)
    expected = jnp.linalg.eigvalsh(problem.gram())[::-1][:10]
    # Of random subspaces the first values are exact, the last ones nearly.
    assert_allclose(memory.values[:3], expected[:3], rtol=1e-8)
    assert_allclose(memory.values, expected, rtol=0.1)
