"""Stable samplers against their transforms, SciPy and extended precision.

Every statistical test is a z-test with the standard error of the law itself and
|z| <= 5 (false alarm 6e-7); `SEED` replaces the seed.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from overparam.errors import ConfigError
from overparam.noise import (
    isotropic_factor,
    isotropic_stable,
    positive_stable,
    symmetric_stable,
)
from overparam.noise.stable import Words, log_positive_from_words, symmetric_from_words

from ..seeds import SEED


N = 4_000_000
ALPHAS = [0.6, 1.0, 1.5, 1.75, 1.9, 1.999, 2.0]


def seeded(number: int) -> jax.Array:
    return jax.random.fold_in(jax.random.key(SEED), number)


def characteristic(t: float, alpha: float) -> float:
    return math.exp(-(abs(t) ** alpha))


def characteristic_z(x: np.ndarray, t: float, alpha: float) -> float:
    phi = characteristic(t, alpha)
    variance = (1 + characteristic(2 * t, alpha)) / 2 - phi**2
    return (np.cos(t * x).mean(dtype=float) - phi) / math.sqrt(variance / x.size)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("alpha", ALPHAS)
def test_characteristic_function_is_that_of_the_law(alpha, dtype):
    n = N if dtype == "float32" else N // 8
    x = np.asarray(symmetric_stable(alpha, (n,), dtype=dtype, key=seeded(1)))
    assert x.dtype == dtype
    for t in [0.1, 0.3, 1, 2, 4]:
        assert abs(characteristic_z(x, np.float32(t), alpha)) <= 5, t


@pytest.mark.parametrize("alpha", [0.6, 1.0, 1.5, 1.9])
def test_symmetric_draws_follow_scipys_distribution(alpha):
    x = np.asarray(symmetric_stable(alpha, (N // 10,), key=seeded(2)))
    points = np.array([-8.0, -1.5, -0.2, 0.4, 2.0, 6.0])
    expected = stats.levy_stable.cdf(points, alpha, 0)
    error = np.sqrt(expected * (1 - expected) / x.size)
    empirical = np.mean(x[:, None] <= points, axis=0)
    # 1e-5 is the accuracy of SciPy's quadrature.
    assert np.all(np.abs(empirical - expected) <= 4 * error + 1e-5)


def test_alpha_two_is_normal_with_variance_two():
    x = np.asarray(symmetric_stable(2.0, (N // 4,), key=seeded(3)))
    assert stats.kstest(x, stats.norm(scale=math.sqrt(2)).cdf).pvalue > 1e-6


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("a", [0.3, 0.5, 0.875, 0.95, 0.9995])
def test_laplace_transform_is_that_of_the_law(a, dtype):
    n = N if dtype == "float32" else N // 8
    x = np.asarray(positive_stable(a, (n,), dtype=dtype, key=seeded(4)))
    assert np.all(x > 0)
    for scale in [0.25, 0.5, 1, 2, 4]:
        mean = math.exp(-(scale**a))
        variance = math.exp(-((2 * scale) ** a)) - math.exp(-2 * scale**a)
        z = np.exp(-np.float32(scale) * x).mean(dtype=float) - mean
        # 2e-7: rounding of float32 draws, where the law is nearly a point (a -> 1).
        assert abs(z) <= 5 * math.sqrt(variance / n) + 2e-7, scale


def test_positive_draws_follow_scipys_distribution():
    a = 0.7
    x = np.asarray(positive_stable(a, (N // 10,), key=seeded(5)))
    law = stats.levy_stable(a, 1, scale=math.cos(math.pi * a / 2) ** (1 / a))
    points = np.array([0.3, 0.6, 1.0, 2.0, 5.0, 20.0])
    expected = law.cdf(points)
    error = np.sqrt(expected * (1 - expected) / x.size)
    empirical = np.mean(x[:, None] <= points, axis=0)
    assert np.all(np.abs(empirical - expected) <= 4 * error + 1e-5)


@pytest.mark.parametrize("alpha", [1.5, 1.75, 1.9])
def test_far_tail_has_the_constant_of_the_power_law(alpha):
    constant = 2 * math.gamma(alpha) * math.sin(math.pi * alpha / 2) / math.pi
    p = 1e-5
    x = np.asarray(symmetric_stable(alpha, (N,), key=seeded(6)))
    count = int(np.sum(np.abs(x) > (constant / p) ** (1 / alpha)))
    low, high = stats.poisson(N * p).ppf([1e-6, 1 - 1e-6])
    # The next term of the tail's expansion is below 4 % here.
    assert 0.96 * low <= count <= 1.04 * high


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [0.6, 1.0, 1.5, 1.75, 1.999, 2.0])
def test_a_hundred_million_draws_are_finite_and_reach_the_far_tail(alpha):
    constant = 2 * math.gamma(alpha) * math.sin(math.pi * alpha / 2) / math.pi
    p, n = 1e-6, 10_000_000
    bound = (max(constant, 1e-3) / p) ** (1 / alpha)
    # A traced exponent: the program is compiled once, and that form is tested too.
    draw = jax.jit(
        lambda key, index: (
            jnp.sum(~jnp.isfinite(x := symmetric_stable(index, (n,), key=key))),
            jnp.sum(jnp.abs(x) > bound),
        )
    )
    drawn = [draw(seeded(100 + i), jnp.float32(alpha)) for i in range(10)]
    assert sum(int(bad) for bad, _ in drawn) == 0
    if alpha in (1.5, 1.75):
        count = sum(int(far) for _, far in drawn)
        low, high = stats.poisson(10 * n * p).ppf([1e-6, 1 - 1e-6])
        assert low <= count <= high


def edge_words(bits: int) -> np.ndarray:
    rng = np.random.default_rng(SEED)
    top = (1 << bits) - 1
    edges = [0, top, top - 1, top >> 1, (top >> 1) + 1]
    edges += [1 << i for i in range(bits)] + [top ^ (1 << i) for i in range(bits)]
    random = rng.integers(0, top, 100, dtype=np.uint64, endpoint=True)
    kind = np.uint32 if bits == 32 else np.uint64
    return np.concatenate([np.array(edges, kind), random.astype(kind)])


def word_pairs(bits: int) -> tuple[np.ndarray, np.ndarray]:
    words = edge_words(bits)
    return tuple(m.ravel() for m in np.meshgrid(words, words))


def exact_uniforms(words: np.ndarray, bits: int, drop: int) -> list:
    mpmath = pytest.importorskip("mpmath")
    half = mpmath.mpf(1) / 2
    return [((int(w) >> drop) + half) / mpmath.mpf(2) ** (bits - drop) for w in words]


@pytest.mark.parametrize(("bits", "tolerance"), [(32, 1e-5), (64, 1e-13)])
@pytest.mark.parametrize("alpha", [0.6, 1.0, 1.75, 1.999, 2.0])
def test_words_give_the_formula_in_extended_precision(alpha, bits, tolerance):
    mpmath = pytest.importorskip("mpmath")
    mpmath.mp.dps = 40
    dtype = f"float{bits}"
    rng = np.random.default_rng(SEED)
    first, second = word_pairs(bits)
    chosen = rng.permutation(first.size)[:2000]
    first, second = first[chosen], second[chosen]
    ours = np.asarray(
        symmetric_from_words(
            alpha, Words(jnp.asarray(first), jnp.asarray(second)), dtype=dtype
        )
    )
    assert np.all(np.isfinite(ours))
    c = (2 - mpmath.mpf(alpha)) * mpmath.pi / 2
    exponent = (1 - mpmath.mpf(alpha)) / alpha
    uniforms = exact_uniforms(first, bits, 1), exact_uniforms(second, bits, 0)
    for value, word, u, v in zip(ours, first, *uniforms, strict=True):
        d = u * mpmath.pi / 2
        size = mpmath.sin(c + alpha * d) * mpmath.sin(d) ** (-1 / mpmath.mpf(alpha))
        size *= (mpmath.sin(c + (alpha - 1) * d) / -mpmath.log(v)) ** exponent
        expected = float(-size if int(word) & 1 else size)
        assert abs(value - expected) <= tolerance * max(abs(expected), 0.01)


@pytest.mark.parametrize(("bits", "tolerance"), [(32, 2e-5), (64, 1e-13)])
@pytest.mark.parametrize("a", [0.3, 0.5, 0.875, 0.9995])
def test_positive_words_give_the_formula_in_extended_precision(a, bits, tolerance):
    mpmath = pytest.importorskip("mpmath")
    mpmath.mp.dps = 40
    rng = np.random.default_rng(SEED)
    first, second = word_pairs(bits)
    chosen = rng.permutation(first.size)[:1000]
    first, second = first[chosen], second[chosen]
    words = Words(jnp.asarray(first), jnp.asarray(second))
    ours = np.asarray(log_positive_from_words(a, words, dtype=f"float{bits}"))
    exact = mpmath.mpf(a)
    uniforms = exact_uniforms(first, bits, 1), exact_uniforms(second, bits, 0)
    for value, word, u, v in zip(ours, first, *uniforms, strict=True):
        distance = u * mpmath.pi / 2
        theta = mpmath.pi - distance if int(word) & 1 else distance
        ratio = mpmath.sin((1 - exact) * theta) / -mpmath.log(v)
        expected = mpmath.log(mpmath.sin(exact * theta))
        expected -= mpmath.log(mpmath.sin(theta)) / exact
        expected += (1 - exact) / exact * mpmath.log(ratio)
        # In units of the logarithm: a relative error of the value itself.
        assert abs(value - float(expected)) <= tolerance * max(1, abs(expected) / 4)


@pytest.mark.parametrize("alpha", [1.0, 1.75, 1.999, 2.0])
def test_isotropic_vectors_have_the_same_law_in_every_direction(alpha):
    d, n = 6, 100_000
    x = np.asarray(isotropic_stable(alpha, (n, d), key=seeded(7)), float)
    rng = np.random.default_rng(SEED)
    directions = rng.standard_normal((20, d))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    for direction in directions:
        assert abs(characteristic_z(x @ direction, 1.0, alpha)) <= 5


def test_isotropic_factor_is_shared_by_the_coordinates_of_a_vector():
    x = np.asarray(isotropic_stable(0.6, (2000, 2), key=seeded(8)))
    size = np.log(np.abs(x))
    assert np.corrcoef(size.T)[0, 1] > 0.3


@pytest.mark.parametrize("alpha", [0.8, 1.0, 1.75, 2.0])
def test_a_traced_exponent_gives_the_same_draws(alpha):
    shape = (500,)
    traced = jax.jit(
        lambda index, key: (
            symmetric_stable(index, shape, key=key),
            isotropic_factor(index, shape, key=key),
        )
    )(jnp.float32(alpha), seeded(9))
    fixed = (
        symmetric_stable(alpha, shape, key=seeded(9)),
        isotropic_factor(alpha, shape, key=seeded(9)),
    )
    # Rounding of float32 exponents, times logarithms of up to about 20.
    for one, other in zip(traced, fixed, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3, 4), (0,)])
def test_any_shape_and_vmap(shape):
    assert symmetric_stable(1.5, shape, key=seeded(10)).shape == shape
    keys = jax.random.split(seeded(11), 3)
    batch = jax.vmap(lambda key: symmetric_stable(1.5, shape, key=key))(keys)
    one = symmetric_stable(1.5, shape, key=keys[1])
    np.testing.assert_allclose(batch[1], one, rtol=1e-6)


def test_other_key_implementations_work():
    key = jax.random.key(SEED, impl="rbg")
    x = np.asarray(symmetric_stable(1.5, (N // 20,), key=key))
    assert abs(characteristic_z(x, 1.0, 1.5)) <= 5


@pytest.mark.parametrize("alpha", [0, 2.1, math.nan, -1])
def test_exponents_outside_the_range_are_refused(alpha, key):
    with pytest.raises(ConfigError, match=r"`alpha` must be in \(0, 2\], got .*; 2 is"):
        symmetric_stable(alpha, (2,), key=key)


def test_small_exponents_need_float64(key):
    message = "below 0.3 overflows float32, got 0.2; use precision float64"
    with pytest.raises(ConfigError, match=message):
        symmetric_stable(0.2, (2,), key=key)
    draws = symmetric_stable(0.2, (1000,), dtype="float64", key=key)
    assert bool(jnp.all(jnp.isfinite(draws)))


@pytest.mark.parametrize("a", [0, 1, 1.5])
def test_positive_exponents_outside_the_range_are_refused(a, key):
    with pytest.raises(ConfigError, match=r"`a` must be in \(0, 1"):
        positive_stable(a, (2,), key=key)


def test_other_dtypes_are_refused(key):
    with pytest.raises(ConfigError, match="float32 or float64, got float16"):
        symmetric_stable(1.5, (2,), dtype="float16", key=key)
