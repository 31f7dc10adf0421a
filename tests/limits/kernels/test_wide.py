"""Kernels of wide networks against integrals, samples, finite networks and others."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from mpmath import mp
from numpy.testing import assert_allclose

from overparam import two_layer
from overparam.errors import ConfigError
from overparam.limits import WideMLP, tangent_kernel, wide_kernels, wide_mlp
from overparam.limits.gaussian import moments_of
from overparam.limits.kernels import wide as module
from overparam.limits.kernels.sampled import wide_limit
from overparam.limits.kernels.wide import WideLayer
from overparam.networks import ACTIVATIONS, MLP, RadialFeatures, TwoLayer, mlp


RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 4))


def swish(z):
    return z * jax.nn.sigmoid(z)


SMOOTH = {
    name: ACTIVATIONS[name] for name in ("erf", "tanh", "sigmoid", "gelu", "linear")
} | {"swish": swish}


def by_quadrature(function, rows, columns, cosine):
    """E f(a) f(b) by a product rule of 2 x 120 nodes."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(120)
    weights = weights / weights.sum()
    first, second = np.meshgrid(nodes, nodes, indexing="ij")
    mixed = cosine * first + np.sqrt(1 - cosine**2) * second
    values = function(np.sqrt(rows) * first) * function(np.sqrt(columns) * mixed)
    return weights @ np.asarray(values) @ weights


@pytest.mark.parametrize("name", list(SMOOTH))
@pytest.mark.parametrize("cosine", [-0.7, 0.0, 0.9])
def test_integrals_of_smooth_activations_are_those_of_a_product_rule(name, cosine):
    function = SMOOTH[name]
    slope = jax.vmap(jax.vmap(jax.grad(function)))
    rows, columns = 0.5, 1.3
    gram = jnp.full((1, 1), cosine * np.sqrt(rows * columns))
    given = gram, jnp.full(1, rows), jnp.full(1, columns), jnp
    found = moments_of(function if name == "swish" else name)
    # The product rule has 1e-11 left of tanh, whose poles are near.
    assert_allclose(
        found.covariance(*given)[0, 0],
        by_quadrature(function, rows, columns, cosine),
        atol=1e-10,
    )
    assert_allclose(
        found.slopes(*given)[0, 0],
        by_quadrature(slope, rows, columns, cosine),
        atol=1e-9,
    )
    assert_allclose(
        found.power(jnp.full(1, rows), jnp)[0],
        by_quadrature(function, rows, rows, 1.0),
        atol=1e-10,
    )


