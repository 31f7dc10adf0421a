"""Readouts by steps: against a loop in NumPy, and against the exact ones."""

import dataclasses

import jax
import numpy as np
import pytest

from overparam.analysis import refit
from overparam.analysis.resampling.options import ResampleOptions
from overparam.analysis.resampling.steps import refit_by_steps
from overparam.errors import ConfigError
from overparam.networks.feature_laws import truncated_normal

from .test_refit import drawn


KEY = jax.random.key(4)
OPTIONS = ResampleOptions(ridge=1e-2, epochs=30, learning_rate=0.1, batch_size=80)


TWICE = drawn([1, 4, 7], [1, 2, 1])


def standardised(network, x, neurons):
    """The features written anew."""
    h = np.tanh(np.asarray(x) @ np.asarray(network.weights)[:, neurons])
    mean, std = (np.asarray(part)[neurons] for part in (network.mean, network.std))
    return (h - mean) / np.sqrt(std**2 + 1e-5)


def gradient(P, F, y):
    scores = F @ P
    scores -= scores.max(axis=1, keepdims=True)
    q = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    loss = -np.mean(np.log(q[np.arange(len(y)), y])) + OPTIONS.ridge / 2 * np.sum(P**2)
    return loss, F.T @ (q - np.eye(3)[y]) / len(y) + OPTIONS.ridge * P


@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_steps_are_those_of_a_loop_in_numpy(problem, optimiser):
    network, fit, test = problem
    found = refit_by_steps(
        network, [TWICE], fit, test, OPTIONS, optimiser=optimiser, keys=[KEY]
    )
    neurons, y = [1, 4, 4, 7], np.asarray(fit.y)
    F = standardised(network, fit.x, neurons)
    start = truncated_normal((4, 3), dtype="float64", key=jax.random.split(KEY)[0])
    P, m, v = np.asarray(start), 0.0, 0.0
    # A batch of all samples needs no order of them.
    for step in range(1, OPTIONS.epochs + 1):
        g = gradient(P, F, y)[1]
        if optimiser == "adam":
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
            g = m / (1 - 0.9**step) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
        P = P - OPTIONS.learning_rate * g
    loss, left = gradient(P, F, y)
    zero = gradient(np.zeros_like(P), F, y)[1]
    np.testing.assert_allclose(found.objective, loss, rtol=1e-10)
    ratio = np.linalg.norm(left) / np.linalg.norm(zero)
    np.testing.assert_allclose(found.relative_gradient, ratio, rtol=1e-8)
    scores = standardised(network, test.x, neurons) @ P
    accuracy = np.mean(scores.argmax(axis=1) == np.asarray(test.y))
    np.testing.assert_allclose(found.test_accuracy, accuracy)


def test_many_steps_end_at_the_exact_readout(problem):
    network, fit, test = problem
    single = drawn([0, 2, 3, 8], [1, 1, 1, 1])
    exact = refit(network, [single], fit, test, penalty=OPTIONS.ridge)
    long = dataclasses.replace(OPTIONS, epochs=2000, learning_rate=1.0)
    found = refit_by_steps(
        network, [single], fit, test, long, optimiser="sgd", keys=[KEY]
    )
    # The objective is convex and smooth: its error is the square of the gradient's.
    assert found.relative_gradient[0] < 1e-6
    np.testing.assert_allclose(found.objective, exact.objective, rtol=1e-10)
    np.testing.assert_allclose(found.test_accuracy, exact.test_accuracy)


def test_what_cannot_be_trained_is_told_in_a_sentence(problem):
    def steps(**changes):
        refit_by_steps(
            *problem[:1],
            [TWICE],
            *problem[1:],
            dataclasses.replace(OPTIONS, **changes),
            optimiser="sgd",
            keys=[KEY],
        )

    with pytest.raises(ConfigError, match=r"`batch_size` must lie in \[1, 80\], got 9"):
        steps(batch_size=99)
    with pytest.raises(ConfigError, match=r"diverged by steps of sgd .*; lower it"):
        steps(learning_rate=1e300)
    with pytest.raises(ConfigError, match="`readout` must name at least one way"):
        ResampleOptions(readout=())
