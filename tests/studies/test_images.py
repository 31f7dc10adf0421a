"""The study images, end to end on real images, and what bad input gets."""

import os
import re
import subprocess
import sys
import textwrap

import equinox as eqx
import jax
import numpy as np
import pytest

from overparam import Context
from overparam.cli.main import run_command
from overparam.errors import ConfigError, Interrupted
from overparam.networks.stateful import train_features
from overparam.store import read_run
from overparam.studies.images.config import Images
from overparam.studies.images.evaluate import Scored, exact_readout, scored
from overparam.studies.images.problem import Problem, load_parts
from overparam.studies.images.run import describe, run


TINY = {
    "network": "resnet8",
    "multiplier": 0.25,
    "train_per_class": 4,
    "test_per_class": 2,
    "batch_size": 10,
    "epochs": 2,
    "precision": "float64",
}


@pytest.fixture(scope="module", autouse=True)
def cifar(real_data):
    """Skips the module where CIFAR-10 is not there."""
    return real_data("cifar-10")


def arrays(tree):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(tree) if eqx.is_array(leaf)]


def test_the_command_line_runs_images(tmp_path):
    words = ["--network", "resnet8", "--multiplier", "0.25"]
    words += ["--train-per-class", "2", "--test-per-class", "1", "--batch-size", "10"]
    words += ["--epochs", "1", "--lmbda", "0.01", "--time_scale", "0.002"]
    code = run_command(["run", "images", *words, "--runs", str(tmp_path)])
    assert code == 0
    (folder,) = (tmp_path / "images").iterdir()
    stored = read_run(folder)
    assert stored.status == "finished"
    assert stored.config["penalty"] == 0.01
    assert stored.summary["time_scale"] == 0.002


@pytest.mark.parametrize(
    "method",
    [
        {"dynamics": "varpro", "readout": "epoch-mean"},
        {"dynamics": "varpro", "readout": "running", "momentum": 0.5},
        {"dynamics": "descent", "schedule": "cosine", "final_epochs": 1},
        {"dynamics": "shampoo", "update_every": 2, "momentum": 0.5},
    ],
)
def test_every_method_trains_and_records_each_epoch(method):
    config = Images(**(TINY | method))
    outcome = run(config, Context())
    assert outcome.status == "finished"
    epochs = list(range(config.total_epochs + 1))
    assert list(outcome.metrics["epoch"]) == epochs
    found = outcome.metrics
    terms = found["data_term"][1:] + found["penalty_term"][1:]
    np.testing.assert_allclose(found["loss"][1:], terms, rtol=1e-12)
    # The exact readout minimises the very loss on the images it is solved for.
    exact, own = outcome.metrics["fixed_loss_full"], outcome.metrics["fixed_loss"]
    assert (exact <= own * (1 + 1e-9)).all()


def test_the_loss_of_descent_has_both_of_its_terms():
    changes = {"dynamics": "descent", "augment": False, "batch_size": 40, "epochs": 1}
    config = Images(**(TINY | changes))
    found = run(config, Context()).metrics
    # One step on the whole part: its loss is that of the initial network.
    problem = Problem.of(config)
    images, y = problem.parts.train.x, problem.parts.train.y
    network = problem.network
    features, _ = train_features(network, problem.images.pixels.normalised(images))
    readout = np.asarray(network.readout)
    outputs = network.scale * (np.asarray(features) @ readout) - np.eye(10)[y]
    data_term = np.mean(outputs**2) / (2 * config.penalty)
    assert found["data_term"][1] == pytest.approx(data_term, rel=1e-9)
    assert found["penalty_term"][1] == pytest.approx(np.mean(readout**2) / 2, rel=1e-9)


class Stop:
    """Asks a run to stop after its first epoch."""

    def __init__(self):
        self.asked = 0

    def __call__(self):
        self.asked += 1
        return 143 if self.asked == 1 else None


