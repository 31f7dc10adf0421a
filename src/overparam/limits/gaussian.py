r"""Moments of activations under Gaussian inputs, in NumPy or in JAX.

For $x \sim N(0, \Sigma)$ and neurons $w_i$, everything is a function of the Gram matrix
$G_{ij} = w_i^\top \Sigma w_j$. Functions take the array namespace `xp` (`numpy` or
`jax.numpy`), so that one formula serves the exact float64 value on the host and the
differentiable one in a compiled program.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..errors import ConfigError
from .hermite import roots, tanh_covariance, tanh_slope


# The negative slope of `leaky-relu` in `networks.activations`.
_LEAK = 0.01


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
    """

    covariance: Callable[[Any, Any, Any, Any], Any]
    mean: Callable[[Any, Any], Any]
    slope: Callable[[Any, Any], Any]


def moments(activation: str) -> ActivationMoments:
    """The closed forms of the activation of this name.

    Raises:
        ConfigError: If none are known.
    """
    if activation not in MOMENTS:
        raise ConfigError(
            f"No closed form of the population risk is known for {activation}; "
            f"use one of {', '.join(MOMENTS)}."
        )
    return MOMENTS[activation]


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


@jax.custom_jvp
def _supplement(c: Float[Array, "..."]) -> Float[Array, "..."]:
    r"""$\pi - \arccos c$, the supplement of the angle."""
    return math.pi - jnp.arccos(jnp.clip(c, -1.0, 1.0))


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
    inverse = 1 / xp.where(rows > 0, norms, 1)
    cosines = gram * inverse[:, None] * (1 / xp.where(columns > 0, others, 1))[None, :]
    weights = norms / (2 * math.pi)
    return arc_cosine(cosines, xp) * weights[:, None] * others[None, :]


def _leaky_covariance(gram: Any, rows: Any, columns: Any, xp: Any) -> Any:
    # psi(z) = relu(z) - leak relu(-z), hence the kernel at angles theta and pi - theta.
    same = relu_covariance(gram, rows, columns, xp)
    opposite = relu_covariance(-gram, rows, columns, xp)
    return (1 + _LEAK**2) * same - 2 * _LEAK * opposite


def _erf_covariance(gram: Any, rows: Any, columns: Any, xp: Any) -> Any:
    """Williams, Computing with infinite networks, NeurIPS 1996, eq. (11)."""
    widths = xp.sqrt(1 + 2 * rows)[:, None] * xp.sqrt(1 + 2 * columns)[None, :]
    sines = 2 * gram / widths
    return (2 / math.pi) * xp.arcsin(sines)


MOMENTS: Mapping[str, ActivationMoments] = MappingProxyType(
    {
        "relu": ActivationMoments(
            covariance=relu_covariance,
            mean=lambda squares, xp: roots(squares, xp) / math.sqrt(2 * math.pi),
            slope=lambda squares, xp: xp.full_like(squares, 0.5),
        ),
        "leaky-relu": ActivationMoments(
            covariance=_leaky_covariance,
            mean=lambda squares, xp: (
                (1 - _LEAK) * roots(squares, xp) / math.sqrt(2 * math.pi)
            ),
            slope=lambda squares, xp: xp.full_like(squares, (1 + _LEAK) / 2),
        ),
        "linear": ActivationMoments(
            covariance=lambda gram, rows, columns, xp: gram,
            mean=lambda squares, xp: xp.zeros_like(squares),
            slope=lambda squares, xp: xp.ones_like(squares),
        ),
        "erf": ActivationMoments(
            covariance=_erf_covariance,
            mean=lambda squares, xp: xp.zeros_like(squares),
            slope=lambda squares, xp: 2 / xp.sqrt(math.pi * (1 + 2 * squares)),
        ),
        "tanh": ActivationMoments(
            covariance=tanh_covariance,
            mean=lambda squares, xp: xp.zeros_like(squares),
            slope=tanh_slope,
        ),
    }
)
"""Closed forms by activation; that of tanh is a series."""
