"""Teacher neurons found, lost and matched."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overparam.analysis import match_neurons
from overparam.analysis.comparison.matching import neuron_masses
from overparam.errors import ConfigError
from overparam.networks import LinearReadout, RadialFeatures, TwoLayer
from overparam.networks.view import TwoLayerView


SEEDS = st.integers(0, 2**31 - 1)
FEW = settings(max_examples=10)


def _network(rng, width, *, input_dim=6, n_outputs=3, **options):
    weights = jnp.asarray(rng.normal(size=(input_dim, width)))
    return TwoLayer(
        weights, jnp.asarray(rng.normal(size=(width, n_outputs))), **options
    )


@FEW
@given(seed=SEEDS, teacher_width=st.integers(1, 5), width=st.integers(1, 5))
def test_assignment_is_the_best_of_all_assignments(seed, teacher_width, width):
    rng = np.random.default_rng(seed)
    teacher, student = _network(rng, teacher_width), _network(rng, width)
    matching = match_neurons(teacher, student)
    cosines = matching.cosines
    wide = cosines if teacher_width <= width else cosines.T
    best = max(
        sum(wide[i, j] for i, j in enumerate(chosen))
        for chosen in itertools.permutations(range(wide.shape[1]), wide.shape[0])
    )
    assigned = np.flatnonzero(matching.assignment >= 0)
    assert len(assigned) == min(teacher_width, width)
    total = cosines[assigned, matching.assignment[assigned]].sum()
    assert total == pytest.approx(best)


@FEW
@given(seed=SEEDS, teacher_width=st.integers(1, 6))
def test_a_permuted_rescaled_split_copy_finds_every_neuron(seed, teacher_width):
    rng = np.random.default_rng(seed)
    teacher = _network(rng, teacher_width)
    order = rng.permutation(teacher_width)
    factors = jnp.asarray(rng.uniform(0.1, 10, (1, teacher_width)))
    weights = teacher.weights[:, order] * factors
    extra = jnp.concatenate([weights, weights[:, :1]], axis=1)
    copy = TwoLayer(extra, jnp.ones((teacher_width + 1, 3)))
    matching = match_neurons(teacher, copy)
    np.testing.assert_allclose(matching.cover, 1, atol=1e-14)
    assert matching.lost.size == 0
    assert matching.surplus_mass == 0
    # The split neuron may be matched to either half.
    found = np.append(order, order[0])[matching.assignment]
    np.testing.assert_array_equal(found, np.arange(teacher_width))


def test_lost_neurons_and_surplus_are_weighed_by_mass():
    teacher = TwoLayer(
        2 * jnp.eye(3), jnp.asarray([[3.0, 4.0], [1.0, 0.0], [0.0, 2.0]])
    )
    # The cosine 0.99 is an angle of 8.11 degrees.
    just_found, just_lost = np.deg2rad([8.09, 8.12])
    weights = np.array(
        [
            [np.cos(just_found), np.sin(just_found), 0],
            [np.sin(just_lost), np.cos(just_lost), 0],
            [0, 0, 0],
        ]
    ).T
    student = TwoLayer(jnp.asarray(weights), jnp.full((3, 2), 5.0), scale=0.5)
    matching = match_neurons(teacher, student)
    np.testing.assert_array_equal(matching.lost, [1, 2])
    np.testing.assert_allclose(matching.lost_masses, [2, 4])
    # The second student neuron, norm 1 times 5 sqrt 2 times the output scale.
    assert matching.surplus_mass == pytest.approx(2.5 * np.sqrt(2))
    assert np.all(matching.cosines[:, 2] == 0)


@pytest.mark.parametrize("skip", [False, True])
def test_the_sign_of_an_output_scale_changes_no_mass(skip):
    rng = np.random.default_rng(3)
    teacher = _network(rng, 3)
    weights, readout = rng.normal(size=(6, 4)), rng.normal(size=(10 if skip else 4, 3))
    one, other = (
        TwoLayer(jnp.asarray(weights), jnp.asarray(sign * readout), scale=s, skip=skip)
        for sign, s in ((1, 0.5), (-1, -0.5))
    )
    matchings = [match_neurons(teacher, network) for network in (one, other)]
    assert matchings[0].surplus_mass == matchings[1].surplus_mass > 0
    np.testing.assert_array_equal(neuron_masses(one), neuron_masses(other))


def test_a_looser_threshold_loses_fewer(key):
    rng = np.random.default_rng(0)
    teacher, student = _network(rng, 5), _network(rng, 7)
    n_lost = [
        match_neurons(teacher, student, threshold=t).lost.size
        for t in (-1.0, 0.3, 0.6, 1.0)
    ]
    assert n_lost == sorted(n_lost)
    assert n_lost[0] == 0
    assert n_lost[-1] == 5


def test_networks_that_cannot_be_matched_are_refused():
    rng = np.random.default_rng(0)
    teacher = _network(rng, 3)
    with pytest.raises(ConfigError, match="share the input dimension, got 5 and 6"):
        match_neurons(teacher, _network(rng, 3, input_dim=5))
    broken = TwoLayer(teacher.weights.at[1, 2].set(jnp.inf), teacher.readout)
    with pytest.raises(ConfigError, match=r"first at `weights\[1, 2\]`"):
        match_neurons(teacher, broken)
    with pytest.raises(ConfigError, match=r"`threshold` must lie in \[-1, 1\], got 2"):
        match_neurons(teacher, teacher, threshold=2)
    with pytest.raises(ConfigError, match="both have radial neurons or neither"):
        match_neurons(teacher, RadialFeatures(teacher.weights, teacher.readout))
    with pytest.raises(ConfigError, match="LinearReadout has no two-layer view"):
        match_neurons(teacher, LinearReadout(teacher.readout))


def test_skip_weights_are_linear_neurons_that_come_last():
    rng = np.random.default_rng(0)
    teacher = _network(rng, 2)
    linear = jnp.asarray(rng.normal(size=(6, 3)))
    both = TwoLayer(
        teacher.weights, jnp.concatenate([teacher.readout, linear]), skip=True
    )
    # Output 1 has its sign turned, output 2 is twice as strong.
    moved = linear * jnp.asarray([[1.0, -1.0, 2.0]])
    student = TwoLayer(
        teacher.weights,
        jnp.concatenate([teacher.readout, moved]),
        scale=0.5,
        skip=True,
    )
    matching = match_neurons(both, student)
    np.testing.assert_allclose(matching.cover, [1, 1, 1, 0, 1], atol=1e-14)
    sizes = np.linalg.norm(linear, axis=0)
    np.testing.assert_allclose(matching.masses[2:], sizes)
    assert matching.surplus_mass == pytest.approx(0.5 * sizes[1])
    # A student without skip weights has no such neuron; its others are matched.
    np.testing.assert_allclose(
        match_neurons(both, teacher).cover, [1, 1, 0, 0, 0], atol=1e-14
    )
    assert match_neurons(teacher, student).lost.size == 0


def test_a_hidden_bias_is_one_more_input_weight():
    weights, readout = jnp.eye(2), jnp.ones((2, 1))
    biases = jnp.asarray([1.0, 0.0])
    teacher = TwoLayerView(weights, readout, bias=biases)
    plain = match_neurons(teacher, TwoLayerView(weights, readout))
    np.testing.assert_allclose(plain.cover, [np.sqrt(0.5), 1])
    scaled = TwoLayerView(3 * weights, readout, bias=3 * biases)
    np.testing.assert_allclose(match_neurons(teacher, scaled).cover, 1)
    np.testing.assert_allclose(plain.masses, [np.sqrt(2), 1])


def test_points_on_the_torus_are_compared_around_it():
    points = jnp.asarray([[-1.9, 0.0], [1.0, 0.5]])
    teacher = RadialFeatures(points, jnp.asarray([[1.0], [-2.0]]), scale=0.5)
    turned = RadialFeatures(points + 4.0, jnp.ones((2, 1)))
    matching = match_neurons(teacher, turned)
    np.testing.assert_allclose(np.diag(matching.cosines), 1)
    np.testing.assert_allclose(matching.masses, [0.5, 1])
    # By hand: the mean over coordinates of cos(pi/2 times the offset).
    apart = np.cos(np.pi / 2 * np.array([1.9, 0.5])).mean()
    assert matching.cosines[0, 1] == pytest.approx(apart)


@pytest.mark.parametrize(("activation", "lost"), [("relu", 3), ("tanh", 0)])
def test_an_odd_neuron_is_found_upside_down_too(activation, lost):
    rng = np.random.default_rng(0)
    weights, readout = rng.normal(size=(20, 3)), rng.normal(size=(3, 2))
    teacher, student = (
        TwoLayer(jnp.asarray(s * weights), jnp.asarray(s * readout), activation)
        for s in (1, -1)
    )
    assert len(match_neurons(teacher, student).lost) == lost
