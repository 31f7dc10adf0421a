"""The best multiplier of a bound without a search, against an outside solver."""

import cvxpy as cp
import numpy as np
import pytest

from overparam.convex.certificates.bounds import dual_value, loose_bound
from overparam.convex.certificates.multipliers import better_multipliers


def programme(x, y, penalty, network):
    """The largest bound of any multiplier p - q, by a semidefinite programme.

    Of either sign (t + sum of delta) / 2 is at most the penalty where the matrix of
    delta, the rows r and p_i x_i / 2, and t I has no negative eigenvalue.
    """
    n, d = x.shape
    p, q = cp.Variable(n, nonneg=True), cp.Variable(n, nonneg=True)
    rules = [cp.norm(x.T @ (p - q)) <= penalty] if network == "skip" else []
    for positive, negative in ((p, q), (q, p)):
        if network == "normalised":
            rules.append(cp.norm(positive) <= penalty)
            continue
        b, delta, t = cp.Variable(n, nonneg=True), cp.Variable(n + 1), cp.Variable()
        free = 0.5 * cp.diag(positive) @ x
        r = cp.reshape(0.5 * x.T @ positive - x.T @ b, (1, d), order="C")
        rows = cp.vstack([r, free])
        block = cp.bmat([[cp.diag(delta), rows], [rows.T, t * np.eye(d)]])
        rules += [b <= negative, block >> 0, (t + cp.sum(delta)) / 2 <= penalty]
    found = cp.Problem(cp.Maximize(y @ (p - q) - 0.5 * cp.sum_squares(p - q)), rules)
    return float(found.solve(solver="CLARABEL"))


def planted(rng, n, d):
    x = rng.standard_normal((n, d))
    y = np.maximum(x @ rng.standard_normal((d, 2)), 0) @ np.array([1.0, -1.0])
    return x, y + 0.1 * rng.standard_normal(n)


@pytest.mark.parametrize("network", ["plain", "skip", "normalised"])
@pytest.mark.parametrize(("n", "d"), [(1, 1), (20, 4), (30, 8)])
def test_the_last_is_within_two_percent_of_the_best(rng, n, d, network):
    x, y = planted(rng, n, d)
    of = {"penalty": 0.1, "network": network}
    best = programme(x, y, **of)
    *_, last = better_multipliers(x, y, **of)
    bound = loose_bound(x, y, last, **of)
    assert 0.98 * best <= bound <= best * (1 + 1e-6)


def test_bounds_rise_and_do_not_depend_on_units(rng):
    x, y = planted(rng, 30, 6)
    y[:5] = 0
    of = {"network": "plain"}
    bounds = [
        loose_bound(x, y, dual, penalty=0.1, **of)
        for dual in better_multipliers(x, y, penalty=0.1, **of)
    ]
    # Each is computed to 1e-5.
    assert np.all(np.diff(bounds) > -1e-4 * bounds[-1])
    assert bounds[-1] > 1.2 * bounds[0]
    for inputs, labels in ((1e-8, 1e8), (1e8, 1e-8), (1e-8, 1e-8)):
        penalty = 0.1 * inputs * labels
        *_, last = better_multipliers(inputs * x, labels * y, penalty=penalty, **of)
        scaled = loose_bound(inputs * x, labels * y, last, penalty=penalty, **of)
        assert scaled / labels**2 == pytest.approx(bounds[-1], rel=0.02)


def test_a_penalty_that_is_lost_beside_inputs_and_labels_leaves_the_residual(rng):
    x, y = planted(rng, 9, 3)
    for inputs, labels, penalty in ((1e10, 1e20, 1e-300), (1e150, 1e150, 1e-100)):
        given = inputs * x, labels * y
        (only,) = better_multipliers(*given, penalty=penalty, network="plain")
        assert np.array_equal(only, given[1])


@pytest.mark.parametrize("network", ["plain", "skip", "normalised"])
def test_samples_and_labels_that_are_zero_or_of_one_sign(rng, network):
    x, y = planted(rng, 9, 3)
    for inputs, labels in (
        (0 * x, y), (x, 0 * y), (x, np.abs(y)), (x, -np.abs(y)), (np.abs(x), y),
        (np.repeat(x[:3], 3, axis=0), y), (np.outer(y, x[0]), y),
        (x * (np.arange(9) > 2)[:, None], y), (np.hstack([x, x**2, x**3, x**4]), y),
    ):  # fmt: skip
        found = [*better_multipliers(inputs, labels, penalty=0.1, network=network)]
        assert np.isfinite(found).all()
        first, last = (
            loose_bound(inputs, labels, dual, penalty=0.1, network=network)
            for dual in (labels, found[-1])
        )
        assert last >= first * (1 - 1e-9)
        assert last <= 0.5 * labels @ labels * (1 + 1e-12)
        assert dual_value(labels, found[-1], size=1.0) >= 0
