"""Arrays that nothing trains are no weights: not pruned, differentiated or paid for."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest
from jax.flatten_util import ravel_pytree

from overparam import TrainTest
from overparam.analysis import pruning_curves, smallest_curvatures
from overparam.analysis.certificate.analyse import check as check_certificate
from overparam.analysis.certificate.options import CertificateOptions
from overparam.analysis.comparison.matching import neuron_masses
from overparam.analysis.comparison.populations import populations
from overparam.analysis.contract import Contract
from overparam.analysis.hessian.landscape import split_neuron
from overparam.analysis.pruning.networks import layer_weights, pruning_ratios
from overparam.analysis.risk import EmpiricalLoss
from overparam.analysis.subject import Subject
from overparam.analysis.surplus.removal import merged, pruned_losses
from overparam.analysis.tails.spectrum import spectrum_exponent
from overparam.data import Batch
from overparam.errors import ConfigError
from overparam.networks import (
    MLP,
    GatedTwoLayer,
    NormalisedTwoLayer,
    SkipNeuron,
    StandardisedTwoLayer,
    ThresholdReLU,
    TwoLayer,
    two_layer_view,
    with_moments,
)
from overparam.networks.biased import Biased
from overparam.networks.layers import hidden_layers, parameters, trained_parts
from overparam.objectives import half_squared_error


RNG = np.random.default_rng(0)


def drawn(*shape):
    return jnp.asarray(RNG.normal(size=shape), jnp.float32)


X, Y = drawn(30, 3), drawn(30, 2)
W, U = drawn(3, 4), drawn(4, 2)
STANDARDISED = with_moments(
    StandardisedTwoLayer(weights=W, readout=U, activation="relu"), X
)
GATED = GatedTwoLayer(gates=drawn(3, 4), weights=W, readout=U)
THRESHOLD = ThresholdReLU(weights=W, readout=U, threshold=0.5)
LINEAR = SkipNeuron(weights=W, skip_weights=drawn(3, 1), readout=drawn(5, 1))


@pytest.mark.parametrize(
    ("network", "hidden", "constants"),
    [
        (GATED, ("weights",), {"gates"}),
        (Biased(GATED), ("inner.weights",), {"inner.gates"}),
        (STANDARDISED, ("weights",), {"mean", "std"}),
    ],
)
def test_constants_are_neither_parameters_nor_trained(network, hidden, constants):
    assert hidden_layers(network) == hidden
    moving, _ = eqx.partition(network, trained_parts(network, ()))
    assert not constants & parameters(network).keys()
    assert not constants & parameters(moving).keys()
    assert len(jax.tree.leaves(moving)) == 2


def test_a_removed_neuron_takes_its_constant_along():
    order = np.argsort(neuron_masses(STANDARDISED))[::-1]
    features, readout = np.asarray(STANDARDISED.features(X)), np.asarray(U)
    found = pruned_losses(STANDARDISED, range(5), X, Y, loss=half_squared_error)
    for count, loss in enumerate(found):
        outputs = features[:, order[:count]] @ readout[order[:count]]
        expected = 0.5 * np.mean(np.sum((outputs - np.asarray(Y)) ** 2, axis=1))
        assert loss == pytest.approx(float(expected), rel=1e-5)


def test_merged_neurons_add_up_their_constants():
    twice = dataclasses.replace(
        STANDARDISED,
        weights=jnp.concatenate([W, 2 * W[:, :1]], axis=1),
        readout=jnp.concatenate([U, U[1:2]]),
        mean=None,
        std=None,
    )
    view = two_layer_view(with_moments(twice, X))
    fewer = merged(view, tolerance=1e-3)
    assert len(fewer.readout) == 4
    np.testing.assert_allclose(fewer(X), view(X), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("network", [STANDARDISED, THRESHOLD])
def test_curvatures_are_those_of_the_weights_of_a_network(network):
    risk = EmpiricalLoss(X, Y, half_squared_error)
    found = smallest_curvatures(network, risk, count=3)
    with jax.enable_x64(True):
        own, x, y, u = (np.asarray(part, np.float64) for part in (W, X, Y, U))
        flat, back = ravel_pytree((jnp.asarray(own), jnp.asarray(u)))
        exact = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), network)

        def loss(vector):
            weights, readout = back(vector)
            moved = dataclasses.replace(exact, weights=weights, readout=readout)
            return half_squared_error(moved(jnp.asarray(x)), jnp.asarray(y))

        expected = np.linalg.eigvalsh(np.asarray(jax.hessian(loss)(flat)))[:3]
    np.testing.assert_allclose(found.values, expected, rtol=1e-8, atol=1e-10)
    if network is STANDARDISED:
        assert not np.any(found.direction.mean)


@pytest.mark.parametrize(
    "network",
    [
        STANDARDISED,
        THRESHOLD,
        LINEAR,
        TwoLayer(weights=W, readout=drawn(7, 2), skip=True),
        MLP(layers=(W,), readout=U, biases=(drawn(4),)),
        two_layer_view(STANDARDISED),
    ],
)
def test_a_split_neuron_changes_no_function(network):
    split = split_neuron(network, 1, share=0.25)
    assert two_layer_view(split).weights.shape[1] == 5
    np.testing.assert_allclose(split(X), network(X), rtol=1e-4, atol=1e-5)


def subject(network, y=Y, **fields):
    run: Any = SimpleNamespace(path=Path("run"), id="run", config={}, arrays={})
    for name, value in fields.items():
        setattr(run, name, value)
    found = Subject(run, Contract(data=lambda: TrainTest(Batch(X, y))))
    found.__dict__["network"] = network
    return found


def test_a_fixed_threshold_is_neither_paid_for_nor_part_of_a_mass():
    masses = np.linalg.norm(W, axis=0) * np.linalg.norm(U, axis=1)
    np.testing.assert_allclose(neuron_masses(THRESHOLD), masses, rtol=1e-6)
    with pytest.raises(ConfigError, match="fixed threshold"):
        check_certificate(subject(THRESHOLD), CertificateOptions(penalty=0.1))


def test_a_network_within_another_is_pruned_like_it():
    inner, outer = (
        pruning_ratios(network, pruning_curves(network), {name: 2})
        for network, name in ((GATED, "weights"), (Biased(GATED), "inner.weights"))
    )
    assert dataclasses.replace(outer, columns={}) == dataclasses.replace(
        inner, columns={}
    )


@pytest.mark.parametrize(
    ("counts", "removed"),
    [({}, 0), ({"weights": 4}, 16 / 20), ({"weights": 4, "skip_weights": 1}, 1)],
)
def test_a_linear_neuron_is_removed_beside_the_others(counts, removed):
    curves = pruning_curves(LINEAR)
    assert pruning_ratios(LINEAR, curves, counts).removed == removed


def test_a_network_of_its_batch_is_pruned_as_it_is_on_all_samples():
    network = NormalisedTwoLayer(weights=W, readout=U)
    found = subject(network).function()
    np.testing.assert_allclose(found(X), network(X), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found(X[:3]), network(X)[:3], rtol=1e-4, atol=1e-6)


def test_hidden_biases_tell_neurons_apart():
    biases = drawn(4), drawn(4)
    pair = [two_layer_view(MLP(layers=(W,), readout=U, biases=(b,))) for b in biases]
    inner = [np.asarray(X) @ np.asarray(W) + np.asarray(b) for b in biases]
    expected = np.mean((inner[0] - inner[1]) ** 2, axis=0)
    first, second = populations(pair, "preactivation", inputs=X, probes=X)
    found = np.sum((first.points - second.points) ** 2, axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    first, second = populations(pair, "raw", inputs=X, probes=X)
    assert not np.array_equal(first.points, second.points)


def test_layers_keep_the_type_that_tells_their_rounding():
    low = RNG.normal(size=(40, 5)) @ RNG.normal(size=(5, 40))
    network = TwoLayer(weights=jnp.asarray(low, jnp.float32), readout=drawn(40, 1))
    with pytest.raises(ConfigError, match="got 5"):
        spectrum_exponent(layer_weights(network)["weights"])


@pytest.mark.parametrize(
    ("metrics", "status", "kept", "unit", "course"),
    [
        # Records of epochs 0, 1, 2 are those after 1, 2 and 3 epochs.
        (
            {"epoch": [0, 1, 2], "step": [20, 40, 60]},
            "finished",
            (0, 40),
            "epoch",
            {0: 0, 2: 2, 3: None},
        ),
        (
            {"epoch": [0, 1, 2], "step": [20, 40, 60]},
            "diverged",
            (0, 40),
            "epoch",
            {0: 0, 2: None},
        ),
        ({"epoch": [0], "step": [20]}, "diverged", (0,), "epoch", {0: None}),
        (
            {"step": [0, 10, 300, 1000]},
            "finished",
            (0, 300),
            "step",
            {0: 0, 300: 300, 1000: None},
        ),
        ({"step": [0, 30]}, "finished", (0, 30), "step", {0: 0, 30: None}),
        ({}, "finished", (), "step", {0: None}),
    ],
)
def test_the_last_network_stands_at_its_own_moment(metrics, status, kept, unit, course):
    run = subject(
        THRESHOLD, metrics=pl.DataFrame(metrics), status=status, kept_steps=kept
    )
    assert run.unit == unit
    assert run.course() == course
