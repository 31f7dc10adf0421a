"""Convex estimators against CVXPY, their certificates, and what they refuse."""

import dataclasses
import functools

import jax
import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from overparam.convex import (
    SearchLimits,
    enumerate_patterns,
    network_objective,
    solve,
    solve_global,
    with_bias,
)
from overparam.convex.certificates import certificate
from overparam.errors import ConfigError
from overparam.estimators import (
    ConvexReLUClassifier,
    ConvexReLURegressor,
    convex_base,
)
from overparam.networks import two_layer_view


N, D = 18, 2


def data(seed=0, n=N, d=D):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d)) + 1
    return x, np.maximum(x[:, 0] - 1, 0) + 0.1 * rng.normal(size=n)


def by_cvxpy(x, y, masks, penalty, *, skip=False):
    """The optimum of the exact programme, written down as in the paper."""
    cp = pytest.importorskip("cvxpy")
    signs = 2.0 * masks - 1
    u, v = cp.Variable((len(masks), x.shape[1])), cp.Variable((len(masks), x.shape[1]))
    linear = cp.Variable(x.shape[1])
    outputs = cp.sum(cp.multiply(masks.T * 1.0, x @ (u - v).T), axis=1)
    paid = cp.sum(cp.norm(u, axis=1)) + cp.sum(cp.norm(v, axis=1))
    if skip:
        outputs, paid = outputs + x @ linear, paid + cp.norm(linear)
    cones = [cp.multiply(signs, w @ x.T) >= 0 for w in (u, v)]
    loss = 0.5 * cp.sum_squares(outputs - y)
    return cp.Problem(cp.Minimize(loss + penalty * paid), cones).solve("CLARABEL")


@pytest.mark.parametrize("network", ["plain", "skip"])
def test_all_patterns_give_the_global_optimum(network):
    x, y = data()
    model = ConvexReLURegressor(penalty=0.3, network=network, patterns="enumerated")
    model.fit(x, y)
    inputs = with_bias(x)
    masks = enumerate_patterns(inputs).masks
    value = by_cvxpy(inputs, y, masks, 0.3, skip=network == "skip")
    # Both are within 1e-6 of the optimum, Clarabel by its default accuracy 1e-8.
    assert_allclose(model.objective_, value, rtol=2e-6)
    assert model.lower_bound_ <= value * (1 + 1e-7)
    assert model.status_ == "optimal"
    certificate = model.certificate()
    assert certificate.tier == "certified"
    assert_allclose(certificate.objective, model.objective_, rtol=1e-6)


@pytest.mark.parametrize("network", ["plain", "skip"])
def test_the_global_method_proves_its_bound_over_all_networks(network):
    x, y = data()
    targets = np.stack([y, -y], axis=1)
    shared = {"penalty": 0.3, "network": network}
    model = ConvexReLURegressor(**shared, method="global", tolerance=1e-3)
    model.fit(x, targets)
    exact = ConvexReLURegressor(**shared, patterns="enumerated").fit(x, targets)
    assert model.status_ == "optimal"
    assert model.lower_bound_ <= exact.objective_ <= model.objective_ * (1 + 1e-6)
    assert model.gap_ <= 1e-3
    net, inputs = two_layer_view(model.network_).plain(), with_bias(x)
    error = model.predict(x) - targets
    assert_allclose(np.asarray(model.network_(x)), model.predict(x), rtol=1e-5)
    assert 0.5 * np.sum(error**2) <= model.objective_
    assert net.weights.shape[0] == inputs.shape[1]
    with pytest.raises(ConfigError, match="a path is one over the patterns"):
        model.path(x, y)
    with pytest.raises(ConfigError, match="needs network='plain' or 'skip'"):
        ConvexReLURegressor(method="global", network="normalised").fit(x, y)


