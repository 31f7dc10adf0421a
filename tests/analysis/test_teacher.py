"""Exact facts of a teacher beside its samples."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.analysis import describe_teacher
from overparam.data import PlantedStream, teacher
from overparam.errors import ConfigError
from overparam.limits import plateau_levels


@pytest.mark.parametrize("noise", [None, 0.5])
@pytest.mark.parametrize("mixed", [False, True])
def test_sampled_batches_agree_with_the_exact_second_moment(key, noise, mixed):
    planted = teacher(8, 5, 3, dtype="float64", key=key)
    mixing = jax.random.normal(key, (8, 8), jnp.float64) if mixed else None
    stream = PlantedStream(planted, noise, mixing)
    report = describe_teacher(stream, n_batches=20, batch_size=500, key=key)
    # The mean of 20 z-scores has standard deviation 1 / sqrt 20: four of them.
    assert abs(report.z_scores.mean()) < 4 / np.sqrt(20)
    assert 0.4 < report.z_scores.std() < 2
    np.testing.assert_allclose(
        report.batch_means, report.mean_square, rtol=0.5, err_msg="batch means"
    )


def test_levels_are_those_of_the_teacher_with_its_noise(key):
    planted = teacher(8, 5, 3, dtype="float64", key=key)
    report = describe_teacher(PlantedStream(planted, noise=0.5), key=key)
    assert report.levels == plateau_levels(planted, label_noise=0.5)
    assert report.levels.zero == pytest.approx(report.mean_square / 2)
    assert report.batch_means.shape == report.z_scores.shape == (10,)


def test_a_batch_without_a_standard_error_is_refused(key):
    stream = PlantedStream(teacher(8, 5, 3, key=key))
    with pytest.raises(ConfigError, match="`batch_size` must be at least 2, got 1"):
        describe_teacher(stream, batch_size=1, key=key)
