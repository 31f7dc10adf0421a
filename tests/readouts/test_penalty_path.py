"""The ridge path against scikit-learn, a direct solve and leave-one-out identities."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from overparam import two_layer
from overparam.errors import ConfigError, SolverError
from overparam.readouts import (
    StoredFeatures,
    cache_features,
    one_hot_centred,
    ridge_path,
    shifted,
)


# Every size compiles its own programs: few of them, and many seeds.
SIZES = st.sampled_from([(30, 7, 3), (9, 23, 2), (12, 12, 1)])


@settings(max_examples=12)
@given(sizes=SIZES, seed=st.integers(0, 2**31), intercept=st.booleans())
def test_agrees_with_scikit_learn_on_wide_and_tall_problems(sizes, seed, intercept):
    n_samples, width, n_outputs = sizes
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((n_samples, width)) + 1.0
    targets = rng.standard_normal((n_samples, n_outputs)) + 3.0
    penalties = (1e-3, 1e-1, 10.0)
    path = ridge_path(
        jnp.asarray(features),
        jnp.asarray(targets),
        penalties=penalties,
        intercept=intercept,
    )
    for index, penalty in enumerate(penalties):
        theirs = Ridge(alpha=penalty * n_samples, fit_intercept=intercept)
        theirs.fit(features, targets)
        coefficients = np.reshape(theirs.coef_, (n_outputs, width)).T
        # Conditioned by at most about 1e2 / 1e-3: 1e-8 leaves room for rounding.
        np.testing.assert_allclose(path.readouts[index], coefficients, atol=1e-8)
        np.testing.assert_allclose(
            path.intercepts[index], theirs.intercept_ * np.ones(n_outputs), atol=1e-8
        )
    assert np.all(path.residuals < 1e-9)


@settings(max_examples=10)
@given(seed=st.integers(0, 2**31), wide=st.booleans())
def test_generalised_cross_validation_uses_the_trace_of_the_hat_matrix(seed, wide):
    rng = np.random.default_rng(seed)
    n_samples, width = (12, 30) if wide else (30, 12)
    features = rng.standard_normal((n_samples, width))
    targets = rng.standard_normal((n_samples, 2))
    path = ridge_path(jnp.asarray(features), jnp.asarray(targets), penalties=[0.1])
    system = features.T @ features / n_samples + 0.1 * np.eye(width)
    hat = features @ np.linalg.solve(system, features.T) / n_samples
    np.testing.assert_allclose(path.degrees_of_freedom[0], np.trace(hat), rtol=1e-9)
    error = targets - hat @ targets
    score = np.sum(error**2) / n_samples / (1 - np.trace(hat) / n_samples) ** 2
    np.testing.assert_allclose(path.cross_validation[0], score, rtol=1e-9)


def test_cholesky_and_eigen_paths_agree(monkeypatch):
    rng = np.random.default_rng(0)
    features, targets = rng.standard_normal((60, 20)), rng.standard_normal((60, 3))
    penalties = (1e-4, 1e-2)
    by_eigen = ridge_path(
        jnp.asarray(features), jnp.asarray(targets), penalties=penalties
    )
    monkeypatch.setattr(shifted, "EIGEN_LIMIT", 0)
    by_cholesky = ridge_path(
        jnp.asarray(features), jnp.asarray(targets), penalties=penalties
    )
    np.testing.assert_allclose(by_cholesky.readouts, by_eigen.readouts, atol=1e-10)
    np.testing.assert_allclose(
        by_cholesky.degrees_of_freedom, by_eigen.degrees_of_freedom, rtol=1e-10
    )


def test_streamed_features_give_the_path_of_stored_ones(key):
    rng = np.random.default_rng(1)
    x, targets = rng.standard_normal((70, 6)), rng.standard_normal((70, 2))
    network = two_layer(6, 15, 2, activation="tanh", dtype="float64", key=key)
    paths = [
        ridge_path(
            cache_features(network, jnp.asarray(x), memory_limit=limit),
            jnp.asarray(targets),
            intercept=True,
        )
        for limit in (1.0, 1e9)
    ]
    np.testing.assert_allclose(paths[0].readouts, paths[1].readouts, atol=1e-9)


def test_scores_are_those_of_each_readout():
    rng = np.random.default_rng(2)
    features, targets = rng.standard_normal((30, 5)), rng.standard_normal((30, 3))
    path = ridge_path(jnp.asarray(features), jnp.asarray(targets), intercept=True)
    others = rng.standard_normal((4, 5))
    scores = path.scores(jnp.asarray(others))
    for index, readout in enumerate(path.readouts):
        expected = others @ readout + path.intercepts[index]
        np.testing.assert_allclose(scores[index], expected, atol=1e-12)


def test_float32_features_are_solved_in_float64():
    rng = np.random.default_rng(3)
    features = rng.standard_normal((500, 40)).astype(np.float32)
    targets = rng.standard_normal((500, 3)).astype(np.float32)
    path = ridge_path(jnp.asarray(features), jnp.asarray(targets), penalties=[1e-6])
    exact = Ridge(alpha=500e-6, fit_intercept=False, solver="cholesky")
    exact.fit(features.astype(float), targets.astype(float))
    # The Gram matrix is accumulated in float32: 500 products of relative error 6e-8.
    np.testing.assert_allclose(path.readouts[0], exact.coef_.T, atol=1e-5)


def test_without_a_penalty_a_constant_zero_feature_gets_no_weight():
    rng = np.random.default_rng(4)
    features = rng.standard_normal((30, 5))
    features[:, 2] = 0.0
    targets = rng.standard_normal((30, 2))
    path = ridge_path(jnp.asarray(features), jnp.asarray(targets), penalties=[0.0])
    expected = np.linalg.lstsq(features, targets)[0]
    np.testing.assert_allclose(path.readouts[0], expected, atol=1e-10)


def test_more_features_than_samples_need_a_penalty():
    with pytest.raises(ConfigError, match=r"more features \(6\) than samples \(5\)"):
        ridge_path(jnp.ones((5, 6)), jnp.ones((5, 2)), penalties=[0.0])
    with pytest.raises(ConfigError, match="`ridge` must be at least 0"):
        ridge_path(jnp.ones((5, 3)), jnp.ones((5, 2)), penalties=[-1.0])


def test_class_targets_sum_to_zero():
    targets = one_hot_centred(jnp.array([0, 2, 1]), 3, dtype="float64")
    np.testing.assert_allclose(targets.sum(axis=1), 0, atol=1e-15)
    np.testing.assert_allclose(targets[0], [2 / 3, -1 / 3, -1 / 3])


def test_stored_matrix_and_array_are_one(key):
    features, targets = jnp.eye(4), jnp.ones((4, 1))
    a = ridge_path(features, targets, penalties=[0.1])
    b = ridge_path(StoredFeatures(features), targets, penalties=[0.1])
    np.testing.assert_array_equal(a.readouts, b.readouts)


def centred_objective(features, targets, readout, intercept, penalty):
    error = features.astype(float) @ readout + intercept - targets
    return np.sum(error**2) / len(features) + penalty * np.sum(readout**2)


@pytest.mark.parametrize("shape", [(200, 12), (24, 60)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("mean", [1e3, 1e6])
def test_an_intercept_takes_means_of_any_size_without_loss(shape, dtype, mean):
    rng = np.random.default_rng(5)
    features = (rng.standard_normal(shape) + mean).astype(dtype)
    centre = features.astype(float).mean(axis=0)
    targets = (features - centre) @ rng.standard_normal((shape[1], 2)) - 3 * mean
    path = ridge_path(
        jnp.asarray(features), jnp.asarray(targets), penalties=[1e-8], intercept=True
    )
    exact = Ridge(alpha=1e-8 * len(features), solver="svd")
    exact.fit(features.astype(float) - centre, targets)
    least = centred_objective(
        features - centre, targets, exact.coef_.T, exact.intercept_, 1e-8
    )
    found = centred_objective(
        features, targets, path.readouts[0], path.intercepts[0], 1e-8
    )
    # The readout has a relative error of some 1e-7 at most, and the objective its
    # square, of targets of order one (the mean itself is known to 1e-16 of 1e6).
    assert found <= least * (1 + 1e-3) + 1e-12
    scores = path.scores(jnp.asarray(features))[0]
    np.testing.assert_allclose(
        scores - targets.mean(0), targets - targets.mean(0), atol=2e-4
    )
    assert path.residuals[0] < 1e-5


def test_a_readout_that_rounding_has_lost_is_refused():
    rng = np.random.default_rng(6)
    features = jnp.asarray(rng.standard_normal((300, 20)) + 1e3, jnp.float32)
    targets = rng.standard_normal((300, 2))
    targets -= targets.mean(axis=0)
    with pytest.raises(SolverError, match="lost to rounding in float32"):
        ridge_path(features, jnp.asarray(targets), penalties=[1e-8])


def test_without_a_penalty_directions_of_rounding_get_no_weight():
    rng = np.random.default_rng(7)
    features = rng.standard_normal((40, 6)) @ rng.standard_normal((6, 9))
    features = features.astype(np.float32)
    targets = (features @ rng.standard_normal((9, 2))).astype(np.float32)
    path = ridge_path(jnp.asarray(features), jnp.asarray(targets), penalties=[0.0])
    expected = np.linalg.lstsq(features.astype(float), targets, rcond=1e-5)[0]
    np.testing.assert_allclose(path.readouts[0], expected, atol=1e-4)
    assert path.degrees_of_freedom[0] == pytest.approx(6, abs=1e-5)


def test_constant_targets_are_the_intercept():
    features = jnp.asarray(np.random.default_rng(8).standard_normal((20, 3)))
    path = ridge_path(features, jnp.full((20, 1), 7.0), intercept=True)
    assert np.all(path.intercepts == 7)
    assert np.all(path.readouts == 0)
    assert np.all(path.residuals == 0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("width", [3, 100])
def test_what_rounding_makes_of_constants_is_not_fitted(width, dtype):
    rng = np.random.default_rng(9)
    features = jnp.asarray(rng.standard_normal((60, width)), dtype)
    targets = rng.standard_normal((60, 1))
    # The means of 60 times 0.1 and 1/3 are not these numbers in either type.
    for value in (0.1, 1 / 3):
        path = ridge_path(features, np.full((60, 1), value), intercept=True)
        assert np.all(path.readouts == 0)
        assert np.all(path.intercepts == value)
        constant = jnp.full_like(features, value)
        path = ridge_path(constant, targets, intercept=True, penalties=[1e-12, 1.0])
        np.testing.assert_allclose(path.scores(constant), targets.mean(), rtol=1e-12)
        both = jnp.concatenate([features, constant], axis=1)
        path, alone = (ridge_path(f, targets, intercept=True) for f in (both, features))
        assert np.all(path.readouts[:, width:] == 0)
        difference = path.scores(both) - alone.scores(features)
        np.testing.assert_allclose(difference, 0, atol=1e-4)


@pytest.mark.parametrize(
    ("features", "targets", "penalties", "error", "message"),
    [
        (np.full((5, 2), np.nan), np.ones((5, 1)), [1.0], SolverError, "not finite"),
        (np.full((5, 2), 1e200), np.ones((5, 1)), [1.0], SolverError, "too large"),
        (np.ones((5, 2)), np.full((5, 1), np.inf), [1.0], SolverError, "not finite"),
        (np.ones((5, 2)), np.ones((4, 1)), [1.0], ConfigError, r"shape \(5, n_outp"),
        (np.ones((5, 2)), np.ones(5), [1.0], ConfigError, r"got \(5,\)"),
        (np.ones((5, 2)), np.ones((5, 1)), [], ConfigError, "at least one number"),
        (np.ones((5, 2)), np.ones((5, 1)), [1.0, np.nan], ConfigError, "got nan"),
    ],
)
def test_what_has_no_readout_gets_one_sentence(
    features, targets, penalties, error, message
):
    with pytest.raises(error, match=message):
        ridge_path(jnp.asarray(features), jnp.asarray(targets), penalties=penalties)


def test_a_system_without_a_factor_gets_one_sentence():
    indefinite = np.diag([1.0, -1.0])
    with pytest.raises(SolverError, match=r"not definite at penalty 0\.1"):
        shifted._by_cholesky(indefinite, np.ones((2, 1)), [0.1])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("width", [7, 60])
def test_targets_that_no_feature_sees_leave_them_alone(width, intercept, dtype):
    """Every input comes with a target and with its negative."""
    rng = np.random.default_rng(0)
    features = np.tile(rng.standard_normal((12, width)), (2, 1)).astype(dtype)
    half = rng.standard_normal((12, 2))
    targets = jnp.asarray(np.r_[half, -half], dtype)
    path = ridge_path(
        jnp.asarray(features), targets, penalties=[1e-6, 1e-2], intercept=intercept
    )
    found = path.scores(jnp.asarray(features))
    # The readout is zero; rounding of the moment, divided by twice the root of 1e-6.
    assert np.abs(found).max() < 1e3 * np.finfo(dtype).eps * np.abs(half).max()


def test_a_target_that_features_of_large_means_see_is_no_rounding():
    rng = np.random.default_rng(0)
    values = rng.standard_normal((200, 500))
    target = values[:, :1] - values[:, :1].mean(axis=0)
    features = jnp.asarray(values + 1e5, np.float32)
    # A readout of one weight fits it; zero would be a wrong answer.
    with pytest.raises(SolverError, match="centre"):
        ridge_path(features, target, penalties=[1e-3, 1e-1])
