import jax
import numpy as np
import pytest

from overparam.analysis import counts_for_ratio, pruning_curves, scores_after_pruning
from overparam.analysis.pruning import accuracy as pruning_accuracy
from overparam.analysis.pruning.accuracy import scores
from overparam.analysis.pruning.networks import masked
from overparam.networks import mlp
from overparam.objectives import accuracy, cross_entropy


def data(dtype="float64"):
    x = jax.random.normal(jax.random.key(1), (50, 6), dtype)
    return x, jax.random.randint(jax.random.key(2), (50,), 0, 3, "int32")


@pytest.mark.parametrize("sizes", [(6, 20, 3), (6, 20, 15, 3)])
@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
@pytest.mark.parametrize("part", ["filter", "entry"])
def test_every_level_has_the_scores_of_its_masked_network(
    part, activation, sizes, key, monkeypatch
):
    monkeypatch.setattr(pruning_accuracy, "BLOCK", 16)
    network = mlp(sizes, activation=activation, dtype="float64", key=key)
    curves = pruning_curves(network, part=part)
    levels = [counts_for_ratio(curves, r) for r in (0.0, 0.35, 0.9, 1.0)]
    x, y = data()
    found = scores_after_pruning(network, curves, levels, data=(x, y), part=part)
    for level, counts in enumerate(levels):
        outputs = masked(network, curves, counts, part=part)(x)
        # The same sums in float64, in another order.
        assert found.loss[level] == pytest.approx(
            float(cross_entropy(outputs, y)), abs=1e-12
        )
        assert found.accuracy[level] == pytest.approx(float(accuracy(outputs, y)))


def test_scores_do_not_depend_on_the_blocks(key, monkeypatch):
    network = mlp((6, 20, 3), dtype="float64", key=key)
    whole = scores(network, data())
    monkeypatch.setattr(pruning_accuracy, "BLOCK", 7)
    np.testing.assert_allclose(scores(network, data()), whole, rtol=1e-13)
