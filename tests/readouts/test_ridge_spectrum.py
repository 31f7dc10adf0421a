"""Degrees of freedom, cross-validation and gap bounds against 60 digits."""

import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from overparam.readouts import StoredFeatures, ridge_path, ridge_spectrum
from overparam.readouts.feature_cache import centred


def exact(features, targets, penalty, intercept):
    """Degrees of freedom, score, and the least objective, in 60 digits."""
    n = len(features)
    with mpmath.workdps(60):
        F, Y = mpmath.matrix(features.tolist()), mpmath.matrix(targets.tolist())
        if intercept:
            centre = mpmath.eye(n) - mpmath.ones(n) / n
            F, Y = centre * F, centre * Y
        shift = mpmath.mpf(penalty)
        A = (F * F.T / n + shift * mpmath.eye(n)) ** -1 * shift
        left = sum(A[i, i] for i in range(n))
        error = A * Y
        squares = mpmath.norm(error, 2) ** 2 / n
        least = (Y.T * error)[0] / n
        return float(n - left), float(squares / (left / n) ** 2), float(least)


def decades(rng, shape, axis):
    scales = np.logspace(-6, 6, shape[axis])
    return rng.standard_normal(shape) * np.expand_dims(scales, 1 - axis)


CASES = {
    "columns over decades": (
        lambda rng: decades(rng, (3, 11), 1).astype("float32"),
        *(1e-8, True),
    ),
    "rows nearly equal": (
        lambda rng: (
            rng.standard_normal(19) + 1e-5 * rng.standard_normal((39, 19))
        ).astype("float32"),
        *(1.3e-6, False),
    ),
    "columns offset": (
        lambda rng: (rng.standard_normal((30, 28)) + 1e5).astype("float32"),
        *(1000.0, False),
    ),
    "columns offset, centred": (
        lambda rng: (rng.standard_normal((30, 28)) + 1e5).astype("float32"),
        *(1e-3, True),
    ),
    "two directions, centred": (
        lambda rng: rng.standard_normal((6, 2)) @ rng.standard_normal((2, 13)),
        *(3e-12, True),
    ),
    "interpolating, columns over decades": (
        lambda rng: decades(rng, (6, 13), 1),
        *(2e-6, False),
    ),
    "large": (lambda rng: 1e17 * rng.standard_normal((20, 22)), *(1e19, True)),
    "interpolating": (lambda rng: 3e9 * rng.standard_normal((6, 33)), *(1.0, False)),
    "interpolating, centred": (
        lambda rng: 3e9 * rng.standard_normal((6, 33)),
        *(1.0, True),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_a_fit_leaves_over_is_known_near_interpolation(name):
    make, penalty, intercept = CASES[name]
    rng = np.random.default_rng(0)
    features = make(rng)
    targets = rng.standard_normal((len(features), 1)).astype(features.dtype)
    path = ridge_path(
        jnp.asarray(features),
        jnp.asarray(targets),
        penalties=[penalty],
        intercept=intercept,
    )
    spent, score, least = exact(features, targets, penalty, intercept)
    # A thousandth is what rounding may take before the spectrum is found again.
    np.testing.assert_allclose(path.degrees_of_freedom, spent, rtol=1e-3)
    np.testing.assert_allclose(path.cross_validation, score, rtol=3e-3)
    found = _objective(features, targets, path, penalty)
    assert found - least <= path.gap_bounds[0] * (1 + 1e-6) + 1e-14 * found


def _objective(features, targets, path, penalty):
    with mpmath.workdps(60):
        F = mpmath.matrix(features.tolist())
        P = mpmath.matrix(path.readouts[0].tolist())
        constant = mpmath.mpf(float(path.intercepts[0, 0]))
        error = F * P - mpmath.matrix((targets).tolist()) + constant
        total = mpmath.norm(error, 2) ** 2 / len(features)
        return float(total + penalty * mpmath.norm(P, 2) ** 2)


def test_gap_bounds_show_what_residuals_hide():
    rng = np.random.default_rng(0)
    features = decades(rng, (24, 23), 0).astype("float32")
    targets = rng.standard_normal((24, 1)).astype("float32")
    path = ridge_path(
        jnp.asarray(features), jnp.asarray(targets), penalties=[9.38], intercept=True
    )
    least = exact(features, targets, 9.38, True)[2]
    excess = _objective(features, targets, path, 9.38) - least
    assert path.residuals[0] < 0.1
    assert 0.01 * least < excess <= path.gap_bounds[0]


def test_what_float64_cannot_tell_is_not_a_number():
    rng = np.random.default_rng(1)
    features = 1e15 * rng.standard_normal((12, 3)) @ rng.standard_normal((3, 8))
    path = ridge_path(jnp.asarray(features), jnp.zeros((12, 1)), penalties=[1e-3, 1e20])
    assert np.isnan(path.degrees_of_freedom).tolist() == [True, False]
    assert np.isnan(path.cross_validation).tolist() == [True, False]
    assert path.degrees_of_freedom[1] == pytest.approx(3, abs=1e-3)


@pytest.mark.parametrize("shape", [(11, 4), (4, 11)])
def test_blocks_give_the_spectrum_of_the_whole(monkeypatch, shape):
    rng = np.random.default_rng(2)
    features, targets = (
        rng.standard_normal(shape) + 3,
        rng.standard_normal((shape[0], 2)),
    )
    matrix = centred(StoredFeatures(jnp.asarray(features)))
    targets -= targets.mean(axis=0)
    whole = ridge_spectrum.fit_left(matrix, targets, [0.1])
    monkeypatch.setattr(ridge_spectrum, "_ROWS", 3)
    np.testing.assert_allclose(
        ridge_spectrum.fit_left(matrix, targets, [0.1]), whole, rtol=1e-12
    )
    path = ridge_path(
        jnp.asarray(features), jnp.asarray(targets), penalties=[0.1], intercept=True
    )
    np.testing.assert_allclose(whole.spent, path.degrees_of_freedom, rtol=1e-12)
    np.testing.assert_allclose(
        whole.losses * (shape[0] / whole.left) ** 2, path.cross_validation, rtol=1e-11
    )
