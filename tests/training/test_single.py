"""One function trains: from parts, or from a training and a plan."""

import jax
import numpy as np
import optax
import pytest

import overparam as op
from overparam.data import PlantedStream, teacher
from overparam.errors import ConfigError


LENGTHS = {"n_steps": 20, "batch_size": 4, "record_every": 5}


@pytest.fixture
def parts(key):
    planted = teacher(3, 2, 1, key=key)
    network = op.two_layer(3, 4, 1, scaling="ntk", key=key)
    descent = op.Descent("half-squared-error", optax.adam, learning_rate=3e-3)
    return network, PlantedStream(planted), descent


def test_parts_are_trained_as_a_training_and_a_plan(parts, key, capsys):
    network, source, dynamics = parts
    settings = {"observe": lambda step, net: {"twice": 2.0 * step}, "keep_steps": (10,)}
    held = op.Training(
        network=network, source=source, dynamics=dynamics, key=key, **settings
    )
    whole = op.train(held, op.Plan(**LENGTHS))
    assert capsys.readouterr().err == ""
    history = op.train(*parts, **LENGTHS, key=key, **settings)
    assert "training: 100 % (20/20)" in capsys.readouterr().err
    np.testing.assert_array_equal(history.network.readout, whole.network.readout)
    np.testing.assert_array_equal(history.frame["twice"], [10, 20, 30, 40])
    np.testing.assert_array_equal(history.frame["loss"], whole.frame["loss"])
    assert set(history.kept) == {10}


def test_a_history_is_drawn_and_shown(parts, key):
    history = op.train(*parts, **LENGTHS, key=key, progress=False)
    [line] = history.plot("loss", log_y=True).axes[0].lines
    np.testing.assert_array_equal(line.get_xdata(), history.frame["step"])
    assert repr(history) == "Trajectory(4 records, finished)"
    assert "loss" in history._repr_html_()
    with pytest.raises(ConfigError, match=r"no column 'los'.*`loss`"):
        history.plot("los")


def test_what_is_no_training_is_a_sentence(parts, key):
    network, source, dynamics = parts
    training = op.Training(network=network, source=source, dynamics=dynamics, key=key)
    for given in ((training, 20), (network, source), (source, network, dynamics)):
        with pytest.raises(ConfigError, match="takes a network, a source and a dyn"):
            op.train(*given)
    with pytest.raises(ConfigError, match="`train` needs `key`"):
        op.train(*parts, **LENGTHS)
    with pytest.raises(ConfigError, match=r"'n_step'.*`n_steps`"):
        op.train(*parts, **LENGTHS, n_step=3, key=key)
    with pytest.raises(ConfigError, match=r"`keep_steps`.*got 5: write \(5,\)"):
        op.train(*parts, **LENGTHS, key=key, keep_steps=5)
    with jax.enable_x64(True):
        wide = jax.tree.map(lambda leaf: leaf.astype("float64"), network)
    inside = pytest.raises(ConfigError, match=r"inside `with jax\.enable")
    with jax.enable_x64(False), inside:
        op.train(wide, source, dynamics, **LENGTHS, key=key)
    with pytest.raises(ConfigError, match="`batch_size`"):
        op.train(*parts, **LENGTHS | {"batch_size": 0}, key=key)


def test_data_of_other_shapes_are_a_sentence(parts, key):
    network, _, dynamics = parts
    for x in (np.ones((8, 4)), np.ones((8, 3, 1, 1)), np.ones(8)):
        data = op.Table(np.float32(x), np.ones((8, 1), np.float32))
        with pytest.raises(ConfigError, match=r"takes other inputs than those of sha"):
            op.train(network, data, dynamics, **LENGTHS, key=key)
    numbers = op.Table(np.ones((8, 3), np.float32), np.ones((8, 1), np.float32))
    for loss in ("cross-entropy", "hinge"):
        rule = op.Descent(loss, learning_rate=0.1)
        with pytest.raises(ConfigError, match=r"takes classes.*float32 of shape \(4, "):
            op.train(network, numbers, rule, **LENGTHS, key=key)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"key": 0}, "`key` must be a random key"),
        ({"data_key": 3}, "`data_key` must be a random key"),
        ({"n_steps": 2.5}, r"`n_steps` must be a whole number, got 2\.5"),
        ({"keep_steps": "5"}, "`keep_steps` must be a number, got '5'"),
        ({"observe": 3}, "`observe` must be a function, got 3"),
        ({"observe": lambda step, network: None}, "a mapping of columns, got None"),
        ({"until": 3}, "`until` must be a function, got 3"),
        ({"until": lambda records: True}, "`until` must be one of .*; got True"),
        ({"until": op.training.below("lss", 1.0)}, "'lss', did you mean `loss`"),
    ],
)
def test_a_setting_that_is_none_is_a_sentence(parts, key, settings, sentence):
    with pytest.raises(ConfigError, match=sentence):
        op.train(*parts, **LENGTHS | {"key": key} | settings)


def test_a_source_or_a_rule_that_is_none_is_a_sentence(parts, key):
    network, source, dynamics = parts
    with pytest.raises(
        ConfigError, match=r"`source` must have the .*, got an .* tuple"
    ):
        op.train(network, (np.ones(3), np.ones(3)), dynamics, **LENGTHS, key=key)
    with pytest.raises(ConfigError, match="`dynamics` must have the methods init, st"):
        op.train(network, source, optax.sgd(0.1), **LENGTHS, key=key)


def test_reprs_hold_no_arrays(parts, key):
    history = op.train(*parts, **LENGTHS, key=key, progress=False)
    shown = [*parts, history]
    assert all("[[" not in repr(each) and len(repr(each)) < 800 for each in shown)
