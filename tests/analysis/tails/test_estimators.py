"""Tail indices on samples whose index is known, drawn by SciPy."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from overparam.analysis.tails.estimators import (
    ASSUMPTIONS,
    ESTIMATORS,
    QUANTILE_RATIOS,
    RATIO_INDICES,
    dekkers_index,
    hill_index,
    hill_plot,
    mcculloch_index,
    pickands_index,
    survival,
)
from overparam.errors import ConfigError

from ...seeds import SEED


# Mean and standard deviation of 40 repeats of 5000 values, measured with other code
# (section 5.5 of the study's document); columns are alpha = 1.5, 1.75, 1.9.
MEASURED = {
    "block": [(1.502, 0.070), (1.749, 0.091), (1.899, 0.127)],
    "characteristic": [(1.498, 0.021), (1.754, 0.020), (1.902, 0.016)],
    "mcculloch": [(1.493, 0.023), (1.746, 0.030), (1.899, 0.047)],
    "log-moment": [(1.496, 0.041), (1.766, 0.066), (1.920, 0.076)],
    "hill": [(1.581, 0.154), (2.065, 0.208), (3.234, 0.511)],
    "dekkers": [(1.618, 0.41), (1.897, 0.41), (2.08, 0.45)],
}


def rng(number=0):
    return np.random.default_rng([SEED, number])


@pytest.mark.parametrize("column", [0, 1, 2])
def test_estimators_have_their_known_means_on_stable_samples(column):
    alpha, n_repeats = [1.5, 1.75, 1.9][column], 20
    samples = stats.levy_stable.rvs(
        alpha, 0, size=(n_repeats, 5000), random_state=rng(column)
    )
    for name, values in MEASURED.items():
        mean, deviation = values[column]
        found = np.mean([ESTIMATORS[name](sample) for sample in samples])
        # Five standard errors of 20 repeats; the table itself carries 40.
        assert abs(found - mean) <= 5 * deviation / math.sqrt(n_repeats) + 0.01, name


def test_gaussian_samples_have_index_two():
    sample = rng().standard_normal(50_000)
    tolerances = {
        "block": 5 * 0.054,
        "characteristic": 0.01,
        "mcculloch": 5 * 0.010,
        "log-moment": 5 * 0.028,
    }
    for name, tolerance in tolerances.items():
        assert abs(ESTIMATORS[name](sample) - 2) <= tolerance, name


def test_hill_finds_the_index_of_students_tail():
    sample = stats.t(3).rvs(1_000_000, random_state=rng())
    # Bias and spread of 1000 order statistics, measured as 2.955 +- .105.
    assert abs(hill_index(sample, k=1000) - 3) <= 0.4


@pytest.mark.parametrize("alpha", [0.7, 1.5, 3.0])
def test_power_tail_estimators_find_an_exact_pareto(alpha):
    sample = stats.pareto(alpha).rvs(200_000, random_state=rng())
    k = 5000
    assert abs(hill_index(sample, k=k) - alpha) <= 4 * alpha / math.sqrt(k)
    # Asymptotic errors of the inverse index g: sqrt(1 + g^2) for Dekkers, and
    # g sqrt(2^(2g+1) + 1) / (2 (2^g - 1) log 2) for Pickands.
    g = 1 / alpha
    error = 5 * math.sqrt(1 + g**2) / math.sqrt(k)
    assert abs(1 / dekkers_index(sample, k=k) - g) <= error
    error = g * math.sqrt(2 ** (2 * g + 1) + 1) / (2 * (2**g - 1) * math.log(2))
    assert abs(1 / pickands_index(sample, k=k) - g) <= 5 * error / math.sqrt(k)


def test_quantile_ratios_are_scipys():
    chosen = [0, 5, 10, 15, 20, 25, 29, 30]
    for alpha, ratio in zip(
        RATIO_INDICES[chosen], QUANTILE_RATIOS[chosen], strict=True
    ):
        q75, q95 = stats.levy_stable.ppf([0.75, 0.95], alpha, 0)
        assert ratio == pytest.approx(q95 / q75, rel=1e-3)


def test_mcculloch_inverts_scipys_quantiles_between_the_entries_of_the_table():
    levels = (np.arange(2000) + 0.5) / 2000
    for alpha in (1.27, 1.72, 1.97):
        points = np.interp(
            levels,
            grid := np.array([0.05, 0.25, 0.5, 0.75, 0.95]),
            stats.levy_stable.ppf(grid, alpha, 0),
        )
        assert mcculloch_index(points) == pytest.approx(alpha, abs=5e-3)


@settings(max_examples=10)
@given(scale=st.floats(1e-20, 1e20), seed=st.integers(0, 100))
def test_no_index_depends_on_the_unit(scale, seed):
    sample = np.random.default_rng(seed).standard_t(2, 1000)
    for name, estimator in ESTIMATORS.items():
        assert estimator(scale * sample) == pytest.approx(
            estimator(sample), rel=1e-6
        ), name


def test_every_estimator_says_what_it_assumes():
    assert list(ASSUMPTIONS) == list(ESTIMATORS)


def test_the_hill_plot_passes_through_the_hill_index():
    sample = rng().standard_cauchy(3000)
    ks, indices = hill_plot(sample)
    for position in (3, len(ks) // 2, len(ks) - 2):
        k = int(ks[position])
        assert indices[position] == pytest.approx(hill_index(sample, k=k), rel=1e-9)


def test_survival_counts_values_at_least_as_large():
    values, shares = survival(np.concatenate([np.full(99, 1.0), [-3.0]]))
    assert shares[0] == 1
    assert (values[-1], shares[-1]) == (3.0, pytest.approx(0.01))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.arange(50.0), "at least 100 values, got 50"),
        (np.full(200, 3.0), "values that differ, got 3 throughout"),
        (np.append(np.arange(200.0), np.nan), "finite values, got 1 that are not"),
    ],
)
@pytest.mark.parametrize("name", list(ESTIMATORS))
def test_samples_without_a_tail_are_refused(name, x, message):
    with pytest.raises(ConfigError, match=message):
        ESTIMATORS[name](x)


@pytest.mark.parametrize("k", [0, 400, 500])
def test_order_statistics_beyond_the_sample_are_refused(k):
    sample = rng().standard_normal(400)
    with pytest.raises(
        ConfigError, match=f"`hill` needs 1 <= k < N, got k = {k} for N"
    ):
        hill_index(sample, k=k)


BOUNDED = {
    "signs": np.resize([-1.0, 1.0], 1000),
    "clipped": np.clip(np.random.default_rng(0).standard_normal(1000), -1, 1),
    "three values": np.resize([-2.0, 0, 2.0], 999),
}


@pytest.mark.parametrize("name", ["hill", "dekkers", "pickands"])
@pytest.mark.parametrize("law", BOUNDED)
def test_a_law_with_an_atom_at_its_end_has_no_tail(law, name):
    assert ESTIMATORS[name](BOUNDED[law]) == math.inf


@pytest.mark.parametrize(
    ("name", "sample", "message"),
    [
        ("pickands", np.repeat([1.0, 7.0], [992, 8]), "order statistics that differ"),
        ("pickands", np.repeat([0.0, 1.0], [996, 4]), "values that are not 0"),
        ("hill", np.repeat([1.0, 7.0], [992, 8]), "most of the 20 largest are 1"),
        ("dekkers", np.repeat([1.0, 7.0], [992, 8]), "most of the 20 largest are 1"),
        ("hill", np.repeat([0.0, 1.0], [990, 10]), "more than k = 20 values"),
    ],
)
def test_order_statistics_of_discrete_samples_are_refused(name, sample, message):
    with pytest.raises(ConfigError, match=message):
        ESTIMATORS[name](sample)


@pytest.mark.parametrize("alpha", [1.5, 3.0])
def test_a_pareto_law_is_no_stable_law_to_the_log_moment(alpha):
    """Var log|X| is 1/alpha^2, below that of any stable law from alpha = 0.91 on."""
    sample = stats.pareto(alpha).rvs(5000, random_state=rng())
    signs = rng(1).choice([-1.0, 1.0], 5000)
    with pytest.raises(ConfigError, match="`log-moment` needs a sample that is symm"):
        ESTIMATORS["log-moment"](sample)
    with pytest.raises(ConfigError, match=r"variance is at least 1\.23"):
        ESTIMATORS["log-moment"](sample * signs)


def test_small_gaussian_samples_keep_a_log_moment():
    for seed in range(200):
        sample = np.random.default_rng(seed).standard_normal(100)
        assert ESTIMATORS["log-moment"](sample) > 0.9


@pytest.mark.parametrize("name", ["block", "log-moment"])
def test_estimators_of_symmetric_laws_refuse_what_is_none(name):
    sample = rng().standard_normal(2000)
    for bad, message in {
        "one sign only": np.abs(sample),
        "are 0": np.where(rng(1).random(2000) < 0.3, 0, sample),
    }.items():
        with pytest.raises(ConfigError, match=bad):
            ESTIMATORS[name](message)


def test_sums_that_do_not_grow_have_no_block_index():
    with pytest.raises(ConfigError, match="`block` needs sums of 70 values"):
        ESTIMATORS["block"](np.cos(np.arange(5000)))


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_no_index_depends_on_the_unit_at_the_ends_of_float64(scale):
    sample = np.random.default_rng(3).standard_t(2, 1000)
    for name, estimator in ESTIMATORS.items():
        # 1e-300 and 1e300 themselves are rounded: a few units in the last place.
        assert estimator(scale * sample) == pytest.approx(
            estimator(sample), rel=1e-9
        ), name


@pytest.mark.parametrize("name", list(ESTIMATORS))
def test_float32_samples_are_estimated_in_float64(name):
    sample = (1e30 * np.random.default_rng(4).standard_t(2, 1000)).astype(np.float32)
    assert ESTIMATORS[name](sample) == ESTIMATORS[name](sample.astype(np.float64))


def test_a_hill_plot_needs_values_that_are_not_zero():
    with pytest.raises(ConfigError, match="at least 100 values that are not 0, got 3"):
        hill_plot(np.repeat([0.0, 1.0], [400, 3]))
