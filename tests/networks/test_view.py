"""Two-layer views compute what their networks compute, for every class of networks."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

import overparam as op
from overparam.errors import ConfigError
from overparam.networks import (
    MLP,
    GatedTwoLayer,
    LinearReadout,
    NormalisedTwoLayer,
    RadialFeatures,
    SkipNeuron,
    StandardisedTwoLayer,
    ThresholdReLU,
    TwoLayer,
    mlp,
    resnet,
    two_layer_view,
    vgg11,
    with_moments,
)
from overparam.networks.biased import Biased
from overparam.networks.radial import KERNELS


D, WIDTH, N_OUTPUTS, N = 3, 5, 2, 40


def numbers(seed, *shape):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape))


def make(kind, **fields):
    weights, readout = numbers(0, D, WIDTH), numbers(1, WIDTH, N_OUTPUTS)
    return kind(weights=weights, readout=readout, **fields)


def moments():
    return {"mean": numbers(2, WIDTH), "std": jnp.abs(numbers(3, WIDTH))}


X = numbers(4, N, D)
IMAGES = numbers(5, N, 1, D, 1)

NETWORKS = {
    "plain": make(TwoLayer, activation="tanh"),
    "mean-field": make(TwoLayer, scale=1 / WIDTH),
    "skip": TwoLayer(
        numbers(0, D, WIDTH), numbers(1, WIDTH + D, N_OUTPUTS), scale=0.3, skip=True
    ),
    "MLP": MLP((numbers(0, D, WIDTH),), numbers(1, WIDTH, N_OUTPUTS)),
    "MLP with biases": MLP(
        layers=(numbers(0, D, WIDTH),),
        readout=numbers(1, WIDTH, N_OUTPUTS),
        biases=(numbers(2, WIDTH),),
        activation="gelu",
    ),
    "biased": Biased(TwoLayer(numbers(0, D + 1, WIDTH), numbers(1, WIDTH, N_OUTPUTS))),
    "biased skip": Biased(
        TwoLayer(
            numbers(0, D + 1, WIDTH), numbers(1, WIDTH + D + 1, N_OUTPUTS), skip=True
        )
    ),
    "threshold": make(ThresholdReLU, threshold=0.25, scale=1 / WIDTH),
    "skip neuron": SkipNeuron(
        numbers(0, D, WIDTH), numbers(1, D, 1), numbers(2, WIDTH + 1, 1)
    ),
    "standardised": make(StandardisedTwoLayer, **moments(), scale=0.1),
    "standardised by the batch": make(StandardisedTwoLayer, activation="relu"),
    "normalised by the batch": make(NormalisedTwoLayer, activation="sigmoid"),
    "normalised with a neuron that is off": NormalisedTwoLayer(
        jnp.zeros((D, 1)), jnp.ones((1, 1))
    ),
} | {
    f"radial {kernel}": make(RadialFeatures, kernel=kernel, length=0.7, scale=0.2)
    for kernel in KERNELS
}

WITHOUT = {
    "VGG": (vgg11, N_OUTPUTS, {"multiplier": 1 / 64}),
    "ResNet": (resnet, 8, {"n_outputs": 2, "multiplier": 1 / 16}),
    "MLP": (mlp, (D, 4, 4, N_OUTPUTS), {}),
}


def cast(tree, dtype):
    return jax.tree.map(lambda leaf: leaf.astype(dtype), tree)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_view_is_the_same_function(name):
    network = NETWORKS[name]
    view = two_layer_view(network, X)
    # Rounding of sums of a dozen terms of size one, divided by deviations of 0.01.
    assert_allclose(view(X), network(X), rtol=1e-11, atol=1e-12)
    single = cast(network, "float32")
    x = X.astype("float32")
    found = two_layer_view(single, x)
    assert found.readout.dtype == found(x).dtype == jnp.float32
    assert_allclose(found(x), single(x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", [n for n in NETWORKS if "radial" not in n])
def test_a_view_is_a_plain_network_of_inputs_with_ones(name):
    view = two_layer_view(NETWORKS[name], X)
    plain = view.plain()
    assert_allclose(plain(view.inputs(X)), view(X), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("output_bias", [False, True])
def test_every_part_may_be_there_or_not(bias, skip, output_bias):
    parts = {
        "bias": numbers(2, WIDTH) if bias else None,
        "skip": numbers(3, D, N_OUTPUTS) if skip else None,
        "output_bias": numbers(6, N_OUTPUTS) if output_bias else None,
    }
    view = dataclasses.replace(two_layer_view(NETWORKS["plain"]), **parts, scale=0.5)
    x, zero = np.asarray(X), np.zeros(())
    given = {name: zero if part is None else part for name, part in parts.items()}
    hidden = np.tanh(x @ np.asarray(view.weights) + np.asarray(given["bias"]))
    outputs = hidden @ np.asarray(view.readout) + np.asarray(given["output_bias"])
    if skip:
        outputs = outputs + x @ np.asarray(given["skip"])
    assert_allclose(view(X), 0.5 * outputs, rtol=1e-12, atol=1e-13)
    assert_allclose(view.plain()(view.inputs(X)), view(X), rtol=1e-12, atol=1e-13)


def test_a_view_does_not_depend_on_the_batch():
    for name in ("standardised by the batch", "normalised by the batch"):
        view = two_layer_view(NETWORKS[name], X)
        assert_allclose(view(X[:4]), view(X)[:4], rtol=1e-12)


def test_images_are_vectors():
    network = NETWORKS["MLP with biases"]
    view = two_layer_view(network)
    assert_allclose(view(IMAGES), network(IMAGES), rtol=1e-12)
    assert_allclose(view.plain()(view.inputs(IMAGES)), network(IMAGES), rtol=1e-12)


def test_deviations_that_are_small_beside_means_lose_their_ratio_of_digits():
    network = make(StandardisedTwoLayer, activation="sigmoid")
    weights = 1e-3 * network.weights
    network = with_moments(dataclasses.replace(network, weights=weights), X)
    # Means of 1/2, deviations floored at 3e-3: two to three digits.
    assert_allclose(two_layer_view(network)(X), network(X), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", [*WITHOUT, "LinearReadout", "GatedTwoLayer"])
def test_other_networks_say_that_they_have_none(name):
    if name in WITHOUT:
        make_it, sizes, options = WITHOUT[name]
        # Weights are not looked at, and take long to draw.
        key = jax.random.key(0)
        network = eqx.filter_eval_shape(make_it, sizes, key=key, **options)
    elif name == "LinearReadout":
        network = LinearReadout(numbers(1, WIDTH, N_OUTPUTS))
    else:
        network = make(GatedTwoLayer, gates=numbers(2, D, WIDTH))
    with pytest.raises(
        ConfigError, match=f"^{name} has no two-layer view: .*[a-z]\\.$"
    ):
        two_layer_view(network, X)


@pytest.mark.parametrize("name", ["standardised", "normalised"])
def test_networks_of_a_batch_ask_for_samples(name):
    with pytest.raises(ConfigError, match="give the samples"):
        two_layer_view(NETWORKS[f"{name} by the batch"])


def test_points_are_no_plain_network():
    with pytest.raises(ConfigError, match="inner product"):
        two_layer_view(NETWORKS["radial laplace"]).plain()


def test_a_module_of_ones_own_says_what_a_view_would_need(key):
    """Its features may be those of a skip network; only their weights could tell."""

    class Foreign(eqx.Module):
        first: jax.Array
        readout: jax.Array

        def features(self, x):
            return jnp.concatenate([jax.nn.relu(x @ self.first), x], axis=1)

    first, readout = (jax.random.normal(key, shape) for shape in ((3, 5), (8, 1)))
    foreign = op.wrap(Foreign(first, readout))
    with pytest.raises(ConfigError, match=r"weights to a `TwoLayer`.*skip=True"):
        op.networks.two_layer_view(foreign)
    # The remedy is the same function.
    view = op.networks.two_layer_view(op.TwoLayer(first, readout, skip=True))
    x = jax.random.normal(key, (7, 3))
    assert_allclose(view(x), foreign(x), rtol=1e-5, atol=1e-6)
