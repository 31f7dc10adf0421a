"""Conjugate gradients that start from the last readout."""

import jax
import jax.numpy as jnp
import pytest
from numpy.testing import assert_allclose

from overparam.dynamics import Ridge, VarPro, normalise
from overparam.readouts import CircleProblem, DenseProblem, StaleConjugate
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
