"""The tangent kernel as scikit-learn's, against differences, networks and others."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVR

from overparam.errors import ConfigError
from overparam.estimators import (
    RandomFeaturesRegressor,
    TangentKernel,
    TangentKernelRidge,
)
from overparam.limits import wide_kernels, wide_mlp


RNG = np.random.default_rng(0)
X = RNG.normal(size=(8, 3))
Y = np.sin(X[:, 0]) + X[:, 1]

KERNELS = [
    TangentKernel(depth=3),
    TangentKernel(depth=3, kind="covariance", activation="leaky-relu"),
    TangentKernel(depth=2, activation="erf", weight_variance=1.3),
    TangentKernel(depth=3, activation="gelu"),
    TangentKernel(depth=1),
    TangentKernel(bias_variance=0.0),
    TangentKernel(weight_variance_bounds="fixed"),
    TangentKernel(weight_variance_bounds="fixed", bias_variance_bounds="fixed"),
]
of_all = pytest.mark.parametrize("kernel", KERNELS, ids=repr)


@of_all
def test_it_is_the_kernel_of_the_wide_network(kernel):
    wide = wide_mlp(
        kernel.depth,
        activation=kernel.activation,
        weight_variance=kernel.weight_variance,
        bias_variance=kernel.bias_variance,
    )
    found = wide_kernels(wide, X, X[:2])
    expected = found.tangent if kernel.kind == "tangent" else found.covariance
    assert_array_equal(kernel(X, X[:2]), expected)
    assert kernel(X).dtype == np.float64


@of_all
def test_gradients_are_those_of_differences(kernel):
    # Equal and opposite inputs, where angles have no derivative.
    x = np.concatenate([X, X[:1], -X[:1], 2 * X[1:2]])
    matrix, gradient = kernel(x, eval_gradient=True)
    assert_array_equal(matrix, kernel(x))
    assert gradient.shape == (*matrix.shape, kernel.n_dims)
    for i, way in enumerate(1e-5 * np.eye(kernel.n_dims)):
        ahead, behind = (
            kernel.clone_with_theta(kernel.theta + sign * way)(x) for sign in (1, -1)
        )
        # A central difference has errors of step^2 and of rounding / step.
        expected = (ahead - behind) / 2e-5
        assert_allclose(gradient[..., i], expected, rtol=1e-7, atol=1e-8)
    assert_allclose(gradient, gradient.swapaxes(0, 1), atol=1e-12)


@of_all
def test_the_diagonal_is_exact(kernel):
    assert_allclose(kernel.diag(X), np.diag(kernel(X)), rtol=1e-14)


def test_the_diagonal_of_relu_is_known():
    # Of variance 2, every layer keeps the mean square, and each of three adds it.
    kernel = TangentKernel(depth=3, bias_variance=0.0)
    squares = 2 * (X**2).mean(axis=1)
    assert_allclose(kernel.diag(X), 3 * squares, rtol=1e-14)
    assert_allclose(np.diag(kernel(X)), 3 * squares, rtol=1e-14)


def test_it_is_the_kernel_of_scikit_ntk():
    other = pytest.importorskip("skntk").NeuralTangentKernel(depth=2, bias=0.0)
    # That one takes inner products, and divides by its layers: 3 of ours.
    expected = 2 / X.shape[1] * 3 * other(X)
    found = TangentKernel(depth=3, bias_variance=0.0)(X)
    # Its own diagonal holds to the root of rounding.
    assert_allclose(found, expected, rtol=1e-7)


def test_a_wide_network_has_this_kernel():
    width, v, b = 1000, 1.6, 0.3
    kernel = TangentKernel(
        depth=3, activation="erf", weight_variance=v, bias_variance=b
    )
    sizes = [(3, width), (width, width), (width, 1)]
    entries = [
        (RNG.normal(size=size), np.sqrt(b) * RNG.normal(size=size[1])) for size in sizes
    ]

    def output(weights, x):
        for i, (w, bias) in enumerate(weights):
            x = jax.scipy.special.erf(x) if i else x
            x = x @ w * np.sqrt(v / len(w)) + bias
        return x[0]

    with jax.enable_x64(True):
        rows = []
        for x in X:
            pairs = jax.tree.leaves(jax.grad(output)(entries, jnp.asarray(x)))
            # Biases above are sqrt(b) times their entries.
            scaled = [g * np.sqrt(b) if g.ndim == 1 else g for g in pairs]
            rows.append(np.concatenate([np.ravel(g) for g in scaled]))
    found = np.stack(rows) @ np.stack(rows).T
    expected = kernel(X)
    assert np.abs(found - expected).max() < 5 / np.sqrt(width) * expected.max()


def test_it_keeps_the_interface_of_kernels():
    kernel = TangentKernel(depth=3, weight_variance=1.5, bias_variance=0.2)
    assert_allclose(kernel.theta, np.log([0.2, 1.5]))
    assert_allclose(kernel.bounds, np.log([[1e-5, 1e5]] * 2))
    assert clone(kernel) == kernel
    assert clone(kernel) is not kernel
    assert kernel != TangentKernel(depth=2, weight_variance=1.5, bias_variance=0.2)
    assert not kernel.is_stationary()
    assert repr(kernel) == (
        "TangentKernel(depth=3, activation='relu', kind='tangent', "
        "weight_variance=1.5, bias_variance=0.2)"
    )
    moved = kernel.clone_with_theta(np.log([0.7, 3.0]))
    assert moved.bias_variance == pytest.approx(0.7)
    assert moved.weight_variance == pytest.approx(3)
    assert TangentKernel(bias_variance=0).n_dims == 1
    mixed = ConstantKernel(2.0) * kernel + RBF()
    assert_allclose(mixed(X), 2 * kernel(X) + RBF()(X))


def test_a_gaussian_process_learns_a_variance():
    kernel = TangentKernel(bias_variance_bounds="fixed") + WhiteKernel(0.01, "fixed")
    process = GaussianProcessRegressor(kernel, normalize_y=True).fit(X, Y)
    found = process.log_marginal_likelihood_value_
    assert found > process.log_marginal_likelihood(kernel.theta)
    assert np.isfinite(process.predict(X, return_std=True)).all()


def test_ridge_is_that_of_scikit_learn():
    kernel, x = TangentKernel(depth=3), RNG.normal(size=(5, 3))
    found = TangentKernelRidge(kernel, penalty=0.3, fit_intercept=False).fit(X, Y)
    ridge = KernelRidge(alpha=0.3 * len(X), kernel=kernel).fit(X, Y)
    assert_allclose(found.predict(x), ridge.predict(x), rtol=1e-10)
    assert_allclose(found.dual_coef_[:, 0], ridge.dual_coef_, rtol=1e-8)
    alone = KernelRidge(alpha=0.3 * len(X), kernel="precomputed").fit(kernel(X), Y)
    assert_allclose(alone.predict(kernel(x, X)), ridge.predict(x), rtol=1e-12)
    machine = SVR(kernel=kernel).fit(X, Y)
    given = SVR(kernel="precomputed").fit(kernel(X), Y)
    assert_allclose(machine.predict(x), given.predict(kernel(x, X)), rtol=1e-10)


@pytest.mark.parametrize("penalty", [None, 1e-3])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("make", [TangentKernelRidge, RandomFeaturesRegressor])
def test_equal_inputs_or_targets_leave_the_mean(make, weighted, penalty):
    weights = np.linspace(0.1, 1, len(Y)) if weighted else np.ones(len(Y))
    for value in (1 / 3, 3.3e5):
        equal = np.full(X.shape, value)
        found = make(penalty=penalty).fit(equal, Y, weights).predict(equal)
        assert_allclose(found, weights @ Y / weights.sum(), rtol=1e-9)
        constant = make(penalty=penalty).fit(X, np.full(len(Y), value), weights)
        assert_allclose(constant.predict(2 * X), value, rtol=1e-12)


@pytest.mark.parametrize("make", [TangentKernelRidge, RandomFeaturesRegressor])
def test_targets_that_contradict_each_other_leave_their_mean(make):
    fitted = make().fit(np.r_[X, X], np.r_[Y + 3, 3 - Y])
    assert_allclose(fitted.predict(X), 3, rtol=1e-6)


@pytest.mark.parametrize("make", [TangentKernelRidge, RandomFeaturesRegressor])
def test_targets_beyond_the_squares_of_float64_get_a_sentence(make):
    with pytest.raises(ConfigError, match="targets are so large that float64 does not"):
        make().fit(X, 1e200 * Y)


def test_features_beyond_the_squares_of_float64_get_a_sentence():
    with pytest.raises(ConfigError, match="features are so large that float64 does"):
        RandomFeaturesRegressor().fit(1e200 * X, Y)


def test_the_intercept_of_a_ridge_is_free():
    weights = np.arange(8.0)
    shifted = TangentKernelRidge(penalty=0.1).fit(X, Y + 1000, weights)
    ridge = TangentKernelRidge(penalty=0.1).fit(X, Y, weights)
    assert_allclose(shifted.predict(X) - 1000, ridge.predict(X), atol=1e-9)
    # Free: the weighted mean of residuals is 0.
    assert weights @ (ridge.predict(X) - Y) == pytest.approx(0, abs=1e-10)
    # Stationary in the function: N penalty c_i = w_i residual_i.
    expected = weights * (Y - ridge.predict(X)) / (0.1 * weights.sum())
    assert_allclose(ridge.dual_coef_[:, 0], expected, rtol=1e-7, atol=1e-9)


def test_a_search_finds_the_depth():
    ridge = TangentKernelRidge(TangentKernel())
    search = GridSearchCV(ridge, {"kernel__depth": [1, 3]}, cv=2).fit(X, 2 * X[:, 0])
    assert search.best_params_ == {"kernel__depth": 1}
    assert search.best_score_ > 0.9


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TangentKernel(depth=0)(X), "`depth` must be at least 1, got 0"),
        (lambda: TangentKernel(kind="ntk")(X), "`kind` must be one of tangent, cov"),
        (lambda: TangentKernel(activation="rely")(X), "did you mean `relu`"),
        (lambda: TangentKernel(bias_variance=-1)(X), "`bias_variance` must be at l"),
        (lambda: TangentKernel()(X, X[:, :1]), "one size, got 3 and 1"),
        (lambda: TangentKernel().diag(np.nan * X), "`x` must be finite, but input 0"),
        (lambda: TangentKernel()(X, X, eval_gradient=True), "leave `Y`"),
        (lambda: TangentKernelRidge("rbf").fit(X, Y), "`kernel` must be a kernel of"),
        (lambda: TangentKernelRidge(penalty=0).fit(X, Y), "`penalty` must be a pos"),
    ],
)
def test_bad_input_gets_a_sentence(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def test_inputs_too_large_for_a_series_are_warned_of():
    series = TangentKernel(activation=jax.scipy.special.erf)
    assert_allclose(series(X), TangentKernel(activation="erf")(X), rtol=1e-3)
    with pytest.warns(UserWarning, match="may be wrong by"):
        series(100 * X)