@pytest.mark.parametrize(("name", "leak"), [("relu", 0.0), ("leaky-relu", 0.01)])
@pytest.mark.parametrize("angle", [1e-4, 0.3, 1.7, 3.0])
def test_integrals_with_a_kink_are_those_over_the_circle(name, leak, angle):
    def value(z):
        return z if z > 0 else leak * z

    def slope(z):
        return 1 if z > 0 else leak

    def over_the_circle(function):
        quarters = (mp.pi / 2, 3 * mp.pi / 2)
        kinks = [(q + turn) % (2 * mp.pi) for q in quarters for turn in (0, angle)]
        ends = [mp.mpf(0), *sorted(kinks), 2 * mp.pi]
        values = mp.quad(
            lambda t: function(mp.cos(t)) * function(mp.cos(t - angle)), ends
        )
        return float(values / (2 * mp.pi))

    rows, columns = np.array([0.5]), np.array([2.0])
    given = np.array([[np.cos(angle)]]), rows, columns, np
    found = moments_of(name)
    assert found.covariance(*given)[0, 0] == pytest.approx(
        2 * over_the_circle(value),  # E r^2 = 2 in polar coordinates.
        rel=1e-13,
    )
    # The angle is known to roundoff / sin(angle).
    expected = over_the_circle(slope)
    assert found.slopes(*given)[0, 0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_diagonals_are_exact(depth):
    # With v = 2 each relu layer keeps the variance: K = 2 |x|^2 / d, T = depth K.
    kernels = wide_kernels(wide_mlp(depth, weight_variance=2.0), X, np.flip(X, 0))
    squares = 2 * (X**2).sum(axis=1) / X.shape[1]
    assert kernels.error == 0
    for kernel, expected in (
        (kernels.covariance, squares),
        (kernels.tangent, depth * squares),
    ):
        # Equal inputs of two sets.
        assert_allclose(np.diag(np.fliplr(kernel)), expected, rtol=1e-14)


@pytest.mark.parametrize("activation", ["erf", "tanh", "gelu"])
def test_diagonals_are_those_of_the_variances(activation):
    wide = wide_mlp(2, activation=activation, weight_variance=1.7, bias_variance=0.2)
    expected = wide.variances(jnp.asarray(X))[-1]
    assert_allclose(np.diag(wide_kernels(wide, X).covariance), expected, rtol=1e-14)


def test_a_linear_network_is_exact():
    wide = wide_mlp(3, activation="linear", weight_variance=0.7, bias_variance=0.1)
    gram = 0.7 * X @ X.T / 4
    kernels = wide_kernels(wide, X)
    covariance = 0.7 * (0.7 * (gram + 0.1) + 0.1) + 0.1
    # Three weight matrices and three biases, each behind those that follow.
    tangent = 3 * 0.7**2 * gram + 0.1 * (1 + 2 * 0.7 + 3 * 0.7**2)
    assert_allclose(kernels.covariance, covariance, rtol=1e-13)
    assert_allclose(kernels.tangent, tangent, rtol=1e-13)


def test_the_layers_that_train_add_up():
    def tangent(*trained):
        wide = wide_mlp(
            3, weight_variance=1.5, bias_variance=0.3, trained=trained or None
        )
        return wide_kernels(wide, X).tangent

    assert_allclose(tangent(0) + tangent(1) + tangent(2), tangent(), rtol=1e-13)
    wide = wide_mlp(3, weight_variance=1.5, bias_variance=0.3)
    assert_allclose(tangent(2), wide_kernels(wide, X).covariance, rtol=1e-13)


def test_tiles_make_one_kernel(monkeypatch):
    wide = wide_mlp(2, bias_variance=0.1)
    whole = wide_kernels(wide, X)
    across = wide_kernels(wide, X, X[:5])
    monkeypatch.setattr(module, "_TILE", 4)
    assert_allclose(wide_kernels(wide, X).tangent, whole.tangent, rtol=1e-13)
    assert_allclose(wide_kernels(wide, X, X[:5]).tangent, across.tangent, rtol=1e-13)
    assert_allclose(across.tangent, whole.tangent[:, :5], rtol=1e-13)


@pytest.mark.parametrize("activation", ["relu", "erf", "tanh"])
def test_derivatives_are_finite_at_equal_and_at_zero_inputs(activation):
    wide = wide_mlp(2 + (activation != "tanh"), activation=activation)
    x = jnp.asarray(np.concatenate([X[:2], X[:1], np.zeros((1, 4))]))
    gradient = jax.grad(lambda z: sum(jnp.sum(kernel) for kernel in wide(z, x)))(x)
    assert np.isfinite(gradient).all()


def test_kernels_are_covariances():
    x = RNG.normal(size=(30, 2))
    for activation in ("relu", "tanh"):
        kernels = wide_kernels(wide_mlp(2, activation=activation), x)
        for kernel in (kernels.covariance, kernels.tangent):
            values = np.linalg.eigvalsh(kernel)
            assert values[0] > -1e-13 * values[-1]


def test_it_is_the_kernel_of_scikit_ntk():
    kernel = pytest.importorskip("skntk").NeuralTangentKernel(depth=3, bias=0.4)
    # There biases start at 0 and train, and inputs are not divided by their number.
    first = WideLayer(1.0, 0.0, 1.0, 0.4**2)
    other = WideLayer(2.0, 0.0, 2.0, 0.4**2)
    wide = WideMLP((first, other, other, other))
    # It has the diagonal to the root of rounding.
    assert_allclose(
        wide_kernels(wide, 2 * X).tangent / (4 * (1 + 0.4**2)), kernel(X), rtol=1e-7
    )


def test_a_network_of_width_1e5_has_the_kernel_of_the_limit(key):
    network = two_layer(4, 100_000, 1, scaling="ntk", dtype="float64", key=key)
    found = tangent_kernel(network, jnp.asarray(X))
    # Input weights of variance 1/4 that train as they are: their gain is 4.
    first, readout = WideLayer(1.0, 0.0, 4.0, 0.0), WideLayer(1.0, 0.0, 1.0, 0.0)
    wide = WideMLP((first, readout))
    expected = wide_kernels(wide, X).tangent
    # Fluctuations are of the order of the kernel over the root of the width.
    assert np.abs(found - expected).max() < 5 / np.sqrt(1e5) * expected.max()
    sampled = wide_limit(network)
    for one, other in zip(sampled.layers, wide.layers, strict=True):
        # Mean squares of 100 000 weights and more.
        assert_allclose(
            list(vars(one).values()), list(vars(other).values()), rtol=5 * 0.0045
        )


def test_a_deep_network_with_biases_tends_to_its_limit():
    width, v, b = 1000, 1.6, 0.3
    sizes = [(4, width), (width, width), (width, 2)]
    layers = [np.sqrt(v / m) * RNG.normal(size=(m, k)) for m, k in sizes]
    network = MLP(
        tuple(map(jnp.asarray, layers[:2])),
        jnp.asarray(layers[2]),
        tuple(jnp.asarray(np.sqrt(b) * RNG.normal(size=width)) for _ in range(2)),
        "erf",
    )
    # Weights that train as they are: a step of one moves an output by fan-in x power.
    gains = [4.0, width, width]
    wide = WideMLP(
        tuple(
            WideLayer(v, b * (i < 2), gain, 1.0 * (i < 2))
            for i, gain in enumerate(gains)
        ),
        "erf",
    )
    found = tangent_kernel(network, jnp.asarray(X))
    expected = wide_kernels(wide, X).tangent
    sampled = wide_kernels(wide_limit(network), X).tangent
    for kernel in (found, sampled):
        assert np.abs(kernel - expected).max() < 5 / np.sqrt(width) * expected.max()
    frozen = wide_kernels(wide_limit(network, trained=("readout",)), X)
    # What the readout adds is the covariance before its own weights.
    assert_allclose(frozen.tangent * v / width, frozen.covariance, rtol=0.1)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (
            MLP((jnp.ones((20, 40)),), jnp.ones((40, 1))),
            "normal initial weights; those of `layers.0` have the kurtosis 1.00",
        ),
        (
            RadialFeatures(jnp.ones((4, 2)), jnp.ones((2, 1))),
            "of MLPs, got RadialFeatures",
        ),
        (
            TwoLayer(jnp.ones((4, 2)), jnp.ones((6, 1)), skip=True),
            "without skip connection and of MLPs, got TwoLayer with one",
        ),
    ],
)
def test_networks_without_a_wide_limit_are_refused_by_name(network, message):
    with pytest.raises(ConfigError, match=message):
        wide_limit(network)


