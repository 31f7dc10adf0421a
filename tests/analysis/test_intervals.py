"""Intervals against closed forms, SciPy and their coverage."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from overparam.analysis.intervals import (
    Interval,
    mean_interval,
    median_interval,
    percentile_interval,
    ratio_interval,
    resampled_units,
    sign_test,
    wilson,
)
from overparam.errors import ConfigError


@pytest.mark.parametrize(
    ("low", "high", "lies"),
    [
        (0.1, 0.9, True),
        (1.0, 2.0, False),
        (-1, -0.5, False),
        (-0.1, 0.5, None),
        (0.5, 1.5, None),
        (-1, 2, None),
        (np.nan, np.nan, None),
        (-np.inf, np.inf, None),
    ],
)
def test_an_interval_that_is_partly_there_decides_nothing(low, high, lies):
    assert Interval(estimate=0.5, low=low, high=high).lies(above=0, below=1) is lies


@pytest.mark.parametrize(
    ("low", "high", "within"),
    [(0, 1, True), (0.2, 0.9, True), (1.1, 2, False), (-0.1, 0.5, None)],
)
def test_a_band_has_its_ends(low, high, within):
    assert Interval(estimate=0.5, low=low, high=high).within(0, 1) is within
    assert Interval(estimate=0.5, low=np.nan, high=np.nan).within(0, 1) is None


@pytest.mark.parametrize(
    ("low", "high", "below"),
    [(-2, -1, True), (-1, 0, None), (0.5, 2, None), (1, 2, False), (2, 3, False)],
)
def test_intervals_that_overlap_are_in_no_order(low, high, below):
    other = Interval(estimate=0.5, low=0, high=1)
    assert Interval(estimate=0.5, low=low, high=high).is_below(other) is below


def test_wilson_solves_its_quadratic():
    found = wilson(7, 20)
    z = stats.norm.ppf(0.975)
    for p in (found.low, found.high):
        assert_allclose(abs(7 / 20 - p), z * np.sqrt(p * (1 - p) / 20), rtol=1e-9)


def test_median_interval_covers_the_median_often_enough():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(400):
        found = median_interval(rng.exponential(size=15))
        hits += found.low <= np.log(2) <= found.high
    # Coverage is at least 0.95; four standard errors of 400 trials are 0.044.
    assert hits / 400 > 0.95 - 0.044


def test_median_interval_of_few_values_is_their_range():
    found = median_interval([3.0, 1.0, 2.0])
    assert (found.estimate, found.low, found.high) == (2, 1, 3)


def test_mean_interval_is_students():
    values = [1.0, 2.0, 4.0, 8.0]
    low, high = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    found = mean_interval(values)
    assert_allclose([found.low, found.high], [low, high])
    assert mean_interval([1.0]).high == np.inf


def test_percentile_interval_is_students_for_means_of_few_normal_values():
    rng = np.random.default_rng(0)
    values = rng.standard_normal(10)
    repeats = [values[rng.integers(0, 10, 10)].mean() for _ in range(20_000)]
    found = percentile_interval(values.mean(), repeats, n_units=10)
    expected = mean_interval(values)
    # A percentile is not symmetric; the length is that of Student up to skewness.
    length = expected.high - expected.low
    assert_allclose(found.high - found.low, length, rtol=0.1)


def test_repeats_may_be_infinite():
    found = percentile_interval(1.0, [1.0, 2.0, np.inf, np.inf], n_units=500)
    assert (found.low, found.high) == (1, np.inf)


def test_units_are_drawn_whole():
    owner = np.array([0, 1, 1, 2, 2, 2])
    chosen = resampled_units(owner, np.random.default_rng(1))
    times = np.bincount(chosen, minlength=6)
    assert times[1] == times[2]
    assert times[3] == times[4] == times[5]
    assert times[[0, 1, 3]].sum() == 3


def test_sign_test_counts_signs():
    assert_allclose(sign_test([1.0] * 10), 2 * 0.5**10)
    assert sign_test([0.0, 0.0]) == 1
    assert_allclose(sign_test([1.0, -1.0, 0.0]), 1)


def test_bad_values_are_one_sentence():
    with pytest.raises(ConfigError, match="successes"):
        wilson(3, 2)
    with pytest.raises(ConfigError, match="finite"):
        mean_interval([np.nan])


def test_ends_that_a_mean_cannot_have_are_cut():
    values = [0.01, 0.02, 9.0]
    whole, cut = mean_interval(values), mean_interval(values, within=(0, np.inf))
    assert whole.low < 0 == cut.low
    assert cut.high == whole.high
    alone = mean_interval([0.9], within=(0, 1))
    assert (alone.low, alone.estimate, alone.high) == (0, 0.9, 1)


def test_interval_of_ratios_is_students_on_logarithms_and_turns_over():
    ratios = np.array([0.2, 1.5])
    found, inverse = ratio_interval(ratios), ratio_interval(1 / ratios)
    logs = np.log(ratios)
    low, high = stats.t.interval(0.95, 1, np.mean(logs), stats.sem(logs))
    assert_allclose([found.low, found.high], np.exp([low, high]))
    assert_allclose(found.estimate, stats.gmean(ratios))
    assert_allclose([1 / inverse.high, 1 / inverse.low], [found.low, found.high])
    with pytest.raises(ConfigError, match="positive"):
        ratio_interval([1.0, 0.0])
