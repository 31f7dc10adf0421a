"""What a network is judged by: the exact risk where there is one, else a loss."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from overparam.analysis import ExactRisk
from overparam.analysis.contract import Contract, Teacher
from overparam.analysis.risk import EmpiricalLoss, judged
from overparam.analysis.subject import Subject
from overparam.data import Batch
from overparam.data.train_test import TrainTest
from overparam.errors import ConfigError
from overparam.limits import risk
from overparam.networks import TwoLayer, two_layer_view
from overparam.networks.view import TwoLayerView
from overparam.objectives import half_squared_error
from overparam.objectives.objective import Objective


RNG = np.random.default_rng(0)
TEACHER = TwoLayer(
    jnp.asarray(RNG.normal(size=(3, 2))), jnp.asarray(RNG.normal(size=(2, 1)))
)
STUDENT = two_layer_view(
    TwoLayer(jnp.asarray(RNG.normal(size=(3, 4))), jnp.asarray(RNG.normal(size=(4, 1))))
)
X = jnp.asarray(RNG.normal(size=(9, 3)))


def subject(*, gaussian=True, data=True):
    batch = Batch(X, TEACHER(X) if data else X[:, :0])
    contract = Contract(
        data=lambda: TrainTest(batch),
        teacher=lambda: Teacher(network=TEACHER, gaussian=gaussian),
        objective=lambda: Objective(loss=half_squared_error, name="squared"),
    )
    run: Any = SimpleNamespace(path=Path("run"), id="run", config={}, arrays={})
    found = Subject(run, contract)
    found.__dict__["network"] = STUDENT.plain()
    return found


def test_a_planted_student_of_gaussian_inputs_has_its_exact_risk():
    student, judge = judged(subject(), STUDENT, n_samples=5)
    assert isinstance(judge, ExactRisk)
    assert isinstance(student, TwoLayer)
    assert judge.value(student) == risk(STUDENT.plain(), TEACHER)
    assert float(judge(student)) == pytest.approx(judge.value(student))


@pytest.mark.parametrize("why", ["inputs", "bias"])
def test_others_have_the_loss_on_at_most_so_many_samples(why):
    given, run = STUDENT, subject(gaussian=why != "inputs")
    if why == "bias":
        given = TwoLayerView(STUDENT.weights, STUDENT.readout, bias=jnp.ones(4))
    student, judge = judged(run, given, n_samples=5)
    assert isinstance(judge, EmpiricalLoss)
    assert student is given
    assert len(judge.x) == 5
    expected = 0.5 * np.mean((np.asarray(given(X)) - np.asarray(TEACHER(X)))[:5] ** 2)
    assert judge.value(student) == pytest.approx(float(expected))


def test_inputs_without_targets_judge_nothing():
    with pytest.raises(ConfigError, match="no targets: name a data set"):
        judged(subject(gaussian=False, data=False), STUDENT, n_samples=5)
