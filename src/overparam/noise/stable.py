r"""Alpha-stable random numbers whose far tail is right in float32 as in float64.

The textbook formulas (Chambers, Mallows, Stuck 1976; Kanter 1975) are singular where
an angle meets the end of its interval, and there the heavy tail comes from. A 23-bit
uniform cannot come close to that end: the tail is cut, and the end itself gives a NaN.
Here the *distance to the end* is made from random words, so that it keeps its
relative precision however small it is.
"""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray, UInt, UInt32

from ..data.sources.normal import standard_normal
from ..errors import ConfigError
from .ranges import check_exponent


Exponent = float | Float[Array, ""]


class Words(NamedTuple):
    """Two random words per value: one for the angle, one for the exponential."""

    angle: UInt[Array, "*shape"]
    exponential: UInt[Array, "*shape"]


def symmetric_stable(
    alpha: Exponent,
    shape: tuple[int, ...],
    *,
    dtype: DTypeLike = "float32",
    key: PRNGKeyArray,
) -> Float[Array, "*shape"]:
    r"""Symmetric alpha-stable values, $E\, e^{i t X} = e^{-|t|^\alpha}$.

    At `alpha = 2` this is the normal law of variance **2**, the limit of the family.

    Args:
        alpha: Tail index in (0, 2], a number or a traced scalar; at least 0.3 in
            float32.
        shape: Shape of the result.
        dtype: float32, or float64 with JAX's 64-bit mode.
        key: Random key.

    Returns:
        Independent values of the given shape.

    Raises:
        ConfigError: If `alpha` or `dtype` cannot be used.

    Reference: Chambers, Mallows, Stuck, JASA 71 (1976), eq. 2.1 with beta = 0.

    Example:
        ```python
        drawn = op.noise.symmetric_stable(1.5, (1000,), key=key)
        jnp.cos(drawn).mean()  # 1/e, up to sampling
        ```
    """
    _check(2.0, dtype, alpha=alpha)
    return symmetric_from_words(alpha, _words(shape, dtype, key), dtype=dtype)


def positive_stable(
    a: Exponent,
    shape: tuple[int, ...],
    *,
    dtype: DTypeLike = "float32",
    key: PRNGKeyArray,
) -> Float[Array, "*shape"]:
    r"""Positive stable values, $E\, e^{-l A} = e^{-l^a}$ for $l > 0$.

    Args:
        a: Exponent in (0, 1), a number or a traced scalar; at least 0.3 in float32.
        shape: Shape of the result.
        dtype: float32, or float64 with JAX's 64-bit mode.
        key: Random key.

    Returns:
        Independent positive values of the given shape.

    Raises:
        ConfigError: If `a` or `dtype` cannot be used.

    Reference: Kanter, Annals of Probability 3 (1975), theorem 4.1.

    Example:
        ```python
        drawn = op.noise.positive_stable(0.5, (1000,), key=key)
        jnp.exp(-drawn).mean()  # 1/e, up to sampling
        ```
    """
    _check(1.0, dtype, a=a)
    if _concrete(a) and float(a) >= 1:
        raise ConfigError(f"`a` must be in (0, 1), got {a}; at 1 the law is a point.")
    return jnp.exp(log_positive_from_words(a, _words(shape, dtype, key), dtype=dtype))


def isotropic_factor(
    alpha: Exponent,
    shape: tuple[int, ...],
    *,
    dtype: DTypeLike = "float32",
    key: PRNGKeyArray,
) -> Float[Array, "*shape"]:
    r"""Factors $\sqrt{2A}$, $A$ positive stable of exponent $\alpha/2$.

    A standard normal vector times one factor is an isotropic stable vector; at
    `alpha = 2` the factor is $\sqrt 2$, where Kanter's formula would be $0^0$.

    Example:
        ```python
        factor = op.noise.isotropic_factor(1.5, (4, 1), key=key)
        vectors = factor * jax.random.normal(key, (4, 3))
        ```
    """
    _check(2.0, dtype, alpha=alpha)
    if _concrete(alpha) and float(alpha) == 2:
        return jnp.full(shape, math.sqrt(2), dtype)
    words = _words(shape, dtype, key)
    if _concrete(alpha):
        log_a = log_positive_from_words(alpha / 2, words, dtype=dtype)
    else:
        safe = jnp.where(alpha == 2, jnp.ones_like(alpha), alpha)
        log_a = log_positive_from_words(safe / 2, words, dtype=dtype)
        log_a = jnp.where(alpha == 2, jnp.zeros_like(log_a), log_a)
    return math.sqrt(2) * jnp.exp(0.5 * log_a)