@pytest.mark.parametrize("size", [1.0, 1e6, 1e10, 1e100])
def test_kernels_of_erf_are_exact_at_any_size_of_inputs(size):
    x = size * np.concatenate([X[:2], -X[:1], 2 * X[:1], np.zeros((1, 4))])
    found = wide_kernels(wide_mlp(2, activation="erf"), x)
    with mp.workdps(500):
        for i, j in np.ndindex(5, 5):
            a, b, c = (
                sum(
                    mp.mpf(float(u)) * mp.mpf(float(v))
                    for u, v in zip(*pair, strict=True)
                )
                / 4
                for pair in ((x[i], x[i]), (x[j], x[j]), (x[i], x[j]))
            )
            root = mp.sqrt((1 + 2 * a) * (1 + 2 * b))
            covariance = 2 / mp.pi * mp.asin(2 * c / root)
            slopes = 4 / mp.pi / mp.sqrt(root**2 - 4 * c**2)
            # Inner products are rounded, of a size of their own each.
            assert found.covariance[i, j] == pytest.approx(float(covariance), abs=1e-14)
            scale = float(covariance + slopes * c), float(slopes * mp.sqrt(a * b))
            expected = pytest.approx(scale[0], abs=1e-13 * (1 + scale[1]))
            assert found.tangent[i, j] == expected