def test_a_global_search_returns_the_gap_that_it_reached_in_its_time():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((60, 12)), rng.standard_normal(60)
    options = {"penalty": 0.1, "method": "global", "tolerance": 1e-12}
    model = ConvexReLURegressor(**options, max_seconds=1e-3)
    with pytest.warns(ConvergenceWarning, match="raise `max_seconds`, `tolerance`"):
        model.fit(x, y)
    assert model.status_ == "max_iterations"
    trained = ConvexReLURegressor(penalty=0.1).fit(x, y)
    assert 0 <= model.lower_bound_ <= min(trained.objective_, model.objective_)
    with pytest.raises(ConfigError, match="with method='global' only, got 2 with"):
        ConvexReLURegressor(max_seconds=2.0).fit(x, y)


def test_control_c_ends_the_searches_of_all_outputs(monkeypatch):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((20, 4)), rng.standard_normal((20, 3))
    asked = []

    def interrupted(*args, limits, **options):
        asked.append(limits.seconds)
        found = solve_global(*args, limits=SearchLimits(seconds=0.0), **options)
        return dataclasses.replace(found, interrupted=True)

    for module in (convex_base, certificate):
        monkeypatch.setattr(module, "solve_global", interrupted)
    with pytest.warns(ConvergenceWarning):
        model = ConvexReLURegressor(method="global", max_seconds=9.0).fit(x, y)
    assert 0 < model.lower_bound_ <= model.objective_
    assert model.certificate(seconds=9.0, gap=1e-9).lower > 0
    assert asked == [9.0, 0.0, 0.0] * 2


def test_the_objective_is_that_of_the_network():
    x, y = data()
    model = ConvexReLURegressor(penalty=0.3, n_patterns=6, random_state=1).fit(x, y)
    network = two_layer_view(model.network_).plain()
    assert_allclose(
        network_objective(network, with_bias(x), y, penalty=0.3),
        model.objective_,
        rtol=1e-9,
    )
    assert model.lower_bound_ <= model.objective_
    assert model.gap_ <= 1e-6
    assert network.weights.shape[1] == model.n_neurons_


@pytest.mark.parametrize("patterns", ["trained", "sampled", "column-generation"])
def test_a_certificate_tells_what_some_patterns_cost_more_than_all(patterns):
    x, y = data(n=40, d=12)
    options = {"penalty": 0.3, "n_patterns": 5, "random_state": 0}
    model = ConvexReLURegressor(patterns=patterns, **options).fit(x, y)
    assert model.status_ == "optimal"
    certificate = model.certificate()
    # The optimum is proven by a search, whatever the fit reached.
    assert (certificate.tier, certificate.proof) == ("certified", "search")
    assert certificate.objective == pytest.approx(model.objective_)
    assert certificate.lower <= certificate.best_known <= model.objective_ * (1 + 1e-12)
    assert certificate.best_known <= 1.01 * certificate.lower
    assert (certificate.gap > 0.01) == (patterns != "column-generation")
    if patterns != "sampled":
        sampled = ConvexReLURegressor(patterns="sampled", **options).fit(x, y)
        assert model.objective_ < sampled.objective_


def test_training_never_beats_the_programme_over_its_patterns():
    """The descent ends at a network of these patterns, which the programme holds."""
    x, y = data(seed=3, n=60, d=4)
    few = ConvexReLURegressor(penalty=0.5, n_patterns=3, random_state=0).fit(x, y)
    more = ConvexReLURegressor(penalty=0.5, n_patterns=12, random_state=0).fit(x, y)
    best = ConvexReLURegressor(
        penalty=0.5, patterns="column-generation", n_patterns=40, random_state=0
    ).fit(x, y)
    assert best.objective_ * 0.98 < more.objective_ < few.objective_ * 1.02


