import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from overparam.analysis import tail_report
from overparam.analysis.tails.estimators import ESTIMATORS
from overparam.analysis.tails.report import FEWEST_UNITS, LARGEST_SAMPLE
from overparam.errors import ConfigError
from overparam.noise import HeavyTailNoise


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


def noise_of(kind, *, alpha, shape, seed):
    """One draw of the study's own noise on a layer of zeros."""
    noise = HeavyTailNoise(kind, alpha=alpha, sigma=1.0)
    drawn = noise.draw(
        {"weights": jnp.zeros(shape)},
        learning_rate=1.0,
        step=jnp.asarray(seed),
        key=jax.random.key(0),
    )
    return np.broadcast_to(np.asarray(drawn["weights"]), shape)


def coverage(kind, *, alpha, shape, names, repeats):
    covered = dict.fromkeys(names, 0)
    units = np.broadcast_to(np.arange(shape[1]), shape)
    for seed in range(repeats):
        sample = noise_of(kind, alpha=alpha, shape=shape, seed=seed)
        report = tail_report(sample, units=units, estimators=names, n_resamples=60)
        for found in report:
            covered[found.estimator] += found.low <= alpha <= found.high
    return covered


def test_intervals_cover_the_index_of_shared_noise():
    names = ["characteristic", "block"]
    shape = (10, FEWEST_UNITS)
    covered = coverage("shared", alpha=1.75, shape=shape, names=names, repeats=40)
    # 40 intervals of 95 %: fewer than 31 has probability below 1e-5.
    assert min(covered.values()) >= 31, covered


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["shared", "entrywise", "isotropic"])
def test_intervals_cover_the_index_of_every_noise(kind):
    names = ["characteristic", "block", "mcculloch", "log-moment"]
    shape = (20, 1000)
    covered = coverage(kind, alpha=1.75, shape=shape, names=names, repeats=100)
    # Of 100 intervals of 95 % fewer than 83 has probability below 1e-5.
    assert min(covered.values()) >= 83, covered


@pytest.mark.parametrize("name", ["characteristic", "mcculloch"])
def test_copies_of_a_value_add_nothing_to_what_is_known(name):
    sample = stable(1.6, 600)
    copies, units = np.repeat(sample, 9), np.repeat(np.arange(600), 9)
    settings = {"estimators": [name], "n_resamples": 200}
    (alone,) = tail_report(sample, **settings)
    (copied,) = tail_report(copies, units=units, **settings)
    (naive,) = tail_report(copies, **settings)
    assert copied.n_units == 600
    # 200 resamples: each standard error is known to 5 %.
    assert copied.standard_error == pytest.approx(alone.standard_error, rel=0.25)
    assert naive.standard_error == pytest.approx(alone.standard_error / 3, rel=0.25)


def test_few_units_give_an_estimate_without_an_interval():
    units = np.arange(1000) % (FEWEST_UNITS - 1)
    (found,) = tail_report(stable(1.6, 1000), units=units, estimators=["hill"])
    assert found.estimate > 0
    assert (found.low, found.high, found.standard_error) == (None, None, None)
    assert found.remark.endswith(f"at least {FEWEST_UNITS} independent units, got 299.")


def test_an_estimator_without_an_answer_leaves_the_others_theirs():
    sparse = np.where(np.arange(1000) % 20 == 0, stable(1.6, 1000), 0.0)
    names = ["mcculloch", "hill"]
    failed, found = tail_report(sparse, estimators=names, n_resamples=5)
    assert failed.estimate is None
    assert "950 of the 1000 values are 0" in failed.remark
    assert found.estimate > 0
    assert found.low <= found.high


@pytest.mark.parametrize("law", ["pareto", "uniform"])
def test_an_index_that_no_stable_law_has_is_said_to_be_none(law):
    """Var log|X| is 1 for both, that of an index of 2.9."""
    rng = np.random.default_rng(0)
    sizes = rng.uniform(0, 1, 20_000)
    sizes = 1 / sizes if law == "pareto" else sizes
    sample = rng.choice([-1, 1], sizes.size) * sizes
    (found,) = tail_report(sample, estimators=["log-moment"])
    assert found.low > 2
    assert found.remark.startswith("No stable law has an index above 2")
    (stably,) = tail_report(stable(1.6, 20_000), estimators=["log-moment"])
    assert not stably.remark


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
