"""The analysis `lazy` of tiny runs, against what is known of them."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import overparam as op
from overparam import TrainTest
from overparam.analysis.lazy.analyse import analyse
from overparam.analysis.lazy.options import LazyOptions
from overparam.analysis.lazy.predictors import wide_outputs
from overparam.data import Batch
from overparam.errors import ConfigError, OverparamError
from overparam.limits import wide_kernels
from overparam.limits.kernels.sampled import wide_limit
from overparam.networks import resnet, to_arrays
from overparam.networks.convolutional import batch_norm
from overparam.networks.stateful import train_features, with_statistics
from overparam.studies.contract import as_subject

from ..test_analyses import NETWORKS, stored


SMALL = {
    "input_dim": 4,
    "n_outputs": 2,
    "teacher_width": 2,
    "width": 6,
    "batch_size": 10,
    "samples_per_epoch": 50,
    "epochs": 2,
    "precision": "float64",
}

X = np.random.default_rng(0).normal(size=(12, 3))


def run(root, name="planted", **changes):
    fields = SMALL | changes if name == "planted" else changes
    return op.run(name, runs=root, progress=False, **fields)


def test_it_follows_a_run_from_its_start(tmp_path):
    done = run(tmp_path, keep="every 1")
    found = done.analyse("lazy", n_samples=20, progress=False)
    table = found.tables["lazy"]
    assert table["step"].to_list() == [0, 5, 10]
    assert table.row(0, named=True) | {"label_alignment": 0} == {
        "step": 0,
        "kernel_change": 0,
        "kernel_alignment": pytest.approx(1),
        "label_alignment": 0,
        "weights_change": 0,
        "flipped": 0,
    }
    x = as_subject(done.stored).samples(20).x
    first, last = (
        op.limits.tangent_kernel(network, x) for network in (done.kept(0), done.network)
    )
    expected = np.linalg.norm(last - first) / np.linalg.norm(first)
    assert table["kernel_change"][-1] == pytest.approx(expected, rel=1e-9)
    predictors = found.tables["errors"]["predictor"].to_list()
    assert predictors == ["start", "network", "linearised network", "infinite width"]
    measured = set(found.tables["errors"]["measure"])
    assert measured == {"half squared error on test samples"}
    assert any("first 20 of" in note for note in found.notes)
    errors = found.tables["errors"]["value"]
    assert errors.is_finite().all()
    assert found.figures["lazy"].axes[0].lines


def test_the_distance_is_that_which_the_study_measured(tmp_path):
    fields = {"width": 8, "n_train": 30, "n_test": 40, "input_dim": 4, "n_steps": 20}
    done = run(tmp_path, "lazy", **fields, precision="float64")
    found = done.analyse("lazy", progress=False).summary
    distance = found[
        "distance to the linearised network on test samples, of the way gone"
    ]
    assert distance == pytest.approx(done.summary["distance_to_linear"], rel=1e-9)


def test_a_network_that_is_linear_in_what_trains_is_its_linearised_one(tmp_path):
    found = run(tmp_path, train="readout").analyse("lazy", progress=False)
    distance = found.summary[
        "distance to the linearised network on test samples, of the way gone"
    ]
    assert distance < 1e-10
    assert found.summary["neurons that switched, share"] == 0
    weights = dict(found.tables["weights"].iter_rows())
    assert weights["weights"] == 0
    assert weights["readout"] > 0


_FEATURES = {"width": 8, "epochs": 1, "n_train": 60, "n_validation": 20}
_FEATURES |= {"batch_size": 20}
_RECOVERY = {"method": "training", "fit": "penalised", "penalty": 0.05}
_RECOVERY |= {"n_samples": 12, "input_dim": 3, "width": 10, "n_steps": 10}
_RECOVERY |= {"n_test": 50}


@pytest.mark.parametrize(
    ("study", "fields"),
    [
        ("features", _FEATURES),
        ("features", _FEATURES | {"penalty_form": "decoupled"}),
        ("features", _FEATURES | {"stop_gradient_moments": True}),
        ("recovery", _RECOVERY | {"network": "normalised"}),
    ],
)
def test_what_goes_no_way_is_its_linearised_network(study, fields, tmp_path):
    fields = fields | {"learning_rate": 1e-6, "precision": "float64"}
    found = run(tmp_path, study, **fields).analyse("lazy", progress=False)
    distance = found.summary[
        "distance to the linearised network on test samples, of the way gone"
    ]
    # Of the order of the relative change of the weights.
    assert 0 < distance < 1e-3
    errors = dict(found.tables["errors"].select("predictor", "value").iter_rows())
    assert errors["linearised network"] == pytest.approx(errors["network"], rel=1e-6)


@pytest.mark.parametrize(
    ("frozen", "fields"),
    [("weights", {"train": "readout"}), ("readout", {"train": "features"})],
)
def test_weights_that_do_not_train_count_nowhere(frozen, fields, tmp_path):
    done = run(tmp_path, width=400, **fields)
    found = done.analyse("lazy", n_samples=20, progress=False)
    trained = {"weights": "readout", "readout": "weights"}[frozen]
    assert f"Kernels count what the training moved alone: {trained}." in found.notes
    x = as_subject(done.stored).samples(20).x
    first, last = (
        op.limits.tangent_kernel(network, x, trained=(trained,))
        for network in (done.kept(0), done.network)
    )
    change = np.linalg.norm(last - first) / np.linalg.norm(first)
    measured = found.tables["lazy"]["kernel_change"][-1]
    assert measured == pytest.approx(change, rel=1e-9)
    # Frozen features leave the kernel of a readout as it is.
    assert (measured == 0) == (frozen == "weights")


def test_a_readout_of_rate_0_does_not_train_either(tmp_path):
    found = run(tmp_path, readout_rate=0.0).analyse("lazy", progress=False)
    assert "what the training moved alone: weights." in " ".join(found.notes)


def test_infinite_width_trains_what_the_run_trained():
    data = TrainTest(Batch(X, X[:, :1] ** 2))
    start = op.two_layer(3, 50, 1, dtype="float64", key=jax.random.key(0))
    both, alone = (
        wide_outputs(start, data, X + 0.1, n_samples=20, trained=trained)
        for trained in ((), ("readout",))
    )
    wide = wide_limit(start, trained=("readout",))
    kernel, cross = (wide_kernels(wide, x, X).tangent for x in (X, X + 0.1))
    expected = cross @ np.linalg.solve(kernel, X[:, :1] ** 2)
    np.testing.assert_allclose(alone, expected, rtol=1e-6)
    assert np.abs(both - alone).max() > 1e-3


def test_no_predictor_is_made_of_a_kernel_without_digits():
    """As a series erf had here a test loss of 30 times that of its closed form."""
    data = TrainTest(Batch(X, X[:, :1] ** 2))
    start = op.two_layer(
        3, 50, 1, activation="tanh", dtype="float64", key=jax.random.key(0)
    )
    assert np.isfinite(wide_outputs(start, data, X + 0.1, n_samples=12)).all()
    with pytest.raises(ConfigError, match="so large for this activation"):
        wide_outputs(
            start,
            TrainTest(Batch(1000 * X, X[:, :1] ** 2)),
            1000 * X + 0.1,
            n_samples=12,
        )


def test_what_has_no_linear_training_or_no_wide_limit_is_told(tmp_path):
    fields = {"width": 8, "n_train": 40, "n_test": 40, "batch_size": 20}
    lengths = {"max_steps": 4, "evaluate_every": 2, "stop_when": "never"}
    found = run(tmp_path, "heavy-tails", **fields, **lengths).analyse(
        "lazy", progress=False
    )
    told = " ".join(found.notes)
    assert "There is no predictor of infinite width: A wide limit needs normal" in told
    flow = run(tmp_path, dynamics="flow").analyse("lazy", progress=False)
    told = " ".join(flow.notes)
    assert "There is no linearised network: The exact risk is that of a Two" in told


@pytest.mark.parametrize("kind", NETWORKS)
def test_networks_of_every_kind_give_numbers_or_a_sentence(kind, tmp_path):
    network = NETWORKS[kind]
    kept = {0: to_arrays(network)}
    done = stored(tmp_path, network, kept=kept, input_dim=6, n_outputs=2)
    options = LazyOptions(n_samples=10, n_test=10, n_wide=10, linearise=False)
    try:
        findings = analyse([as_subject(done)], options)
    except OverparamError as error:
        sentence = str(error)
        assert sentence.endswith(".")
    else:
        assert findings.tables["lazy"]["flipped"].to_list() == [0, 0]


def test_a_run_that_diverged_at_once_has_no_network_but_its_start(tmp_path):
    done = run(tmp_path, learning_rate=1e9)
    assert done.status == "diverged"
    with pytest.raises(OverparamError, match="the network that it kept is its start"):
        done.analyse("lazy", progress=False)


def test_a_run_that_diverged_later_has_the_network_of_the_record_before(tmp_path):
    # Rates at which a few records are finite.
    for rate in (2.0**k for k in range(12)):
        fields = {"epochs": 40, "keep": "every 1", "precision": "float32"}
        done = run(tmp_path, learning_rate=rate, **fields)
        if done.status == "diverged" and len(done.frame) > 2:
            break
    steps = done.frame["step"].to_list()
    found = done.analyse("lazy", n_samples=20, linearise=False, progress=False)
    assert found.tables["lazy"]["step"][-1] == steps[-2]
    assert f"of the last record before, of step {steps[-2]:g}." in " ".join(found.notes)


def test_without_a_start_it_refuses(tmp_path):
    network = op.TwoLayer(jnp.ones((4, 2)), jnp.ones((2, 1)))
    with pytest.raises(OverparamError, match="has no start to compare it with: give"):
        op.analyse(network, "lazy", progress=False)


def test_a_network_of_ones_own_is_compared_with_the_start_that_is_given(tmp_path):
    done = run(tmp_path, keep="every 1")
    start, data = done.kept(0), as_subject(done.stored).data()
    options = {"n_samples": 20, "linearise": False, "progress": False}
    wanted = done.analyse("lazy", **options).tables["lazy"]
    found = op.analyse(done.network, "lazy", data=data, start=start, **options)
    columns = ["kernel_change", "kernel_alignment", "weights_change", "flipped"]
    ends = found.tables["lazy"].select(columns).rows()
    assert len(ends) == 2
    for row, expected in zip(ends, wanted.select(columns)[[0, -1]].rows(), strict=True):
        assert row == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_running_moments_are_no_change_of_the_kernel():
    key = jax.random.key(0)
    start = resnet(8, n_outputs=3, multiplier=0.25, dtype="float64", key=key)
    x = jax.random.normal(jax.random.key(1), (12, 8, 8, 3)) * 3
    step = jax.jit(lambda net: with_statistics(net, train_features(net, x)[1]))
    moved = start
    for _ in range(300):  # The weight of the first moments is 0.9 to this power.
        moved = step(moved)
    y = jnp.asarray(np.arange(12) % 3, jnp.int32)
    data = TrainTest(Batch(x, y), n_classes=3)
    found = op.analyse(
        moved, "lazy", data=data, start=start, store=False, progress=False
    )
    last = found.tables["lazy"].row(-1, named=True)
    assert last["kernel_change"] < 1e-9
    assert last["flipped"] == 0
    at_end, at_start = (
        np.asarray(each(x)) for each in (moved, batch_norm.settled(start, x))
    )
    np.testing.assert_allclose(at_start, at_end, rtol=1e-9)


HARDLY_MOVED = {
    "images": {"network": "resnet8", "multiplier": 0.25, "dynamics": "descent"}
    | {"batch_size": 10, "epochs": 2, "train_per_class": 10, "time_step": 1e-7},
    "features": {"dataset": "digits", "width": 12, "n_train": 200, "n_validation": 50}
    | {"epochs": 2, "learning_rate": 1e-6},
    "recovery": {"method": "training", "network": "normalised", "n_samples": 12}
    | {"input_dim": 3, "fit": "penalised", "penalty": 0.05, "width": 10}
    | {"n_steps": 20, "learning_rate": 1e-6},
}
"""Of networks that take moments or norms of their batches in training."""


@pytest.mark.parametrize("study", HARDLY_MOVED)
def test_a_network_of_its_batches_that_hardly_moves_is_its_linearised_one(
    study, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    fields = HARDLY_MOVED[study] | {"precision": "float64"}
    if study == "images":
        rng = np.random.default_rng(0)
        x, y = rng.integers(0, 256, (40, 8, 8, 3), np.uint8), np.arange(40) % 2
        np.savez(tmp_path / "pictures.npz", x=x, y=y, x_test=x[:10], y_test=y[:10])
        fields |= {"dataset": str(tmp_path / "pictures.npz")}
    found = run(tmp_path, study, **fields).analyse("lazy", progress=False)
    distance = [v for k, v in found.summary.items() if k.startswith("distance to the")]
    # Weights go a way of the order of the step, the networks part by its square.
    assert distance[0] < 0.01


def test_errors_that_are_near_each_other_are_drawn_whole():
    signs = np.sign(np.random.default_rng(1).normal(size=(3, 80)))
    start = op.networks.TwoLayer(jnp.asarray(signs, "f"), jnp.ones((80, 1), "f"))
    network = jax.tree.map(lambda array: 1.001 * array, start)
    data = op.dataset(X, X[:, 0], test=(X, X[:, 0]), name="near")
    found = op.analyse(network, "lazy", data=data, start=start, progress=False)
    # Dots of a radius of 3 points, on 4 inches.
    assert found.tables["errors"].height == 2  # These weights have no wide limit.
    reach = found.figures["lazy"].axes[1].get_xlim()[1]
    assert reach > 1.02 * found.tables["errors"]["value"].max()


def test_errors_that_are_far_apart_are_all_told_apart():
    signs = np.sign(np.random.default_rng(1).normal(size=(3, 80)))
    network = op.networks.TwoLayer(jnp.asarray(signs, "f"), jnp.ones((80, 1), "f"))
    start = jax.tree.map(lambda array: 1.5 * array, network)
    y = np.asarray(network(X.astype(np.float32)))[:, 0] + 1
    data = op.dataset(X, y, test=(X, y), name="far")
    found = op.analyse(network, "lazy", data=data, start=start, progress=False)
    assert found.figures["lazy"].axes[1].get_xscale() == "log"


@pytest.mark.parametrize("keep", ["", "every 1"])
def test_no_line_runs_through_the_legend(keep, tmp_path):
    done = run(tmp_path, "lazy", width=100, n_train=100, n_steps=200, keep=keep)
    found = done.analyse("lazy", linearise=False, progress=False).figures["lazy"]
    found.canvas.draw()
    along = found.axes[0]
    box = along.get_legend().get_window_extent()
    for line in along.lines:
        path = line.get_path().transformed(line.get_transform())
        assert not path.intersects_bbox(box, filled=False)


def test_a_start_that_is_none_is_a_sentence(tmp_path):
    network = op.TwoLayer(jnp.ones((4, 2)), jnp.ones((2, 1)))
    other = op.TwoLayer(jnp.ones((4, 3)), jnp.ones((3, 1)))
    with pytest.raises(ConfigError, match="differ in `weights`, which is"):
        op.analyse(network, "lazy", start=other, progress=False)
    with pytest.raises(ConfigError, match=r"`start` must be a network, .* str"):
        op.analyse(network, "lazy", start="start.pt", progress=False)
    with pytest.raises(ConfigError, match="`start` is of one network, got 2"):
        op.analyse([network, network], "compare", start=network, progress=False)
    with pytest.raises(ConfigError, match="a run keeps its own"):
        op.analyse(run(tmp_path), "lazy", start=network, progress=False)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"activation": "tanh"}, "`activation`, which is tanh in the start and relu"),
        ({"scale": 0.5}, "`scale`, which is 0.5 in the start and 1.0 in the network"),
    ],
)
def test_a_start_of_other_settings_is_another_function(changed, said):
    network = op.TwoLayer(jnp.ones((3, 2)), jnp.ones((2, 1)))
    start = dataclasses.replace(network, **changed)
    with pytest.raises(ConfigError, match=said):
        op.analyse(network, "lazy", start=start, progress=False)


def test_a_network_alone_has_no_data():
    network = op.TwoLayer(jnp.ones((3, 2)), jnp.ones((2, 1)))
    with pytest.raises(ConfigError, match="A network alone has no data: give `data=`"):
        op.analyse(network, "lazy", start=network, progress=False)


def test_a_start_that_is_the_end_and_targets_without_differences_are_told():
    network = op.two_layer(3, 5, 2, key=jax.random.key(0))
    data = op.dataset(X, np.ones((12, 2)), test=(X, np.ones((12, 2))), name="ones")
    told = {"start": network, "data": data, "progress": False}
    notes = op.analyse(network, "lazy", **told).notes
    assert any("The start has the weights of the network" in note for note in notes)
    assert any("There is no alignment with the targets" in note for note in notes)
    moved = dataclasses.replace(network, weights=2 * network.weights)
    notes = op.analyse(moved, "lazy", **told).notes
    assert not any("has the weights of the network" in note for note in notes)


def test_options_out_of_range_get_a_sentence():
    with pytest.raises(ConfigError, match="`n_samples` must be at least 2, got 1"):
        LazyOptions(n_samples=1)
