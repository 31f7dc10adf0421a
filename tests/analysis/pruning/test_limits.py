"""Pure noise: pruning ratios against chi-square limits and SciPy's stable laws."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from overparam.analysis.pruning.curves import PruningCurve
from overparam.analysis.pruning.limits import (
    finite_variance_error,
    gaussian_column_ratio,
)
from overparam.analysis.pruning.networks import squared_sizes
from overparam.networks import mlp
from overparam.noise import HeavyTailNoise, add_noise

from ...seeds import SEED


EPS = 0.1


def ratios(kind, alpha, shape, n_draws):
    """Ratios of weights that are noise only."""
    noise = HeavyTailNoise(kind, alpha, 1.0)
    zeros = {"w": jnp.zeros(shape, "float32")}

    @jax.jit
    def draw(step):
        drawn = noise.draw(
            zeros, learning_rate=1.0, step=step, key=jax.random.key(SEED)
        )
        return add_noise(zeros, drawn)["w"]

    return np.array([ratio(draw(jnp.asarray(step))) for step in range(n_draws)])


def ratio(weights):
    curve = PruningCurve(squared_sizes(weights))
    return curve.count_for_error(EPS) / len(curve)


def gaussian_error(kept, d):
    """Error of keeping a fraction of columns whose squared norms are chi-square."""
    return stats.chi2(d + 2).cdf(stats.chi2(d).ppf(1 - kept))


def test_gaussian_limits_are_those_of_chi_square_columns():
    assert gaussian_column_ratio(EPS, fan_in=1) == pytest.approx(0.5554, abs=1e-4)
    assert gaussian_column_ratio(EPS, fan_in=140) == pytest.approx(0.1232, abs=1e-4)
    assert gaussian_column_ratio(EPS, fan_in=784) == pytest.approx(0.1093, abs=1e-4)
    kept = 1 - gaussian_column_ratio(EPS, fan_in=7)
    assert gaussian_error(kept, 7) == pytest.approx(EPS, abs=1e-12)


@pytest.mark.parametrize(
    # Five standard deviations of the ratio at n = 10000.
    ("kind", "fan_in", "tolerance"),
    [("shared", 784, 0.02), ("isotropic", 784, 0.002), ("entrywise", 784, 0.002)],
)
def test_pure_gaussian_noise_is_pruned_to_the_limit(kind, fan_in, tolerance):
    d = 1 if kind == "shared" else fan_in
    found = ratios(kind, 2.0, (2 if kind == "shared" else fan_in, 10_000), 1)
    assert abs(found[0] - gaussian_column_ratio(EPS, fan_in=d)) <= tolerance


def test_uniform_initial_weights_are_hardly_compressible(key):
    assert ratio(mlp((784, 4000, 10), key=key).layers[0]) == pytest.approx(
        0.106, abs=0.002
    )


@pytest.mark.parametrize("kind", ["shared", "isotropic"])
def test_pure_stable_noise_has_the_ratios_of_scipys_noise(kind):
    alpha, d, n, n_draws = 1.75, 20, 2000, 200
    ours = ratios(kind, alpha, (d, n), n_draws)
    rng = np.random.default_rng(SEED + 1)
    theirs = []
    for _ in range(n_draws):
        if kind == "shared":
            weights = stats.levy_stable.rvs(alpha, 0, size=(1, n), random_state=rng)
        else:
            a = alpha / 2
            scale = math.cos(math.pi * a / 2) ** (1 / a)
            factor = stats.levy_stable.rvs(a, 1, scale=scale, size=n, random_state=rng)
            weights = np.sqrt(2 * factor) * rng.standard_normal((d, n))
        theirs.append(ratio(weights))
    assert stats.ks_2samp(ours, theirs).pvalue > 1e-4


@pytest.mark.parametrize("kind", ["shared", "isotropic"])
def test_heavier_tails_are_more_compressible(kind):
    medians = [
        np.median(ratios(kind, alpha, (10, 1000), 101)) for alpha in (1.5, 1.75, 1.9, 2)
    ]
    assert medians == sorted(medians, reverse=True)


@pytest.mark.parametrize("d", [2, 30])
def test_shared_noise_is_pruned_alike_whatever_the_fan_in(d):
    weights = np.random.default_rng(SEED).standard_cauchy(500)
    assert ratio(np.tile(weights, (d, 1))) == ratio(weights[None])


def test_the_empirical_limit_curve_is_the_curve_itself():
    sizes = np.random.default_rng(SEED).chisquare(5, 200_000)
    curve = PruningCurve(sizes)
    kept = np.array([0.1, 0.5, 0.9])
    # Standard error of an empirical quantile sum of 2e5 values is below 1e-3.
    np.testing.assert_allclose(
        finite_variance_error(kept, curve=curve),
        gaussian_error(kept, 5),
        atol=4e-3,
    )
    for k in (1, 1234, 200_000):
        assert finite_variance_error(1 - k / 200_000, curve=curve) == pytest.approx(
            curve.error(k), abs=1e-9
        )
