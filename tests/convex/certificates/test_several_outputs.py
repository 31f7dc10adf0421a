"""Certificates of several outputs: below any network, and tight where zero is best."""

import cvxpy as cp
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.convex import SearchLimits, certify_network, solve_global
from overparam.convex.certificates.several_outputs import (
    certify_outputs,
    loose_activation,
    loose_lower_bound,
)
from overparam.errors import ConfigError, DataError
from overparam.networks import TwoLayer


# No clock: bounds are equal on machines of any speed.
LIMITS = SearchLimits(seconds=np.inf, nodes=100_000)


def network(rng, d, width, n_outputs, *, size=1.0, skip=False):
    rows = width + (d if skip else 0)
    return TwoLayer(
        weights=jnp.asarray(size * rng.standard_normal((d, width))),
        readout=jnp.asarray(size * rng.standard_normal((rows, n_outputs))),
        scale=0.5,
        skip=skip,
    )


def test_the_activation_is_never_above_its_bound(rng):
    x, dual = rng.standard_normal((12, 3)), rng.standard_normal((12, 2))
    x[0], dual[1] = 0, 0
    directions = rng.standard_normal((3, 20_000))
    directions /= np.linalg.norm(directions, axis=0)
    values = np.linalg.norm(dual.T @ np.maximum(x @ directions, 0), axis=0)
    assert values.max() <= loose_activation(x, dual) <= 3 * values.max()


@pytest.mark.parametrize("skip", [False, True])
def test_the_bound_is_below_every_network(rng, skip):
    x, y = rng.standard_normal((10, 2)), rng.standard_normal((10, 3))
    for size in (0.01, 0.1, 0.5, 1, 3):
        found = certify_outputs(
            network(rng, 2, 6, 3, size=size, skip=skip), x, y, penalty=0.3
        )
        assert 0 < found.lower <= found.best_known <= found.objective
        assert found.tier == "bounded"


def test_the_bound_is_below_the_closed_form_of_one_direction(rng):
    """Inputs on a half line: F = x a^T pays |a|, whose optimum is a soft threshold."""
    x, y = rng.uniform(0.5, 2, (8, 1)), rng.standard_normal((8, 2))
    penalty, pull = 0.2, x.T @ y
    size = float(np.linalg.norm(pull))
    a = (1 - penalty / size) * pull / float(np.sum(x**2))
    best = 0.5 * np.sum((x @ a - y) ** 2) + penalty * np.linalg.norm(a)
    optimum = TwoLayer(jnp.ones((1, 1)), jnp.asarray(a))
    found = certify_outputs(optimum, x, y, penalty=penalty)
    assert found.objective == pytest.approx(best)
    assert found.lower <= best


def test_a_large_penalty_certifies_the_zero_network(rng):
    x, y = rng.standard_normal((10, 2)), rng.standard_normal((10, 3))
    penalty = 1.001 * loose_activation(x, y)
    zero = network(rng, 2, 4, 3, size=0.0)
    found = certify_outputs(zero, x, y, penalty=penalty)
    assert found.objective == pytest.approx(0.5 * np.sum(y**2))
    assert found.gap <= 1e-10


def test_one_output_agrees_with_the_programmes(rng):
    x, y = rng.standard_normal((8, 2)), rng.standard_normal(8)
    one = network(rng, 2, 5, 1)
    exact = certify_network(one, x, y, penalty=0.2)
    loose = certify_outputs(one, x, y[:, None], penalty=0.2)
    assert loose.objective == pytest.approx(exact.objective)
    assert exact.tier == "certified"
    for dual in (y, y - 0.5, rng.standard_normal(8)):
        bound = loose_lower_bound(x, y[:, None], dual[:, None], penalty=0.2)
        assert bound <= exact.best_known


