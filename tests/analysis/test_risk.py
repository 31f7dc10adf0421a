"""What a network is judged by: the exact risk where there is one, else a loss."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from overparam import Objective, TrainTest
from overparam.analysis import ExactRisk
from overparam.analysis.contract import Contract, Teacher
from overparam.analysis.risk import EmpiricalLoss, judged, loss_on
from overparam.analysis.subject import Subject, Unstored
from overparam.data import Batch
from overparam.errors import ConfigError
from overparam.limits import risk
from overparam.networks import TwoLayer, two_layer_view
from overparam.networks.biased import Biased
from overparam.networks.view import TwoLayerView
from overparam.objectives import LOSSES, cross_entropy, half_squared_error


RNG = np.random.default_rng(0)
TEACHER = TwoLayer(
    jnp.asarray(RNG.normal(size=(3, 2))), jnp.asarray(RNG.normal(size=(2, 1)))
)
STUDENT = two_layer_view(
    TwoLayer(jnp.asarray(RNG.normal(size=(3, 4))), jnp.asarray(RNG.normal(size=(4, 1))))
)
X = jnp.asarray(RNG.normal(size=(9, 3)))
SQUARES = Objective(loss=half_squared_error, name="squared")


def subject(*, gaussian=True, data=True, y=None, objective=SQUARES):
    if y is None:
        y = TEACHER(X) if data else X[:, :0]
    batch = Batch(X, y)
    contract = Contract(
        data=lambda: TrainTest(batch),
        teacher=lambda: Teacher(network=TEACHER, gaussian=gaussian),
        objective=lambda: objective,
    )
    run: Any = SimpleNamespace(path=Path("run"), id="run", config={}, arrays={})
    found = Subject(run, contract)
    found.__dict__["network"] = STUDENT.plain()
    return found


def test_a_planted_student_of_gaussian_inputs_has_its_exact_risk():
    judge = judged(subject(), STUDENT, n_samples=5)
    assert isinstance(judge, ExactRisk)
    assert judge.value(STUDENT) == risk(STUDENT.plain(), TEACHER)
    assert float(judge(STUDENT)) == pytest.approx(judge.value(STUDENT))


@pytest.mark.parametrize("why", ["inputs", "bias"])
def test_others_have_the_loss_on_at_most_so_many_samples(why):
    given, run = STUDENT, subject(gaussian=why != "inputs")
    if why == "bias":
        given = TwoLayerView(STUDENT.weights, STUDENT.readout, bias=jnp.ones(4))
    judge = judged(run, given, n_samples=5)
    assert isinstance(judge, EmpiricalLoss)
    assert len(judge.x) == 5
    expected = 0.5 * np.mean((np.asarray(given(X)) - np.asarray(TEACHER(X)))[:5] ** 2)
    assert judge.value(given) == pytest.approx(float(expected))


def test_inputs_without_targets_judge_nothing():
    with pytest.raises(ConfigError, match="no targets: name a data set"):
        judged(subject(gaussian=False, data=False), STUDENT, n_samples=5)


@pytest.mark.parametrize("name", ["half-squared-error", "half-sum-of-squares"])
def test_classes_are_unit_vectors_for_a_squared_loss(name):
    # As many samples as outputs, where labels would broadcast.
    outputs = jnp.asarray(RNG.normal(size=(3, 3)))
    labels = jnp.asarray([2, 0, 1])
    expected = LOSSES[name](outputs, jnp.eye(3, dtype=outputs.dtype)[labels])
    assert float(LOSSES[name](outputs, labels)) == pytest.approx(float(expected))


@pytest.mark.parametrize("shape", [(3,), (3, 2), (1, 3)])
def test_numbers_of_another_shape_are_no_targets(shape):
    with pytest.raises(ConfigError, match="the shape \\(3, 3\\) of the outputs"):
        half_squared_error(jnp.ones((3, 3)), jnp.ones(shape))


def test_a_loss_of_classes_judges_no_numbers():
    classes = Objective(loss=cross_entropy, name="cross-entropy")
    run, labels = subject(objective=classes), jnp.zeros(9, int)
    assert loss_on(run, labels) is cross_entropy
    assert loss_on(run, X) is half_squared_error


def test_a_sum_has_a_mean_over_samples():
    sums = Objective(loss=LOSSES["half-sum-of-squares"], name="squared", sums=True)
    run = subject(objective=sums)
    assert loss_on(run, X) is sums.loss
    assert loss_on(run, X, mean=True) is half_squared_error


def test_other_data_win_over_what_was_planted():
    run = dataclasses.replace(subject(), has_other_data=True)
    run.__dict__["network"] = STUDENT.plain()
    judge = judged(run, STUDENT, n_samples=5)
    assert judge.label == "half-squared-error on 5 of 9 samples of the data given"


@pytest.mark.parametrize("biased", [False, True])
def test_normal_inputs_are_as_many_as_a_network_takes(biased):
    inner = TwoLayer(jnp.ones((4, 2)), jnp.ones((2, 1)))
    found = Subject(Unstored(Biased(inner) if biased else inner))
    x = found.data("gaussian").train.x
    assert x.shape[1] == 4 - biased
    assert found.network(x[:2]).shape == (2, 1)
