"""The small-batch product has the value and all derivatives of the plain one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from overparam.networks import product as module
from overparam.networks.product import is_small, product


def _arrays(key, batch, *, dtype="float64"):
    keys = jax.random.split(key, 3)
    shapes = ((batch, 7), (7, 5), (batch, 5))
    return [jax.random.normal(k, s, dtype) for k, s in zip(keys, shapes, strict=True)]


@pytest.fixture
def written_out():
    """Fails where the tests below would compare the plain product with itself."""
    assert jax.default_backend() == "cpu"
    assert is_small(16, 35)
    assert not is_small(17, 35)
    assert not is_small(0, 35)
    assert not is_small(10, 2**18)


@pytest.mark.parametrize("batch", [1, 2, 10, 16, 17])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradients_are_the_two_products(key, written_out, batch, dtype):
    x, w, g = _arrays(key, batch, dtype=dtype)
    value, pullback = jax.vjp(product, x, w)
    dx, dw = pullback(g)
    # Sums of at most 17 terms: the bound on their rounding.
    close = {"rtol": 0, "atol": 17 * 20 * jnp.finfo(dtype).eps}
    np.testing.assert_array_equal(value, x @ w)
    np.testing.assert_allclose(dx, np.asarray(g) @ np.asarray(w).T, **close)
    np.testing.assert_allclose(dw, np.asarray(x).T @ np.asarray(g), **close)
    assert dw.dtype == dtype


def test_derivatives_of_both_modes_and_orders(key, written_out):
    x, w, _ = _arrays(key, 3)
    check_grads(lambda x, w: jnp.tanh(product(x, w)), (x, w), order=2)


@pytest.mark.parametrize("argument", [0, 1])
def test_one_argument_alone_can_be_differentiated(key, written_out, argument):
    x, w, g = _arrays(key, 4)

    def inner(function):
        return jax.grad(lambda *a: jnp.sum(g * function(*a)), argument)(x, w)

    np.testing.assert_allclose(inner(product), inner(jnp.matmul), rtol=1e-13)


def test_batches_of_networks(key, written_out):
    x, w, g = _arrays(key, 4)
    several = jnp.stack([w, 2 * w, -w])

    def gradient(w):
        return jax.grad(lambda w: jnp.sum(g * product(x, w) ** 2))(w)

    one_by_one = jnp.stack([gradient(w) for w in several])
    np.testing.assert_allclose(jax.vmap(gradient)(several), one_by_one, rtol=1e-13)


def test_elsewhere_than_on_a_cpu_it_is_the_plain_product(key, monkeypatch):
    monkeypatch.setattr(module.jax, "default_backend", lambda: "gpu")
    x, w, _ = _arrays(key, 4)
    program = str(jax.make_jaxpr(product)(x, w))
    assert "custom_jvp" not in program
    assert "dot_general" in program