def test_what_has_no_certificate_is_refused(rng):
    x = rng.standard_normal((5, 2))
    with pytest.raises(ConfigError, match=r"targets of shape \(5, 3\), got relu and"):
        certify_outputs(network(rng, 2, 4, 3), x, x, penalty=0.1)
    broken = network(rng, 2, 4, 2, size=np.inf)
    with pytest.raises(DataError, match="no certificate"), np.errstate(all="ignore"):
        certify_outputs(broken, x, x, penalty=0.1)


def group_lasso(features, y, penalty):
    """The best weights of given neurons, by an outside solver."""
    a = cp.Variable((features.shape[1], y.shape[1]))
    paid = penalty * cp.sum(cp.norm(a, 2, axis=1))
    problem = cp.Problem(cp.Minimize(0.5 * cp.sum_squares(features @ a - y) + paid))
    return problem.solve(solver="CLARABEL")


@pytest.mark.parametrize("n_outputs", [2, 3])
def test_outputs_one_by_one_are_below_the_best_of_many_neurons(rng, n_outputs):
    for _ in range(3):
        x, y = rng.standard_normal((9, 2)), rng.standard_normal((9, n_outputs))
        angles = np.linspace(0, 2 * np.pi, 400, endpoint=False)
        directions = np.stack([np.cos(angles), np.sin(angles)])
        best = group_lasso(np.maximum(x @ directions, 0), y, 0.3)
        one = network(rng, 2, 6, n_outputs)
        loose = certify_outputs(one, x, y, penalty=0.3)
        found = certify_outputs(one, x, y, penalty=0.3, search=LIMITS)
        assert loose.lower <= found.lower <= best
        # The nearest of the 400 directions is up to pi / 400 away.
        assert found.best_known >= best * (1 - 1e-3)
        assert (found.proof, found.tier) == ("outputs", "bounded")
        # What weights that are all equal prove; those at hand are better here.
        assert found.lower >= best / np.sqrt(n_outputs)


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("mixed", [False, True])
def test_targets_of_rank_one_are_one_problem(rng, skip, mixed):
    x, y = rng.standard_normal((20, 3)), rng.standard_normal(20)
    mixing = np.array([0.6, -0.8, 0.0]) if mixed else np.array([0.0, 1.0, 0.0])
    alone = solve_global(x, y, penalty=0.2, skip=skip, gap=1e-3)
    one = network(rng, 3, 6, 3, skip=skip)
    found = certify_outputs(
        one, x, np.outer(y, mixing), penalty=0.2, search=LIMITS, gap=1e-3
    )
    assert (found.proof, found.tier) == ("outputs", "certified")
    assert found.lower == pytest.approx(alone.lower, rel=1.1e-3)
    assert found.best_known == pytest.approx(alone.objective, rel=1.1e-3)


def test_zero_samples_and_zero_targets_of_several_outputs(rng):
    x, y = rng.standard_normal((8, 2)), rng.standard_normal((8, 2))
    one = network(rng, 2, 4, 2)
    plain = certify_outputs(one, x[:6], y[:6], penalty=0.2, search=LIMITS)
    x[6:] = 0
    found = certify_outputs(one, x, y, penalty=0.2, search=LIMITS)
    constant = 0.5 * np.sum(y[6:] ** 2)
    assert found.lower == pytest.approx(plain.lower + constant)
    nothing = certify_outputs(one, x, 0 * y, penalty=0.2, search=LIMITS)
    assert (nothing.lower, nothing.best_known, nothing.tier) == (0, 0, "certified")
    with pytest.raises(DataError, match="largest entry of `x`"):
        certify_outputs(one, 1e200 * x, y, penalty=0.2)


def test_an_interrupted_search_of_several_outputs_keeps_a_bound(rng):
    x, y = rng.standard_normal((30, 5)), rng.standard_normal((30, 2))
    told = []

    def impatient(found):
        told.append(found)
        raise KeyboardInterrupt

    one = network(rng, 5, 4, 2)
    options = {"penalty": 0.3, "search": LIMITS}
    found = certify_outputs(one, x, y, watch=impatient, **options)
    assert 0 < found.lower <= found.best_known
    assert len(told) <= 2  # The second output was not searched.
