"""`--as-published`: the defaults of published scripts, which given flags override."""

import dataclasses

import numpy as np
import pytest

from overparam import Context
from overparam.cli.main import run_command
from overparam.cli.verbs.run import parse_run
from overparam.store import run_id
from overparam.studies.features.config import Features
from overparam.studies.features.run import run
from overparam.studies.heavy_tails.config import HeavyTails
from overparam.studies.images.config import Images
from overparam.studies.registry import STUDIES, defaults


def parsed(study, *words):
    return parse_run("run", [study, "--as-published", *words])[1][0]


def changed(config):
    known = defaults(type(config))
    return {k: v for k, v in dataclasses.asdict(config).items() if v != known[k]}


def test_the_readme_of_heavy_tails_is_one_command():
    words = "--noise shared --sigma 0.003 --alpha 1.75 --width 5000 --batch-size 5000"
    words += " --learning-rate 0.01 --seed 1 --evaluate-every 100"
    config = parsed("heavy-tails", *words.split())
    assert config == HeavyTails(
        dataset="mnist",
        width=5000,
        learning_rate=0.01,
        batch_size=5000,
        n_steps=100_001,
        evaluate_every=100,
        noise="shared",
        alpha=1.75,
        sigma=0.003,
        seed=1,
    )
    # What acts on nothing else is given where it acts.
    isotropic = parsed("heavy-tails", "--noise", "isotropic")
    assert isotropic.isotropic_scale == "reference"


def test_heavy_tails_without_flags_is_the_script_without_flags():
    assert changed(parsed("heavy-tails")) == {
        "dataset": "mnist",
        "width": 100,
        "learning_rate": 0.1,
        "batch_size": 100,
        "n_steps": 100_001,
        "evaluate_every": 200,
        "noise": "none",
    }
    noisy = parsed("heavy-tails", "--noise", "isotropic")
    assert (noisy.alpha, noisy.sigma) == (1.9, 1.0)
    vgg = ["--network", "vgg11-wide", "--dataset", "cifar-10", "--noise", "shared"]
    assert parsed("heavy-tails", *vgg).noise_unit == "kernel"


def test_features_without_flags_is_the_script_without_flags():
    assert changed(parsed("features")) == {
        "dataset": "mnist",
        "train": "readout",
        "readout": "sgd",
        "epochs": 1000,
        "decay": 0.95,
        "stop_gradient_moments": True,
        "repopulate_every": 50,
        "seed": 1234,
    }
    assert parsed("features", "--first-all", "4").epochs_include_first
    assert not parsed("features", "--no-stop-gradient-moments").stop_gradient_moments
    assert parsed("features", "--stop-gradient-moments").stop_gradient_moments


@pytest.mark.parametrize(
    ("dynamics", "penalty", "time_scale", "momentum"),
    [
        ("varpro", 1e-3, 1e-3, 0.0),
        ("descent", 1e-3, 1e-3, 0.9),
        ("shampoo", 1e-2, 1e-3, 0.0),
    ],
)
def test_each_published_image_script_has_its_own_defaults(
    dynamics, penalty, time_scale, momentum
):
    config = parsed("images", "--dynamics", dynamics)
    assert (config.penalty, config.time_scale) == (penalty, time_scale)
    assert config.weight_momentum == momentum
    assert (config.readout, config.readout_average) == ("running", 0.5)
    assert (config.epochs, config.final_epochs, config.final_factor) == (100, 10, 0.5)
    # It acts on the dynamics of its name alone.
    shampoo = "torch-optimizer" if dynamics == "shampoo" else Images.shampoo
    assert config.shampoo == shampoo
    assert config.train_per_class is config.test_per_class is None
    assert parsed("images", "--dynamics", dynamics, "--penalty", "0.5").penalty == 0.5


def test_a_preset_has_the_id_of_its_fields():
    config = parsed("images", "--dynamics", "shampoo")
    same = Images(**dataclasses.asdict(config))
    ids = {
        run_id("images", dataclasses.asdict(each), defaults(Images))
        for each in (config, same)
    }
    assert len(ids) == 1


@pytest.mark.parametrize("name", [n for n, s in STUDIES.items() if not s.published])
def test_a_study_without_a_published_script_has_no_such_flag(name, capsys):
    assert run_command(["run", name, "--as-published"]) == 2
    assert "has no option" in capsys.readouterr().err


def test_epochs_that_include_the_first_ones_are_as_many_in_all():
    common = {"train": "readout", "readout": "adam", "width": 20, "first_all": 2}
    config = Features(epochs=3, epochs_include_first=True, decay=0.5, **common)
    found = run(config, Context())
    assert list(found.metrics["phase"]) == [0, 0, 0, 1, 1]
    # The one epoch of the readout is that of a run whose rate has decayed twice.
    other = run(Features(epochs=1, decay=0.5, learning_rate=1e-3, **common), Context())
    assert found.metrics["train_loss"][4] != other.metrics["train_loss"][4]
    np.testing.assert_array_equal(
        found.metrics["train_loss"][:4], other.metrics["train_loss"][:4]
    )
