"""The search over activation signs against all cells, and against that over cones."""

import functools

import numpy as np
import pytest

from overparam.convex import SearchLimits
from overparam.convex.certificates.activation import ConeSearch
from overparam.convex.certificates.sign_search import SignSearch
from overparam.convex.certificates.signed import signed_activation

from .test_activation import search as search_over
from .test_activation import true_maximum
from .test_signed import CASES, degenerate


search = functools.partial(search_over, kind=SignSearch)


@pytest.mark.parametrize(("n", "d"), [(3, 1), (2, 3), (12, 2), (8, 3)])
def test_the_bound_is_the_maximum_over_all_cells(rng, n, d):
    for _ in range(50):
        x, dual = rng.standard_normal((n, d)), rng.standard_normal(n)
        found, true = search(x, dual), true_maximum(x, dual)
        assert found.finished
        # The best value may be computed above the maximum by its rounding.
        assert true * (1 - 1e-12) <= found.upper <= true * (1 + 1.01e-4)
        assert found.best <= true * (1 + 1e-12)
        value = found.sign * dual @ np.maximum(x @ found.direction, 0)
        assert value == pytest.approx(found.best, rel=1e-10)


@pytest.mark.parametrize("case", CASES)
def test_degenerate_samples(rng, case):
    for _ in range(5):
        x, dual = degenerate(rng, case, 9, 3)
        found, cones = search(x, dual), search(x, dual, kind=ConeSearch)
        assert found.finished
        assert cones.best * (1 - 1e-12) <= found.upper
        assert found.best <= cones.upper * (1 + 1e-12)
        assert found.upper <= cones.upper * (1 + 1.01e-4)


def test_signs_that_contradict_each_other_have_a_bound():
    # Equal rows may get opposite signs: they leave the line t = 0, where the maximum of
    # (0.2 t + s)_+ + 2 (0.2 t + s / 2)_+ - (t)_+ is, which is 2.
    x = np.array([[1, 0], [1, 0], [1, 0], [0.2, 1], [0.2, 0.5], [0.2, 0.5]])
    found = search(x, np.array([1.0, 1, -3, 1, 1, 1]), tolerance=1e-6)
    assert 2 * (1 - 1e-12) <= found.upper <= 2 * (1 + 1.01e-6)


def test_the_root_is_an_eigenvalue_bound_and_bounds_fall(rng):
    x, dual = rng.standard_normal((40, 9)), rng.standard_normal(40)
    best_root, before = signed_activation(x, dual), np.inf
    found = SignSearch(x, dual, tolerance=1e-3)
    for nodes in (1, 4, 40, 400, 4000):
        found.run(SearchLimits(seconds=np.inf, nodes=nodes))
        assert found.best <= found.upper <= before
        assert found.finished or found.n_open > 0
        if nodes == 1:
            # A node that must be divided anyway is not solved to the end.
            assert best_root * 0.99 <= found.upper
        before = found.upper


def test_a_target_is_proven_or_a_direction_above_it_is_found(rng):
    x, dual = rng.standard_normal((30, 8)), rng.standard_normal(30)
    true = search(x, dual, tolerance=1e-6).best
    above = search(x, dual, target=1.01 * true, tolerance=None)
    assert above.finished
    assert not above.violated
    assert above.upper <= 1.01 * true * (1 + 1e-12)
    below = search(x, dual, target=0.99 * true, tolerance=None)
    assert below.violated
    assert below.best > 0.99 * true


def test_the_search_does_not_depend_on_threads(rng, monkeypatch):
    x, dual = rng.standard_normal((30, 8)), rng.standard_normal(30)
    found = []
    for threads in (1, 3):
        place = "overparam.convex.certificates.activation.n_threads"
        monkeypatch.setattr(place, lambda threads=threads: threads)
        one = search(x, dual, tolerance=1e-3)
        found.append((one.n_nodes, one.upper, one.best))
    assert found[0] == found[1]
