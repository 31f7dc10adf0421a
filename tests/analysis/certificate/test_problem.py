"""The certified problem is the one that was trained, in other units."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest

import overparam as op
from overparam import Objective, TrainTest
from overparam.analysis.certificate.analyse import analyse
from overparam.analysis.certificate.options import CertificateOptions
from overparam.analysis.certificate.problem import own_penalty, problem_of
from overparam.analysis.contract import Contract
from overparam.analysis.subject import Subject
from overparam.data import Batch
from overparam.errors import ConfigError
from overparam.estimators import ConvexReLURegressor
from overparam.networks import MLP, TwoLayer
from overparam.networks.view import TwoLayerView
from overparam.objectives import cross_entropy, half_squared_error


def view(rng, **parts):
    shapes = ((2, 1), (1, 3))
    weights, readout = (jnp.asarray(rng.standard_normal(shape)) for shape in shapes)
    return TwoLayerView(weights, readout, scale=0.25, **parts)


def objective(**parts):
    options = {"loss": half_squared_error, "name": "squared", "penalty": "l2"}
    return Objective(**(options | parts))


@pytest.mark.parametrize("sums", [False, True])
@pytest.mark.parametrize("c_readout", [0.3, 0.02])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_penalty_is_what_the_best_rescaling_pays(sums, c_readout, sign):
    neuron = view(np.random.default_rng(0))
    neuron = dataclasses.replace(neuron, scale=sign * neuron.scale)
    trained = objective(
        sums=sums, factor=3.0, penalties={"weights": 0.3, "readout": c_readout}
    )
    w, u = (float(np.linalg.norm(part)) for part in (neuron.weights, neuron.readout))
    factors = np.exp(np.linspace(-5, 5, 200_001))
    least = np.min(0.3 * (w / factors) ** 2 + c_readout * (u * factors) ** 2)
    # Half the squared error has the factor 3 / n; that of the problem is 1.
    n_samples = 7
    expected = least * (1 if sums else n_samples) / 3.0
    found = own_penalty(trained, neuron, n_samples) * w * abs(neuron.scale) * u
    # The grid of factors has steps of 5e-5, whose square is the error.
    assert found == pytest.approx(expected, rel=1e-8)


def test_networks_that_are_not_penalised_everywhere_name_a_penalty():
    rng = np.random.default_rng(0)
    plain = view(rng)
    biased = view(rng, bias=jnp.ones(1))
    equal = {"layers": 0.1, "readout": 0.1}
    with pytest.raises(ConfigError, match="no positive penalty on every weight"):
        own_penalty(objective(penalties={"readout": 0.1}), plain, 5)
    with pytest.raises(ConfigError, match="no positive penalty on every weight"):
        own_penalty(objective(penalties=equal), biased, 5)
    found = own_penalty(objective(penalties=equal | {"biases": 0.1}), biased, 5)
    assert found == pytest.approx(2 * 0.1 * 5 / 0.25)
    other = objective(loss=cross_entropy, name="cross-entropy", penalties=equal)
    with pytest.raises(ConfigError, match="trained on the cross-entropy loss"):
        own_penalty(other, plain, 5)


@pytest.mark.parametrize("sums", [False, True])
def test_a_penalty_of_a_mean_and_that_of_the_sum_are_told_with_their_factor(sums):
    rng = np.random.default_rng(3)
    network = TwoLayer(jnp.asarray(rng.normal(size=(2, 4))), jnp.ones((4, 1)))
    x, y = jnp.asarray(rng.normal(size=(6, 2))), jnp.ones((6, 1))
    penalties = {"weights": 0.25, "readout": 0.25}
    subject = run_of(network, x, y, objective(sums=sums, penalties=penalties))
    found = problem_of(subject, subject.neurons(), CertificateOptions())
    assert found.penalty == pytest.approx(0.5 if sums else 3.0)
    told = "The penalty 3 is that of the sum over samples: 6 (samples) x 0.5, the"
    assert any(told in note for note in found.notes) == (not sums)
    named = problem_of(subject, subject.neurons(), CertificateOptions(penalty=1.0))
    (trained,) = (note for note in named.notes if "was trained on" in note)
    kind = "sum" if sums else "mean"
    assert f"a {kind} over samples, with the penalty `l2` (times 0.25)" in trained


def test_a_training_without_penalty_is_told_without_a_factor():
    network = TwoLayer(jnp.ones((2, 4)), jnp.ones((4, 1)))
    nothing = {"weights": 0.0, "readout": 0.0}
    trained = objective(penalties=nothing, penalty="none")
    subject = run_of(network, jnp.ones((6, 2)), jnp.ones((6, 1)), trained)
    named = problem_of(subject, subject.neurons(), CertificateOptions(penalty=1.0))
    assert any(note.endswith("with the penalty `none`.") for note in named.notes)


def run_of(network, x, y, trained):
    """A run with this network, these samples and this objective."""
    run: Any = SimpleNamespace(
        path=Path("run"),
        id="run",
        config={},
        arrays={},
        study="any",
        kept_steps=(),
        metrics=pl.DataFrame(),
        status="finished",
    )
    n_classes = network.readout.shape[1] if y.ndim == 1 else None
    contract = Contract(
        data=lambda: TrainTest(Batch(x, y), n_classes=n_classes),
        objective=lambda: trained,
    )
    subject = Subject(run, contract)
    subject.__dict__.update(network=network, moments={})
    return subject


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_the_objective_of_a_balanced_network_with_biases_is_the_trained_one(n_outputs):
    rng = np.random.default_rng(1)
    n, c = 9, 0.05
    whole = rng.standard_normal((3, 4))  # Two inputs and a bias.
    readout = rng.standard_normal((4, n_outputs))
    readout *= (np.linalg.norm(whole, axis=0) / np.linalg.norm(readout, axis=1))[
        :, None
    ]
    weights, bias, out = (jnp.asarray(part) for part in (whole[:2], whole[2], readout))
    network = MLP((weights,), out, (bias,))
    x, y = (jnp.asarray(rng.standard_normal((n, k))) for k in (2, n_outputs))
    trained = objective(penalties=dict.fromkeys(("layers", "readout", "biases"), c))
    found = analyse([run_of(network, x, y, trained)], CertificateOptions())
    paid = c * (np.sum(whole**2) + np.sum(readout**2))
    expected = n * (float(half_squared_error(network(x), y)) + paid)
    name = "objective of the balanced network"
    assert found.summary[name] == pytest.approx(expected)
    assert found.summary["penalty"] == pytest.approx(2 * n * c)
    (lower,) = (v for k, v in found.summary.items() if k.startswith("lower bound"))
    assert 0 < lower <= expected


def test_a_bias_beside_skip_weights_is_one_of_them():
    rng = np.random.default_rng(4)
    x, y = rng.standard_normal((8, 2)), 3 + rng.standard_normal(8)
    model = ConvexReLURegressor(penalty=0.1, network="skip", patterns="enumerated")
    model.fit(x, y)
    with jax.enable_x64(True):
        data = TrainTest(Batch(jnp.asarray(x), jnp.asarray(y)[:, None]))
        found = op.analyse(model.network_, "certificate", data=data, penalty=0.1)
    (table,) = found.tables.values()
    # The programme that the estimator solved is the problem of its network.
    summary = found.summary["objective of the balanced network"]
    assert summary == pytest.approx(model.objective_, rel=1e-8)
    optimum = pytest.approx(model.objective_, rel=1e-2)
    assert table["optimum at least"][0] == optimum == table["optimum at most"][0]
    assert not any("held at its value" in note for note in found.notes)


def test_classes_are_unit_vectors_and_fewer_samples_are_told():
    rng = np.random.default_rng(2)
    network = TwoLayer(jnp.asarray(rng.normal(size=(2, 4))), jnp.ones((4, 3)))
    x, y = jnp.asarray(rng.normal(size=(8, 2))), jnp.arange(8) % 3
    trained = objective(loss=cross_entropy, name="cross-entropy", penalty="none")
    subject = run_of(network, x, y, trained)
    options = CertificateOptions(penalty=0.2, n_samples=5)
    problem = problem_of(subject, subject.neurons(), options)
    np.testing.assert_array_equal(problem.y, np.eye(3)[np.arange(5) % 3])
    assert problem.penalty == 0.2
    assert "first 5 of 8 samples" in problem.notes[0]
    assert "trained on the cross-entropy loss, a mean" in problem.notes[-2]
    assert "5 (samples) x 0.04, the penalty of their mean" in problem.notes[-1]
    short = run_of(network, x[:, :1], y, trained)
    with pytest.raises(ConfigError, match="takes other inputs than those of shape"):
        problem_of(short, short.neurons(), options)
    short.run.arrays.update(x=np.ones((4, 1)), y=np.ones((4, 3)))
    with pytest.raises(ConfigError, match="takes 2 inputs, the data have 1"):
        problem_of(short, short.neurons(), options)


def test_a_network_alone_is_told_to_name_a_penalty():
    rng = np.random.default_rng(0)
    x, y = (jnp.asarray(rng.standard_normal((5, n)), jnp.float32) for n in (2, 1))
    network = TwoLayer(jnp.ones((2, 3)), jnp.ones((3, 1)))
    with pytest.raises(ConfigError, match="name the `--penalty`"):
        op.analyse(network, "certificate", data=TrainTest(Batch(x, y)))
