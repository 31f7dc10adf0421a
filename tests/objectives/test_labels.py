"""Labels that are no classes, wherever labels enter."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam import two_layer
from overparam.analysis import classify, refit
from overparam.analysis.classification import scored
from overparam.analysis.pruning.accuracy import scores
from overparam.analysis.resampling.draws import draw
from overparam.analysis.resampling.refit import Sample
from overparam.errors import ConfigError
from overparam.objectives import ClassSquares, cross_entropy, hinge
from overparam.objectives.labels import check_labels, one_hot
from overparam.readouts import logistic_readout, one_hot_centred


N, K = 6, 3
FEATURES = jnp.asarray(np.random.default_rng(0).standard_normal((N, 2)))
GOOD = np.array([0, 2, 1, 1, 0, 2])

BAD = {
    "too large": (np.array([0, 1, 2, 3, 0, 1]), "label 3 is 3"),
    "negative": (np.array([0, 1, 2, 1, 0, -1]), "label 5 is -1"),
    "not whole": (GOOD + 0.5, "integer type, got float64"),
    "not a number": (np.full(N, np.nan), "integer type, got float64"),
    "whole but floating": (GOOD.astype(float), "integer type, got float64"),
    "Booleans": (GOOD > 0, "integer type, got bool"),
    "a column": (GOOD[:, None], r"got shape \(6, 1\)"),
    "one-hot rows": (np.eye(K, dtype=int)[GOOD], r"got shape \(6, 3\)"),
    "none": (np.zeros(0, int), r"got shape \(0,\)"),
}


def network():
    return two_layer(2, 4, K, dtype="float64", key=jax.random.key(0))


def fit_again(labels):
    drawn = draw(np.full(4, 0.25), 2, key=jax.random.key(1))
    bad, good = Sample(FEATURES, labels), Sample(FEATURES, jnp.asarray(GOOD))
    refit(network(), [drawn], good, bad, penalty=0.1)


ENTRANCES = {
    "one_hot": lambda y: one_hot(y, K, dtype="float64"),
    "one_hot_centred": lambda y: one_hot_centred(y, K, dtype="float64"),
    "logistic_readout": lambda y: logistic_readout(
        FEATURES, y, n_classes=K, penalty=0.1
    ),
    "classify": lambda y: classify(network(), FEATURES, y),
    "scored": lambda y: scored(jnp.zeros((N, K)), y),
    "scores": lambda y: scores(network(), (FEATURES, y)),
    "refit": fit_again,
}


@pytest.mark.parametrize("entrance", ENTRANCES)
@pytest.mark.parametrize("kind", BAD)
def test_labels_that_are_no_classes_are_refused(kind, entrance):
    labels, message = BAD[kind]
    with pytest.raises(ConfigError, match=message):
        ENTRANCES[entrance](jnp.asarray(labels))


@pytest.mark.parametrize("entrance", ["logistic_readout", "classify", "refit"])
def test_as_many_labels_as_samples_are_needed(entrance):
    with pytest.raises(ConfigError, match="as many as the samples, 6, got 5"):
        ENTRANCES[entrance](jnp.asarray(GOOD[:5]))


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int32", "int64"])
def test_classes_of_any_integer_type_are_taken(dtype):
    check_labels(GOOD.astype(dtype), K, n_samples=N)
    rows = one_hot(jnp.asarray(GOOD.astype(dtype)), K, dtype="float64")
    np.testing.assert_array_equal(rows, np.eye(K)[GOOD])


@pytest.mark.parametrize("loss", [cross_entropy, hinge, ClassSquares(0.1)])
@pytest.mark.parametrize("label", [-1, K])
def test_in_a_compiled_step_a_label_that_is_no_class_makes_the_loss_nan(loss, label):
    outputs = jnp.asarray(np.random.default_rng(1).standard_normal((N, K)))
    good = jnp.asarray(GOOD)
    compiled = jax.jit(loss)
    assert np.isfinite(compiled(outputs, good))
    assert np.isnan(compiled(outputs, good.at[2].set(label)))
