"""A loss that is not finite is a divergence, and its summary names no other network."""

import math

import numpy as np
import pytest

from overparam import Context
from overparam.studies.features.config import Features
from overparam.studies.features.run import run as run_features
from overparam.studies.heavy_tails.config import HeavyTails
from overparam.studies.heavy_tails.run import run as run_heavy
from overparam.studies.planted.config import Planted
from overparam.studies.planted.run import run as run_planted


TAILS = {"width": 20, "n_train": 60, "n_test": 40, "evaluate_every": 6, "n_steps": 12}


def all_finite(network):
    import jax

    return all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(network))


def test_finite_weights_with_an_infinite_loss_have_diverged():
    # Three products of weights of 1e25 overflow float32; each is finite by itself.
    found = run_heavy(
        HeavyTails(noise="entrywise", noise_when="after", sigma=1e25, depth=4, **TAILS),
        Context(),
    )
    assert found.status == "diverged"
    assert all_finite(found.network)
    assert found.summary["test_accuracy"] is None
    assert found.summary["train_loss_pruned"] is None


def test_an_infinite_loss_of_an_evaluation_is_a_divergence(monkeypatch):
    from overparam.studies.heavy_tails import run as module

    seen, fit = [], module.measure.fit

    def overflowing(network, data, config):
        seen.append(network)
        record = fit(network, data, config)
        return record | {"test_loss": math.inf} if len(seen) > 2 else record

    monkeypatch.setattr(module.measure, "fit", overflowing)
    found = run_heavy(HeavyTails(stop_when="never", **TAILS), Context())
    assert found.status == "diverged"
    assert len(found.metrics["step"]) == 3
    np.testing.assert_array_equal(found.network.readout, seen[1].readout)


@pytest.mark.parametrize("part", [{"train": "all"}, {"train": "readout"}])
def test_a_diverged_network_of_features_has_no_accuracy(part):
    config = Features(
        width=30,
        epochs=2,
        optimiser="sgd",
        readout="sgd",
        learning_rate=1e35,
        standardise=False,
        **part,
    )
    found = run_features(config, Context())
    assert found.status == "diverged"
    assert all_finite(found.network)
    assert found.summary["test_accuracy"] is None
    assert found.summary["train_loss"] is None
    assert "diverged in epoch 1" in found.notes[0]


def test_a_diverged_student_has_no_risk():
    config = Planted(
        input_dim=10, width=6, teacher_width=3, learning_rate=1e6, epochs=3
    )
    found = run_planted(config, Context())
    assert found.status == "diverged"
    assert (found.summary["risk"], found.summary["objective"]) == (None, None)
    assert all_finite(found.network)


def test_a_square_that_overflows_is_infinite_and_raises_nothing():
    from overparam.limits.population import _noise_risk
    from overparam.networks import TwoLayer
    from overparam.readouts.circle.stability import stable_time_step

    teacher = TwoLayer(weights=np.ones((2, 3)), readout=np.ones((3, 1)))
    assert _noise_risk(teacher, 1e300) == math.inf
    assert stable_time_step(1e300, penalty=1.0) == 0
