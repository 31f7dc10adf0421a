"""Closed forms of the least penalty over rescalings."""

import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from overparam.errors import ConfigError
from overparam.networks import TwoLayer
from overparam.objectives import (
    L2,
    PowerPenalty,
    Unbalanced,
    balanced_path_norm,
    largest_squared_norm,
    minimal_penalty,
    optimal_common_scale,
    optimal_norms,
)
from overparam.objectives.power_penalties import Norms


FEW = settings(max_examples=20)
SIZES = st.floats(0.1, 10)
PENALTIES = st.builds(
    PowerPenalty, p=st.floats(0.5, 4), q=st.floats(0.5, 4), mu=SIZES, nu=SIZES
)


def _value(penalty, readout, weights):
    return penalty.mu * readout**penalty.p + penalty.nu * weights**penalty.q


@FEW
@given(penalty=PENALTIES, path_norm=SIZES)
def test_the_closed_form_is_the_minimum_over_all_norms(penalty, path_norm):
    def along(log):
        return np.log(_value(penalty, np.exp(log), path_norm / np.exp(log)))

    found = minimize_scalar(along, options={"xtol": 1e-10})
    least = minimal_penalty(path_norm, penalty)
    assert least == pytest.approx(np.exp(found.fun), rel=1e-10)
    norms = optimal_norms(path_norm, penalty)
    assert norms.readout * norms.weights == pytest.approx(path_norm, rel=1e-12)
    # A minimum of float64 values fixes its place to half the digits.
    assert norms.readout == pytest.approx(np.exp(found.x), rel=1e-6)


@FEW
@given(penalty=PENALTIES, readout=SIZES, weights=SIZES)
def test_the_common_scale_is_optimal(penalty, readout, weights):
    alpha = optimal_common_scale(Norms(readout=readout, weights=weights), penalty)
    best = _value(penalty, alpha * readout, weights / alpha)
    for factor in (0.99, 1.01):
        moved = alpha * factor
        assert best < _value(penalty, moved * readout, weights / moved)


@FEW
@given(strength=SIZES, readout=SIZES, weights=SIZES)
def test_common_scales_of_the_exercise(strength, readout, weights):
    norms = Norms(readout=readout, weights=weights)
    fourth = optimal_common_scale(norms, L2(strength)) ** 4
    assert fourth == pytest.approx(weights**2 / readout**2)
    third = optimal_common_scale(norms, Unbalanced(strength)) ** 3
    assert third == pytest.approx(2 * weights**2 / readout)


@FEW
@given(strength=SIZES, path_norm=SIZES)
def test_least_penalties_of_the_exercise(strength, path_norm):
    assert minimal_penalty(path_norm, L2(strength)) == pytest.approx(
        strength * path_norm
    )
    assert minimal_penalty(path_norm, Unbalanced(strength)) == pytest.approx(
        1.5 * strength * (path_norm / 2) ** (2 / 3)
    )


@FEW
@given(penalty=PENALTIES.filter(lambda penalty: abs(penalty.p - penalty.q) > 0.1))
def test_layers_have_equal_norms_at_one_path_norm_only(penalty):
    balanced = balanced_path_norm(penalty)
    norms = optimal_norms(balanced, penalty)
    assert norms.readout == pytest.approx(norms.weights, rel=1e-9)
    other = optimal_norms(1.1 * balanced, penalty)
    assert abs(other.readout / other.weights - 1) > 1e-3


def test_the_unbalanced_penalty_balances_at_one_quarter():
    assert balanced_path_norm(Unbalanced(3.0)) == pytest.approx(0.25)


def test_nothing_is_the_best_of_nothing():
    assert minimal_penalty(0.0, Unbalanced()) == 0
    assert optimal_norms(0.0, L2()) == Norms(readout=0.0, weights=0.0)


@FEW
@given(seed=st.integers(0, 2**31 - 1), penalty=PENALTIES)
def test_a_penalty_is_a_function_of_the_network(seed, penalty):
    rng = np.random.default_rng(seed)
    weights, readout = rng.normal(size=(4, 3)), rng.normal(size=(3, 2))
    network = TwoLayer(jnp.asarray(weights), jnp.asarray(readout), scale=0.5)
    expected = _value(penalty, np.linalg.norm(readout), np.linalg.norm(weights))
    assert float(penalty(network)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: PowerPenalty(p=0, q=1), "`p` must be positive, got 0."),
        (lambda: PowerPenalty(p=1, q=-1.5), "`q` must be positive, got -1.5."),
        (lambda: PowerPenalty(p=1, q=1, mu=float("nan")), "`mu` .*, got nan."),
        (lambda: L2(0.0), "`strength` must be a positive finite number, got 0"),
        (lambda: Unbalanced(-1.0), "`strength` must be a positive finite number"),
        (lambda: balanced_path_norm(L2()), "`p` and `q` must differ .*, got 2"),
        (lambda: minimal_penalty(-1.0, L2()), "`path_norm` must be at least 0"),
        (lambda: largest_squared_norm(-1.0, 1.0), "`zero_loss` must be at least 0"),
    ],
)
def test_penalties_that_make_no_sense_are_refused(build, message):
    with pytest.raises(ConfigError, match=message):
        build()


@pytest.mark.parametrize(
    ("path_norm", "q"), [(30.0, 300.0), (1e200, 2.0), (1e-200, 2.0), (5.0, 1e4)]
)
def test_powers_that_leave_float64_on_the_way_change_nothing(path_norm, q):
    penalty = PowerPenalty(p=2.0, q=q)
    # t^(p + q) = q C^q / p, in the logarithms of whole numbers that have no range.
    with mpmath.workdps(50):
        C, power = mpmath.mpf(path_norm), mpmath.mpf(q)
        t = (power * C**power / 2) ** (1 / (2 + power))
        least = t**2 + (C / t) ** power
    assert optimal_norms(path_norm, penalty).readout == pytest.approx(float(t))
    assert minimal_penalty(path_norm, penalty) == pytest.approx(float(least), rel=1e-9)
