"""The study `lazy` against closed forms: linear network, limits, starts and steps."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import Ridge

from overparam import Context
from overparam.cli.main import run_command
from overparam.errors import ConfigError
from overparam.limits import KernelTraining, tangent_kernel, wide_kernels
from overparam.limits.kernels.sampled import wide_limit
from overparam.objectives.labels import one_hot
from overparam.reproductions.lazy.mean_field import SCALINGS, _with_positions, claims
from overparam.reproductions.lazy.values import slopes
from overparam.reproductions.registry import REPRODUCTIONS
from overparam.reproductions.reproduction import Results
from overparam.studies.lazy.config import Lazy
from overparam.studies.lazy.problem import Problem
from overparam.studies.lazy.run import describe, run


SMALL = {"input_dim": 4, "n_train": 30, "n_test": 20, "width": 12, "n_steps": 40}
SMALL |= {"evaluate_every": 20, "n_kernel": 10, "precision": "float64"}


@pytest.fixture(autouse=True)
def _float64():
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize(
    "fields",
    [
        {"scaling": "ntk"},
        {"scaling": "mean-field", "scale": 3.0, "zero_start": True},
        {"scaling": "standard", "train": "features", "n_outputs": 2},
        {"scaling": "standard", "depth": 3, "activation": "erf"},
        {"dataset": "digits", "classes": "3,5,8", "width": 30},
    ],
)
def test_the_linearised_network_is_that_of_its_kernel(fields):
    config = Lazy(**SMALL | fields)
    problem = Problem.of(config)
    outcome = run(config, Context())
    train, start = problem.data.train, problem.network
    y = np.asarray(train.y)
    if problem.data.n_classes is not None:
        y = np.asarray(one_hot(train.y, problem.data.n_classes, dtype="float64"))
    kernel, cross = (
        tangent_kernel(start, *pair, outputs="full", trained=config.trained)
        for pair in ((train.x,), (problem.test.x, train.x))
    )
    fit = KernelTraining(kernel).descent(
        learning_rate=problem.step_size, n_steps=config.n_steps
    )
    expected = fit.outputs(
        cross,
        y,
        start=np.asarray(start(train.x)),
        start_at=np.asarray(start(problem.test.x)),
    )
    assert_allclose(outcome.arrays["outputs.linear"], expected, rtol=1e-7, atol=1e-9)
    summary = outcome.summary
    way = np.linalg.norm(
        outcome.arrays["outputs.network"] - outcome.arrays["outputs.start"]
    )
    apart = np.linalg.norm(outcome.arrays["outputs.network"] - expected)
    assert summary["distance_to_linear"] == pytest.approx(apart / way, rel=1e-5)
    assert summary["test_loss_linear"] > 0


@pytest.mark.parametrize("scaling", ["standard", "ntk", "mean-field"])
@pytest.mark.parametrize("zero_start", [False, True])
def test_the_limit_of_infinite_width_is_that_of_the_law(scaling, zero_start):
    config = Lazy(
        scaling=scaling, width=20_000, scale=2.0, zero_start=zero_start, input_dim=5
    )
    config = dataclasses.replace(config, precision="float64", train="all")
    problem = Problem.of(config)
    x = problem.data.train.x[:6]
    found = tangent_kernel(problem.network, x)
    expected = wide_kernels(problem.wide, x).tangent
    # Fluctuations are of the order of the kernel over the root of the width.
    assert np.abs(found - expected).max() < 5 / np.sqrt(10_000) * expected.max()
    if not zero_start:
        for one, other in zip(
            wide_limit(problem.network).layers, problem.wide.layers, strict=True
        ):
            assert_allclose(list(vars(one).values()), list(vars(other).values()), 0.05)


def test_the_limit_of_deep_networks_is_that_of_the_law():
    # Of bounded neurons, whose squares fluctuate little.
    fields = {"depth": 3, "scaling": "standard", "width": 1500, "activation": "erf"}
    config = Lazy(**SMALL | fields)
    problem = Problem.of(config)
    x = problem.data.train.x[:6]
    found = tangent_kernel(problem.network, x)
    expected = wide_kernels(problem.wide, x).tangent
    assert np.abs(found - expected).max() < 5 / np.sqrt(1500) * expected.max()


def test_a_zero_start_is_zero_and_steps_are_in_units_of_the_kernel():
    config = Lazy(**SMALL | {"zero_start": True, "scale": 7.0, "learning_rate": 0.3})
    problem = Problem.of(config)
    assert_allclose(problem.network(problem.test.x), 0, atol=1e-14)
    assert problem.network.weights.shape == (4, 12)
    largest = np.linalg.eigvalsh(tangent_kernel(problem.network, problem.data.train.x))
    # The eigenvalue is asked for to 1e-3.
    assert problem.step_size * largest[-1] / 30 == pytest.approx(0.3, rel=2e-3)
    assert describe(config)["test loss of the start"] == pytest.approx(
        0.5 * float(jnp.mean(problem.test.y**2))
    )


def test_a_large_scale_is_lazy_and_a_small_one_is_rich():
    changes = {}
    for scale in (100.0, 0.1):
        fields = {"scale": scale, "zero_start": True, "width": 40, "n_steps": 200}
        found = run(Lazy(**SMALL | fields, learning_rate=0.05), Context()).summary
        changes[scale] = found["kernel_change"], found["distance_to_linear"]
    # Weights move by one over the scale (Chizat, Oyallon, Bach 2019).
    assert max(changes[100.0]) < 0.1
    assert min(changes[0.1]) > 0.1


def test_a_readout_alone_is_linear():
    found = run(Lazy(**SMALL | {"train": "readout"}), Context()).summary
    assert found["kernel_change"] == 0
    assert found["distance_to_linear"] < 1e-10
    assert found["flipped"] == 0


def test_random_features_are_ridge_regression():
    config = Lazy(**SMALL)
    problem = Problem.of(config)
    found = run(config, Context()).arrays["outputs.random"]
    train, test = (
        np.asarray(problem.network.features(x))
        for x in (problem.data.train.x, problem.test.x)
    )
    y = np.asarray(problem.data.train.y)
    size = (train**2).sum(axis=1).mean()
    # GCV is computed anew: the score of every candidate by its hat matrix.
    scores, outputs = [], []
    for penalty in size * np.geomspace(1e-8, 1, 25):
        ridge = Ridge(alpha=30 * penalty).fit(train, y)
        outputs.append(ridge.predict(test).reshape(-1, 1))
        centred = train - train.mean(axis=0)
        hat = centred @ np.linalg.solve(
            centred.T @ centred + 30 * penalty * np.eye(12), centred.T
        )
        residual = y[:, 0] - ridge.predict(train).ravel()
        scores.append((residual**2).mean() / (1 - np.trace(hat) / 30) ** 2)
    assert_allclose(found, outputs[int(np.argmin(scores))], rtol=1e-6, atol=1e-8)


def test_a_small_run_through_the_command_line(tmp_path, capsys):
    command = ["run", "lazy", "--runs", str(tmp_path), "--json", "--n-steps", "5"]
    command += ["--evaluate-every", "5", "--width", "6", "--n-train", "20"]
    assert run_command([*command, "--n-test", "10", "--keep", "every 5"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["status"] == "finished"
    assert found["summary"]["distance_to_linear"] > 0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"depth": 3}, "`scaling` ntk needs a two-layer network, got depth 3"),
        ({"depth": 3, "scaling": "standard", "zero_start": True}, "`zero_start` makes"),
        ({"zero_start": True, "width": 5}, "needs an even `width`, got 5"),
        ({"batch_size": 600}, "`batch_size` must be at most `n_train`, got 600"),
        ({"classes": "0,1"}, "`classes` and .* have no effect on planted data"),
        ({"dataset": "digits", "classes": "0;1"}, "`classes` must be several"),
        ({"dataset": "digitz"}, "did you mean digits"),
        (
            {"dataset": "mnist", "classes": "0,11"},
            "`classes` must be of 0 to 9, the classes of mnist; got 11",
        ),
    ],
)
def test_configs_that_cannot_be_are_sentences(fields, message):
    with pytest.raises(ConfigError, match=message):
        Lazy(**fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"n_train": 10**6}, "`n_train` must be at most 1442, the training samples"),
    ],
)
def test_data_that_are_not_there_are_sentences(fields, message):
    with pytest.raises(ConfigError, match=message):
        Problem.of(Lazy(dataset="digits", **fields))


def test_a_diverged_network_is_compared_with_nothing():
    found = run(Lazy(**SMALL | {"learning_rate": 1e8}), Context())
    assert found.status == "diverged"
    assert found.summary["test_loss"] is None
    assert found.summary["distance_to_linear"] is None
    assert "lower `learning_rate`" in found.notes[-1]


@pytest.mark.parametrize("name", [n for n in REPRODUCTIONS if n.startswith("lazy-")])
def test_every_reproduction_runs_at_smoke_scale(name, tmp_path, capsys):
    runs = str(tmp_path)
    assert run_command(["reproduce", name, "--scale", "smoke", "--runs", runs]) == 0
    assert "not decided at this scale" in capsys.readouterr().out
    folder = tmp_path / "reproductions" / name / "smoke"
    assert list(folder.glob("*.png"))
    assert list(folder.glob("*.csv"))


def test_slopes_and_positions_are_those_of_known_powers():
    widths = np.array([10, 100, 1000] * 2)
    runs = pl.DataFrame(
        {"width": widths, "seed": [0] * 3 + [1] * 3, "y": 5.0 * widths**-0.5}
    )
    assert_allclose(slopes(runs, x="width", y="y"), [-0.5, -0.5])
    kinds = {
        "scaling": ["ntk", "standard", "mean-field"],
        "kernel_change": [1, 10, 100],
    }
    placed = _with_positions(pl.DataFrame(kinds | {"width": [8] * 3, "seed": [0] * 3}))
    assert_allclose(placed["position"], [0, 0.5, 1], atol=1e-12)


def test_no_claim_is_decided_by_slopes_that_differ_as_much_as_they_are_wide():
    rows = [
        {"scaling": scaling, "width": width, "seed": seed}
        | {"kernel_change": width ** (2.0 * seed - 1.5)}
        for scaling in SCALINGS
        for width in (32, 1024)
        for seed in range(2)
    ]
    runs = pl.DataFrame(rows)
    found = claims(Results("laptop", runs=runs, records=runs, stored=()))
    assert [claim.holds for claim in found] == [None] * 4
