"""Variable projection: the documented runs, its gradient, its invariances."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from overparam.analysis.density.energy import (
    circle_energy,
    torus_energy,
    torus_self_term,
)
from overparam.data import Batch, CircleTeacher, lattice_inputs, unit_vectors
from overparam.data.sources.torus import lattice_student, lattice_teacher
from overparam.dynamics import Ridge, VarPro, normalise
from overparam.errors import ConfigError
from overparam.networks import RadialFeatures, ThresholdReLU, TwoLayer
from overparam.networks.radial import KERNELS, wrap
from overparam.readouts import (
    CircleProblem,
    DenseProblem,
    PopulationMoments,
    blocked_problem,
    prefix_problem,
)

from .circle_data import batch, even_student, lattice, moments, student, trace


TAU = 2.0**-10

# Of an independent implementation: width, centre, L_0, L_1, L_10, L_100,
# sum(w1 + 2 w2) and energy distance to the teacher after 101 steps.
CIRCLE = [
    (
        32,
        1,
        0.622086039427,
        0.614758754812,
        0.561490473357,
        0.378867343733,
        2.857623938882,
        0.588985253810,
    ),
    (
        32,
        0,
        1.119629066015,
        1.112356946648,
        1.059413905300,
        0.877314579244,
        2.844696093255,
        0.589227473664,
    ),
    (
        128,
        1,
        0.621830403974,
        0.614541602260,
        0.561405985869,
        0.378720618933,
        11.436230599497,
        0.588196033613,
    ),
    (
        128,
        0,
        1.119371094521,
        1.112133051279,
        1.059309603960,
        0.877199099431,
        11.382098116370,
        0.588448432972,
    ),
]

# Likewise for the torus: L_0, L_1, L_10, L_20, the sum and the distance after 21 steps.
TORUS = [
    (
        32,
        1,
        4.487307552786,
        4.550027834414,
        1.220772669658,
        1.035714353366,
        15.739880974,
        0.455371627848,
    ),
    (
        32,
        0,
        4.988597205157,
        5.051006958002,
        1.721538750259,
        1.536414032257,
        15.740610564,
        0.455422473449,
    ),
    (
        128,
        1,
        3.414430740555,
        1.992350603970,
        1.065060562152,
        0.852048813389,
        13.068211974,
        0.443764310008,
    ),
    (
        128,
        0,
        3.915987218390,
        2.493405224238,
        1.566048234017,
        1.352960171843,
        13.071238565,
        0.443778093613,
    ),
]


# The dense form is slow, and is checked at the small width.
CASES = [
    pytest.param(make, row, id=f"{make.__name__}-{row[0]}-{row[1]}")
    for make in (DenseProblem, CircleProblem, prefix_problem)
    for row in CIRCLE
    if make is not DenseProblem or row[0] == 32
]


@pytest.mark.parametrize(("make", "expected"), CASES)
def test_the_documented_runs_on_the_circle(expected, make):
    width, centre, first, second, tenth, last, total, distance = expected
    x, y = lattice()
    assert_allclose(y.mean(), 0.399122041095643, atol=1e-13)
    assert_allclose((y**2).mean(), 0.323776934115512, atol=1e-13)
    data = batch(x, y) if make is DenseProblem else moments(x, y)
    rule = VarPro(Ridge(1e-3, centre), TAU, problem=make, retract=normalise)
    state, info = trace(rule, even_student(width), data, 101)
    assert_allclose(info.loss[0], first, atol=1e-11)
    assert_allclose(info.loss[np.array([1, 10, 100])], [second, tenth, last], atol=1e-9)
    w = np.asarray(state.network.weights)
    assert_allclose(np.sum(w[0] + 2 * w[1]), total, atol=1e-9)
    teacher = CircleTeacher(100.0).lattice(4096)
    found = circle_energy(np.arctan2(w[1], w[0]), teacher)
    assert_allclose(found, distance, atol=1e-8)
    # 0.652470917348 and 0.651734556527 at the start, both documented.
    start = circle_energy(np.arctan2(*even_student(width).weights[::-1]), teacher)
    assert_allclose(start, {32: 0.652470917348, 128: 0.651734556527}[width], atol=1e-8)
    assert float(info.rises.sum()) == 0


@pytest.fixture(scope="module")
def torus_data():
    x = jnp.asarray(lattice_inputs(4096))
    teacher = RadialFeatures(
        jnp.asarray(lattice_teacher(4096, gamma=100.0).T),
        jnp.ones((4096, 1)),
        scale=1 / 4096,
    )
    y = jnp.concatenate([eqx.filter_jit(teacher)(part) for part in jnp.split(x, 16)])
    assert_allclose(y.mean(), 0.826058414808910, atol=1e-13)
    assert_allclose((y**2).mean(), 0.875974328475498, atol=1e-13)
    return Batch(x, y)


@pytest.mark.parametrize("expected", TORUS, ids=lambda row: f"{row[0]}-{row[1]}")
def test_the_documented_runs_on_the_torus(expected, torus_data):
    width, centre, *risks, total, distance = expected
    weights = jnp.asarray(lattice_student(width).T)
    network = RadialFeatures(weights, jnp.zeros((width, 1)), scale=1 / width)
    rule = VarPro(Ridge(1e-3, centre), TAU, problem=blocked_problem, retract=wrap)
    state, info = trace(rule, network, torus_data, 21)
    assert_allclose(info.loss[0], risks[0], atol=1e-11)
    assert_allclose(info.loss[np.array([1, 10, 20])], risks[1:], atol=1e-8)
    w = np.asarray(state.network.weights)
    assert_allclose(np.sum(w[0] + 2 * w[1]), total, atol=1e-8)
    teacher = lattice_teacher(4096, gamma=100.0)
    own = torus_self_term(teacher)
    found = torus_energy(w.T, teacher, second_self=own)
    assert_allclose(found, distance, atol=1e-8)
    start = torus_energy(lattice_student(width), teacher, second_self=own)
    assert_allclose(start, {32: 0.494500229628, 128: 0.471163828917}[width], atol=1e-8)


def networks():
    """One network with each kind of features."""
    rng = np.random.default_rng(0)
    w = jnp.asarray(unit_vectors(rng.uniform(-3, 3, 5)).T)
    common = {"weights": w, "readout": jnp.zeros((5, 1)), "scale": 0.2}
    yield "relu", TwoLayer(**common)
    yield "relu-threshold", ThresholdReLU(**common)
    for kernel in KERNELS:
        yield kernel, RadialFeatures(**common, kernel=kernel)


@pytest.mark.parametrize("centre", [0.0, 1.0])
@pytest.mark.parametrize(("name", "network"), list(networks()))
def test_the_velocity_is_the_gradient_of_the_reduced_risk(name, network, centre):
    x, y = lattice(64, 64)
    data, ridge = batch(x, y), Ridge(1e-2, centre)
    rule = VarPro(ridge, 1.0)

    @jax.jit
    def reduced(weights):
        moved = eqx.tree_at(lambda net: net.weights, network, weights)
        own = rule.project(moved, data)
        problem, spread = DenseProblem(own, data), jnp.sum((own.readout - centre) ** 2)
        return problem.mean_square(own.readout) / 2e-2 + 0.2 * spread / 2

    own = rule.project(network, data)
    velocity = ridge.velocity(DenseProblem(own, data), own.readout)
    found = -velocity.weights * network.scale  # pyright: ignore
    # Differentiating through the solve loses only rounding times the condition.
    assert_allclose(found, jax.grad(reduced)(network.weights), rtol=1e-9, atol=1e-11)
    step = 1e-6
    for index in np.ndindex(2, 5):
        shift = jnp.zeros((2, 5)).at[index].set(step)
        ahead, behind = (reduced(network.weights + sign * shift) for sign in (1, -1))
        # ReLU features have kinks: samples within 1e-6 of one are absent here.
        assert_allclose(found[index], (ahead - behind) / (2 * step), atol=1e-6)


@pytest.mark.parametrize(("name", "network"), list(networks()))
def test_blocks_of_samples_give_the_same_gradient(name, network):
    x, y = lattice(64, 64)
    readout = jnp.linspace(-1, 2, 5)[:, None]
    whole = DenseProblem(network, batch(x, y)).feature_gradient(readout)
    for block in (1, 15, 64):  # 15 leaves a rest of 4.
        problem = DenseProblem(network, batch(x, y), block=block)
        found = problem.feature_gradient(readout)
        assert_allclose(found.weights, whole.weights, rtol=1e-11)  # pyright: ignore


@pytest.mark.parametrize("penalty", [1e-1, 1e-3, 1e-4])
def test_the_teachers_atoms_are_a_fixed_point(penalty):
    angles = CircleTeacher(100.0).lattice(64)
    x, y = lattice(256, 64)
    rule = VarPro(Ridge(penalty, 1.0), TAU, problem=CircleProblem, retract=normalise)
    state, info = trace(rule, student(angles), moments(x, y), 100)
    # The Gram form of the risk has a floor of 1e-16/penalty.
    assert float(jnp.abs(info.loss).max()) < 1e-15 / penalty
    assert_allclose(state.network.weights.T, unit_vectors(angles), atol=1e-10)
    assert_allclose(state.network.readout, 1, atol=1e-9)


def test_the_biased_risk_of_the_teacher_tends_to_one_half_from_below():
    x, y = lattice(256, 64)
    network = student(CircleTeacher(100.0).lattice(64))
    risks = []
    for penalty in (1e-1, 1e-2, 1e-3, 1e-4):
        rule = VarPro(Ridge(penalty, 0.0), TAU, problem=CircleProblem)
        risks.append(float(trace(rule, network, moments(x, y), 1)[1].loss[0]))
    assert np.all(np.diff(risks) > 0)
    assert 0.49 < risks[-1] <= 0.5


def test_the_risk_falls_with_the_penalty_towards_the_projected_energy():
    x, y = lattice()
    # Section 7D5 of the document; the limit is E_V(0) = .7888, not 1.0277.
    documented = {1e-4: 0.7241, 1e-5: 0.7726, 1e-6: 0.7876}
    data = moments(x, y)
    for penalty, expected in documented.items():
        rule = VarPro(Ridge(penalty, 1.0), TAU, problem=CircleProblem)
        _, info = trace(rule, even_student(128), data, 1)
        assert_allclose(info.loss[0], expected, atol=1e-4)


def test_with_a_threshold_the_risk_tends_to_the_plain_chi_square():
    x, teacher = lattice_inputs(2048), unit_vectors(CircleTeacher(10.0).lattice(2048))
    y = np.maximum(x @ teacher.T + 0.5, 0).mean(axis=1)
    network = ThresholdReLU(
        even_student(128).weights, jnp.zeros((128, 1)), scale=1 / 128
    )
    risks = []
    for penalty in (1e-4, 1e-5, 1e-6):
        rule = VarPro(Ridge(penalty, 1.0), TAU, problem=DenseProblem)
        risks.append(float(trace(rule, network, batch(x, y), 1)[1].loss[0]))
    assert np.all(np.diff(risks) > 0)
    # Not .2210, the energy of the visible harmonics.
    assert_allclose(risks[-1], 0.2277112297, rtol=5e-3)


def test_neurons_can_be_permuted_samples_doubled_and_everything_rotated():
    x, y = lattice(256, 64)
    angles = np.linspace(-3, 2, 40)
    rule = VarPro(Ridge(1e-3, 1.0), TAU, problem=CircleProblem, retract=normalise)
    state, info = trace(rule, student(angles), moments(x, y), 30)
    order = np.random.default_rng(1).permutation(40)
    permuted, _ = trace(rule, student(angles[order]), moments(x, y), 30)
    weights = np.asarray(state.network.weights)
    assert_allclose(permuted.network.weights, weights[:, order], atol=1e-9)
    twice = moments(np.concatenate([x, x]), np.concatenate([y, y]))
    _, doubled = trace(rule, student(angles), twice, 30)
    assert_allclose(doubled.loss, info.loss, rtol=1e-10)
    turn = unit_vectors(np.array([1.0, 1.0 + np.pi / 2])).T
    rotated, _ = trace(rule, student(angles + 1), moments(x @ turn.T, y), 30)
    assert_allclose(rotated.network.weights, turn @ weights, atol=1e-9)


def test_the_scheme_is_of_first_order_in_the_time_step():
    data = PopulationMoments(CircleTeacher(100.0))  # Samples would add kinks.
    ends = []
    for halvings in range(4):
        rule = VarPro(
            Ridge(1e-2, 1.0),
            2.0 ** -(6 + halvings),
            problem=CircleProblem,
            retract=normalise,
        )
        state, _ = trace(rule, even_student(16), data, 8 * 2**halvings)
        ends.append(np.asarray(state.network.weights))
    errors = [np.abs(a - b).max() for a, b in itertools.pairwise(ends)]
    ratios = np.array(errors[:-1]) / errors[1:]
    assert np.all((ratios > 1.6) & (ratios < 2.5))


def test_a_running_readout_is_the_weighted_sum_of_the_optima(key):
    network = TwoLayer(jax.random.normal(key, (3, 4)), jnp.ones((4, 2)), scale=0.25)
    rule = VarPro(Ridge(1e-1, 0.0), 0.1, average=0.5)
    state = rule.init(network, key=key)
    expected = np.asarray(network.readout)
    for number in range(6):
        keys = jax.random.split(jax.random.fold_in(key, number))
        data = Batch(
            jax.random.normal(keys[0], (7, 3)), jax.random.normal(keys[1], (7, 2))
        )
        optimum = rule.project(state.network, data).readout
        expected = 0.5 * expected + 0.5 * np.asarray(optimum)
        state, _ = rule.step(state, data, key=key)
        assert_allclose(state.network.readout, expected, rtol=1e-12)


def test_values_that_make_no_sense_are_refused():
    with pytest.raises(ConfigError, match=r"`penalty` must be positive, got 0.0; the"):
        Ridge(0.0, 1.0)
    with pytest.raises(ConfigError, match="`time_step` must be a positive"):
        VarPro(Ridge(1e-3, 1.0), 0.0)
    with pytest.raises(ConfigError, match=r"`average` must lie in \[0, 1\]"):
        VarPro(Ridge(1e-3, 1.0), 0.1, average=1.5)
