"""Readouts on mini-batches against their definitions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.errors import ConfigError
from overparam.readouts import EpochMean, Gram, Running
from overparam.readouts.rules import SeenBatch


PENALTY = 1e-3
WIDTH, CLASSES = 6, 3


def batches(n_batches, n_samples=20, seed=0):
    for key in jax.random.split(jax.random.key(seed), n_batches):
        values = jnp.abs(jax.random.normal(key, (n_samples, WIDTH)))
        labels = jax.random.randint(key, (n_samples,), 0, CLASSES)
        one_hot = jax.nn.one_hot(labels, CLASSES, dtype=values.dtype)
        yield SeenBatch(values, one_hot, 1 / WIDTH, jnp.asarray(PENALTY))


def optimum(values, targets):
    """The published formula."""
    n = len(values)
    system = values.T @ values / (WIDTH * n) + PENALTY * np.eye(WIDTH)
    return np.linalg.solve(system, values.T @ targets / n)


def follow(rule, given, readout):
    memory, kept = rule.init(readout), []
    for batch in given:
        chosen = rule.choose(batch, readout, memory)
        readout, memory = chosen.kept, chosen.memory
        kept.append(np.asarray(readout))
    return kept


def test_the_optimum_minimises_the_loss_of_the_document(key):
    (batch,) = batches(1)
    found = batch.optimum()
    np.testing.assert_allclose(found, optimum(*map(np.asarray, batch[:2])), rtol=1e-9)

    def loss(readout):
        residual = batch.values @ readout / WIDTH - batch.targets
        return jnp.mean(residual**2) / (2 * PENALTY) + jnp.mean(readout**2) / 2

    # Relative to the two cancelling terms, each of order one.
    assert float(jnp.abs(jax.grad(loss)(found)).max()) < 1e-12
    assert loss(found + 1e-3 * jax.random.normal(key, found.shape)) > loss(found)


@pytest.mark.parametrize("n_samples", [3, 6, 7, 40])
def test_primal_and_dual_systems_agree(n_samples):
    (batch,) = batches(1, n_samples)
    wanted = optimum(*map(np.asarray, batch[:2]))
    np.testing.assert_allclose(batch.optimum(), wanted, rtol=1e-8)


def test_running_is_the_explicit_sum(key):
    given = list(batches(20))
    start = jax.random.normal(key, (WIDTH, CLASSES))
    kept = follow(Running(0.3), given, start)
    solutions = [np.asarray(batch.optimum()) for batch in given]
    weights = [0.7 * 0.3 ** (19 - s) for s in range(20)]
    wanted = 0.3**20 * np.asarray(start)
    wanted = wanted + sum(w * u for w, u in zip(weights, solutions, strict=True))
    np.testing.assert_allclose(kept[-1], wanted, rtol=1e-10)
    np.testing.assert_allclose(
        follow(Running(0.0), given, start)[7], solutions[7], rtol=1e-12
    )


def test_gram_without_window_is_the_optimum_of_each_batch():
    given = list(batches(3))
    for found, batch in zip(
        follow(Gram(0.0), given, jnp.zeros((WIDTH, CLASSES))), given, strict=True
    ):
        np.testing.assert_allclose(found, batch.optimum(), rtol=1e-9)


def test_gram_with_a_long_window_is_the_optimum_of_all_data():
    given = list(batches(10))
    values = np.concatenate([b.values for b in given])
    targets = np.concatenate([b.targets for b in given])
    found = follow(Gram(1e9), given, jnp.zeros((WIDTH, CLASSES)))[-1]
    # Weights of the batches differ by 200 samples in 1e9.
    np.testing.assert_allclose(found, optimum(values, targets), rtol=1e-5)


def test_an_epoch_ends_on_the_mean_of_its_optima_and_begins_anew():
    given = list(batches(6))
    kept = follow(EpochMean(3), given, jnp.zeros((WIDTH, CLASSES)))
    solutions = [np.asarray(batch.optimum()) for batch in given]
    np.testing.assert_allclose(kept[2], np.mean(solutions[:3], axis=0), rtol=1e-12)
    np.testing.assert_allclose(kept[3], solutions[3], rtol=1e-12)
    np.testing.assert_allclose(kept[5], np.mean(solutions[3:], axis=0), rtol=1e-12)


def test_an_average_of_one_is_refused():
    with pytest.raises(ConfigError, match=r"must be in \[0, 1\), got 1.0"):
        Running(1.0)