def isotropic_stable(
    alpha: Exponent,
    shape: tuple[int, ...],
    *,
    dtype: DTypeLike = "float32",
    key: PRNGKeyArray,
) -> Float[Array, "*shape"]:
    r"""Isotropic stable vectors, $E\, e^{i \langle u, X \rangle} = e^{-\|u\|^\alpha}$.

    The last axis is the vector: $X = \sqrt{2A}\, G$ with $G$ standard normal and one
    positive stable $A$ of exponent $\alpha/2$ for each vector.

    Args:
        alpha: Tail index in (0, 2], a number or a traced scalar; at least 0.3 in
            float32.
        shape: Shape of the result; the last axis holds the coordinates.
        dtype: float32, or float64 with JAX's 64-bit mode.
        key: Random key.

    Returns:
        Independent vectors; every coordinate has the law of `symmetric_stable`.

    Raises:
        ConfigError: If `alpha` or `dtype` cannot be used.

    Reference: Samorodnitsky, Taqqu, Stable Non-Gaussian Random Processes, prop. 2.5.2.

    Example:
        ```python
        vectors = op.noise.isotropic_stable(2.0, (1000, 3), key=key)
        vectors.var()  # 2, up to sampling
        ```
    """
    return isotropic_blocks(alpha, shape, (*shape[:-1], 1), dtype=dtype, key=key)


def isotropic_blocks(
    alpha: Exponent,
    shape: tuple[int, ...],
    blocks: tuple[int, ...],
    *,
    dtype: DTypeLike = "float32",
    key: PRNGKeyArray,
) -> Float[Array, "*shape"]:
    """Isotropic stable vectors of any form: one factor for each entry of `blocks`.

    Args:
        alpha: Tail index, as in `isotropic_stable`.
        shape: Shape of the result.
        blocks: A shape that broadcasts to `shape`; its axes of length 1 are the axes
            of a vector.
        dtype: float32, or float64 with JAX's 64-bit mode.
        key: Random key.
    """
    key_factor, key_normal = jax.random.split(key)
    factor = isotropic_factor(alpha, blocks, dtype=dtype, key=key_factor)
    return factor * standard_normal(key_normal, shape, dtype=dtype)


def symmetric_from_words(
    alpha: Exponent, words: Words, *, dtype: DTypeLike
) -> Float[Array, "*shape"]:
    r"""The symmetric stable value that two words stand for.

    With $d \in (0, \pi/2)$ the distance of the angle from $\pi/2$, $W$ exponential
    and $c = (2 - \alpha)\pi/2$:

    $$|X| = \sin(c + \alpha d)\, \sin(d)^{-1/\alpha}
        \left(\frac{\sin(c + (\alpha - 1) d)}{W}\right)^{(1-\alpha)/\alpha}$$

    with no branch at $\alpha = 1$; the lowest bit of the first word is the sign.
    """
    dtype = jnp.dtype(dtype)
    near = _fraction(words.angle, dtype) * (math.pi / 2)
    far = _fraction(~words.angle, dtype) * (math.pi / 2)
    c = _constant((2 - alpha) * (math.pi / 2), dtype)
    index = _constant(alpha, dtype)
    slope = _constant(alpha - 1, dtype)
    # sin(c + alpha d) = sin(alpha (pi/2 - d)): each half keeps relative precision.
    first = jnp.sin(jnp.where(near < far, c + index * near, index * far))
    power = _constant((1 - alpha) / alpha, dtype) * (
        jnp.log(jnp.sin(c + slope * near) / _exponential(words.exponential, dtype))
    ) - _constant(1 / alpha, dtype) * jnp.log(jnp.sin(near))
    magnitude = first * jnp.exp(power)
    return jnp.where((words.angle & 1).astype(bool), -magnitude, magnitude)