@pytest.mark.parametrize("relaxation", ["exact", "gated"])
def test_several_outputs_are_several_problems(relaxation):
    x, y = data()
    both = np.stack([y, -2 * y + 1], axis=1)
    options = {"penalty": 0.2, "patterns": "enumerated", "relaxation": relaxation}
    together = ConvexReLURegressor(**options).fit(x, both)
    alone = [ConvexReLURegressor(**options).fit(x, column) for column in both.T]
    assert_allclose(
        together.predict(x), np.stack([m.predict(x) for m in alone], axis=1), atol=1e-9
    )
    assert_allclose(together.objective_, sum(m.objective_ for m in alone), rtol=1e-12)
    assert together.n_neurons_ == sum(m.n_neurons_ for m in alone)
    if relaxation == "exact":
        assert together.certificate().tier == "certified"


def test_classes_are_labels_of_one_and_minus_one():
    x, y = data(n=16)
    names = np.array(["low", "mid", "up"])[np.digitize(y, [0.1, 0.8])]
    options = {"penalty": 0.1, "patterns": "enumerated"}
    model = ConvexReLUClassifier(**options).fit(x, names)
    signs = np.where(names[:, None] == model.classes_, 1.0, -1.0)
    regressor = ConvexReLURegressor(**options).fit(x, signs)
    assert_allclose(model.decision_function(x), regressor.predict(x), atol=1e-9)
    assert model.score(x, names) > 0.9
    two = ConvexReLUClassifier(**options).fit(x, names == "up")
    up = ConvexReLURegressor(**options).fit(x, np.where(names == "up", 1.0, -1.0))
    assert_allclose(two.decision_function(x), up.predict(x), atol=1e-9)
    assert two.predict(x).dtype == bool


@pytest.mark.parametrize("network", ["plain", "skip", "normalised"])
def test_a_weight_is_a_repetition(network):
    x, y = data()
    weights = np.arange(N) % 3
    options = {"network": network, "penalty": 0.3, "patterns": "enumerated"}
    weighted = ConvexReLURegressor(**options).fit(x, y, sample_weight=weights)
    rows = np.repeat(np.arange(N), weights)
    repeated = ConvexReLURegressor(**options).fit(x[rows], y[rows])
    # Both objectives are within their gap of one optimum.
    assert_allclose(weighted.objective_, repeated.objective_, rtol=2e-6)


def test_the_path_goes_from_no_neuron_to_the_fit_of_its_last_penalty():
    x, y = data()
    model = ConvexReLURegressor(patterns="enumerated")
    path = model.path(x, y, n_penalties=4, smallest=1e-2)
    assert not path[0].predict(x).any()
    errors = [np.sum((one.predict(x) - y) ** 2) for one in path]
    assert errors == sorted(errors, reverse=True)
    last = path[-1]
    alone = ConvexReLURegressor(penalty=last.penalty, patterns="enumerated").fit(x, y)
    assert_allclose(last.objective_, alone.objective_, rtol=2e-6)
    with pytest.raises(NotFittedError):
        model.predict(x)


