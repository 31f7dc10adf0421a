import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from overparam.data import Batch
from overparam.dynamics import Descent, NoisyDescent, PowerDecay, torch_sgd
from overparam.networks import mlp
from overparam.noise import HeavyTailNoise, add_noise, heavy_tail_noise
from overparam.objectives import cross_entropy


RATE = 0.05


def batches(n_steps, dtype):
    x = jax.random.normal(jax.random.key(1), (n_steps, 8, 6), dtype)
    y = jax.random.randint(jax.random.key(2), (n_steps, 8), 0, 3, "int32")
    return [Batch(x[i], y[i]) for i in range(n_steps)]


def noisy(noise, **settings):
    descent = Descent("cross-entropy", torch_sgd, learning_rate=RATE, **settings)
    return NoisyDescent(descent, noise, RATE, jax.random.key(5))


def drawer(noise, network):
    """The noise of step k, compiled."""
    return eqx.filter_jit(
        lambda k: noise.draw(
            network,
            learning_rate=RATE,
            step=k,
            key=jax.random.key(5),
        )
    )


def trace(dynamics, network, data):
    """Networks and losses after every step."""
    state = dynamics.init(network, key=jax.random.key(0))
    step = eqx.filter_jit(dynamics.step)
    networks, losses = [], []
    for batch in data:
        state, info = step(state, batch, key=jax.random.key(0))
        networks.append(state.network)
        losses.append(float(info.loss))
    return networks, losses


@pytest.mark.parametrize("kind", ["shared", "entrywise", "isotropic"])
def test_deferred_iterates_plus_their_noise_are_the_chained_iterates(kind, key):
    noise = HeavyTailNoise(kind, 1.75, 0.5)
    network = mlp((6, 7, 5, 3), dtype="float64", key=key)
    data = batches(6, "float64")
    deferred, _ = trace(noisy(noise), network, data)

    transformation = optax.chain(
        optax.sgd(RATE), heavy_tail_noise(noise, RATE, key=jax.random.key(5))
    )

    @eqx.filter_jit
    def chained_step(network, state, batch):
        gradient = jax.grad(lambda n: cross_entropy(n(batch.x), batch.y))(network)
        with jax.numpy_dtype_promotion("standard"):
            updates, state = transformation.update(gradient, state, network)
        return optax.apply_updates(network, updates), state

    chained, state = network, transformation.init(network)
    draw = drawer(noise, network)
    for k, batch in enumerate(data):
        chained, state = chained_step(chained, state, batch)
        with_noise = add_noise(deferred[k], draw(jnp.asarray(k)))
        for one, other in zip(
            jax.tree.leaves(chained), jax.tree.leaves(with_noise), strict=True
        ):
            # Identity of 5.2 up to float64 rounding.
            np.testing.assert_allclose(one, other, atol=1e-12)


def test_the_first_gradient_is_taken_at_the_initial_weights(key):
    network = mlp((6, 7, 3), dtype="float64", key=key)
    data = batches(1, "float64")
    clean, _ = trace(noisy(HeavyTailNoise("none")), network, data)
    shaken, _ = trace(noisy(HeavyTailNoise("shared", 1.5, 10.0)), network, data)
    np.testing.assert_array_equal(clean[0].layers[0], shaken[0].layers[0])


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-10)]
)
def test_losses_are_those_of_torch_with_the_same_injected_noise(dtype, tolerance, key):
    torch = pytest.importorskip("torch")
    noise = HeavyTailNoise("isotropic", 1.75, 0.05)
    network = mlp((6, 9, 8, 3), dtype=dtype, key=key)
    data = batches(20, dtype)
    dynamics = noisy(noise, momentum=0.9, weight_decay=0.01)
    _, ours = trace(dynamics, network, data)

    weights = [
        torch.tensor(np.array(w), requires_grad=True)
        for w in (*network.layers, network.readout)
    ]
    optimiser = torch.optim.SGD(weights, lr=RATE, momentum=0.9, weight_decay=0.01)
    draw, theirs = drawer(noise, network), []
    for k, batch in enumerate(data):
        hidden = torch.tensor(np.asarray(batch.x))
        for w in weights[:-1]:
            hidden = torch.relu(hidden @ w)
        target = torch.tensor(np.asarray(batch.y), dtype=torch.int64)
        loss = torch.nn.functional.cross_entropy(hidden @ weights[-1], target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        theirs.append(loss.item())
        with torch.no_grad():
            for w, added in zip(weights, draw(jnp.asarray(k)).layers, strict=False):
                w += torch.tensor(np.asarray(added))
    np.testing.assert_allclose(ours, theirs, rtol=tolerance)


def test_the_published_decay_starts_below_the_rate_and_is_constant_at_exponent_zero():
    count = jnp.arange(5)
    constant = jax.vmap(PowerDecay(0.1, 0.0, 100))(count)
    np.testing.assert_allclose(constant, 0.1, rtol=1e-12)
    decayed = jax.vmap(PowerDecay(0.1, 0.5, 100))(count)
    g = (0.1 / 100) ** (1 / (1 - 0.5))
    expected = [0.1 * (i + 1 / g) ** -0.5 for i in range(5)]
    np.testing.assert_allclose(decayed, expected, rtol=1e-12)
    assert math.isclose(float(decayed[0]), 0.1 * math.sqrt(g))


def test_a_scalar_can_change_without_a_new_compilation(key):
    network = mlp((6, 7, 3), key=key)
    data = batches(1, "float32")[0]
    compilations = []

    @eqx.filter_jit
    def step(dynamics, state):
        compilations.append(1)
        return dynamics.step(state, data, key=jax.random.key(0))

    for alpha in [1.5, 1.75, 2.0]:
        noise = HeavyTailNoise("isotropic", jnp.asarray(alpha), jnp.asarray(0.1))
        dynamics = noisy(noise)
        state = dynamics.init(network, key=key)
        for _ in range(2):
            state, _ = step(dynamics, state)
        assert bool(jnp.all(jnp.isfinite(state.network.layers[0])))
    assert len(compilations) == 1