def log_positive_from_words(
    a: Exponent, words: Words, *, dtype: DTypeLike
) -> Float[Array, "*shape"]:
    r"""The logarithm of the positive stable value that two words stand for.

    With $\theta$ uniform in $(0, \pi)$ and $W$ exponential:

    $$A = \sin(a \theta)\, \sin(\theta)^{-1/a}
        \left(\frac{\sin((1 - a) \theta)}{W}\right)^{(1-a)/a}$$

    The lowest bit of the first word tells from which end $\theta$ is measured.
    """
    dtype = jnp.dtype(dtype)
    distance = _fraction(words.angle, dtype) * (math.pi / 2)
    is_far = (words.angle & 1).astype(bool)
    slope, rest = _constant(a, dtype), _constant(1 - a, dtype)
    offset = _constant((1 - a) * math.pi, dtype)
    theta = jnp.where(is_far, math.pi - distance, distance)
    start = jnp.where(is_far, offset, jnp.zeros_like(offset))
    ratio = jnp.sin(rest * theta) / _exponential(words.exponential, dtype)
    return (
        jnp.log(jnp.sin(start + slope * distance))
        - _constant(1 / a, dtype) * jnp.log(jnp.sin(distance))
        + _constant((1 - a) / a, dtype) * jnp.log(ratio)
    )


def _check(maximum: float, dtype: DTypeLike, **value: Exponent) -> None:
    precision = np.dtype(dtype).name
    if precision not in ("float32", "float64"):
        raise ConfigError(f"`dtype` must be float32 or float64, got {precision}.")
    if precision == "float64" and jnp.zeros((), float).dtype != np.float64:
        raise ConfigError(
            "`dtype` float64 needs JAX's 64-bit mode, which is off; use precision "
            "float64 or jax.enable_x64."
        )
    for name, exponent in value.items():
        if _concrete(exponent):
            check_exponent(maximum, precision=precision, **{name: float(exponent)})


def _concrete(value: Any) -> bool:
    return not isinstance(value, Tracer)


def _constant(value: Exponent, dtype: np.dtype) -> Float[Array, ""]:
    return jnp.asarray(value, dtype)


def _words(shape: tuple[int, ...], dtype: DTypeLike, key: PRNGKeyArray) -> Words:
    angle, exponential = _bits(shape, key)
    if np.dtype(dtype) == np.float32:
        return Words(angle, exponential)
    # The words of float32, refined: precision must not change which number is drawn.
    fine = [low.astype("uint64") for low in _bits(shape, jax.random.fold_in(key, 1))]
    angle, exponential = angle.astype("uint64"), exponential.astype("uint64")
    # The lowest bit of an angle stays the lowest.
    refined = (angle >> 1 << 33) | (fine[0] << 1) | (angle & 1)
    return Words(refined, (exponential << 32) | fine[1])


def _bits(shape: tuple[int, ...], key: PRNGKeyArray) -> UInt32[Array, "2 *shape"]:
    # The layout that cannot be partitioned over devices uses both words of a hash.
    with jax.threefry_partitionable(False):
        return jax.random.bits(key, (2, *shape), "uint32")


def _fraction(word: UInt[Array, "*shape"], dtype: np.dtype) -> Float[Array, "*shape"]:
    """All bits but the lowest as a number in (0, 1), precise near 0."""
    bits = word.dtype.itemsize * 8 - 1
    return ((word >> 1).astype(dtype) + 0.5) * 2.0**-bits


def _exponential(
    word: UInt[Array, "*shape"], dtype: np.dtype
) -> Float[Array, "*shape"]:
    """A word as an exponential variable: never 0, never infinite, precise at both."""
    bits = word.dtype.itemsize * 8
    v = (jnp.minimum(word, ~word).astype(dtype) + 0.5) * 2.0**-bits
    upper = (word >> (bits - 1)).astype(bool)
    return jnp.where(upper, -jnp.log1p(-v), -jnp.log(v))
