import numpy as np
import pytest
from scipy import stats

from overparam.analysis.tails import ESTIMATORS
from overparam.analysis.tails_report import LARGEST_SAMPLE, tail_report
from overparam.errors import ConfigError


def stable(alpha, n, seed=0):
    rng = np.random.default_rng(seed)
    return stats.levy_stable.rvs(alpha, 0, size=n, random_state=rng)


def test_intervals_of_stable_estimators_cover_the_index_about_as_often_as_they_say():
    names = ["characteristic", "mcculloch"]
    covered = dict.fromkeys(names, 0)
    for repeat in range(40):
        sample = stable(1.6, 1000, seed=repeat)
        for found in tail_report(sample, estimators=names, n_resamples=60):
            covered[found.estimator] += found.low <= 1.6 <= found.high
    # 40 intervals of 95 %: fewer than 31 has probability below 1e-5.
    assert min(covered.values()) >= 31, covered


def test_standard_errors_are_those_of_repeated_samples():
    repeats = [ESTIMATORS["characteristic"](stable(1.6, 2000, s)) for s in range(60)]
    (found,) = tail_report(stable(1.6, 2000), estimators=["characteristic"])
    # Both standard deviations carry a relative error of about 10 %.
    assert 0.6 < found.standard_error / np.std(repeats) < 1.6


def test_the_control_is_gaussian_and_the_sample_is_not():
    report = {f.estimator: f for f in tail_report(stable(1.5, 5000), n_resamples=20)}
    assert list(report) == list(ESTIMATORS)
    found = report["characteristic"]
    assert found.high < 1.7
    assert abs(found.gaussian - 2) < 0.1
    assert report["hill"].gaussian > 3


def test_large_samples_are_thinned_and_their_order_does_not_matter_to_the_block():
    ordered = np.sort(stable(1.5, 50_000))
    (found,) = tail_report(ordered, estimators=["block"], n_resamples=5)
    assert found.n_values == LARGEST_SAMPLE
    assert abs(found.estimate - 1.5) < 0.3


def test_equal_seeds_give_equal_reports():
    sample = stable(1.5, 500)
    assert tail_report(sample, n_resamples=5) == tail_report(sample, n_resamples=5)


def test_unknown_estimators_are_refused():
    with pytest.raises(ConfigError, match="`estimator` must be one of block"):
        tail_report(stable(1.5, 500), estimators=["moment"])