def test_kernels_beyond_the_range_of_floats_get_a_sentence():
    for make in (
        lambda: wide_kernels(wide_mlp(2), 1e160 * X),
        lambda: module.wide_diagonals(wide_mlp(2), 1e160 * X),
    ):
        with pytest.raises(ConfigError, match="beyond the range of float64"):
            make()


def test_derivatives_of_erf_at_equal_inputs_are_those_of_differences():
    wide, x = wide_mlp(3, activation="erf", bias_variance=0.2), jnp.asarray(X[:1])

    def kernels(z):
        return jnp.stack(wide(x + z[None], 2 * x)).ravel()

    def central(function, step):
        return np.stack(
            [(function(h) - function(-h)) / (2 * step) for h in step * np.eye(4)], -1
        )

    zero, slope = jnp.zeros(4), jax.jacobian(kernels)
    # Differences have errors of step^2 and of rounding / step.
    assert_allclose(slope(zero), central(kernels, 1e-5), rtol=1e-7, atol=1e-9)
    curved = jax.jacobian(slope)(zero)
    assert_allclose(curved, central(slope, 1e-4), rtol=1e-5, atol=1e-6)


def test_the_error_of_a_series_is_stated_and_kept():
    # A deviation of 6 makes tanh steep: the series is cut where it still matters.
    x = np.array([[6.0], [5.0]])
    kernels = wide_kernels(wide_mlp(2, activation="tanh", trained=[1]), x)
    fine = np.linspace(-12, 12, 200_001)
    weights = np.exp(-(fine**2) / 2) * (fine[1] - fine[0]) / np.sqrt(2 * np.pi)
    exact = weights @ (np.tanh(6 * fine) * np.tanh(5 * fine))
    assert abs(kernels.covariance[0, 1] - exact) < kernels.error
    assert 1e-9 < kernels.error < 1e-1


def step(z):
    return jnp.where(z > 0.37, 1.0, 0.0)


@pytest.mark.parametrize("function", [jnp.abs, step])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_error_of_a_series_counts_what_its_coefficients_miss(function, sign):
    # With -x the remainder of the slopes of abs, which is odd, has the other sign.
    x = np.array([[1.0], [sign]])
    kernels = wide_kernels(wide_mlp(2, activation=function), x)
    above = 0.5 * math.erfc(0.37 / math.sqrt(2))
    # Covariance plus slopes times the kernel of the first layer.
    exact = {jnp.abs: 2.0, step: above if sign == 1 else 0.0}[function]
    assert abs(kernels.tangent[0, 1] - exact) < 2 * kernels.error
    slopes = (kernels.tangent - kernels.covariance)[0, 1] / sign
    assert abs(slopes - (function is jnp.abs) * sign) < kernels.error < 0.3


@pytest.mark.parametrize("deviation", [1, 4, 5, 6, 8, math.pi / 0.02, 1e5**0.5])
@pytest.mark.parametrize("function", [jnp.exp, jnp.sin])
def test_the_error_of_a_series_counts_what_its_nodes_miss(function, deviation):
    # Powers of exp lie at twice the deviation, sin has the period of the nodes.
    if function is jnp.exp and deviation > 10:
        pytest.skip("beyond the range of float64")
    moments, squares = moments_of(function), np.array([deviation**2])
    found = moments.covariance(squares[:, None] / 2, squares, squares, np)[0, 0]
    found = np.array([float(found), float(moments.power(squares, np)[0])])
    each = math.exp(-(deviation**2) / 2), math.exp(-(deviation**2) * 1.5)
    exact = np.array([(each[0] - each[1]) / 2, (1 - math.exp(-2 * deviation**2)) / 2])
    if function is jnp.exp:
        exact = np.exp([1.5 * deviation**2, 2 * deviation**2])
    missed = np.abs(found - exact)
    rounding = 1e-13 * exact
    error, relative = moments.errors(squares)
    within = missed <= error + rounding
    # Where all lies beyond the nodes the value is no digit of anything, which is told.
    assert within.all() or relative > 1


