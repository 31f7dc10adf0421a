"""Distances against naive double sums, known laws, and their own nulls."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from overparam import two_layer
from overparam.analysis import energy_distance, permutation_test, wasserstein
from overparam.analysis.comparison.distances import (
    Pooled,
    alignment,
    pooled,
    squared_distances,
)
from overparam.analysis.comparison.nulls import bootstrap_interval, halves
from overparam.analysis.comparison.populations import (
    Population,
    populations,
    responses,
)
from overparam.analysis.comparison.sliced import sliced_wasserstein, slices
from overparam.analysis.shallow import feature_moments
from overparam.errors import ConfigError
from overparam.networks import TwoLayer


SEEDS = st.integers(0, 2**31)


def gaussian(rng, n, dim=3, shift=0.0, weighted=False, **settings):
    weights = rng.exponential(size=n) if weighted else np.ones(n)
    points = rng.standard_normal((n, dim)) + shift
    return Population(points=points, weights=weights, **settings)


@settings(max_examples=15)
@given(seed=SEEDS, symmetric=st.booleans(), energy=st.booleans())
def test_statistic_is_the_naive_double_sum(seed, symmetric, energy):
    rng = np.random.default_rng(seed)
    a = gaussian(rng, 5, weighted=True, sign_invariant=symmetric)
    b = gaussian(rng, 4, weighted=True, sign_invariant=symmetric)
    points = np.concatenate([a.points, b.points])
    squares = ((points[:, None] - points[None]) ** 2).sum(axis=2)
    bandwidth = np.median(squares[np.triu_indices(9, 1)])

    def k(z, w):
        square = np.sum((z - w) ** 2)
        return -np.sqrt(square) if energy else np.exp(-square / bandwidth)

    def kernel(z, w):
        return (k(z, w) + k(z, -w)) / 2 if symmetric else k(z, w)

    def within(c):
        pairs = [(i, j) for i in range(len(c.shares)) for j in range(len(c.shares))]
        total = sum(
            c.shares[i] * c.shares[j] * kernel(c.points[i], c.points[j])
            for i, j in pairs
            if i != j
        )
        return total / (1 - np.sum(c.shares**2))

    across = sum(
        p * q * kernel(z, w)
        for p, z in zip(a.shares, a.points, strict=True)
        for q, w in zip(b.shares, b.points, strict=True)
    )
    both = pooled(a, b, kernel="energy" if energy else "gaussian")
    expected = within(a) + within(b) - 2 * across
    np.testing.assert_allclose(both.statistic(), expected, atol=1e-12)


@pytest.mark.slow
def test_mean_over_samples_of_one_law_is_zero():
    rng = np.random.default_rng(0)
    values, biased = [], []
    for _ in range(500):
        a = gaussian(rng, 25, weighted=True)
        b = gaussian(rng, 20, weighted=True)
        both = pooled(a, b)
        values.append(both.statistic())
        # The usual form keeps the diagonal and is positive for equal laws.
        full = both.kernel + np.eye(45)
        signed = np.concatenate([a.shares, -b.shares])
        biased.append(signed @ full @ signed)
    error = np.std(values, ddof=1) / np.sqrt(500)
    assert abs(np.mean(values)) < 3 * error
    assert np.mean(biased) > 10 * error


@pytest.mark.slow
def test_permutation_test_rejects_equal_laws_as_often_as_it_should():
    rng = np.random.default_rng(1)
    p_values = []
    for key in jax.random.split(jax.random.key(0), 200):
        whole = gaussian(rng, 40)
        a, b = halves(whole, key=key)
        test = permutation_test(pooled(a, b), n_permutations=99, key=key)
        p_values.append(test.p_upper)
    # At level 5 % with 200 repetitions the rate is in this band with probability .97.
    assert 0.02 <= np.mean(np.array(p_values) <= 0.05) <= 0.09


def test_exchanged_pairs_are_rejected_as_often_as_they_should_be():
    rng = np.random.default_rng(4)
    p_values = []
    for key in jax.random.split(jax.random.key(0), 200):
        shared = rng.standard_normal((30, 3))
        pair = [
            Population(
                points=shared + 0.3 * rng.standard_normal((30, 3)), weights=np.ones(30)
            )
            for _ in range(2)
        ]
        test = permutation_test(pooled(*pair), n_permutations=99, paired=True, key=key)
        p_values.append(test.p_upper)
    # At level 5 % with 200 repetitions the rate is in this band with probability .97.
    assert 0.02 <= np.mean(np.array(p_values) <= 0.05) <= 0.09


def test_relabellings_without_a_statistic_are_no_evidence(key):
    # Of 4 neurons with weight and 56 without, the equally likely relabellings with a
    # statistic split the 4 in one of three ways: no p-value is far below a third.
    rng = np.random.default_rng(5)
    weights = np.where(np.arange(30) < 2, 1.0, 0.0)
    points = [rng.standard_normal((30, 3)) + far for far in (0, 9)]
    a, b = (Population(points=p, weights=weights) for p in points)
    test = permutation_test(pooled(a, b), n_permutations=999, key=key)
    # 5 standard errors of a share of at least 300.
    assert 1 / 3 - 0.14 < test.p_upper < 1 / 3 + 0.14
    assert np.isfinite([test.null_std, test.null_upper]).all()
    sliced = sliced_wasserstein(a, b, n_permutations=199, n_directions=5, key=key)
    assert np.isfinite(sliced.null).all()


def test_exchanged_sides_are_ties(key):
    # Two of 6 neurons' 20 labellings are as far apart as that of two far clusters.
    rng = np.random.default_rng(6)
    for number in range(5):
        points = [rng.standard_normal((3, 2)) + far for far in (0, 20)]
        a, b = (Population(points=p, weights=np.ones(3)) for p in points)
        both = pooled(a, b)
        test = permutation_test(both, n_permutations=999, key=jax.random.key(number))
        # 5 standard errors of a share of 999.
        assert 0.1 - 0.05 < test.p_upper < 0.1 + 0.05


def test_a_constant_feature_is_no_response():
    # One row of the weights is the bias: neuron 0 is 0.1 on every probe.
    probes = jnp.concatenate(
        [jax.random.normal(jax.random.key(0), (777, 2)), jnp.ones((777, 1))], axis=1
    )
    weights = jnp.asarray([[0.0, 1.0], [0.0, -1.0], [0.1, 0.2]])
    network = TwoLayer(weights=weights, readout=jnp.ones((2, 1)))
    found = responses(network, probes)
    assert np.all(found[0] == 0)
    assert np.linalg.norm(found[1]) == pytest.approx(1)
    moments = feature_moments(network, jnp.tile(probes, (7, 1)))
    assert moments.std[0] == 0
    assert moments.mean[0] == 0.1
    assert np.isnan(alignment(found[:1], found))


def test_different_laws_are_told_apart(key):
    rng = np.random.default_rng(2)
    a, b = gaussian(rng, 60), gaussian(rng, 50, shift=0.7)
    test = permutation_test(pooled(a, b), n_permutations=199, key=key)
    assert test.p_upper == 1 / 200
    assert test.p_lower == 1.0
    sliced = sliced_wasserstein(a, b, n_permutations=99, key=key)
    assert sliced.p_upper == 1 / 100
    interval = bootstrap_interval(pooled(a, b), n_resamples=200, key=key)
    assert 0 < interval.low <= interval.estimate <= interval.high


def test_permuted_statistics_are_those_of_relabelled_neurons():
    rng = np.random.default_rng(3)
    a, b = gaussian(rng, 6, weighted=True), gaussian(rng, 7, weighted=True)
    both = pooled(a, b)
    labels = rng.permutation(both.in_first)[:, None]
    order = np.argsort(-labels[:, 0], kind="stable")
    renamed = Pooled(both.kernel[np.ix_(order, order)], both.weights[order], 6)
    value = both.statistics(labels, 1 - labels)[0]
    np.testing.assert_allclose(value, renamed.statistic(), rtol=1e-10)


@settings(max_examples=10)
@given(seed=SEEDS)
def test_distances_do_not_depend_on_the_order_of_neurons(seed):
    rng = np.random.default_rng(seed)
    a, b = gaussian(rng, 12, weighted=True), gaussian(rng, 12, weighted=True)
    shuffled = b.part(rng.permutation(12))
    before, after = pooled(a, b).statistic(), pooled(a, shuffled).statistic()
    np.testing.assert_allclose(before, after, rtol=1e-9, atol=1e-14)


def test_energy_distance_of_two_shifted_points_populations():
    # Two atoms each, at 0 and 1 against 3 and 5: 2 * 3.5 - 1 - 2 by hand.
    a = Population(points=np.array([[0.0], [1.0]]), weights=np.ones(2))
    b = Population(points=np.array([[3.0], [5.0]]), weights=np.ones(2))
    np.testing.assert_allclose(energy_distance(a, b), 2 * 3.5 - 1 - 2)


def test_wasserstein_in_one_dimension_is_the_sorted_distance():
    rng = np.random.default_rng(4)
    a, b = gaussian(rng, 30, dim=1), gaussian(rng, 30, dim=1, shift=1.0)
    expected = scipy.stats.wasserstein_distance(a.points[:, 0], b.points[:, 0])
    np.testing.assert_allclose(wasserstein(a, b), expected, rtol=1e-10)


def test_sliced_distance_in_one_dimension_is_exact_and_weighted(key):
    rng = np.random.default_rng(5)
    a = gaussian(rng, 20, dim=1, weighted=True)
    b = gaussian(rng, 30, dim=1, weighted=True)
    both = slices(a, b, n_directions=3, key=key)
    labels = (np.arange(50) < 20).astype(float)
    expected = scipy.stats.wasserstein_distance(
        a.points[:, 0], b.points[:, 0], a.shares, b.shares
    )
    np.testing.assert_allclose(both.distance(labels), expected, rtol=1e-10)


def test_sign_invariant_populations_see_no_flips(key):
    rng = np.random.default_rng(6)
    a = gaussian(rng, 15, sign_invariant=True)
    signs = rng.choice([-1.0, 1.0], size=(15, 1))
    flipped = Population(
        points=signs * a.points, weights=a.weights, sign_invariant=True
    )
    np.testing.assert_allclose(wasserstein(a, flipped), 0, atol=1e-7)
    labels = (np.arange(30) < 15).astype(float)
    both = slices(a, flipped, key=key)
    np.testing.assert_allclose(both.distance(labels), 0, atol=1e-12)


def test_alignment_ignores_rotation_and_scale_of_features():
    rng = np.random.default_rng(7)
    features = rng.standard_normal((6, 40))
    features -= features.mean(axis=1, keepdims=True)
    rotation = scipy.stats.ortho_group.rvs(6, random_state=0)
    np.testing.assert_allclose(alignment(features, 3 * rotation @ features), 1.0)
    other = rng.standard_normal((6, 40))
    assert alignment(features, other - other.mean(axis=1, keepdims=True)) < 0.5


def test_representations_measure_what_they_say():
    rng = np.random.default_rng(8)
    x = rng.standard_normal((500, 4)) * np.array([1.0, 2.0, 0.0, 0.5])
    network = two_layer(
        4, 6, 2, activation="tanh", dtype="float64", key=jax.random.key(1)
    )
    inputs = jnp.asarray(x)
    weights = np.asarray(network.weights)
    (pre,) = populations([network], "preactivation", inputs=inputs, probes=inputs)
    square = np.mean((x @ (weights[:, 0] - weights[:, 1])) ** 2)
    np.testing.assert_allclose(
        np.sum((pre.points[0] - pre.points[1]) ** 2), square, rtol=1e-8
    )
    (fun,) = populations([network], "function", inputs=inputs, probes=inputs)
    hidden = np.tanh(x @ weights)
    correlation = np.corrcoef(hidden[:, 0], hidden[:, 1])[0, 1]
    np.testing.assert_allclose(
        np.sum((fun.points[0] - fun.points[1]) ** 2), 2 - 2 * correlation, rtol=1e-8
    )
    assert fun.sign_invariant
    (raw,) = populations([network], "raw", inputs=inputs, probes=inputs)
    np.testing.assert_array_equal(raw.points, weights.T)
    # An input that is always zero is seen by no function.
    moved = type(network)(
        weights=network.weights.at[2].add(5.0),
        readout=network.readout,
        activation="tanh",
    )
    for name in ("preactivation", "function"):
        a, b = populations([network, moved], name, inputs=inputs, probes=inputs)
        np.testing.assert_allclose(a.points, b.points, atol=1e-10)


def test_joint_representation_does_not_change_with_width_or_scaling():
    rng = np.random.default_rng(9)
    inputs = jnp.asarray(rng.standard_normal((50, 3)))
    network = two_layer(
        3, 5, 2, activation="tanh", dtype="float64", key=jax.random.key(2)
    )
    # The same function, written in mean-field form.
    other = type(network)(
        weights=network.weights,
        readout=5 * network.readout,
        activation="tanh",
        scale=1 / 5,
    )
    a, b = populations([network, other], "joint", inputs=inputs, probes=inputs)
    np.testing.assert_allclose(a.points, b.points, rtol=1e-10)


def test_bad_input_is_told_in_a_sentence(key):
    rng = np.random.default_rng(10)
    with pytest.raises(ConfigError, match="at least 2 neurons on each side, got 1"):
        gaussian(rng, 1)
    a, b = gaussian(rng, 5), gaussian(rng, 5, dim=4)
    with pytest.raises(ConfigError, match="in one representation, got dimensions 3"):
        pooled(a, b)
    sentence = "`n_permutations` must be at least 99 for a p-value of 0.01, got 20."
    with pytest.raises(ConfigError, match=sentence):
        permutation_test(pooled(a, a), n_permutations=20, key=key)
    with pytest.raises(ConfigError, match="two uniform populations of one size"):
        wasserstein(a, gaussian(rng, 6))
    network = two_layer(4, 6, 2, key=key)
    inputs = jnp.zeros((3, 5))
    with pytest.raises(
        ConfigError, match="source network takes 4 inputs, the data have 5"
    ):
        populations([network], "raw", inputs=inputs, probes=inputs)


@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("gap", [1.0, 1e-6])
def test_distances_keep_their_digits_wherever_the_points_lie(offset, gap):
    rng = np.random.default_rng(5)
    a = offset + rng.standard_normal((7, 40))
    b = np.concatenate([a[:3] + gap * rng.standard_normal((3, 40)), a[3:]])
    wide = a.astype(np.longdouble)[:, None] - b.astype(np.longdouble)[None]
    exact = np.sum(wide**2, axis=2).astype(float)
    np.testing.assert_allclose(squared_distances(a, b), exact, rtol=1e-12)


def test_a_population_is_at_distance_zero_from_itself():
    one = gaussian(np.random.default_rng(6), 30, dim=20, shift=100.0)
    assert wasserstein(one, one) == 0


def test_preactivations_see_inputs_of_any_size():
    rng = np.random.default_rng(7)
    # The last input is tiny; the others have means.
    scales, means = np.array([1.0, 1.0, 1e-4]), np.array([30, 30, 0])
    inputs = (scales * (rng.standard_normal((500, 3)) + means)).astype("float32")
    weights = jnp.asarray([[1.0, 1.0], [2.0, 2.0], [0.0, 1.0]], "float32")
    network = TwoLayer(weights, jnp.ones((2, 1), "float32"))
    (pre,) = populations(
        [network], "preactivation", inputs=jnp.asarray(inputs), probes=inputs
    )
    expected = np.sqrt(np.mean(inputs[:, 2].astype(float) ** 2))
    # An eigenvalue of 1e-8, known to some 1e-16 of the largest, 2000.
    found = np.linalg.norm(pre.points[0] - pre.points[1])
    np.testing.assert_allclose(found, expected, rtol=1e-3)
