"""Networks of one's own: trained, shaken, pruned, stored and read back, analysed."""

import functools
import json
import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jaxtyping import Array, Float
from numpy.testing import assert_allclose

import overparam as op
from overparam.analysis import counts_for_ratio, pruning_curves
from overparam.analysis.pruning.networks import layer_weights, masked
from overparam.catalogue import NETWORKS
from overparam.dynamics import NoisyDescent, Ridge, VarPro
from overparam.errors import ConfigError, StoreError
from overparam.networks import from_arrays, to_arrays
from overparam.networks.layers import hidden_layers, inputs_first
from overparam.noise import HeavyTailNoise
from overparam.running.analysing import as_subject


class OneConvolution(op.Network):
    """A single convolution, the mean of its maps, a readout."""

    kernel: Float[Array, "3 3 channels filters"]
    readout: Float[Array, "width n_outputs"]
    scale: float = 1.0

    def features(self, x):
        maps = jax.lax.conv_general_dilated(
            x, self.kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        return jax.nn.relu(maps).mean(axis=(1, 2))


class Attention(op.Network):
    """One head over the tokens of each input, and their mean."""

    query: Float[Array, "dim head"]
    key: Float[Array, "dim head"]
    value: Float[Array, "dim width"]
    readout: Float[Array, "width n_outputs"]
    scale: float = eqx.field(static=True, default=0.5)

    def features(self, x):
        scores = (x @ self.query) @ jnp.swapaxes(x @ self.key, 1, 2)
        return (jax.nn.softmax(scores, axis=-1) @ x @ self.value).mean(axis=1)


class Foreign(eqx.Module):
    """No network, but features, readout and scale, of equinox's own layers."""

    first: eqx.nn.Linear
    norm: eqx.nn.LayerNorm
    readout: Array
    scale: float = eqx.field(static=True)

    def __init__(self, input_dim, width, key):
        self.first = eqx.nn.Linear(input_dim, width, key=key)
        self.norm = eqx.nn.LayerNorm(width)
        self.readout = jax.random.normal(key, (width, 1))
        self.scale = 0.25

    def features(self, x):
        return jax.vmap(lambda one: jnp.tanh(self.norm(self.first(one))))(x)


SHAPES = {"one-convolution": (4, 4, 2), "attention": (3, 2), "foreign": (2,)}


def made(name: str) -> op.Network:
    keys = jax.random.split(jax.random.key(0), 4)
    normal = jax.random.normal
    if name == "one-convolution":
        return OneConvolution(normal(keys[0], (3, 3, 2, 6)), normal(keys[1], (6, 1)))
    if name == "attention":
        inner = (normal(keys[0], (2, 4)), normal(keys[1], (2, 4)))
        return Attention(*inner, normal(keys[2], (2, 6)), normal(keys[3], (6, 1)))
    return op.wrap(Foreign(2, 6, keys[0]))


@functools.cache
def batch(name: str) -> op.Batch:
    keys = jax.random.split(jax.random.key(1), 2)
    x = jax.random.normal(keys[0], (16, *SHAPES[name]))
    return op.Batch(x, jax.random.normal(keys[1], (16, 1)))


@pytest.fixture(params=list(SHAPES))
def name(request, monkeypatch):
    """A registered class, forgotten afterwards."""
    monkeypatch.setattr(NETWORKS, "_own", {})
    classes = [OneConvolution, Attention, Foreign]
    kind = dict(zip(SHAPES, classes, strict=True))[request.param]
    op.register(request.param, network=kind)
    return request.param


def trained(name: str, dynamics) -> op.Trajectory:
    return op.train(
        made(name),
        op.Table(*batch(name)),
        dynamics,
        n_steps=20,
        batch_size=16,
        record_every=10,
        key=jax.random.key(2),
        progress=False,
    )


DESCENT = op.Descent("half-squared-error", optax.adam, learning_rate=1e-2)


def test_it_is_trained_by_descent(name):
    history = trained(name, DESCENT)
    assert history.records[-1]["loss"] < history.records[0]["loss"]


def test_noise_moves_hidden_weights_alone_and_by_whole_neurons(name):
    noise = HeavyTailNoise("shared", sigma=0.1)
    network = made(name)
    drawn = noise.draw(
        network, learning_rate=0.1, step=jnp.zeros((), int), key=jax.random.key(3)
    )
    found = inputs_first(drawn)
    assert tuple(found) == hidden_layers(network)
    for name_of, leaf in found.items():
        n_neurons = inputs_first(network)[name_of].shape[-1]
        assert leaf.size == n_neurons == leaf.shape[-1]


def test_it_is_trained_with_noise_and_by_variable_projection(name):
    noisy = NoisyDescent(DESCENT, HeavyTailNoise(sigma=1e-3), 1e-2, jax.random.key(3))
    assert trained(name, noisy).status == "finished"
    projected = trained(name, VarPro(Ridge(1e-2, 0.0), 1e-2)).records
    assert projected[-1]["loss"] <= projected[0]["loss"]


def test_it_is_stored_and_read_back(name):
    network = made(name)
    arrays, description = to_arrays(network)
    assert description["class"] == name
    back = from_arrays(arrays, json.loads(json.dumps(description)))
    assert eqx.tree_equal(back, network)
    assert_allclose(back(batch(name).x), network(batch(name).x))


def test_without_its_class_it_is_one_sentence_that_names_the_plugin(name, monkeypatch):
    arrays, description = to_arrays(made(name))
    monkeypatch.setattr(NETWORKS, "_own", {})
    with pytest.raises(StoreError, match=rf"'{name}' of '.*', which is not here: inst"):
        from_arrays(arrays, description)


def test_pruned_neurons_give_nothing(name):
    network = made(name)
    curves = pruning_curves(network)
    counts = counts_for_ratio(curves, 0.5)
    pruned = masked(network, curves, counts)
    for layer, weights in layer_weights(pruned).items():
        off = ~weights.any(axis=tuple(range(weights.ndim - 1)))
        assert off.sum() == counts[layer] > 0


def test_it_is_analysed(name):
    data = op.TrainTest(batch(name))
    table = op.analyse(
        made(name), "prune", data=data, ratios=(0.5,), errors=(), progress=False
    ).tables["pruning"]
    assert np.isfinite(table["train_loss"].to_numpy()).all()


def test_matrices_have_a_column_for_each_neuron():
    """Equinox has its neurons in rows."""
    found = as_subject(made("foreign")).matrices()
    assert found["module.first.weight"].shape == (2, 6)
    assert_allclose(found["module.first.weight"].T, made("foreign").module.first.weight)


def test_matrices_of_a_network_without_neurons_have_no_columns():
    found = as_subject(op.TwoLayer(jnp.ones((3, 0)), jnp.ones((0, 2)))).matrices()
    assert {name: m.shape for name, m in found.items()} == {
        "weights": (3, 0),
        "readout": (0, 2),
    }


def test_what_lacks_features_or_a_readout_is_not_wrapped(key):
    with pytest.raises(ConfigError, match=r"a matrix `readout`, .* of type Linear"):
        op.wrap(eqx.nn.Linear(2, 3, key=key))
    broken = eqx.tree_at(lambda m: m.readout, Foreign(2, 3, key), jnp.ones(3))
    with pytest.raises(ConfigError, match=r"`readout` of the Foreign must be a real"):
        op.wrap(broken)


@pytest.mark.parametrize("scale", ["1", None, 1j, math.nan, math.inf, [1], np.ones(2)])
def test_a_scale_that_is_no_number_is_not_wrapped(scale):
    class Scaled(eqx.Module):
        readout: jax.Array
        scale: Any

        def features(self, x):
            return x

    with pytest.raises(ConfigError, match=r"`scale`.* must be a"):
        op.wrap(Scaled(jnp.ones((3, 1)), scale))
    with pytest.raises(ConfigError, match="must be a real matrix"):
        op.wrap(Scaled(jnp.ones((3, 1), complex), 1.0))


class Holder(op.Network):
    """Holds what no description can."""

    function: object
    readout: Array
    scale: float = 1.0

    def features(self, x):
        return x


@pytest.mark.parametrize(
    ("thing", "said"),
    [
        (Holder, "field `function` of `Holder` is declared as object, which cannot"),
        (made, "must be a class of networks"),
        (int, "must be a class of networks"),
        (eqx.nn.MLP, "field `activation` of `MLP` is declared as Callable"),
    ],
)
def test_classes_that_could_not_be_read_back_are_refused(thing, said):
    with pytest.raises(ConfigError, match=said):
        op.register("holder", network=thing)