REFUSED = {
    "penalty": (-1.0, "`penalty` must be a positive finite number, got -1.0"),
    "n_patterns": (0, "`n_patterns` must be at least 1, got 0"),
    "network": ("deep", "`network` must be one of plain, skip, normalised"),
    "relaxation": ("none", "`relaxation` must be one of exact, gated"),
    "patterns": ("all", "`patterns` must be one of trained, sampled"),
    "method": ("newton", "`method` must be one of interior-point, admm, reference"),
    "random_state": ("none", "cannot be used to seed"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_parameters_are_refused_in_a_sentence(name):
    value, sentence = REFUSED[name]
    with pytest.raises(ValueError, match=sentence):
        ConvexReLURegressor(**{name: value}).fit(*data())


def test_bad_data_are_refused_in_a_sentence():
    x, y = data()
    model = ConvexReLURegressor()
    with pytest.raises(ValueError, match="contains NaN"):
        model.fit(np.where(x > 1, np.nan, x), y)
    with pytest.raises(ValueError, match="could not convert string"):
        model.fit([["a", "b"]] * N, y)
    with pytest.raises(ConfigError, match="got one class alone: 1"):
        ConvexReLUClassifier().fit(x, np.ones(N, int))
    with pytest.raises(ConfigError, match="`sample_weight` must be at least zero"):
        model.fit(x, y, sample_weight=-np.ones(N))
    with pytest.raises(ConfigError, match=r"lower .n_patterns."):
        ConvexReLURegressor(n_patterns=10**12).fit(x, y)
    with pytest.raises(ConfigError, match="a gated fit is no ReLU network"):
        ConvexReLURegressor(relaxation="gated").fit(x, y).certificate()
    with pytest.raises(ConfigError, match="needs method='interior-point'"):
        ConvexReLURegressor(patterns="column-generation", method="admm").fit(x, y)


def test_what_is_not_solved_says_so(monkeypatch):
    x, y = data()
    exact = ConvexReLURegressor(penalty=1e-3, tolerance=1e-300, random_state=0)
    assert exact.fit(x, y).status_ == "inaccurate"
    best = ConvexReLURegressor(random_state=0).fit(x, y).objective_
    one_step = functools.partial(solve, max_iterations=1)
    monkeypatch.setattr("overparam.estimators.convex_base.solve", one_step)
    with pytest.warns(ConvergenceWarning, match="not the optimum"):
        early = ConvexReLURegressor(random_state=0).fit(x, y)
    assert early.status_ == "max_iterations"
    assert early.lower_bound_ <= best <= early.objective_


def test_a_certificate_speaks_of_what_was_fitted():
    x, y = data(n=12)
    options = {"penalty": 0.3, "patterns": "enumerated"}
    for kind in ({"network": "plain"}, {"network": "normalised"}):
        model = ConvexReLURegressor(**options, **kind).fit(x, y)
        expected = model.certificate()
        other = "plain" if kind["network"] == "normalised" else "normalised"
        model.set_params(network=other, relaxation="gated", penalty=5.0)
        found = model.certificate()
        assert (found.objective, found.lower) == (expected.objective, expected.lower)
        assert found.lower <= model.objective_ * (1 + 1e-9)
        # A fit that fails leaves the one before.
        with pytest.raises(ConfigError):
            model.set_params(n_patterns=0).fit(2 * x, y)
        with pytest.raises(ConfigError):
            model.set_params(n_patterns=20, method="global").fit(2 * x, y)
        assert model.certificate().objective == expected.objective
    gated = ConvexReLURegressor(relaxation="gated").fit(x, y)
    with pytest.raises(ConfigError, match="gated fit"):
        gated.set_params(relaxation="exact").certificate()


def test_every_network_of_a_path_has_the_objective_that_is_told():
    x, y = data(n=12)
    with jax.enable_x64(False):
        path = ConvexReLURegressor(patterns="enumerated").path(x, y, n_penalties=3)
    for one in path:
        certificate = one.certificate()
        # In single precision they would differ by 1e-7.
        assert_allclose(certificate.objective, one.objective_, rtol=1e-12)
        assert certificate.lower <= one.objective_ * (1 + 1e-12)


def test_the_sum_of_outputs_has_the_weakest_proof():
    rng = np.random.default_rng(3)
    x = rng.standard_normal((25, 3))
    y = np.stack([np.zeros(25), rng.standard_normal(25)], axis=1)
    model = ConvexReLURegressor(penalty=0.1, fit_intercept=False).fit(x, y)
    found = model.certificate(gap=1e-2)
    alone = [
        ConvexReLURegressor(penalty=0.1, fit_intercept=False).fit(x, one).certificate()
        for one in y.T
    ]
    assert [one.proof for one in alone] == ["eigenvalue", "search"]
    assert (found.proof, found.tier) == ("eigenvalue", "certified")
    assert_allclose(found.lower, sum(one.lower for one in alone), rtol=1e-2)
    for bad in (0.0, -1.0, np.nan):
        with pytest.raises(ConfigError, match="gap"):
            model.certificate(gap=bad)
    for bad in (-1.0, np.nan):
        with pytest.raises(ConfigError, match="seconds"):
            model.certificate(seconds=bad)
