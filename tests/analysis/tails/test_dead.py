"""Neurons, inputs and gradients that are 0 throughout have no tail."""

import jax.numpy as jnp
import numpy as np
import pytest

import overparam as op
from overparam.analysis.tails.estimators import ESTIMATORS
from overparam.errors import ConfigError
from overparam.networks import TwoLayer


WEIGHTS = np.random.default_rng(0).standard_cauchy((30, 40))


def tails(weights, **options):
    readout = np.random.default_rng(2).standard_normal((weights.shape[1], 2))
    network = TwoLayer(weights=jnp.asarray(weights), readout=jnp.asarray(readout))
    return op.analyse(network, "tails", n_resamples=2, **options)


def estimates(found):
    return dict(found.tables["tails"].select("estimator", "estimate").iter_rows())


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("of", ["entries", "column-norms"])
def test_a_dead_part_changes_no_index(axis, of):
    living = np.concatenate([WEIGHTS] * 4, axis=1)
    shape = (5, 160) if axis == 0 else (30, 60)
    spoiled = np.concatenate([living, np.zeros(shape)], axis=axis)
    found, wanted = tails(spoiled, of=of), tails(living, of=of)
    assert estimates(found) == estimates(wanted)
    told = [note for note in found.notes if "dead" in note]
    assert len(told) == (of == "entries" or axis == 1)
    assert not any("dead" in note for note in wanted.notes)


def test_a_layer_of_few_weights_and_many_zeros_has_indices():
    living = np.arange(300).reshape(15, 20) % 5 == np.arange(15)[:, None] % 5
    found = tails(np.where(living, WEIGHTS[:15, :20], 0))
    assert np.isfinite(estimates(found)["hill"])


@pytest.mark.parametrize("name", ["block", "characteristic", "mcculloch", "log-moment"])
def test_a_stable_law_has_no_atom(name):
    sample = np.where(np.arange(1000) % 3, np.resize(WEIGHTS, 1000), 0.0)
    with pytest.raises(ConfigError, match="334 of the 1000 values are 0"):
        ESTIMATORS[name](sample)


def test_the_gradient_of_a_dead_neuron_is_no_noise():
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((300, 30)), rng.integers(0, 2, 300)
    data = op.dataset(x, y, name="tails of the living")
    options = {"of": "gradient-noise", "batch_size": 20, "n_batches": 3, "data": data}
    living = tails(WEIGHTS, **options)
    # A ReLU of 0 is at its kink, where its derivative is 0 here.
    dead = np.concatenate([WEIGHTS, np.zeros((30, 10))], axis=1)
    found = tails(dead, **options)
    assert estimates(found) == pytest.approx(estimates(living), rel=1e-6)
    assert any("dead" in note for note in found.notes)


@pytest.mark.parametrize("of", ["entries", "column-norms"])
def test_values_nearly_zero_are_counted_since_they_look_like_a_heavy_tail(of):
    rng = np.random.default_rng(4)
    living = rng.standard_normal((30, 200))
    decayed = 1e-12 * rng.standard_normal((30, 150))
    found = tails(np.concatenate([living, decayed], axis=1), of=of)
    number = 150 if of == "column-norms" else 150 * 30
    (note,) = [note for note in found.notes if "nearly 0" in note]
    assert f"{number} of {number * 350 // 150} values" in note
    if of == "entries":  # Both parts are normal, of the index 2.
        assert estimates(found)["log-moment"] < 0.5
    assert not any("nearly 0" in note for note in tails(living, of=of).notes)


def test_a_heavy_tail_is_not_taken_for_decay():
    # Indices of 1 and, squared with their sign, of 1/2.
    cauchy = np.random.default_rng(5).standard_cauchy((50, 100))
    for weights in (cauchy, cauchy * np.abs(cauchy)):
        assert not any("nearly 0" in note for note in tails(weights).notes)
