"""Random features against ridge and logistic regression of the same features."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression, Ridge, RidgeCV

from overparam.errors import ConfigError
from overparam.estimators import RandomFeaturesClassifier, RandomFeaturesRegressor
from overparam.networks import ACTIVATIONS


N, D, WIDTH = 40, 3, 15


def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, D))
    return x, np.sin(2 * x[:, 0]) + x[:, 1] + 0.3 * rng.normal(size=N) + 5


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("width", [WIDTH, 2 * N])
def test_the_readout_is_that_of_ridge(fit_intercept, weighted, width):
    x, y = data()
    weights = 0.5 + np.random.default_rng(1).random(N) if weighted else None
    model = RandomFeaturesRegressor(
        width=width, penalty=0.01, fit_intercept=fit_intercept, random_state=0
    ).fit(x, y, sample_weight=weights)
    total = N if weights is None else weights.sum()
    ridge = Ridge(alpha=0.01 * total, fit_intercept=fit_intercept)
    ridge.fit(model.transform(x), y, sample_weight=weights)
    # The condition of the products is about 1e4.
    assert_allclose(model.coef_[:, 0], ridge.coef_, rtol=1e-7, atol=1e-9)
    assert_allclose(model.intercept_, ridge.intercept_, rtol=1e-8, atol=1e-12)


def scores(features, y, penalties):
    """Generalised cross-validation by the hat matrix, intercept and all."""
    centred = features - features.mean(axis=0)
    found = []
    for penalty in penalties:
        system = centred.T @ centred / N + penalty * np.eye(features.shape[1])
        hat = centred @ np.linalg.solve(system, centred.T) / N + 1 / N
        error = y - hat @ y
        found.append(np.mean(error**2) / (1 - np.trace(hat) / N) ** 2)
    return found


@pytest.mark.parametrize("width", [WIDTH, 2 * N])
def test_the_penalty_minimises_generalised_cross_validation(width):
    x, y = data()
    model = RandomFeaturesRegressor(width=width, random_state=0).fit(x, y)
    features = model.transform(x)
    size = np.sum((features - features.mean(axis=0)) ** 2) / N
    penalties = np.geomspace(1e-8, 1, 25) * size
    best = penalties[np.argmin(scores(features, y, penalties))]
    assert_allclose(model.penalty_, best, rtol=1e-10)
    # By leave-one-out, another estimate of the same risk, it is nearly the best.
    ours, other = (
        RidgeCV(alphas=alphas).fit(features, y).best_score_
        for alphas in ([N * best], penalties * N)
    )
    assert 1 <= ours / other < 1.1


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_logistic_readout_is_that_of_logistic_regression(n_classes):
    x, y = data()
    labels = np.digitize(y, [5.0, 6.0][: n_classes - 1])
    model = RandomFeaturesClassifier(width=WIDTH, penalty=0.01, random_state=0)
    model.fit(x, labels)
    # Of two classes it has one column, whose square counts twice as much.
    share = 1 if n_classes > 2 else 0.5
    other = LogisticRegression(C=1 / (0.01 * N * share), tol=1e-10, max_iter=10_000)
    other.fit(model.transform(x), labels)
    found = model.predict_proba(x)
    assert_allclose(found, other.predict_proba(model.transform(x)), atol=1e-5)
    assert_allclose(found.sum(axis=1), 1, rtol=1e-12)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_weights_of_samples_are_those_of_logistic_regression(n_classes):
    x, y = data()
    labels = np.digitize(y, [5.0, 6.0][: n_classes - 1])
    weights = np.random.default_rng(1).integers(0, 4, N).astype(float)
    model = RandomFeaturesClassifier(width=WIDTH, penalty=0.01, random_state=0)
    model.fit(x, labels, sample_weight=weights)
    share = 1 if n_classes > 2 else 0.5
    strength = 0.01 * weights.sum() * share
    other = LogisticRegression(C=1 / strength, tol=1e-10, max_iter=10_000)
    other.fit(model.transform(x), labels, sample_weight=weights)
    found = model.predict_proba(x)
    assert_allclose(found, other.predict_proba(model.transform(x)), atol=1e-5)


@pytest.mark.parametrize("readout", ["logistic", "ridge"])
def test_weights_of_a_classifier_count_samples(readout):
    x, y = data()
    weights = np.random.default_rng(1).integers(0, 4, N)
    model = RandomFeaturesClassifier(
        width=8, readout=readout, penalty=0.01, random_state=0
    )
    found = model.fit(x, y > 5, sample_weight=weights).decision_function(x)
    repeated = np.repeat(np.arange(N), weights)
    expected = model.fit(x[repeated], y[repeated] > 5).decision_function(x)
    # The logistic fit stops at a gradient of 1e-6, and curvatures are at least 0.01.
    assert_allclose(found, expected, atol=1e-4 if readout == "logistic" else 1e-9)


def test_parameters_that_are_set_after_a_fit_change_none_of_it():
    x, y = data()
    model = RandomFeaturesClassifier(width=8, random_state=0).fit(x, y > 5)
    before = model.predict_proba(x)
    model.set_params(activation="erf", readout="ridge", fit_intercept=False, width=3)
    assert_allclose(model.predict_proba(x), before, rtol=0)
    # Scores of the network, in the precision of JAX.
    expected = model._scores(x)
    assert_allclose(model.network_(x), expected, atol=1e-5 * np.abs(expected).max())


def test_a_ridge_classifier_has_no_probabilities():
    x, y = data()
    model = RandomFeaturesClassifier(width=8, readout="ridge", penalty=None)
    assert not hasattr(model.fit(x, y > 5), "predict_proba")
    with pytest.raises(ConfigError, match="readout='ridge'"):
        RandomFeaturesClassifier(penalty=None).fit(x, y > 5)


@pytest.mark.parametrize("law", ["truncated", "gaussian", "unit"])
def test_laws_have_their_variances(law):
    model = RandomFeaturesRegressor(width=20_000, law=law, penalty=1.0, random_state=0)
    model._draw(D, N)
    variance = {"truncated": 2, "gaussian": 1, "unit": D + 1}[law] / (D + 1)
    # 80,000 entries: five standard errors are 2.5 %.
    assert_allclose(model._weights.var(), variance, rtol=0.025)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_network_has_the_intercept_for_every_activation(name):
    x, y = data()
    model = RandomFeaturesRegressor(width=5, activation=name, random_state=0).fit(x, y)
    assert_allclose(model.network_(x)[:, 0], model.predict(x), rtol=1e-10)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"width": 0}, "`width` must be at least 1, got 0"),
        ({"width": 10**12}, "lower `width`"),
        ({"penalty": -1.0}, "`penalty` must be a positive finite number"),
        ({"activation": "none"}, "none"),
        ({"law": "none"}, "`law` must be one of truncated, gaussian, unit"),
    ],
)
def test_bad_parameters_are_refused_in_a_sentence(options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        RandomFeaturesRegressor(**options).fit(*data())
