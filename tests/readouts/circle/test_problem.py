"""The fast path of ReLU on the circle against dense matrices."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from overparam.data import CircleTeacher, uniform_angles
from overparam.dynamics import Ridge, VarPro
from overparam.errors import ConfigError, DataError
from overparam.networks import TwoLayer
from overparam.readouts import (
    CircleProblem,
    DenseProblem,
    PopulationMoments,
    SampledMoments,
    StaleConjugate,
    prefix_problem,
)
from overparam.readouts.circle.moments import half_cosine_fourier

from ...dynamics.circle_data import (
    batch,
    even_student,
    lattice,
    moments,
    student,
    trace,
)


def random_case(seed: int, width: int, n: int):
    rng = np.random.default_rng(seed)
    angles = rng.uniform(-math.pi, math.pi, width)
    x, y = rng.normal(size=(n, 2)), rng.normal(size=n)
    return angles, x, y, rng.normal(size=(width, 1))


SPECIAL = {
    "ties": np.array([0.3, 0.3, 0.3, -2.0, -2.0]),
    "antipodes": np.array([0.7, 0.7 - math.pi, 2.0, 2.0 - math.pi]),
    "all equal": np.full(40, -1.1),
    "the ends of the circle": np.array([-math.pi, math.pi, math.pi / 2, -math.pi / 2]),
    "one neuron": np.array([2.5]),
    "more than a block": np.linspace(-3, 3, 70),
}


PENALTIES = {1e-1: 1e-11, 1e-3: 1e-10}
"""Penalties, and the relative error allowed in the readout."""


@eqx.filter_jit
def quantities(network, data, readout, make):
    """Everything a readout problem tells, by name."""
    problem = make(network, data)
    ones = jnp.ones_like(readout)
    found = {
        "gram": problem.gram(),
        "product": problem.product(readout),
        "target": problem.target(),
        "gradient": problem.gradient(readout),
        "feature gradient": problem.feature_gradient(readout).weights,
        "mean square": problem.mean_square(readout),
    }
    if make is CircleProblem:
        found["exact mean square"] = problem.exact_mean_square(readout)
    return found | {
        f"readout at {penalty}": problem.solve(jnp.asarray(penalty), ones)
        for penalty in PENALTIES
    }


def check_all(angles, x, y, readout):
    """Every quantity of both problems; ties of data and ends are excluded by chance."""
    network, readout = student(angles), jnp.asarray(readout)
    dense = quantities(network, batch(x, y), readout, DenseProblem)
    dense["exact mean square"] = dense["mean square"]
    for make in (CircleProblem, prefix_problem):
        fast = quantities(network, moments(x, y), readout, make)
        for name, found in fast.items():
            size = np.abs(dense[name]).max()
            penalty = float(name.rpartition(" ")[2]) if "at" in name.split() else 0
            tolerance = PENALTIES.get(penalty, 1e-12 * max(1, np.abs(x).max() ** 2))
            error = np.abs(found - dense[name]).max()
            assert error <= tolerance * max(size, 1), name


@settings(max_examples=10)
@given(st.integers(0, 2**31), st.sampled_from([(1, 9), (2, 1), (33, 9)]))
def test_the_fast_path_is_the_dense_one(seed, sizes):
    check_all(*random_case(seed, *sizes))


@pytest.mark.parametrize("case", SPECIAL)
def test_the_fast_path_is_the_dense_one_in_special_position(case):
    angles = SPECIAL[case]
    _, x, y, readout = random_case(5, len(angles), 64)
    check_all(angles, x, y, readout)


def test_weights_need_not_be_unit_vectors():
    angles, x, y, readout = random_case(6, 9, 40)
    network = student(angles)
    longer = TwoLayer(network.weights * jnp.linspace(0.5, 3, 9)[None], network.readout)
    dense = quantities(longer, batch(x, y), jnp.asarray(readout), DenseProblem)
    fast = quantities(longer, moments(x, y), jnp.asarray(readout), CircleProblem)
    assert_allclose(fast["gram"], dense["gram"], rtol=1e-12, atol=1e-11)
    assert_allclose(fast["readout at 0.1"], dense["readout at 0.1"], rtol=1e-9)


def test_single_precision_runs_in_single_precision():
    x, y = lattice(64, 64)
    network = jax.tree.map(lambda a: a.astype(jnp.float32), even_student(40))
    data = SampledMoments(x, y, dtype="float32")
    one = jnp.ones((40, 1))
    found = quantities(network, data, one.astype(jnp.float32), CircleProblem)
    exact = quantities(even_student(40), moments(x, y), one, CircleProblem)
    assert {value.dtype for value in found.values()} == {jnp.dtype("float32")}
    name = "readout at 0.1"
    assert_allclose(found[name], exact[name], rtol=1e-4)


def test_the_population_kernel_is_the_closed_form():
    problem = CircleProblem(even_student(48), PopulationMoments(CircleTeacher(100.0)))
    t = np.abs(np.subtract.outer(uniform_angles(48), uniform_angles(48)))
    t = np.minimum(t, 2 * math.pi - t)
    kernel = (np.sin(t) + (math.pi - t) * np.cos(t)) / (2 * math.pi)
    assert_allclose(problem.gram() * 48, kernel, atol=1e-13)


@pytest.mark.parametrize("gamma", [10.0, 100.0, 1000.0])
def test_the_population_target_is_its_fourier_series(gamma):
    problem = CircleProblem(even_student(48), PopulationMoments(CircleTeacher(gamma)))
    k = np.arange(-3000, 3001)
    # E[x-feature times y] convolves the teacher with the half cosine twice.
    waves = np.exp(1j * np.outer(uniform_angles(48), k))
    series = 2 * half_cosine_fourier(k) ** 2 * CircleTeacher(gamma).fourier(k)
    # Interpolation on 16384 cells is exact to about 1e-12.
    assert_allclose(problem.target()[:, 0], np.real(waves @ series), atol=1e-11)


@pytest.mark.parametrize("gamma", [10.0, 100.0])
def test_the_first_population_risk_is_a_sum_over_harmonics(gamma):
    data, penalty = PopulationMoments(CircleTeacher(gamma)), 1e-3
    _, info = trace(
        VarPro(Ridge(penalty, 1.0), 1e-3, problem=CircleProblem),
        even_student(256),
        data,
        1,
    )
    k = np.arange(1, 4000)
    kappa = 2 * half_cosine_fourier(k) ** 2
    power = np.abs(CircleTeacher(gamma).fourier(k)) ** 2
    # 256 even atoms integrate harmonics below 256 exactly; the rest weighs kappa/lambda
    # = 1e-6 of it, and the Gram form of the risk 1e-13.
    expected = np.sum(power * kappa / (kappa + penalty))
    assert_allclose(info.loss[0], expected, rtol=1e-6)


def test_samples_tend_to_the_population():
    x, y = lattice(1 << 16, 512)
    sampled, exact = moments(x, y), PopulationMoments(CircleTeacher(100.0))
    # The lattice has a discrepancy of about log(N)/N, and the teacher 512 atoms.
    assert_allclose(sampled.total, exact.total, atol=2e-3)
    assert_allclose(sampled.mean_square, exact.mean_square, atol=2e-3)
    angles = jnp.linspace(-3, 3, 13)
    assert_allclose(sampled.below(angles), exact.below(angles), atol=2e-3)


def test_odd_harmonics_from_three_on_are_invisible():
    x, _ = lattice(4096, 64)
    theta = uniform_angles(65536)
    angle = np.arctan2(x[:200, 1], x[:200, 0])
    features = np.maximum(np.cos(angle[:, None] - theta), 0)
    assert np.abs(features @ np.cos(3 * theta)).max() / 65536 < 1e-12
    assert np.abs(features @ np.cos(2 * theta)).max() / 65536 > 1e-2
    assert_allclose(half_cosine_fourier(np.array([3, 5, 7])), 0)


def test_other_networks_and_bad_data_are_refused():
    x, y = lattice(64, 64)
    network = TwoLayer(jnp.ones((3, 2)), jnp.ones((2, 1)))
    with pytest.raises(ConfigError, match="need bias-free ReLU features on the circle"):
        CircleProblem(network, moments(x, y))
    with pytest.raises(DataError, match=r"inputs must have shape \(samples, 2\)"):
        SampledMoments(np.ones((64, 3)), y)
    x[:3, 0] = np.nan
    with pytest.raises(DataError, match="inputs contain 3 non-finite values"):
        SampledMoments(x, y)


def risk_at(network, x, y, readout, penalty):
    """The risk from the features themselves."""
    outputs = network.scale * np.asarray(network.features(jnp.asarray(x))) @ readout
    data_term = np.mean((outputs[:, 0] - y) ** 2) / (2 * penalty)
    return data_term + network.scale * np.sum((readout - 1) ** 2) / 2


@eqx.filter_jit
def solutions(network, data, samples, penalties):
    """Fast and dense readouts of every penalty, and those of all in one batch."""
    one = jnp.ones_like(network.readout)
    fast, dense = CircleProblem(network, data), DenseProblem(network, samples)
    solver = StaleConjugate()

    def at(penalty):
        readout = fast.solve(penalty, one)
        guess = solver.solve(
            dense, solver.init(network), penalty=penalty, centre=one, start=one
        )
        tries = [readout, guess.readout, readout * (1 + 1e-4), readout * jnp.nan]
        solves = [fast.solves(u, penalty, one) for u in tries]
        return readout, dense.solve(penalty, one), jnp.stack(solves)

    together = jax.vmap(lambda penalty: fast.solve(penalty, one))(penalties)
    return *jax.lax.map(at, penalties), together


@pytest.mark.parametrize(("n", "width"), [(5, 48), (64, 40)])
def test_no_penalty_is_too_small_for_the_fast_path(n, width):
    angles, x, y, _ = random_case(8, width, n)
    network = student(angles)
    # Below 1e-10 the Gram matrix of more samples than neurons is itself too rounded.
    penalties = [1e-1, 1e-5, 1e-7, 1e-9, *([1e-12] if n < width else [])]
    found = solutions(network, moments(x, y), batch(x, y), jnp.asarray(penalties))
    for penalty, fast, dense, solves, together in zip(penalties, *found, strict=True):
        least = risk_at(network, x, y, np.asarray(dense), penalty)
        for readout in (fast, together):
            risk = risk_at(network, x, y, np.asarray(readout), penalty)
            # Kept readouts add 4e-11 of the risk, others what rounding adds.
            assert risk == pytest.approx(least, rel=1e-6)
        # Conjugate gradients give way too; what is wrong or not a number is told.
        assert solves.tolist() == [True, True, False, False], penalty


def test_near_its_centre_a_readout_is_refined_and_no_gram_matrix_is_factored(
    monkeypatch,
):
    """Labels of the network itself: the solution is the centre, to rounding."""
    angles, x, _, _ = random_case(3, 128, 512)
    network = student(angles)
    y = network.scale * np.asarray(network.features(jnp.asarray(x))).sum(axis=1)
    problem, one = CircleProblem(network, moments(x, y)), jnp.ones_like(network.readout)
    penalty = jnp.asarray(1e-6)
    right = problem._sorted_target() + penalty * one[problem.folded.order]
    assert not problem.solves(problem._direct(right, penalty), penalty, one)
    monkeypatch.setattr(CircleProblem, "_dense", lambda *_: one * jnp.nan)
    found = problem.solve(penalty, one)
    # A residual of 1e-15 over the penalty, and as much again for the rounded labels.
    assert_allclose(found, one, rtol=0, atol=1e-8)
    assert problem.solves(found, penalty, one)