@pytest.mark.parametrize("method", [{"readout": "gram"}, {"dynamics": "shampoo"}])
def test_a_stopped_run_goes_on_bit_for_bit(method, tmp_path):
    config = Images(**(TINY | method))
    whole = run(config, Context())
    stop = Stop()
    with pytest.raises(Interrupted):
        run(config, Context(checkpoints=tmp_path, stop_requested=stop))
    resumed = run(config, Context(checkpoints=tmp_path, stop_requested=stop))
    for a, b in zip(arrays(whole.network), arrays(resumed.network), strict=True):
        assert np.array_equal(a, b)


def test_the_exact_readout_solves_the_normal_equations_of_the_features():
    problem = Problem.of(Images(**TINY))
    seen = scored(problem.images.pixels, problem.network, problem.parts.train)
    width = problem.network.readout.shape[0]
    readout, _ = exact_readout(seen, 10, scale=1 / width, penalty=1e-3)
    targets = np.eye(10)[seen.labels]
    residual = seen.features @ readout / width - targets
    pull = seen.features.T @ residual / len(targets) + 1e-3 * readout
    # Relative to entries of the two cancelling terms, of order one.
    assert np.abs(pull).max() < 1e-10


def test_a_diverged_network_has_no_exact_readout_and_raises_nothing():
    seen = Scored(np.full((6, 3), np.inf), np.arange(6) % 2)
    with np.errstate(invalid="ignore"):
        readout, condition = exact_readout(seen, 2, scale=1.0, penalty=1e-3)
    assert readout.shape == (3, 2)
    assert np.isnan(readout).all()
    assert np.isnan(condition)


def test_parts_are_disjoint_and_as_documented(cifar):
    config = Images(**(TINY | {"validation_per_class": 3}))
    parts = load_parts(config)
    assert [len(p) for p in (parts.train, parts.validation, parts.test)] == [40, 30, 20]
    first = np.flatnonzero(cifar.train.y == 7)[:4]
    last = np.flatnonzero(cifar.train.y == 7)[-3:]
    assert np.array_equal(parts.train.x[parts.train.y == 7], cifar.train.x[first])
    found = parts.validation.x[parts.validation.y == 7]
    assert np.array_equal(found, cifar.train.x[last])


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"penalty": 0.0}, r"`penalty` must be positive, got 0.0: the loss is divided"),
        ({"readout_average": 1.0}, r"`readout_average` must be in \[0, 1\), got 1.0"),
        ({"batch_size": 64}, r"`batch_size` 64 is larger than the 40 training images"),
        ({"epochs": 0}, r"`epochs` must be at least 1, got 0"),
    ],
)
def test_bad_values_get_one_sentence(changes, sentence):
    with pytest.raises(ConfigError, match=sentence):
        load_parts(Images(**(TINY | changes)))


def test_two_devices_give_the_numbers_of_one(tmp_path):
    program = textwrap.dedent(
        """
        import sys
        import jax
        jax.config.update("jax_enable_x64", True)
        import numpy as np
        from overparam.studies.images.config import Images
        from overparam.studies.images.run import describe, run
        from overparam.studies.study import Context

        config = Images(network="resnet8", multiplier=0.25, train_per_class=4,
            test_per_class=2, batch_size=10, epochs=1, precision="float64")
        found = run(config, Context())
        print(jax.device_count(), repr(float(found.metrics["fixed_loss"][-1])))
        """
    )
    flag = "--xla_force_host_platform_device_count="
    losses = []
    for n_devices in (1, 2):
        done = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "XLA_FLAGS": f"{flag}{n_devices}"},
        )
        seen, loss = done.stdout.split()
        assert int(seen) == n_devices
        losses.append(float(loss))
    # Sums over devices are taken in another order; four steps amplify rounding.
    assert losses[1] == pytest.approx(losses[0], rel=1e-8)


@pytest.mark.parametrize("name", ["cifar-varpro", "heavy-tails-vgg"])
def test_reproductions_run_at_smoke_scale(name, tmp_path):
    words = ["reproduce", name, "--scale", "smoke", "--jobs", "1"]
    assert run_command([*words, "--runs", str(tmp_path)]) == 0


def test_the_time_that_is_foretold_has_a_unit_of_its_size():
    foretold = describe(Images(**TINY))["time on two CPU cores, roughly"]
    assert re.fullmatch(r"\d+\.\d s", foretold)