def test_a_variable_that_is_always_zero_has_the_slope_of_jax(key):
    # Biases that are zero at the start and train, an input of zeros.
    network = mlp((3, 20_000, 1), init="he", activation="leaky-relu", key=key)
    biases = (jnp.zeros(20_000, network.readout.dtype),)
    network = dataclasses.replace(network, biases=biases)
    x = np.array([[0.0, 0, 0], [1, 2, -1]])
    found = tangent_kernel(network, x)
    expected = wide_kernels(wide_limit(network), x).tangent
    # Five standard errors of the mean over neurons.
    assert_allclose(found, expected, rtol=5 * (2 / 20_000) ** 0.5)


def test_the_bias_of_outputs_is_no_neuron(key):
    bare = mlp((3, 8, 2), init="he", bias=True, key=key)
    with_row = jnp.concatenate([bare.readout, jnp.zeros_like(bare.readout[:1])])
    network = dataclasses.replace(bare, readout=with_row)
    x = X[:, :3]
    finite = tangent_kernel(network, x) - tangent_kernel(bare, x)
    wide, alone = (wide_kernels(wide_limit(each), x) for each in (network, bare))
    assert_allclose(wide.tangent - alone.tangent, finite, rtol=1e-5)
    assert_allclose(wide.covariance, alone.covariance, rtol=1e-12)


@pytest.mark.parametrize("size", [1e-6, 1, 10, 1000])
def test_kernels_have_the_digits_that_are_required(size):
    """Of erf by its closed form, and as a series."""
    x = size * X
    exact, series = (
        wide_kernels(wide_mlp(2, activation=one), x)
        for one in ("erf", jax.scipy.special.erf)
    )
    assert exact.doubt is None
    apart = np.abs(series.covariance - exact.covariance).max()
    apart /= exact.covariance.max()
    assert apart <= max(series.relative_error, 1e-13)
    if size < 2:
        assert series.doubt is None
    else:
        assert "closed forms" in series.doubt


def test_the_error_of_a_series_is_that_of_the_worst_input():
    def bump(z):
        return jnp.exp(-(z**2) / 2e-4)

    # Of the smallest variance it is almost 1, of the largest almost never.
    x = np.array([[1e-5], [0.1], [1e4]])
    kernels = wide_kernels(wide_mlp(2, activation=bump, trained=[1]), x)
    a = 0.1**2 / 1e-4
    exact = 1 / math.sqrt((1 + a) ** 2 - a**2)
    opposite = wide_kernels(wide_mlp(2, activation=bump, trained=[1]), x, -x)
    middle = abs(opposite.covariance[1, 1] - exact)
    assert middle < opposite.error
    worst = [moments_of(bump).errors(v**2)[0] for v in x]
    assert kernels.error >= max(worst)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: wide_mlp(0), "`depth` must be at least 1, got 0"),
        (lambda: wide_mlp(2, weight_variance=-1), "`weight_variance` must be at least"),
        (lambda: wide_mlp(2, trained=[2]), "numbers of layers from 0 to 1, got 2"),
        (lambda: wide_mlp(2, activation="rely"), "did you mean `relu`"),
        (lambda: WideMLP(()), "at least one layer"),
        (lambda: wide_kernels(wide_mlp(2), X * np.nan), "`x` must be finite, .* 0 is"),
        (lambda: wide_kernels(wide_mlp(2), X, X[:, :2]), "one size, got 4 and 2"),
        (lambda: wide_kernels(wide_mlp(2), X[:0]), "`x` holds no inputs"),
        (
            lambda: wide_kernels(wide_mlp(2), np.zeros((10**7, 1))),
            "This needs .* the kernels .*lower rows",
        ),
    ],
)
def test_bad_input_gets_a_sentence(make, message):
    with pytest.raises(ConfigError, match=message):
        make()
