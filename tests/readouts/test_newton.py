"""Conjugate gradients and the line search against direct computations."""

import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from overparam.readouts.newton import SMALLEST_STEP, conjugate_gradients, line_search


@settings(max_examples=10)
@given(seed=st.integers(0, 2**31))
def test_conjugate_gradients_solve_a_definite_system(seed):
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((6, 6))
    A = jnp.asarray(root @ root.T + np.eye(6))
    b = jnp.asarray(rng.standard_normal((6, 1)))
    solution, n_products = conjugate_gradients(
        lambda v: A @ v,
        lambda r: r / jnp.diag(A)[:, None],
        b,
        tolerance=1e-12,
        max_iterations=50,
    )
    np.testing.assert_allclose(solution, np.linalg.solve(A, b), atol=1e-9)
    assert n_products <= 50


def test_an_exact_preconditioner_needs_one_product():
    A = jnp.asarray([[4.0, 1.0], [1.0, 3.0]])
    b = jnp.asarray([[1.0], [2.0]])
    _, n_products = conjugate_gradients(
        lambda v: A @ v,
        lambda r: jnp.linalg.solve(A, r),
        b,
        tolerance=1e-6,
        max_iterations=50,
    )
    assert n_products == 1


def test_line_search_doubles_a_step_that_is_too_short():
    size, value = line_search(
        lambda a: (a - 9.0) ** 2,
        jnp.asarray(-18.0),
        jnp.asarray(81.0),
        resolution=1e-16,
    )
    assert size == 8
    assert value == 1


def test_line_search_halves_a_step_that_is_too_long():
    size, value = line_search(
        lambda a: (a - 0.01) ** 2,
        jnp.asarray(-0.02),
        jnp.asarray(1e-4),
        resolution=1e-16,
    )
    assert value < 1e-4
    assert size <= 0.02


def test_line_search_gives_up_where_nothing_is_finite():
    size, _ = line_search(
        lambda a: jnp.where(a > 0, jnp.nan, 1.0) + 0 * a,
        jnp.asarray(-1.0),
        jnp.asarray(1.0),
        resolution=1e-16,
    )
    assert size <= SMALLEST_STEP
