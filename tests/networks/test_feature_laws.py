"""Random first layers have the moments their names promise."""

import jax
import numpy as np
import pytest

from overparam.errors import ConfigError
from overparam.networks import random_features
from overparam.networks.feature_laws import FEATURE_LAWS


@pytest.mark.parametrize("law", FEATURE_LAWS)
def test_variances(law):
    weights = np.asarray(random_features(law, 50, 2000, key=jax.random.key(1)))
    expected = {"truncated": 2 / 50, "gaussian": 1 / 50, "unit": 1.0}[law]
    # 100,000 entries: the relative standard error is at most sqrt(2e-5) = 0.45 %.
    np.testing.assert_allclose(weights.var(), expected, rtol=0.02)
    assert abs(weights.mean()) < 4 * np.sqrt(expected / weights.size)


def test_the_truncated_law_has_no_tail():
    weights = random_features("truncated", 50, 2000, key=jax.random.key(2))
    limit = 2 * np.sqrt(2 / 50) / 0.8796
    assert np.abs(weights).max() <= limit * 1.0001


def test_unknown_laws_are_refused():
    with pytest.raises(ConfigError, match="`law` must be one of truncated, gaussian"):
        random_features("cauchy", 3, 3, key=jax.random.key(0))  # type: ignore
