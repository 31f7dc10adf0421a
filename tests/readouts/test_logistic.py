"""The logistic readout against SciPy, scikit-learn and its optimality conditions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from overparam import two_layer
from overparam.errors import ConfigError
from overparam.readouts import (
    NewtonSettings,
    StoredFeatures,
    cache_features,
    feature_cache,
    logistic_readout,
)


def problem(seed, n_samples=150, width=8, n_classes=4):
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((n_samples, width))
    labels = (features @ rng.standard_normal((width, n_classes))).argmax(1)
    flipped = rng.random(n_samples) < 0.2
    labels[flipped] = rng.integers(0, n_classes, flipped.sum())
    labels[:n_classes] = np.arange(n_classes)
    return features, labels.astype(np.int32)


def objective(P, features, labels, penalty):
    """Written again with NumPy, so that the solver is not judged by its own code."""
    scores = features @ P
    top = scores.max(axis=1, keepdims=True)
    normaliser = np.log(np.exp(scores - top).sum(axis=1)) + top[:, 0]
    losses = normaliser - scores[np.arange(len(labels)), labels]
    return losses.mean() + penalty / 2 * np.sum(P**2)


def gradient(P, features, labels, penalty):
    scores = features @ P
    probabilities = np.exp(scores - scores.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    probabilities[np.arange(len(labels)), labels] -= 1
    return features.T @ probabilities / len(labels) + penalty * P


@settings(max_examples=6)
@given(seed=st.integers(0, 2**31), log_penalty=st.floats(-4, 0))
def test_optimum_is_stationary_and_not_above_that_of_bfgs(seed, log_penalty):
    features, labels = problem(seed)
    penalty = 10**log_penalty
    fit = logistic_readout(
        jnp.asarray(features), jnp.asarray(labels), n_classes=4, penalty=penalty
    )
    P = np.asarray(fit.readout)
    first = np.linalg.norm(gradient(np.zeros_like(P), features, labels, penalty))
    now = np.linalg.norm(gradient(P, features, labels, penalty))
    assert fit.converged
    assert now <= 1e-6 * first * (1 + 1e-6)
    np.testing.assert_allclose(now / first, fit.relative_gradient, rtol=1e-4)
    # Rows sum to zero: shifting all classes alike changes no probability.
    np.testing.assert_allclose(P.sum(axis=1), 0, atol=1e-10)
    other = scipy.optimize.minimize(
        lambda p: objective(p.reshape(P.shape), features, labels, penalty),
        np.zeros(P.size),
        jac=lambda p: gradient(p.reshape(P.shape), features, labels, penalty).ravel(),
        method="BFGS",
        options={"gtol": 1e-8},
    )
    ours = objective(P, features, labels, penalty)
    assert ours <= other.fun + 1e-9
    np.testing.assert_allclose(fit.objective, ours, rtol=1e-12)
    # The certificate: no point may lie further below than the stated gap.
    assert ours - fit.gap_bound <= other.fun + 1e-9


def test_agrees_with_scikit_learn_with_an_intercept():
    features, labels = problem(3)
    penalty, n_samples = 1e-2, len(labels)
    fit = logistic_readout(
        jnp.asarray(features + 2.0),
        jnp.asarray(labels),
        n_classes=4,
        penalty=penalty,
        intercept=True,
    )
    theirs = LogisticRegression(
        C=1 / (penalty * n_samples), tol=1e-10, max_iter=10_000
    ).fit(features + 2.0, labels)
    assert fit.converged
    # Both are stationary to 1e-6 or better and the curvature is at least 1e-2.
    np.testing.assert_allclose(fit.readout.T, theirs.coef_, atol=1e-4)
    centred = theirs.intercept_ - theirs.intercept_.mean()
    np.testing.assert_allclose(fit.intercept, centred, atol=1e-4)
    np.testing.assert_allclose(np.sum(fit.intercept), 0, atol=1e-9)


def test_separable_data_with_a_small_penalty_converge():
    features, _ = problem(5, n_samples=200)
    labels = (features[:, 0] > 0).astype(np.int32)
    features[:, 0] += np.where(labels == 1, 1.0, -1.0)
    fit = logistic_readout(
        jnp.asarray(features), jnp.asarray(labels), n_classes=2, penalty=1e-8
    )
    assert fit.converged
    assert fit.objective < 1e-3
    assert np.all(np.argmax(features @ np.asarray(fit.readout), axis=1) == labels)


def test_the_objective_falls_in_every_step():
    features, labels = problem(6, n_samples=400)
    fit = logistic_readout(
        jnp.asarray(features), jnp.asarray(labels), n_classes=4, penalty=1e-5
    )
    history = np.asarray(fit.objectives)
    steps = int(fit.n_steps)
    assert np.all(np.diff(history[: steps + 1]) < 0)
    assert np.all(np.isnan(history[steps + 1 :]))
    np.testing.assert_allclose(history[0], np.log(4), rtol=1e-12)


def test_streamed_features_give_the_optimum_of_stored_ones(monkeypatch, key):
    # Blocks of 64 rows, so that 150 samples need three and the last one overlaps.
    monkeypatch.setattr(feature_cache, "BLOCK_ROWS", 64)
    x, labels = problem(7)
    network = two_layer(8, 12, 4, activation="tanh", dtype="float64", key=key)
    streamed = cache_features(network, jnp.asarray(x), memory_limit=1.0)
    fits = [
        logistic_readout(
            features, jnp.asarray(labels), n_classes=4, penalty=1e-3, intercept=True
        )
        for features in (streamed, network.features(jnp.asarray(x)))
    ]
    # Both stop at a relative gradient of 1e-6 on a problem with curvature >= 1e-3.
    np.testing.assert_allclose(fits[0].readout, fits[1].readout, atol=1e-3)
    np.testing.assert_allclose(fits[0].objective, fits[1].objective, rtol=1e-9)


def test_fits_can_be_batched_over_draws_of_features():
    features, labels = problem(8)
    subsets = np.stack([features[:, :5], features[:, 3:]])

    def fit(values):
        return logistic_readout(
            StoredFeatures(values), jnp.asarray(labels), n_classes=4, penalty=1e-2
        )

    together = jax.vmap(fit)(jnp.asarray(subsets))
    for index, values in enumerate(subsets):
        alone = fit(jnp.asarray(values))
        np.testing.assert_allclose(
            together.objective[index], alone.objective, rtol=1e-10
        )


def test_float32_features_reach_their_tolerance():
    features, labels = problem(9, n_samples=2000, width=20)
    fit = logistic_readout(
        jnp.asarray(features, jnp.float32),
        jnp.asarray(labels),
        n_classes=4,
        penalty=1e-4,
    )
    assert fit.converged
    assert fit.relative_gradient <= 1e-5
    assert fit.readout.dtype == jnp.float32


def test_an_unfinished_solve_says_so():
    features, labels = problem(10)
    fit = logistic_readout(
        jnp.asarray(features),
        jnp.asarray(labels),
        n_classes=4,
        penalty=1e-6,
        settings=NewtonSettings(max_steps=1),
    )
    assert not fit.converged
    assert fit.n_steps == 1


@pytest.mark.parametrize("penalty", [0.0, -1.0, float("nan")])
def test_the_penalty_must_be_positive(penalty):
    features, labels = problem(0)
    with pytest.raises(ConfigError, match="`ridge` must be positive for a logistic"):
        logistic_readout(
            jnp.asarray(features), jnp.asarray(labels), n_classes=4, penalty=penalty
        )


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("penalty", [1e-3, 1e-8, 1e-14])
@pytest.mark.parametrize("separable", [False, True])
@pytest.mark.parametrize(("dtype", "offset"), [("float64", 1e3), ("float32", 0.0)])
def test_the_gradient_that_is_told_is_the_one_of_the_readout_given(
    dtype, offset, separable, penalty, intercept
):
    features, labels = problem(11, n_samples=120, width=5)
    if separable:
        labels = (features[:, :4]).argmax(1).astype(np.int32)
    features = (features + offset).astype(dtype)
    fit = logistic_readout(
        jnp.asarray(features),
        jnp.asarray(labels),
        n_classes=4,
        penalty=penalty,
        intercept=intercept,
    )
    rows = np.concatenate([features, np.ones((len(features), 1))], axis=1)
    # The residual of the own class is minus the sum of the others, which keeps digits.
    norms = []
    for factor in (1.0, 0.0):
        P = factor * np.asarray(fit.readout, float)
        b = factor * np.asarray(fit.intercept, float)
        scores = features.astype(float) @ P + b
        others = np.exp(scores - scores.max(axis=1, keepdims=True))
        others /= others.sum(axis=1, keepdims=True)
        own = np.eye(4)[labels]
        others *= 1 - own
        slopes = rows.T @ (others - own * others.sum(axis=1, keepdims=True)) / len(rows)
        slopes[:-1] += penalty * P
        norms.append(np.linalg.norm(slopes if intercept else slopes[:-1]))
    tolerance = 1e-6 if dtype == "float64" else 1e-5
    relative = norms[0] / norms[1]
    assert bool(fit.converged) == (fit.relative_gradient <= tolerance)
    if fit.converged:
        # Rounding of scores and sums leaves a few units in the last place.
        assert relative <= tolerance * 1.1
    noise = 1e-6 if dtype == "float32" else 1e-9
    assert float(fit.relative_gradient) == pytest.approx(relative, rel=2e-2, abs=noise)


def test_an_intercept_takes_means_of_any_size_without_loss():
    features, labels = problem(12)
    readouts = []
    for offset in (0.0, 1e4):
        # Multiples of 1/16 keep their digits in float32 with either offset.
        values = np.round(16 * features) / 16 + offset
        fit = logistic_readout(
            jnp.asarray(values, jnp.float32),
            jnp.asarray(labels),
            n_classes=4,
            penalty=1e-2,
            intercept=True,
        )
        readouts.append(np.asarray(fit.readout))
    # Stationary to 1e-5 or better where the curvature is at least 1e-2.
    np.testing.assert_allclose(readouts[1], readouts[0], atol=2e-3)


@pytest.mark.parametrize(
    ("penalty", "tolerance", "message"),
    [
        (float("inf"), None, "`ridge` must be positive for a logistic"),
        (1e-50, None, "`ridge` must be at least 1.2e-38"),
        (1e-3, 1e-9, "`tolerance` must be at least 1.2e-06 for float32"),
    ],
)
def test_what_float32_cannot_resolve_is_refused(penalty, tolerance, message):
    features, labels = problem(0)
    with pytest.raises(ConfigError, match=message):
        logistic_readout(
            jnp.asarray(features, jnp.float32),
            jnp.asarray(labels),
            n_classes=4,
            penalty=penalty,
            settings=NewtonSettings(tolerance=tolerance),
        )


def test_features_that_tell_nothing_have_the_readout_zero():
    fit = logistic_readout(
        jnp.zeros((4, 2)), jnp.array([0, 1, 0, 1]), n_classes=2, penalty=0.1
    )
    assert fit.converged
    assert fit.relative_gradient == 0
    assert np.all(fit.readout == 0)
