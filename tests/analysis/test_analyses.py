"""Every analysis on networks of every kind: it works, or says in a sentence why not."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest

import overparam as op
from overparam import Findings
from overparam.analysis.catalogue import ANALYSES
from overparam.analysis.pruning.limits import gaussian_column_ratio
from overparam.analysis.subject import Subject, networks_of
from overparam.data import decaying_covariance
from overparam.errors import ConfigError, OverparamError
from overparam.limits import risk
from overparam.networks import (
    MLP,
    LinearReadout,
    RadialFeatures,
    StandardisedTwoLayer,
    ThresholdReLU,
    TwoLayer,
    mlp,
    to_arrays,
)
from overparam.running import Run
from overparam.running.analysing import analyse_subjects
from overparam.store import RunRecord, StoredRun, open_run, read_run
from overparam.studies import registry
from overparam.studies.contract import as_subject


def shallow(width, *, size=1.0, n_outputs=2, seed=0):
    first, second = jax.random.split(jax.random.key(seed))
    return TwoLayer(
        weights=size * jax.random.normal(first, (6, width), jnp.float32),
        readout=size * jax.random.normal(second, (width, n_outputs), jnp.float32),
    )


def spoiled(value):
    whole = shallow(4)
    return dataclasses.replace(whole, weights=whole.weights.at[0, 0].set(value))


def deep():
    keys = jax.random.split(jax.random.key(0), 3)
    shapes = [(6, 5), (5, 4), (4, 2)]
    *hidden, readout = [
        jax.random.normal(*pair) for pair in zip(keys, shapes, strict=True)
    ]
    return MLP(layers=tuple(hidden), readout=readout)


def test_a_failed_run_is_said_to_have_failed(tmp_path):
    with open_run(tmp_path, "toy", {"width": 3}, {"width": 3}) as run:
        run.fail(ConfigError("It did not go."), seconds=1.0)
    stored = read_run(run.path)
    for look in (lambda: Subject(stored).weights, lambda: Run(stored).weights):
        with pytest.raises(ConfigError, match="failed and holds no network: It did"):
            look()


NETWORKS = {
    "plain": shallow(12),
    "one neuron": shallow(1),
    "no neuron": shallow(0),
    "one output": shallow(4, n_outputs=1),
    "zero": shallow(12, size=0.0),
    "constant": dataclasses.replace(
        shallow(12), weights=jnp.ones((6, 12), jnp.float32)
    ),
    "dead but one": dataclasses.replace(
        shallow(30), weights=shallow(30).weights.at[:, 1:].set(0)
    ),
    "huge": shallow(12, size=1e25),
    "nan": spoiled(jnp.nan),
    "infinite": spoiled(jnp.inf),
    "deep": deep(),
    "linear": LinearReadout(readout=jnp.ones((6, 2)), scale=1.0),
    "threshold": ThresholdReLU(weights=jnp.ones((2, 3)), readout=jnp.ones((3, 1))),
    "radial": RadialFeatures(weights=jnp.ones((2, 3)), readout=jnp.ones((3, 1))),
    "standardised": StandardisedTwoLayer(
        weights=shallow(12).weights, readout=shallow(12).readout
    ),
}
OPTIONS = {
    "hessian": {"n_steps": 3, "count": 2},
    "tails": {"n_resamples": 3},
    "resample": {
        "dataset": "gaussian",
        "n_features": (1,),
        "n_draws": 2,
        "n_fit": 50,
    },
    "compare": {
        "dataset": "gaussian",
        "n_permutations": 99,
        "n_bootstrap": 3,
        "n_probes": 10,
        "n_inputs": 20,
    },
}


def stored(root, network, study="planted", kept=None, **changes) -> StoredRun:
    """A run with this network and those of `kept`, as if it had been trained."""
    kind = registry.study(study).config_class()
    config = dataclasses.asdict(kind(**changes))
    teacher = shallow(2)
    arrays = {"teacher.weights": teacher.weights, "teacher.readout": teacher.readout}
    with open_run(root, study, config, registry.defaults(kind)) as run:
        run.write(
            RunRecord(
                status="finished",
                metrics={"step": [1], "loss": [0.5]},
                arrays={name: np.asarray(value) for name, value in arrays.items()},
                network=to_arrays(network),
                kept=kept or {},
            )
        )
        return read_run(run.path)


def analysed(name, runs, **options) -> Findings:
    entry = ANALYSES[name]
    chosen = entry.options(**OPTIONS.get(name, {}) | options)
    subjects = [as_subject(run) for run in runs]
    return analyse_subjects(name, subjects, chosen, lambda *_, **__: None)


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("name", ANALYSES)
def test_an_analysis_works_or_says_why_not(name, kind, tmp_path):
    runs = [stored(tmp_path, NETWORKS[kind], input_dim=6, n_outputs=2)]
    if ANALYSES[name].least_subjects == 2:
        runs.append(stored(tmp_path, shallow(12, seed=1), seed=1))
    try:
        assert analysed(name, runs).tables
    except OverparamError as error:
        sentence = str(error)
        assert sentence.endswith(".")
        assert "\n" not in sentence


def test_runs_without_a_usable_network_are_left_out_of_many(tmp_path):
    runs = [
        stored(tmp_path, NETWORKS[kind], seed=seed)
        for seed, kind in enumerate(["plain", "nan", "no neuron"])
    ]
    subjects = [as_subject(run) for run in runs]
    kept, _, notes = networks_of(subjects, lambda subject: subject.network)
    assert kept == [subjects[0], subjects[2]]
    assert len(notes) == 1
    assert "non-finite weights" in notes[0]
    with pytest.raises(ConfigError, match="None of the 2 runs can be used"):
        networks_of([subjects[1]] * 2, lambda subject: subject.network)
    assert len(analysed("prune", runs).notes) == 2


def test_runs_of_several_studies_stand_in_one_pruning_table(tmp_path):
    runs = [
        stored(tmp_path, shallow(12)),
        stored(tmp_path, shallow(12), "recovery", noise=0.1),
    ]
    table = analysed("prune", runs).tables["pruning"]
    assert table["run"].n_unique() == 2


def test_pruning_the_readout_counts_it_once(tmp_path):
    runs = [stored(tmp_path, shallow(12))]
    table = analysed("prune", runs, layers="readout", errors=(), ratios=(1.0,)).tables
    (row,) = table["pruning"].to_dicts()
    assert row["pruning_ratio"] == 0
    assert row["pruning_ratio_with_readout"] == 24 / (24 + 72)


def test_gaussian_weights_are_counted_as_those_of_the_network(tmp_path):
    network = mlp((6, 40, 2), bias=True, key=jax.random.key(0))
    figure = analysed("prune", [stored(tmp_path, network)]).figures["pruning"]
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    # 40 neurons of 6 weights, and 40 biases that stay.
    expected = 240 / 280 * gaussian_column_ratio(0.5, fan_in=6)
    drawn = lines["Gaussian weights"].get_ydata()[-1]
    assert drawn == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("tails", {"batch_size": 10}, "`batch_size` is for `--of gradient-noise`"),
        ("tails", {"n_batches": 10}, "`n_batches` is for `--of gradient-noise`"),
        ("density", {"frames_per_second": 5}, "is for an animation"),
        ("density", {"animation_bandwidth": 0.1}, "is for an animation"),
    ],
)
def test_options_that_would_have_no_effect_are_refused(name, options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        ANALYSES[name].options(**options)


def test_draws_without_replacement_are_at_most_the_neurons_that_vary(tmp_path):
    runs = [stored(tmp_path, NETWORKS["dead but one"])]
    asked = {"n_features": (1, 3), "sampling": ("uniform",)}
    with pytest.raises(ConfigError, match=r"1 of the 30 neurons vary.*got 3"):
        analysed("resample", runs, method="without-replacement", **asked)
    asked |= {"method": "systematic"}
    notes = analysed("resample", runs, **asked).notes
    assert any("draws with replacement" in note for note in notes)
    x, y = np.random.default_rng(0).normal(size=(40, 6)), np.arange(40) % 2
    data = op.dataset(x, y, test=(x, y), name="halves")
    found = op.analyse(NETWORKS["dead but one"], "resample", data=data, **asked)
    assert any("no top-k of 3" in note for note in found.notes)


def test_without_classes_nothing_is_said_of_fitted_readouts():
    network = op.two_layer(4, 9, 1, key=jax.random.key(0))
    asked = {"dataset": "gaussian", "progress": False}
    notes = op.analyse(network, "resample", **asked).notes
    assert [note for note in notes if "no readout is fitted" in note]
    assert not [note for note in notes if "top-k" in note or "solved" in note]


def test_networks_that_are_one_have_no_distance(tmp_path):
    runs = [stored(tmp_path, shallow(12), seed=seed) for seed in (0, 1)]
    with pytest.raises(ConfigError, match="one and the same"):
        analysed("compare", runs)


def moved(root, by, seed):
    """A run whose neurons moved from their start by `by` deviations."""
    start, away = shallow(40, seed=seed), shallow(40, seed=seed + 100)
    network = dataclasses.replace(start, weights=start.weights + by)
    begun = {0: to_arrays(dataclasses.replace(start, readout=away.readout))}
    ended = dataclasses.replace(network, readout=away.readout)
    return stored(root, ended, seed=seed, kept=begun)


def test_a_ratio_needs_a_distance_that_is_told_from_none(tmp_path):
    chosen = {"representations": ("raw",), "weighting": ("uniform",), "halves": False}
    for by, has_ratio in ((1e-3, False), (3.0, True)):
        runs = [moved(tmp_path / str(by), by, seed) for seed in (0, 1)]
        findings = analysed("compare", runs, **chosen)
        (row,) = findings.tables["distances"].to_dicts()
        assert (row["rho"] is not None) is has_ratio
        assert 0 < row["travelled_p"] <= 1
        assert any("`rho` is missing" in n for n in findings.notes) is not has_ratio


def test_the_risk_without_neurons_is_that_of_the_inputs_of_the_run(tmp_path):
    network = shallow(4)
    sizes = {"input_dim": 6, "n_outputs": 2, "width": 4}
    runs = [stored(tmp_path, network, input_decay=decay, **sizes) for decay in (0, 2)]
    isotropic, decaying = (analysed("surplus", [run]).summary for run in runs)
    teacher = shallow(2)
    covariance = decaying_covariance(6, 2.0)
    expected = risk(network, teacher, covariance=covariance)
    np.testing.assert_allclose(decaying["risk of the student"], expected, rtol=1e-12)
    assert isotropic["risk of the student"] != decaying["risk of the student"]


def test_moments_that_were_not_kept_are_told(tmp_path):
    run = stored(tmp_path, shallow(4), input_dim=6, n_outputs=2)
    findings = analysed("neurons", [run], epochs=(1, 7))
    assert [n for n in findings.notes if "steps 7" in n]


def test_a_single_neuron_is_no_population_before_any_work():
    one = TwoLayer(jnp.ones((3, 1)), jnp.ones((1, 2)))
    x = np.random.default_rng(0).standard_normal((12, 3))
    data = op.dataset(x, x[:, :2], name="some")
    listed = op.analyse([one, one], data=data).tables["analyses"]
    ((_, applies, why),) = listed.filter(pl.col("analysis") == "compare").rows()
    assert applies == "no"
    assert why == "A distance needs at least 2 neurons on each side, got 1."


def test_equal_masses_are_no_axis_of_rounding(tmp_path):
    small = {"width": 8, "n_samples": 16, "teacher_width": 5, "n_steps": 2}
    rare = {"records": 2, "keep": "2", "limits": ()}
    run = op.run("timescales", runs=tmp_path, progress=False, **small, **rare)
    figure = op.analyse(run, "neurons", progress=False).figures["neurons"]
    low, high = figure.axes[0].get_xlim()
    assert low == 0
    assert high == pytest.approx(2 / 5, rel=1e-6)
