import math

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from overparam.data import gaussian_mixture
from overparam.data.sources.mixture import direction


def test_the_best_classifier_has_its_known_accuracy(key):
    mean = direction(5, dtype="float64", key=key)
    n = 100_000
    parts = gaussian_mixture(mean, n, 10, separation=1.6, key=jax.random.key(1))
    hits = (parts.train.x @ mean > 0) == (parts.train.y == 1)
    p = stats.norm.cdf(1.6)
    # Five standard errors of a binomial share.
    assert abs(float(jnp.mean(hits)) - p) <= 5 * math.sqrt(p * (1 - p) / n)
    assert abs(float(jnp.mean(parts.train.y)) - 0.5) <= 2.5 / math.sqrt(n)


def test_noise_around_the_class_means_is_standard_normal(key):
    mean = direction(3, dtype="float64", key=key)
    x, y = gaussian_mixture(mean, 20_000, 1, key=jax.random.key(1)).train
    rest = np.asarray(x) - 1.6 * (2 * np.asarray(y) - 1)[:, None] * np.asarray(mean)
    assert stats.kstest(rest.ravel(), "norm").pvalue > 1e-5


def test_parts_have_their_sizes_and_do_not_overlap(key):
    parts = gaussian_mixture(direction(4, key=key), 30, 20, key=key)
    assert parts.train.x.shape == (30, 4)
    assert parts.test.y.shape == (20,)
    both = np.concatenate([parts.train.x, parts.test.x])
    assert len(np.unique(both, axis=0)) == 50
