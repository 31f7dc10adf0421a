"""Refits of draws: duplicates are merged, accuracies recomputed by hand."""

import numpy as np
import pytest

from overparam.analysis import refit
from overparam.analysis.resampling.draws import Draw
from overparam.errors import ConfigError
from overparam.readouts import NewtonSettings, logistic_readout


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
