"""Laws and draws: exact error formulas against Monte Carlo, and the theory's claims."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overparam import two_layer
from overparam.analysis import sampling_law
from overparam.analysis.resampling.draws import (
    METHODS,
    corrected,
    draw,
    predicted_error,
)
from overparam.analysis.resampling.laws import (
    LAWS,
    custom_law,
    effective_share,
    leverage_scores,
)
from overparam.analysis.shallow import feature_moments, readout_norms
from overparam.errors import ConfigError
from overparam.networks import StandardisedTwoLayer, TwoLayer, with_moments


SEEDS = st.integers(0, 2**31)


def uneven_network(seed=0, width=12, n_outputs=3):
    """A network whose neurons differ in strength by an order of magnitude."""
    rng = np.random.default_rng(seed)
    return StandardisedTwoLayer(
        weights=jnp.asarray(rng.standard_normal((4, width))),
        readout=jnp.asarray(
            rng.standard_normal((width, n_outputs)) * rng.exponential(size=(width, 1))
        ),
    )


@pytest.fixture
def x():
    return jnp.asarray(np.random.default_rng(5).standard_normal((80, 4)))


@pytest.fixture
def network(x):
    return with_moments(uneven_network(), x)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["uniform", "importance"])
def test_predicted_error_is_that_of_many_draws(network, x, kind):
    law, k, n_draws = sampling_law(network, kind, data=x), 5, 4000
    features = np.asarray(network.features(x))
    readout = np.asarray(network.readout)
    target = features @ readout
    errors = np.empty(n_draws)
    for i in range(n_draws):
        drawn = draw(law, k, key=jax.random.key(i))
        # The estimate written anew: u n / (k p) over the drawn features.
        factors = drawn.multiplicities / (k * law[drawn.indices])
        estimate = features[:, drawn.indices] @ (
            readout[drawn.indices] * factors[:, None]
        )
        errors[i] = np.mean(np.sum((estimate - target) ** 2, axis=1))
    expected = predicted_error(network, law, k, data=x)
    standard_error = errors.std(ddof=1) / np.sqrt(n_draws)
    assert abs(errors.mean() - expected) < 4 * standard_error


@settings(max_examples=10)
@given(seed=SEEDS)
def test_optimal_law_has_the_smallest_error(seed):
    rng = np.random.default_rng(seed)
    x = jnp.asarray(rng.standard_normal((30, 4)))
    network = with_moments(uneven_network(seed), x)
    best_law = custom_law(readout_norms(network) * feature_moments(network, x).rms)
    best = predicted_error(network, best_law, 7, data=x)
    for _ in range(100):
        other = custom_law(best_law * np.exp(0.3 * rng.standard_normal(12)))
        assert predicted_error(network, other, 7, data=x) >= best * (1 - 1e-12)


def test_squared_importance_gains_nothing_over_uniform(network, x):
    errors = [
        predicted_error(network, sampling_law(network, kind, data=x), 10, data=x)
        for kind in ("uniform", "squared")
    ]
    np.testing.assert_allclose(errors[0], errors[1], rtol=1e-12)
    importance = sampling_law(network, "importance", data=x)
    assert predicted_error(network, importance, 10, data=x) < errors[0]


@pytest.mark.parametrize("method", ["with-replacement", "systematic"])
def test_corrected_network_is_the_wide_one_on_average(network, x, method):
    law = sampling_law(network, "importance", data=x)
    outputs = np.stack(
        [
            np.asarray(corrected(network, draw(law, 4, method=method, key=key))(x[:3]))
            for key in jax.random.split(jax.random.key(1), 150)
        ]
    )
    errors = outputs.std(axis=0, ddof=1) / np.sqrt(len(outputs))
    # Nine numbers: four standard errors is passed by chance in 6e-4 of cases.
    assert np.all(np.abs(outputs.mean(axis=0) - network(x[:3])) < 4 * errors)


def test_laws_are_what_their_names_say(network, x):
    norms = np.linalg.norm(network.readout, axis=1)
    sigma = np.asarray(network.std)
    s = sigma / np.sqrt(sigma**2 + 1e-5)
    columns = np.linalg.norm(network.weights, axis=0)
    expected = {
        "uniform": np.ones(12),
        "norm": norms,
        "importance": s * norms,
        "squared": (s * norms) ** 2,
        "norm-product": norms * columns,
        "raw-importance": sigma * norms,
    }
    for kind, strengths in expected.items():
        law = sampling_law(network, kind, data=x)
        np.testing.assert_allclose(law, strengths / strengths.sum(), rtol=1e-9)


def test_leverage_is_the_diagonal_of_the_smoother(network, x):
    features = np.asarray(network.features(x))
    G = features.T @ features / len(x)
    ridge = 1e-3 * np.trace(G) / 12
    smoother = G @ np.linalg.inv(G + ridge * np.eye(12))
    np.testing.assert_allclose(
        leverage_scores(network, x), np.diag(smoother), rtol=1e-8
    )


def test_leverage_of_float32_features_of_large_mean_is_that_in_float64():
    rng = np.random.default_rng(6)
    features = (rng.standard_normal((300, 40)) + 100).astype(np.float32)
    network = TwoLayer(jnp.eye(40, dtype="float32"), jnp.ones((40, 1), "float32"))
    exact = features.astype(float)
    G = exact.T @ exact / 300
    ridge = 1e-3 * np.trace(G) / 40
    smoother = np.linalg.solve(G + ridge * np.eye(40), G)
    found = leverage_scores(network, jnp.asarray(features))
    # The system is conditioned by 40 / 1e-3.
    np.testing.assert_allclose(found, np.diag(smoother), rtol=1e-9)


@settings(max_examples=10)
@given(seed=SEEDS, kind=st.sampled_from(LAWS[:-1]))
def test_laws_follow_a_permutation_of_the_neurons(seed, kind):
    rng = np.random.default_rng(seed)
    x = jnp.asarray(rng.standard_normal((30, 4)))
    network = with_moments(uneven_network(seed), x)
    order = rng.permutation(12)
    shuffled = StandardisedTwoLayer(
        weights=network.weights[:, order],
        readout=network.readout[order],
        mean=network.mean[order],
        std=network.std[order],
    )
    law = sampling_law(network, kind, data=x)
    np.testing.assert_allclose(
        sampling_law(shuffled, kind, data=x), law[order], rtol=1e-7
    )


@settings(max_examples=40)
@given(seed=SEEDS, k=st.integers(1, 9), method=st.sampled_from(METHODS))
def test_draws_have_k_neurons_of_positive_probability(seed, k, method):
    rng = np.random.default_rng(seed)
    law = custom_law(rng.random(10) * (np.arange(10) > 0))
    drawn = draw(law, k, method=method, key=jax.random.key(seed))
    assert drawn.k == k
    assert len(set(drawn.indices)) == len(drawn.indices)
    assert 0 not in drawn.indices
    if method in ("without-replacement", "top-k"):
        assert drawn.n_duplicates == 0
    if method == "top-k":
        assert set(drawn.indices) == set(np.argsort(law)[-k:])
    if method == "systematic":
        expected = k * law[drawn.indices]
        assert np.all(np.abs(drawn.multiplicities - expected) < 1)


@pytest.mark.parametrize("method", ["with-replacement", "systematic"])
def test_neurons_come_as_often_as_the_law_says(method):
    law = custom_law(np.array([1.0, 2.0, 3.0, 4.0]))
    counts = np.zeros(4)
    n_draws = 600
    for key in jax.random.split(jax.random.key(2), n_draws):
        drawn = draw(law, 3, method=method, key=key)
        counts[drawn.indices] += drawn.multiplicities
    error = np.sqrt(law * (1 - law) / (3 * n_draws))
    # Systematic draws vary less than independent ones.
    assert np.all(np.abs(counts / (3 * n_draws) - law) < 4 * error)


def test_effective_share_at_its_extremes():
    np.testing.assert_allclose(effective_share(np.full(7, 2.5)), 1.0)
    np.testing.assert_allclose(effective_share(np.eye(8)[0]), 1 / 8)


def test_constant_neurons_are_never_drawn(x):
    plain = two_layer(
        4, 6, 2, activation="tanh", dtype="float64", key=jax.random.key(0)
    )
    weights = plain.weights.at[:, 3].set(0)
    network = type(plain)(weights=weights, readout=plain.readout, activation="tanh")
    for kind in ("uniform", "importance", "norm"):
        assert sampling_law(network, kind, data=x)[3] == 0


def test_bad_laws_and_draws_are_told_in_a_sentence(network, x):
    with pytest.raises(ConfigError, match=r"entry 2 is -0\.2\."):
        custom_law(np.array([1.0, 0.5, -0.2]))
    with pytest.raises(ConfigError, match="entry 0 is nan"):
        custom_law(np.array([np.nan, 0.5]))
    with pytest.raises(ConfigError, match="all importances are zero"):
        custom_law(np.zeros(3))
    with pytest.raises(ConfigError, match=r"`sampling` must be one of .*got 'l2'\."):
        sampling_law(network, "l2", data=x)
    law = custom_law(np.ones(1000))
    sentence = (
        "`k` must be between 1 and the width 1000 when drawing without replacement, "
        "got 2000."
    )
    with pytest.raises(ConfigError, match=sentence):
        draw(law, 2000, method="without-replacement", key=jax.random.key(0))
    with pytest.raises(ConfigError, match="`k` must be at least 1, got 0"):
        draw(law, 0, key=jax.random.key(0))
    top = draw(law, 3, method="top-k", key=jax.random.key(0))
    with pytest.raises(ConfigError, match="needs a draw `with-replacement`"):
        corrected(network, top)


def test_a_zero_readout_is_told(x):
    network = uneven_network()
    zero = StandardisedTwoLayer(
        weights=network.weights, readout=jnp.zeros_like(network.readout)
    )
    assert readout_norms(zero).sum() == 0
    with pytest.raises(ConfigError, match="the readout of this network is zero"):
        sampling_law(with_moments(zero, x), "importance", data=x)


def test_neurons_that_are_constant_on_the_data_are_told_from_a_zero_readout(x):
    network = uneven_network()
    for one in (x[:1], jnp.ones_like(x)):
        with pytest.raises(ConfigError, match="neurons varies on the data"):
            sampling_law(with_moments(network, one), "importance", data=one)


def test_a_network_without_neurons_says_so(x):
    bare = TwoLayer(weights=jnp.zeros((4, 0)), readout=jnp.zeros((0, 3)))
    with pytest.raises(ConfigError, match="has no neurons"):
        sampling_law(bare, "norm", data=x)


def test_a_neuron_within_rounding_is_no_loss_where_it_is_not_drawn():
    """Weight decay leaves neurons whose squares are none in single precision."""
    rng = np.random.default_rng(3)
    x = jnp.asarray(rng.standard_normal((60, 4)), "float32")
    weights, readout = rng.standard_normal((4, 6)), rng.standard_normal((6, 1))

    def error(weights, readout):
        parts = jnp.asarray(weights, "float32"), jnp.asarray(readout, "float32")
        network = TwoLayer(*parts, activation="relu")
        law = sampling_law(network, "uniform", data=x)
        return predicted_error(network, law, 10, data=x)

    vanished = np.c_[weights, 1e-30 * weights[:, :1]], np.r_[readout, [[1e-15]]]
    np.testing.assert_allclose(error(*vanished), error(weights, readout), rtol=1e-5)


def test_a_constant_neuron_that_counts_is_an_infinite_loss():
    rng = np.random.default_rng(3)
    x = jnp.asarray(np.c_[rng.standard_normal((60, 3)), np.ones(60)])
    weights = rng.standard_normal((4, 6))
    weights[:, 0] = [0, 0, 0, 1]
    network = TwoLayer(jnp.asarray(weights), jnp.ones((6, 1)), activation="relu")
    law = sampling_law(network, "uniform", data=x)
    assert law[0] == 0
    assert predicted_error(network, law, 10, data=x) == np.inf
