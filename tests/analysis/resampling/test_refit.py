"""Refits of draws: duplicates are merged, accuracies recomputed by hand."""

import jax.numpy as jnp
import numpy as np
import pytest

from overparam.analysis import refit
from overparam.analysis.resampling.draws import Draw
from overparam.analysis.resampling.refit import Sample
from overparam.errors import ConfigError
from overparam.networks import StandardisedTwoLayer, with_moments
from overparam.readouts import NewtonSettings, logistic_readout


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((120, 5))
    y = (x @ rng.standard_normal((5, 3))).argmax(axis=1).astype(np.int32)
    network = StandardisedTwoLayer(
        weights=jnp.asarray(rng.standard_normal((5, 9))),
        readout=jnp.asarray(rng.standard_normal((9, 3))),
    )
    train = Sample(jnp.asarray(x[:80]), jnp.asarray(y[:80]))
    test = Sample(jnp.asarray(x[80:]), jnp.asarray(y[80:]))
    return with_moments(network, train.x), train, test


def drawn(indices, counts):
    return Draw(
        indices=np.array(indices),
        multiplicities=np.array(counts),
        probabilities=np.full(9, 1 / 9),
        method="with-replacement",
    )


def test_duplicates_are_merged(problem):
    network, train, test = problem
    settings = NewtonSettings(tolerance=1e-8)
    found = refit(
        network,
        [drawn([1, 4, 7], [1, 2, 1]), drawn([0, 2, 3, 8], [1, 1, 1, 1])],
        train,
        test,
        penalty=1e-2,
        settings=settings,
    )
    for index, neurons in enumerate(([1, 4, 7], [0, 2, 3, 8])):
        features = network.features(train.x)[:, np.array(neurons)]
        alone = logistic_readout(
            features, train.y, n_classes=3, penalty=1e-2, settings=settings
        )
        np.testing.assert_allclose(found.objective[index], alone.objective, rtol=1e-10)
        readout = np.asarray(alone.readout)
        scores = np.asarray(network.features(test.x))[:, neurons] @ readout
        accuracy = np.mean(np.argmax(scores, axis=1) == np.asarray(test.y))
        np.testing.assert_allclose(found.test_accuracy[index], accuracy)
        assert found.relative_gradient[index] <= 1e-8


def test_the_penalty_must_be_positive(problem):
    network, train, test = problem
    with pytest.raises(ConfigError, match="`penalty` must be a positive"):
        refit(network, [drawn([0], [1])], train, test, penalty=0.0)
