"""Proven bounds of max |l . (X u)_+| against all cells of the arrangement."""

import itertools
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.optimize import nnls

from overparam.convex import SearchLimits, enumerate_patterns
from overparam.convex.certificates import activation
from overparam.convex.certificates.activation import ConeSearch
from overparam.convex.certificates.sign_search import SignSearch
from overparam.errors import ConfigError


def true_maximum(x, dual):
    """The largest value over the ball: in each cell a least-squares problem.

    max {g . u : |u| <= 1, S X u >= 0} = min {|g + X^T S mu| : mu >= 0}, g = X^T D l.
    """
    best = 0.0
    for mask in enumerate_patterns(x).masks:
        signed = np.where(mask, 1.0, -1.0)[:, None] * x
        for sign in (1.0, -1.0):
            best = max(best, nnls(signed.T, -sign * x.T @ (mask * dual))[1])
    return best


def search(x, dual, *, tolerance=1e-4, target=0.0, kind=ConeSearch, nodes=200_000):
    found = kind(x, dual, target=target, tolerance=tolerance)
    found.run(SearchLimits(seconds=np.inf, nodes=nodes))
    return found


def value(x, found, dual):
    return found.sign * dual @ np.maximum(x @ found.direction, 0)


@pytest.mark.parametrize(("n", "d"), [(3, 1), (12, 2), (8, 3)])
def test_the_bound_is_the_maximum_over_all_cells(rng, n, d):
    for _ in range(20):
        x, dual = rng.standard_normal((n, d)), rng.standard_normal(n)
        found, true = search(x, dual), true_maximum(x, dual)
        assert found.upper >= true * (1 - 1e-12)
        assert found.upper <= true * (1 + 1.01e-4)
        assert found.best <= true * (1 + 1e-12)
        assert value(x, found, dual) == pytest.approx(found.best, rel=1e-10)
        assert found.n_open == 0


@pytest.mark.parametrize("case", ["zero", "equal", "opposite", "collinear", "flat"])
def test_degenerate_samples(rng, case):
    for _ in range(5):
        x, dual = rng.standard_normal((9, 3)), rng.standard_normal(9)
        if case == "flat":
            x[:, 2] = x[:, 0] - 2 * x[:, 1]
        else:
            x[3:6] = {"zero": 0, "equal": 1, "opposite": -1, "collinear": 3}[case] * x[
                :3
            ]
        found, true = search(x, dual), true_maximum(x, dual)
        assert true * (1 - 1e-12) <= found.upper <= true * (1 + 1.01e-4)


@pytest.mark.parametrize("kind", [ConeSearch, SignSearch])
@pytest.mark.parametrize("sign", [1, -1])
def test_multipliers_of_one_sign(rng, sign, kind):
    x, dual = rng.standard_normal((10, 3)), sign * rng.random(10)
    found = search(x, dual, kind=kind)
    assert found.upper == pytest.approx(true_maximum(x, dual), rel=1.01e-4)
    assert found.sign == sign


@pytest.mark.parametrize("kind", [ConeSearch, SignSearch])
def test_nothing_to_search(kind):
    x = np.ones((4, 2))
    for inputs, dual in [(x, np.zeros(4)), (0 * x, np.ones(4)), (x[:0], np.ones(0))]:
        found = search(inputs, dual, kind=kind)
        assert (found.upper, found.n_open, found.finished) == (0, 0, True)


@pytest.mark.parametrize("inputs", [1e-8, 1e8])
@pytest.mark.parametrize("labels", [1e-8, 1e8, 1e-160])
def test_the_bound_does_not_depend_on_units(rng, inputs, labels):
    x, dual = rng.standard_normal((10, 3)), rng.standard_normal(10)
    scaled = search(inputs * x, labels * dual)
    assert scaled.upper / inputs / labels == pytest.approx(
        search(x, dual).upper, rel=1.01e-4
    )


