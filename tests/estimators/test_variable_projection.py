"""Variable projection as an estimator: its readout is optimal, its risk falls."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge

from overparam.errors import ConfigError
from overparam.estimators import VarProRegressor


N, WIDTH = 40, 6


def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, 3))
    y = np.stack([np.maximum(x[:, 0], 0) - x[:, 1], 3 * x[:, 2]], axis=1)
    return x, 10 * y + 5


def test_the_readout_is_the_ridge_regression_of_the_last_features():
    x, y = data()
    model = VarProRegressor(width=WIDTH, n_steps=40, random_state=0).fit(x, y)
    assert all(b < a for a, b in pairwise(model.loss_curve_))
    network = model.network_
    # The risk is |s F U - Y|^2 / (2 lambda N) + s |U|^2 / 2; one neuron is constant.
    features = np.asarray(network.features(x))[:, :-1] * network.scale
    ridge = Ridge(alpha=0.1 * N * network.scale, fit_intercept=False)
    ridge.fit(features, y - y.mean(axis=0))
    assert_allclose(
        model.predict(x), ridge.predict(features) + y.mean(axis=0), rtol=1e-8
    )
    assert model.status_ == "finished"


def test_predictions_follow_the_units_of_the_targets():
    x, y = data()
    options = {"width": WIDTH, "n_steps": 20, "random_state": 0}
    first = VarProRegressor(**options).fit(x, y)
    second = VarProRegressor(**options).fit(x, 1e3 * y - 7)
    assert_allclose(second.predict(x), 1e3 * first.predict(x) - 7, rtol=1e-6)


def test_a_divergence_says_so():
    x, y = data()
    model = VarProRegressor(width=WIDTH, n_steps=20, time_step=1e308, random_state=0)
    model.set_params(activation="linear")
    with pytest.warns(ConvergenceWarning, match="diverged; lower `time_step`"):
        model.fit(x, y)
    assert model.status_ == "diverged"
    assert np.isfinite(model.predict(x)).all()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"width": 0}, "`width` must be at least 1, got 0"),
        ({"width": 10**12}, "lower `width`"),
        ({"penalty": 0}, "`penalty` must be a positive finite number"),
        ({"time_step": -1.0}, "`time_step` must be a positive finite number"),
        ({"n_steps": 1.5}, "`n_steps` must be a whole number"),
    ],
)
def test_bad_parameters_are_refused_in_a_sentence(options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        VarProRegressor(**options).fit(*data())


def test_targets_beyond_the_squares_of_float64_get_a_sentence():
    x, y = data()
    with pytest.raises(ConfigError, match="targets are so large that float64 does not"):
        VarProRegressor(width=WIDTH, n_steps=2).fit(x, 1e200 * y)
