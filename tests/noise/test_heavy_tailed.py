"""The noise through the public optimiser, against closed forms.

Entries of SaS(alpha) with scale s have E cos(tX) = exp(-|s t|^alpha); z-tests with the
standard error of the law, |z| <= 5 (false alarm 6e-7).
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from overparam.errors import ConfigError
from overparam.networks import mlp
from overparam.noise import HeavyTailNoise, add_noise, heavy_tail_noise
from overparam.noise.heavy_tailed import unit_shape

from ..seeds import SEED


ALPHAS = [1.5, 1.75, 1.9, 2.0]
KINDS = ["shared", "entrywise", "isotropic"]


def seeded(number: int) -> jax.Array:
    return jax.random.fold_in(jax.random.key(SEED), number)


def z_of_scale(x: np.ndarray, scale: float, alpha: float) -> float:
    """z of the hypothesis that x is SaS(alpha) with this scale, at t = 1/scale."""
    x = np.asarray(x, float) / scale
    phi, double = math.exp(-1), math.exp(-(2**alpha))
    variance = (1 + double) / 2 - phi**2
    return (np.cos(x).mean() - phi) / math.sqrt(variance / x.size)


def iterate(transformation, params, gradient, n_steps):
    """n_steps of the public optimiser, compiled."""

    def step(carry, _):
        params, state = carry
        with jax.numpy_dtype_promotion("standard"):
            updates, state = transformation.update(gradient(params), state, params)
        return (optax.apply_updates(params, updates), state), None

    carry = params, transformation.init(params)
    return jax.jit(lambda c: jax.lax.scan(step, c, None, length=n_steps)[0][0])(carry)


def zeros(params):
    return jax.tree.map(jnp.zeros_like, params)


def added(noise, *, shape, n_steps=1, learning_rate=0.01, seed=1):
    """What m additions change in a tree whose gradient is zero."""
    transformation = optax.chain(
        optax.sgd(learning_rate),
        heavy_tail_noise(noise, learning_rate, key=seeded(seed)),
    )
    params = {"weights": jnp.zeros(shape, "float32"), "readout": jnp.zeros((3, 2))}
    return iterate(transformation, params, zeros, n_steps)


def samples(weights: np.ndarray, kind: str) -> np.ndarray:
    """Independent values: all entries, or one entry of each column."""
    return weights.ravel() if kind == "entrywise" else weights[0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("alpha", ALPHAS)
def test_one_addition_has_scale_sigma_times_eta_to_the_inverse_alpha(alpha, kind):
    noise = HeavyTailNoise(kind, alpha, 0.3)
    weights = added(noise, shape=(2, 400_000))["weights"]
    scale = 0.3 * 0.01 ** (1 / alpha)
    assert abs(z_of_scale(samples(weights, kind), scale, alpha)) <= 5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_steps", [7, 50])
def test_sums_close_under_addition(n_steps, kind):
    alpha, sigma, eta = 1.75, 0.3, 0.01
    noise = HeavyTailNoise(kind, alpha, sigma)
    weights = added(noise, shape=(2, 50_000), n_steps=n_steps)["weights"]
    scale = sigma * (n_steps * eta) ** (1 / alpha)
    assert abs(z_of_scale(samples(weights, kind), scale, alpha)) <= 5


@pytest.mark.parametrize("alpha", [1.5, 1.9])
def test_a_decaying_rate_scales_the_noise_with_its_current_value(alpha):
    rate = optax.exponential_decay(0.1, 10, 0.1)
    noise = HeavyTailNoise("shared", alpha, 1.0)
    weights = added(noise, shape=(1, 200_000), n_steps=20, learning_rate=rate)
    total = sum(float(rate(i)) for i in range(20))
    assert abs(z_of_scale(weights["weights"], total ** (1 / alpha), alpha)) <= 5
    frozen = (20 * 0.1) ** (1 / alpha)
    assert abs(z_of_scale(weights["weights"], frozen, alpha)) > 20


@pytest.mark.parametrize("alpha", [1.5, 1.75, 1.9])
def test_noisy_descent_of_a_quadratic_has_the_stationary_law_of_its_recursion(alpha):
    eta, curvature, sigma, n_steps = 0.05, 1.0, 0.3, 40
    noise = HeavyTailNoise("shared", alpha, sigma)
    transformation = optax.chain(
        optax.sgd(eta), heavy_tail_noise(noise, eta, key=seeded(2))
    )
    params = {"weights": jnp.zeros((1, 250_000), "float32")}
    theta = iterate(
        transformation,
        params,
        lambda p: jax.tree.map(lambda w: curvature * w, p),
        n_steps,
    )["weights"]
    q = abs(1 - eta * curvature) ** alpha
    scale = (sigma**alpha * eta * (1 - q**n_steps) / (1 - q)) ** (1 / alpha)
    # The study's document computed these by another route.
    assert math.isclose(
        scale, {1.5: 0.22374, 1.75: 0.21678, 1.9: 0.21426}[alpha], abs_tol=2e-5
    )
    assert abs(z_of_scale(theta, scale, alpha)) <= 5


def test_shared_noise_is_one_number_per_column():
    weights = np.asarray(added(HeavyTailNoise("shared"), shape=(5, 40))["weights"])
    assert np.all(weights == weights[:1])
    assert len(np.unique(weights[0])) == 40


@pytest.mark.parametrize("alpha", [1.5, 1.9, 2.0])
def test_projections_of_a_column_have_the_law_of_their_kind(alpha):
    d, n, s = 4, 200_000, 0.01 ** (1 / alpha)
    u = np.array([0.6, -0.48, 0.0, 0.64])
    norms = {
        "shared": abs(u.sum()),
        "entrywise": np.sum(np.abs(u) ** alpha) ** (1 / alpha),
        "isotropic": 1.0,
    }
    for kind, norm in norms.items():
        weights = added(HeavyTailNoise(kind, alpha, 1.0), shape=(d, n))["weights"]
        assert abs(z_of_scale(u @ np.asarray(weights), s * norm, alpha)) <= 5, kind


def test_the_reference_scale_of_isotropic_noise_is_smaller_by_root_two():
    alpha = 1.75
    noise = HeavyTailNoise("isotropic", alpha, 1.0, isotropic_scale="reference")
    weights = added(noise, shape=(1, 400_000), learning_rate=1.0)["weights"]
    mean = np.cos(np.asarray(weights, float)).mean()
    expected = math.exp(-(2 ** (-alpha / 2)))
    assert abs(mean - expected) <= 5 * 0.5 / math.sqrt(400_000)


@pytest.mark.parametrize("kind", KINDS)
def test_alpha_two_is_gaussian_noise_of_variance_two_in_every_kind(kind):
    noise = HeavyTailNoise(kind, 2.0, 1.0)
    weights = added(noise, shape=(2, 20_000), learning_rate=1.0)["weights"]
    law = stats.norm(scale=math.sqrt(2))
    assert stats.kstest(samples(np.asarray(weights), kind), law.cdf).pvalue > 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_alpha_just_below_two_agrees_with_two(kind):
    shape = (2, 20_000)
    near = added(HeavyTailNoise(kind, 1.999, 1.0), shape=shape)["weights"]
    limit = added(HeavyTailNoise(kind, 2.0, 1.0), shape=shape, seed=3)["weights"]
    scales = 0.01 ** (1 / 1.999), 0.01**0.5
    pair = [
        samples(np.asarray(w, float) / s, kind)
        for w, s in zip((near, limit), scales, strict=True)
    ]
    assert stats.ks_2samp(*pair).pvalue > 1e-6


@pytest.mark.parametrize("unit", ["filter", "kernel"])
@pytest.mark.parametrize("kind", ["shared", "isotropic"])
@pytest.mark.parametrize("alpha", [1.5, 2.0])
def test_convolution_units_share_their_factor(unit, kind, alpha):
    params = {f"k{i}": jnp.zeros((3, 3, 4, 50), "float32") for i in range(2)}
    noise = HeavyTailNoise(kind, alpha, 1.0, unit)
    drawn = noise.draw(params, learning_rate=1.0, step=jnp.asarray(0), key=seeded(4))
    assert drawn["k0"] is None
    added = np.asarray(add_noise(params, drawn)["k1"])
    if kind == "shared":
        rows = added.reshape(36, 50) if unit == "filter" else added.reshape(9, 200)
        assert np.all(rows == rows[:1])
        assert len(np.unique(rows[0])) == rows.shape[1]
        return
    gains = np.log(np.sqrt(np.mean(added**2, axis=(0, 1, 2))))
    spread = {("filter", 1.5): 0.5, ("kernel", 1.5): 0.2}.get((unit, alpha), 0.0)
    assert np.std(gains) >= spread
    if alpha == 2.0:
        # No factor: all gains are those of chi-square variables with 36 degrees.
        assert np.std(gains) < 0.3


def test_isotropic_noise_of_a_filter_has_one_factor_for_all_its_entries():
    noise = HeavyTailNoise("isotropic", 1.2, 1.0, "filter", ("k",))
    kernel = {"k": jnp.zeros((3, 3, 8, 4000), "float32")}
    drawn = noise.draw(kernel, learning_rate=1.0, step=jnp.asarray(0), key=seeded(5))
    halves = np.log(np.mean(np.asarray(drawn["k"]).reshape(2, 36, 4000) ** 2, axis=1))
    assert np.corrcoef(halves)[0, 1] > 0.95


def test_readout_biases_and_first_convolution_stay_still(key):
    network = mlp((10, 10, 10), bias=True, key=key)
    noise = HeavyTailNoise("shared")
    drawn = noise.draw(network, learning_rate=0.1, step=jnp.asarray(3), key=key)
    noised = add_noise(network, drawn)
    assert bool(jnp.all(noised.layers[0] != network.layers[0]))
    np.testing.assert_array_equal(noised.readout, network.readout)
    np.testing.assert_array_equal(noised.biases[0], network.biases[0])


def test_patterns_choose_the_layers_biases_included(key):
    network = mlp((4, 5, 6, 2), bias=True, key=key)
    noise = HeavyTailNoise("shared", layers=("biases.1", "layers.0"))
    noised = add_noise(
        network, noise.draw(network, learning_rate=1.0, step=jnp.asarray(0), key=key)
    )
    moved = jax.tree.map(lambda a, b: bool(jnp.any(a != b)), network, noised)
    assert moved.layers == (True, False)
    assert moved.biases == (False, True)
    assert not moved.readout
    assert len(np.unique(np.asarray(noised.biases[1] - network.biases[1]))) == 6


def test_an_unknown_layer_is_refused_when_the_optimiser_starts(key):
    transformation = heavy_tail_noise(HeavyTailNoise(layers=("conv9",)), 0.1, key=key)
    with pytest.raises(ConfigError, match="'conv9' matches no parameter"):
        transformation.init({"weights": jnp.zeros((2, 2))})


def test_none_and_sigma_zero_change_nothing(key):
    for noise in [HeavyTailNoise("none"), HeavyTailNoise("shared", 1.5, 0.0)]:
        weights = added(noise, shape=(3, 4), n_steps=3)["weights"]
        assert not np.any(weights)


def test_rescaling_can_be_turned_off():
    noise = HeavyTailNoise("shared", 1.75, 0.3, rescale=False)
    weights = added(noise, shape=(1, 200_000), learning_rate=1e-4)["weights"]
    assert abs(z_of_scale(weights, 0.3, 1.75)) <= 5


def test_alpha_and_sigma_may_be_schedules():
    noise = HeavyTailNoise(
        "shared",
        alpha=lambda step: jnp.asarray(1.5, "float32"),
        sigma=lambda step: jnp.where(step == 0, jnp.float32(0.5), jnp.float32(0)),
    )
    weights = added(noise, shape=(1, 200_000), n_steps=4)["weights"]
    assert abs(z_of_scale(weights, 0.5 * 0.01 ** (1 / 1.5), 1.5)) <= 5


def test_any_optax_optimiser_takes_the_noise():
    noise = HeavyTailNoise("entrywise", 1.5, 1.0)
    transformation = optax.chain(
        optax.adam(1e-3), heavy_tail_noise(noise, 1e-3, key=seeded(6))
    )
    params = {"weights": jnp.zeros((200, 1000), "float32")}
    theta = iterate(transformation, params, zeros, 5)["weights"]
    assert abs(z_of_scale(theta, 0.005 ** (1 / 1.5), 1.5)) <= 5


def test_mean_field_steps_multiply_the_gradient_and_not_the_noise():
    width, eta, sigma = 1000, 1e-4, 0.1
    noise = HeavyTailNoise("shared", 1.5, sigma)
    params = {"weights": jnp.zeros((3, width), "float32")}

    transformation = optax.chain(
        optax.sgd(eta * width), heavy_tail_noise(noise, eta, key=seeded(7))
    )

    def gradient(p):
        return jax.tree.map(lambda w: jnp.ones_like(w) / width, p)

    moved = iterate(transformation, params, gradient, 1)["weights"]
    drawn = noise.draw(params, learning_rate=eta, step=jnp.asarray(0), key=seeded(7))
    expected = np.broadcast_to(drawn["weights"] - eta, moved.shape)
    # Rounding of a float32 difference of numbers below 1e-2.
    np.testing.assert_allclose(moved, expected, rtol=1e-5, atol=1e-8)


def test_the_noise_depends_on_key_step_and_path_only(key):
    noise = HeavyTailNoise("shared")

    def at(tree, step):
        return noise.draw(tree, learning_rate=0.1, step=jnp.asarray(step), key=key)

    leaf = jnp.zeros((2, 3), "float32")
    small, large = at({"a": leaf}, 1), at({"a": leaf, "b": leaf}, 1)
    np.testing.assert_array_equal(small["a"], large["a"])
    assert np.all(np.asarray(large["a"]) != np.asarray(large["b"]))
    assert np.all(np.asarray(at({"a": leaf}, 2)["a"]) != np.asarray(small["a"]))


def test_half_precision_weights_keep_noise_smaller_than_their_spacing():
    noise = HeavyTailNoise("shared", 2.0, 1e-3)
    params = {"weights": jnp.ones((1, 100), "bfloat16")}
    drawn = noise.draw(params, learning_rate=1.0, step=jnp.asarray(0), key=seeded(8))
    assert drawn["weights"].dtype == jnp.float32
    assert np.all(np.asarray(drawn["weights"]) != 0)
    assert add_noise(params, drawn)["weights"].dtype == jnp.bfloat16


@settings(max_examples=30)
@given(shape=st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_unit_shapes_broadcast_against_the_weights(shape):
    for unit in ["filter", "kernel"]:
        found = unit_shape(tuple(shape), unit=unit)
        assert np.broadcast_shapes(found, tuple(shape)) == tuple(shape)
        assert found[-1] == shape[-1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"alpha": 2.1}, r"`alpha` must be in \(0, 2\], got 2.1; 2 is Gaussian noise"),
        ({"alpha": math.nan}, r"`alpha` must be in \(0, 2\], got nan"),
        ({"sigma": -1}, "`sigma` must be finite and at least 0, got -1"),
        ({"sigma": math.inf}, "`sigma` must be finite and at least 0, got inf"),
        ({"kind": "type1"}, "got 'type1'; type 1 is shared"),
        ({"kind": "gaussian"}, "`noise` must be one of none, shared"),
        ({"unit": "row"}, "`noise_unit` must be one of filter, kernel"),
    ],
)
def test_bad_noise_is_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        HeavyTailNoise(**changes)