def test_samples_of_very_different_sizes(rng):
    x, dual = rng.standard_normal((9, 3)), rng.standard_normal(9)
    x *= 10.0 ** rng.integers(-8, 9, size=(9, 1))
    found, true = search(x, dual), true_maximum(x / 1e8, dual) * 1e8
    assert true * (1 - 1e-8) <= found.upper <= true * (1 + 1.01e-4)


@pytest.mark.parametrize(("n", "d"), [(12, 2), (8, 3)])
@pytest.mark.parametrize("seed", [None, 0, 242351908175667928704003328745331591572])
def test_a_search_for_less_than_rounding_ends(rng, n, d, seed):
    rng = rng if seed is None else np.random.default_rng(seed)
    for _ in range(40):
        x, dual = rng.standard_normal((n, d)), rng.standard_normal(n)
        found = search(x, dual, tolerance=0.0)
        assert found.finished
        assert found.n_open == 0
        assert found.upper <= found.best * (1 + 1e-10)


def test_a_search_that_ends_early_has_a_bound_that_falls(rng):
    x, dual = rng.standard_normal((30, 4)), rng.standard_normal(30)
    full = search(x, dual, tolerance=1e-3)
    found = ConeSearch(x, dual, tolerance=1e-3)
    before = np.inf
    for nodes in (40, 400, 4000):
        found.run(SearchLimits(nodes=nodes))
        assert full.best <= found.upper <= before
        assert found.finished or found.n_open > 0
        before = found.upper
    assert found.upper <= full.best * (1 + 1.01e-3)


def test_an_interrupted_search_keeps_its_bound(rng):
    x, dual = rng.standard_normal((30, 4)), rng.standard_normal(30)

    def impatient(search):
        raise KeyboardInterrupt

    found = ConeSearch(x, dual, tolerance=1e-3)
    found.run(SearchLimits(), impatient)
    assert found.upper >= search(x, dual).best
    assert found.n_open > 0


def test_a_target_is_proven_or_a_direction_above_it_is_found(rng):
    x, dual = rng.standard_normal((20, 3)), rng.standard_normal(20)
    true = search(x, dual, tolerance=1e-6).best
    above = search(x, dual, target=1.01 * true, tolerance=None)
    assert not above.violated
    assert true <= above.upper <= 1.01 * true
    below = search(x, dual, target=0.99 * true, tolerance=None)
    assert below.violated
    assert value(x, below, dual) > 0.99 * true


def test_an_interruption_within_a_batch_loses_no_cone(rng):
    x, dual = rng.standard_normal((20, 4)), rng.standard_normal(20)
    found = ConeSearch(x, dual, tolerance=1e-3)
    found.run(SearchLimits(nodes=100))

    class Interrupted:
        def map(self, *_):
            raise KeyboardInterrupt

    before = found.upper, found.n_open
    with pytest.raises(KeyboardInterrupt):
        found.advance(Interrupted())
    assert (found.upper, found.n_open) == before


def test_control_c_at_any_line_of_a_batch_loses_no_cone(rng):
    # In two dimensions a batch takes all quadrants.
    x, dual = rng.standard_normal((8, 2)), rng.standard_normal(8)
    true, pool = true_maximum(x, dual), SimpleNamespace(map=map)
    ended = False
    for line in itertools.count():
        found, left = ConeSearch(x, dual, tolerance=1e-3), line

        def trace(frame, event, arg):
            nonlocal left
            if frame.f_code.co_filename != activation.__file__:
                return None
            left -= event == "line"
            # Once: some Pythons go on tracing after that.
            if event == "line" and left == -1:
                raise KeyboardInterrupt
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            found.advance(pool)
            ended = True
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(before)
        assert found.upper >= true * (1 - 1e-12)
        if ended:
            break
    assert line > 20


@pytest.mark.parametrize(
    "limits", [{"seconds": -1.0}, {"seconds": np.nan}, {"nodes": -1}]
)
def test_limits_that_are_none_are_refused(limits):
    with pytest.raises(ConfigError, match=r"must be (finite and )?at least 0"):
        SearchLimits(**limits)
    assert SearchLimits(seconds=np.inf, nodes=0).nodes == 0
