"""Design matrices and planted directions of the recovery study."""

import itertools

import jax
import numpy as np
import pytest

from overparam.data import design_matrix
from overparam.data.sources.designs import draw_alive, label_noise, planted_directions
from overparam.errors import ConfigError


DESIGNS = ["gaussian", "cubic", "whitened-gaussian", "whitened-cubic"]


def test_the_four_designs_differ(key):
    drawn = [design_matrix(d, n_samples=20, dimension=5, key=key) for d in DESIGNS]
    for a, b in itertools.combinations(drawn, 2):
        assert np.abs(a - b).max() > 1e-3


@pytest.mark.parametrize("design", DESIGNS[2:])
def test_whitened_designs_are_orthonormal(key, design):
    tall = design_matrix(design, n_samples=20, dimension=5, key=key)
    wide = design_matrix(design, n_samples=5, dimension=20, key=key)
    np.testing.assert_allclose(tall.T @ tall, np.eye(5), atol=1e-12)
    np.testing.assert_allclose(wide @ wide.T, np.eye(5), atol=1e-12)


def test_entries_have_the_stated_variance(key):
    n = 400
    gaussian = design_matrix("gaussian", n_samples=n, dimension=100, key=key)
    cubic = design_matrix("cubic", n_samples=n, dimension=100, key=key)
    scaled = design_matrix("cubic", n_samples=n, dimension=100, rescale=True, key=key)
    np.testing.assert_allclose(cubic, gaussian**3)
    # 40 000 entries: the error of a variance is 0.7 %, of a sixth moment 4 %.
    assert gaussian.var() * n == pytest.approx(1, rel=0.04)
    assert scaled.var() * n == pytest.approx(1, rel=0.25)


def test_data_do_not_depend_on_the_x64_flag(key):
    wide = design_matrix("gaussian", n_samples=6, dimension=3, key=key)
    with jax.enable_x64(False):
        narrow = design_matrix("gaussian", n_samples=6, dimension=3, key=key)
    np.testing.assert_array_equal(wide, narrow)
    assert narrow.dtype == np.float64


def test_planted_directions_are_what_they_say(key):
    x = design_matrix("gaussian", n_samples=20, dimension=5, key=key)
    last = planted_directions("smallest-singular", x, key=key)[0]
    sizes = np.linalg.svd(x, compute_uv=False)
    assert np.linalg.norm(x @ last) == pytest.approx(sizes[-1])
    assert last[0] > 0
    axes = planted_directions("axes", x, n_planted=3, key=key)
    np.testing.assert_array_equal(axes, np.eye(5)[:3])
    pair = planted_directions("opposite-pair", x, n_planted=2, key=key)
    np.testing.assert_array_equal(pair[0], -pair[1])
    random = planted_directions("gaussian", x, n_planted=4, key=key)
    np.testing.assert_allclose(np.linalg.norm(random, axis=1), 1)


@pytest.mark.parametrize(
    ("planted", "n_planted", "message"),
    [
        ("axes", 12, "`n_planted`=12 axes do not fit in dimension 5"),
        ("opposite-pair", 3, "`opposite-pair` needs n_planted=2, got 3"),
        ("gaussian", 0, "`n_planted` must be at least 1, got 0"),
    ],
)
def test_bad_numbers_of_neurons_are_refused(key, planted, n_planted, message):
    x = np.ones((4, 5))
    with pytest.raises(ConfigError, match=message):
        planted_directions(planted, x, n_planted=n_planted, key=key)


def test_dead_planted_neurons_are_redrawn_and_finally_refused(key):
    x = np.array([[1.0, 0.0]])
    direction = draw_alive("gaussian", x, n_planted=1, key=key)
    assert direction[0, 0] > 0
    with pytest.raises(ConfigError, match="dead on all samples after 100 draws"):
        draw_alive("axes", -x, n_planted=1, key=key)


def test_noise_has_the_stated_norm(key):
    noise = label_noise(40_000, 0.5, key=key)
    # The norm of 40 000 normal numbers is known to 0.4 %.
    assert np.linalg.norm(noise) == pytest.approx(0.5, rel=0.02)
