"""Shampoo against NumPy, closed forms, and a published implementation if installed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.dynamics import Shampoo
from overparam.errors import ConfigError


EPS = 1e-4
ORDER = {1: (0,), 2: (1, 0), 4: (3, 2, 0, 1)}


def power(H, exponent):
    values, vectors = np.linalg.eigh(H)
    return (vectors * np.maximum(values, EPS) ** exponent) @ vectors.T


def unfold(G, axis):
    return np.moveaxis(G, axis, 0).reshape(G.shape[axis], -1)


def times(G, matrix, axis):
    return np.moveaxis(np.tensordot(matrix, G, (1, axis)), 0, axis)


class NumPyShampoo:
    def __init__(self, shape, variant):
        self.H = [EPS * np.eye(n) for n in shape]
        self.variant = variant

    def __call__(self, G):
        k, raw = G.ndim, G
        for axis in ORDER[k] if self.variant == "torch-optimizer" else range(k):
            paper = self.variant == "paper"
            unfolded = unfold(raw if paper else G, axis)
            self.H[axis] = self.H[axis] + unfolded @ unfolded.T
            exponent = -1 / (2 * k) if paper else -1 / k
            G = times(G, power(self.H[axis], exponent), axis)
        return G


@pytest.mark.parametrize("variant", ["paper", "torch-optimizer"])
@pytest.mark.parametrize("shape", [(5,), (4, 3), (3, 3, 2, 4)])
def test_three_steps_are_those_of_numpy(variant, shape, key):
    transformation = Shampoo(variant)(1.0)
    reference = NumPyShampoo(shape, variant)
    state = transformation.init(jnp.zeros(shape))
    for step in range(3):
        G = jax.random.normal(jax.random.fold_in(key, step), shape)
        update, state = transformation.update(G, state)
        # Powers of matrices with condition up to 1e5.
        np.testing.assert_allclose(-update, reference(np.asarray(G)), rtol=1e-9)


def test_a_rank_one_gradient_has_a_closed_form(key):
    p = jax.random.normal(key, (5,))
    q = jax.random.normal(jax.random.fold_in(key, 1), (4,))
    p, q = p / jnp.linalg.norm(p), q / jnp.linalg.norm(q)
    s = 0.3
    transformation = Shampoo("paper")(1.0)
    G = s * jnp.outer(p, q)
    update, _ = transformation.update(G, transformation.init(G))
    wanted = s / np.sqrt(s**2 + EPS) * np.outer(p, q)
    np.testing.assert_allclose(-update, wanted, atol=1e-12)


def test_the_paper_variant_does_not_depend_on_the_order_of_axes(key):
    G = jax.random.normal(key, (2, 3, 4, 5))
    transformation = Shampoo("paper")(1.0)
    order = (3, 1, 0, 2)
    straight, _ = transformation.update(G, transformation.init(G))
    permuted = jnp.transpose(G, order)
    found, _ = transformation.update(permuted, transformation.init(permuted))
    np.testing.assert_allclose(found, jnp.transpose(straight, order), rtol=1e-9)


def test_stale_powers_are_kept_between_updates(key):
    transformation = Shampoo("paper", update_every=3)(1.0)
    G = jax.random.normal(key, (4, 3))
    state = transformation.init(G)
    powers = []
    for step in range(4):
        _, state = transformation.update(G * (step + 1.0), state)
        powers.append(np.asarray(state[0].powers[0][0]))
    assert np.array_equal(powers[0], powers[1])
    assert np.array_equal(powers[0], powers[2])
    assert not np.allclose(powers[0], powers[3])


def test_momentum_acts_before_the_preconditioner(key):
    G = jax.random.normal(key, (4, 3))
    with_momentum = Shampoo()(1.0, 0.5)
    state = with_momentum.init(G)
    _, state = with_momentum.update(G, state)
    found, _ = with_momentum.update(G, state)
    reference = NumPyShampoo((4, 3), "paper")
    reference(np.asarray(G))
    np.testing.assert_allclose(-found, reference(1.5 * np.asarray(G)), rtol=1e-9)


def test_the_published_implementation_takes_the_same_steps(key):
    torch = pytest.importorskip("torch")
    published = pytest.importorskip("torch_optimizer")
    kernel = jax.random.normal(key, (3, 3, 2, 4))
    weights = torch.nn.Parameter(torch.tensor(np.asarray(kernel).transpose(3, 2, 0, 1)))
    optimiser = published.Shampoo([weights], lr=0.1)
    transformation = Shampoo("torch-optimizer")(0.1)
    state = transformation.init(kernel)
    for step in range(3):
        G = jax.random.normal(jax.random.fold_in(key, step), kernel.shape)
        update, state = transformation.update(G, state)
        kernel = kernel + update
        weights.grad = torch.tensor(np.asarray(G).transpose(3, 2, 0, 1).copy())
        optimiser.step()
    found = weights.detach().numpy().transpose(2, 3, 1, 0)
    np.testing.assert_allclose(kernel, found, rtol=1e-6)


def test_an_unknown_variant_is_refused():
    with pytest.raises(ConfigError, match="must be one of paper, torch-optimizer"):
        Shampoo("adam")
