"""What studies give back of a run: the training that it was, where it was one."""

import equinox as eqx
import numpy as np
import pytest

from overparam import Context
from overparam.errors import ConfigError
from overparam.studies.registry import STUDIES, study
from overparam.training import train

from .test_keep import CASES


IMAGES = {"network": "resnet8", "multiplier": 0.25, "batch_size": 10, "epochs": 1} | {
    "train_per_class": 2,
    "test_per_class": 1,
}


@pytest.mark.parametrize("name", list(STUDIES))
def test_the_training_of_a_run_can_be_done_again(name, real_data):
    if name == "images":
        real_data("cifar-10")
    entry = study(name)
    fields = CASES[name][0] if name in CASES else IMAGES
    config = entry.config_class()(**fields)
    outcome = entry.function("run")(config, Context())
    training, plan = entry.function("training")(config)
    again = train(training, plan)
    assert eqx.tree_equal(outcome.kept[0], training.keep_as(training.network))
    assert eqx.tree_equal(outcome.network, training.keep_as(again.network))
    assert list(again.kept) == list(outcome.kept)
    for column in set(again.columns()) & set(outcome.metrics) - {"seconds", "epoch"}:
        np.testing.assert_array_equal(again.columns()[column], outcome.metrics[column])


@pytest.mark.parametrize(
    ("name", "fields", "sentence"),
    [
        ("features", {"train": "readout"}, "Only the readout was fitted"),
        ("features", {"repopulate_every": 1}, "Neurons were drawn anew"),
        ("heavy-tails", {"noise_when": "after"}, "Noise was added after the training"),
        ("recovery", {}, r"no training: it is a convex programme \(interior"),
        ("recovery", {"method": "condition"}, "no training"),
    ],
)
def test_what_was_no_one_training_is_a_sentence(name, fields, sentence):
    entry = study(name)
    with pytest.raises(ConfigError, match=sentence):
        entry.function("training")(entry.config_class()(**fields))
