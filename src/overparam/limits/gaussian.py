r"""Moments of activations under Gaussian inputs, in NumPy or in JAX.

For $x \sim N(0, \Sigma)$ and neurons $w_i$, everything is a function of the Gram matrix
$G_{ij} = w_i^\top \Sigma w_j$. Functions take the array namespace `xp` (`numpy` or
`jax.numpy`), so that one formula serves the exact float64 value on the host and the
differentiable one in a compiled program. The population risk and the kernels of wide
networks are made of these.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..errors import ConfigError
from ..networks.activations import Activation, traits
from ..networks.activations import activation as activation_named
from .hermite import TANH, Series, roots, tanh_slope


# The negative slope of `leaky-relu` in `networks.activations`.
_LEAK = 0.01

# Roundoffs by which a cosine may miss 1 before its two variables are told apart: inner
# products of equal vectors differ by a few.
_EQUAL = 32


@dataclass(frozen=True)
class ActivationMoments:
    r"""Closed forms of an activation $\psi$ under Gaussian inputs.

    Each takes the squared norms $G_{ii}$ (`squares`) and the namespace `xp`.

    Attributes:
        covariance: $E[\psi(w_i^\top x)\,\psi(w_j^\top x)]$; takes a block of $G$ and
            the squared norms of its rows and of its columns.
        mean: $E[\psi(w_i^\top x)]$.
        slope: $E[\psi'(w_i^\top x)]$, so that
            $E[\psi(w_i^\top x)\, x] = \text{slope}_i\, \Sigma w_i$.
        power: $E[\psi(w_i^\top x)^2]$, the diagonal of `covariance`.
        slopes: $E[\psi'(w_i^\top x)\,\psi'(w_j^\top x)]$; takes what `covariance`
            takes.
        errors: Bound of the errors of `covariance` and `slopes`, in float64, rounding
            not counted; and the larger of those of both, each over its largest power.
    """

    covariance: Callable[[Any, Any, Any, Any], Any]
    mean: Callable[[Any, Any], Any]
    slope: Callable[[Any, Any], Any]
    power: Callable[[Any, Any], Any]
    slopes: Callable[[Any, Any, Any, Any], Any]
    errors: Callable[[Any], tuple[float, float]] = lambda squares: (0.0, 0.0)


def moments(activation: str) -> ActivationMoments:
    """The closed forms of the activation of this name, or the series of tanh.

    Raises:
        ConfigError: If none are known.
    """
    if activation not in MOMENTS:
        raise ConfigError(
            f"No closed form of the population risk is known for {activation}; "
            f"use one of {', '.join(MOMENTS)}."
        )
    return MOMENTS[activation]


def series_moments(function: Activation, *, odd: bool = False) -> ActivationMoments:
    """The moments of any activation, by its Hermite series; `errors` bounds theirs.

    Args:
        function: The activation, differentiable in JAX and entry by entry.
        odd: Whether it is odd, which halves the work.
    """

    def derivative(z: Any) -> Any:
        return jax.jvp(function, (z,), (jnp.ones_like(z),))[1]

    own = Series(lambda z, xp: function(jnp.asarray(z)), "odd" if odd else "none")
    slope = Series(lambda z, xp: derivative(jnp.asarray(z)), "even" if odd else "none")
    return _of_series(
        own,
        slope,
        mean=lambda squares, xp: (
            xp.zeros_like(squares) if odd else own.coefficients(squares, xp)[:, 0]
        ),
        slope=lambda squares, xp: slope.coefficients(squares, xp)[:, 0],
    )


def moments_of(activation: str | Activation) -> ActivationMoments:
    """The moments of any activation, by closed form where there is one.

    Raises:
        ConfigError: If there is no activation of that name.
    """
    if callable(activation):
        return series_moments(activation)
    if activation in MOMENTS:
        return MOMENTS[activation]
    return series_moments(activation_named(activation), odd=traits(activation).odd)


def _of_series(own: Series, derivative: Series, **means: Any) -> ActivationMoments:
    def errors(squares: Any) -> tuple[float, float]:
        bounds = [s.error(squares) for s in (own, derivative)]
        powers = [float(s.power(squares, np).max()) for s in (own, derivative)]
        # What is 0 throughout is known exactly.
        relative = [b / p for b, p in zip(bounds, powers, strict=True) if p]
        return max(bounds), max(relative, default=0.0)

    return ActivationMoments(
        covariance=own.covariance,
        power=own.power,
        slopes=derivative.covariance,
        errors=errors,
        **means,
    )


def arc_cosine(c: Any, xp: Any) -> Any:
    r"""$J(c) = \sqrt{1 - c^2} + (\pi - \arccos c)\, c$, with $c$ clipped to [-1, 1].

    In JAX its derivative is $\pi - \arccos c$: the singular parts of the plain formula
    cancel exactly, where automatic differentiation would give NaN at $c = \pm 1$.
    """
    return _differentiable_arc_cosine(c) if xp is jnp else _arc_cosine(c, xp)


def _arc_cosine(c: Any, xp: Any) -> Any:
    c = xp.clip(c, -1.0, 1.0)
    return xp.sqrt((1 - c) * (1 + c)) + (math.pi - xp.arccos(c)) * c


@jax.custom_jvp
def _differentiable_arc_cosine(c: Float[Array, "..."]) -> Float[Array, "..."]:
    return _arc_cosine(c, jnp)


@_differentiable_arc_cosine.defjvp
def _(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (c,), (c_dot,) = primals, tangents
    return _differentiable_arc_cosine(c), _supplement(c) * c_dot


def _plain_supplement(c: Any, xp: Any = np) -> Any:
    r"""$\pi - \arccos c$, the supplement of the angle."""
    return math.pi - xp.arccos(xp.clip(c, -1.0, 1.0))


@jax.custom_jvp
def _supplement(c: Float[Array, "..."]) -> Float[Array, "..."]:
    return _plain_supplement(c, jnp)


@_supplement.defjvp
def _(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (c,), (c_dot,) = primals, tangents
    square = (1 - c) * (1 + c)
    # Parallel neurons: the term vanishes in the limit, so 0 keeps Hessians right.
    inverse = jnp.where(square > 0, 1 / jnp.sqrt(jnp.where(square > 0, square, 1)), 0)
    return _supplement(c), inverse * c_dot


def relu_covariance(gram: Any, rows: Any, columns: Any, xp: Any) -> Any:
    r"""Arc-cosine kernel of degree one: $\|a\| \|b\| J(\cos\theta) / 2\pi$.

    Reference: Cho and Saul, Kernel methods for deep learning, NeurIPS 2009, eq. (6).
    """
    norms, others = roots(rows, xp), roots(columns, xp)
    weights = norms / (2 * math.pi)
    cosines = _cosines(gram, rows, columns, xp)
    return arc_cosine(cosines, xp) * weights[:, None] * others[None, :]


def _relu_slopes(gram: Any, rows: Any, columns: Any, xp: Any) -> Any:
    """Arc-cosine kernel of degree zero; a variable that is always 0 has slope 0."""
    cosines = _cosines(gram, rows, columns, xp)
    # The same expression as in `arc_cosine`: where both are needed it is computed once.
    supplement = _supplement if xp is jnp else _plain_supplement
    limits = xp.where(cosines > 0, math.pi, 0.0)
    angles = xp.where(_parallel(cosines, xp), limits, supplement(cosines))
    alive = (rows > 0)[:, None] & (columns > 0)[None, :]
    return xp.where(alive, angles / (2 * math.pi), 0)


def _cosines(gram: Any, rows: Any, columns: Any, xp: Any) -> Any:
    inverse = 1 / xp.where(rows > 0, roots(rows, xp), 1)
    others = 1 / xp.where(columns > 0, roots(columns, xp), 1)
    return gram * inverse[:, None] * others[None, :]


def _parallel(cosines: Any, xp: Any) -> Any:
    r"""Where rounding alone keeps a cosine from 1 or -1.

    An angle is as uncertain as the root of what its cosine is: without this the slopes
    of a variable with itself would be wrong by 1e-8.
    """
    return xp.abs(cosines) > 1 - _EQUAL * xp.finfo(cosines.dtype).eps


def _leaky_covariance(gram: Any, rows: Any, columns: Any, xp: Any) -> Any:
    # psi(z) = relu(z) - leak relu(-z), hence the kernel at angles theta and pi - theta.
    same = relu_covariance(gram, rows, columns, xp)
    opposite = relu_covariance(-gram, rows, columns, xp)
    return (1 + _LEAK**2) * same - 2 * _LEAK * opposite


def _leaky_slopes(gram: Any, rows: Any, columns: Any, xp: Any) -> Any:
    alive = (rows > 0)[:, None] & (columns > 0)[None, :]
    slopes = _LEAK + (1 - _LEAK) ** 2 * _relu_slopes(gram, rows, columns, xp)
    # A variable that is always 0 has the slope 1, which JAX takes there.
    means, others = (xp.where(k > 0, (1 + _LEAK) / 2, 1.0) for k in (rows, columns))
    return xp.where(alive, slopes, means[:, None] * others[None, :])


def _erf_covariance(gram: Any, rows: Any, columns: Any, xp: Any) -> Any:
    """Williams, Computing with infinite networks, NeurIPS 1996, eq. (11)."""
    sines, cosines, _ = _erf_angles(gram, rows, columns, xp)
    return (2 / math.pi) * xp.arctan2(sines, cosines)


def _erf_slopes(gram: Any, rows: Any, columns: Any, xp: Any) -> Any:
    r"""$\frac4\pi [(1 + 2 a)(1 + 2 b) - 4 c^2]^{-1/2}$."""
    _, cosines, widths = _erf_angles(gram, rows, columns, xp)
    return (4 / math.pi) / (widths * cosines)


def _erf_angles(gram: Any, rows: Any, columns: Any, xp: Any) -> tuple[Any, Any, Any]:
    r"""$s = 2 c / w$ with $w = \sqrt{(1 + 2 a)(1 + 2 b)}$, $\sqrt{1 - s^2}$, and $w$.

    The root is one of a sum of positive terms: of large variances the arcsine of s, or
    $1 - s^2$ as it stands, would be rounding.
    """
    left, right = (1 + 2 * rows)[:, None], (1 + 2 * columns)[None, :]
    shares = 2 * rows[:, None] / left, 2 * columns[None, :] / right
    correlations = _cosines(gram, rows, columns, xp)
    apart = (1 - correlations) * (1 + correlations)
    rounding = xp.where(_parallel(correlations, xp), apart, 0)
    # The value is 0 there, and the derivatives are those of the formula.
    apart = apart - (jax.lax.stop_gradient(rounding) if xp is jnp else rounding)
    complement = 1 / right + shares[1] / left + shares[0] * shares[1] * apart
    widths = xp.sqrt(left) * xp.sqrt(right)
    return 2 * gram / widths, xp.sqrt(complement), widths


MOMENTS: Mapping[str, ActivationMoments] = MappingProxyType(
    {
        "relu": ActivationMoments(
            covariance=relu_covariance,
            mean=lambda squares, xp: roots(squares, xp) / math.sqrt(2 * math.pi),
            slope=lambda squares, xp: xp.full_like(squares, 0.5),
            power=lambda squares, xp: squares / 2,
            slopes=_relu_slopes,
        ),
        "leaky-relu": ActivationMoments(
            covariance=_leaky_covariance,
            mean=lambda squares, xp: (
                (1 - _LEAK) * roots(squares, xp) / math.sqrt(2 * math.pi)
            ),
            slope=lambda squares, xp: xp.full_like(squares, (1 + _LEAK) / 2),
            power=lambda squares, xp: (1 + _LEAK**2) / 2 * squares,
            slopes=_leaky_slopes,
        ),
        "linear": ActivationMoments(
            covariance=lambda gram, rows, columns, xp: gram,
            mean=lambda squares, xp: xp.zeros_like(squares),
            slope=lambda squares, xp: xp.ones_like(squares),
            power=lambda squares, xp: squares,
            slopes=lambda gram, rows, columns, xp: xp.ones_like(gram),
        ),
        "erf": ActivationMoments(
            covariance=_erf_covariance,
            mean=lambda squares, xp: xp.zeros_like(squares),
            slope=lambda squares, xp: 2 / xp.sqrt(math.pi * (1 + 2 * squares)),
            power=lambda squares, xp: (
                (2 / math.pi) * xp.arctan2(2 * squares, xp.sqrt(1 + 4 * squares))
            ),
            slopes=_erf_slopes,
        ),
        "tanh": _of_series(
            TANH,
            Series(lambda z, xp: 1 - xp.tanh(z) ** 2, "even"),
            mean=lambda squares, xp: xp.zeros_like(squares),
            slope=tanh_slope,
        ),
    }
)
"""Closed forms by activation; that of tanh is a series."""
