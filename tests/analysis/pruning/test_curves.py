"""Pruning curves against exact arithmetic and exhaustive search."""

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overparam.analysis import counts_for_ratio
from overparam.analysis.pruning.curves import PruningCurve, counts_for_error
from overparam.errors import ConfigError


EPS = [0.0, 0.01, 0.1, 0.29, 0.5, 0.99]


def curve(*sizes):
    return PruningCurve(np.array(sizes, np.float64))


@pytest.mark.parametrize("eps", EPS)
@pytest.mark.parametrize("n", [1, 2, 10, 100, 1000])
def test_sizes_one_to_n_follow_their_exact_rule(n, eps):
    shuffled = np.random.default_rng(n).permutation(n) + 1.0
    allowed = Fraction(str(eps)) * n * (n + 1)
    expected = max(k for k in range(n + 1) if k * (k + 1) <= allowed)
    assert PruningCurve(shuffled).count_for_error(eps) == expected


@pytest.mark.parametrize("eps", EPS)
@pytest.mark.parametrize("n", [1, 3, 100, 999])
def test_equal_sizes_lose_the_floor_of_their_share(n, eps):
    expected = int(Fraction(str(eps)) * n)
    assert PruningCurve(np.full(n, 0.1)).count_for_error(eps) == expected


@settings(max_examples=40)
@given(
    sizes=st.lists(st.integers(0, 30), min_size=1, max_size=9),
    eps=st.sampled_from([0.0, 0.05, 0.25, 0.5, 0.9]),
)
def test_no_larger_set_has_the_allowed_error(sizes, eps):
    allowed = Fraction(str(eps)) * sum(sizes)
    best = max(
        k
        for k in range(len(sizes) + 1)
        if any(sum(chosen) <= allowed for chosen in combinations(sizes, k))
    )
    assert curve(*sizes).count_for_error(eps) == best


@settings(max_examples=40)
@given(
    sizes=st.lists(st.integers(0, 1000), min_size=2, max_size=20),
    power=st.integers(-40, 40),
    seed=st.integers(0, 100),
)
def test_scaling_and_permuting_change_no_count(sizes, power, seed):
    original = curve(*sizes)
    order = np.random.default_rng(seed).permutation(len(sizes))
    moved = PruningCurve(original.squared_sizes[order] * 2.0**power)
    for eps in EPS:
        k = original.count_for_error(eps)
        assert moved.count_for_error(eps) == k
        assert moved.error(k) == pytest.approx(original.error(k), rel=1e-12)


def test_plain_metric_compares_norms():
    sizes = curve(*range(1, 101))
    assert sizes.count_for_error(0.3, metric="plain") == sizes.count_for_error(0.09)
    assert sizes.error(10, metric="plain") == pytest.approx(
        np.sqrt(sum(range(1, 11)) / 5050)
    )


def test_error_zero_removes_exactly_the_zero_columns():
    assert curve(0, 3, 0, 1e-300).count_for_error(0) == 2


def test_a_layer_of_zeros_loses_all_its_columns_without_error():
    zeros = curve(0, 0, 0)
    assert zeros.count_for_error(0.1) == 3
    assert zeros.error(3) == 0


def test_a_single_column_stays_unless_it_is_zero():
    assert curve(2.0).count_for_error(0.99) == 0
    assert curve(0.0).count_for_error(0.0) == 1


def test_of_equal_columns_the_lowest_indices_go_first():
    assert curve(1, 0, 1, 1, 0).removed(3).tolist() == [0, 1, 4]


@pytest.mark.parametrize("n", [1, 7, 10, 100])
def test_ratios_are_rounded_down_and_a_tenth_of_ten_is_one(n):
    for tenths in range(11):
        expected = n * tenths // 10
        assert PruningCurve(np.ones(n)).count_for_ratio(tenths / 10) == expected


@pytest.mark.parametrize("eps", [1, -0.1, float("nan")])
def test_errors_outside_the_interval_are_refused(eps):
    with pytest.raises(ConfigError, match=r"`eps` must be in \[0, 1\), got .*ratio 1"):
        curve(1, 2).count_for_error(eps)


def test_ratios_above_one_are_refused():
    with pytest.raises(ConfigError, match="`ratio` must lie in"):
        curve(1, 2).count_for_ratio(1.2)


@pytest.mark.parametrize("sizes", [[np.nan, 1], [-1, 1], []])
def test_impossible_sizes_are_refused(sizes):
    with pytest.raises(ConfigError, match="`squared_sizes` must be"):
        PruningCurve(np.array(sizes, float))


def test_global_scope_is_one_sort_over_all_layers():
    curves = {"a": curve(1, 5, 9), "b": curve(2, 3, 100)}
    # The sorted sizes are 1, 2, 3, 5, 9, 100 with the sums 1, 3, 6, 11, 20, 120.
    assert counts_for_error(curves, 11 / 120, scope="global") == {"a": 2, "b": 2}
    assert counts_for_ratio(curves, 0.5, scope="global") == {"a": 1, "b": 2}
    assert counts_for_error(curves, 0.1) == {"a": 1, "b": 2}
    assert counts_for_ratio(curves, 0.4) == {"a": 1, "b": 1}


def test_normalised_global_scope_ignores_the_scale_of_a_layer():
    plain = {"a": curve(1, 5, 9), "b": curve(2, 3, 100)}
    scaled = {"a": curve(1e6, 5e6, 9e6), "b": curve(2, 3, 100)}
    for eps in EPS:
        counts = counts_for_error(plain, eps, scope="global-normalised")
        assert counts_for_error(scaled, eps, scope="global-normalised") == counts
