"""Activations by name, and which of them are positively homogeneous or odd."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..catalogue import ACTIVATIONS
from ..checks import written
from ..errors import ConfigError
from ..field_values import unknown
from ..last_resort import brief


__all__ = ["ACTIVATIONS"]

Activation = Callable[[Float[Array, "..."]], Float[Array, "..."]]


def leaky_relu(z: Float[Array, "..."]) -> Float[Array, "..."]:
    """z where it is positive, z/100 elsewhere."""
    return jax.nn.leaky_relu(z, 0.01)


def linear(z: Float[Array, "..."]) -> Float[Array, "..."]:
    """z itself."""
    return z


def exact_gelu(z: Float[Array, "..."]) -> Float[Array, "..."]:
    """z times the probability that a normal number is below it."""
    return jax.nn.gelu(z, approximate=False)


def activation(name: str) -> Activation:
    """The activation called `name`.

    Raises:
        ConfigError: If there is none.
    """
    if name not in ACTIVATIONS:
        raise ConfigError(unknown(name, ACTIVATIONS, what="activation"))
    return ACTIVATIONS[name]


class Traits(NamedTuple):
    r"""What analyses ask of an activation $\psi$."""

    homogeneous: bool
    r"""Whether $\psi(s z) = s \psi(z)$ for every $s > 0$."""
    odd: bool
    r"""Whether $\psi(-z) = -\psi(z)$."""
    active_at_zero: bool
    """Whether a neuron without input gives an output."""


def traits(name: str) -> Traits:
    """What holds of an activation; nothing of what is none, such as a kernel."""
    if name not in ACTIVATIONS:
        return Traits(False, False, False)
    with jax.ensure_compile_time_eval():  # Networks ask while they are traced, too.
        return _traits(ACTIVATIONS[name])


@functools.cache
def _traits(psi: Activation) -> Traits:
    # Products with powers of 2 are exact: equations hold exactly or not at all.
    z = np.asarray([-1.75, -1.0, -0.375, 0.375, 1.0, 1.75], np.float32)
    s = 2.0 ** np.arange(-40, 41, 8, dtype=np.float32)[:, None]
    at, scaled, mirrored, zero = (
        np.asarray(psi(jnp.asarray(x))) for x in (z, s * z, -z, np.zeros_like(z))
    )
    return Traits(
        homogeneous=np.array_equal(scaled, s * at),
        odd=np.array_equal(mirrored, -at),
        active_at_zero=bool(zero.any()),
    )


def adopt(name: str, value: Any) -> Any:
    """An activation of one's own, which is a function of every entry alone.

    Raises:
        ConfigError: If it is none.
    """
    if not callable(value) or isinstance(value, type):
        raise ConfigError(
            f"The activation `{name}` must be a function of an array, got "
            f"{written(value)}."
        )
    try:
        found = jax.eval_shape(value, jax.ShapeDtypeStruct((2, 3), jnp.float32))
    except Exception as error:
        raise ConfigError(
            f"The activation `{name}` takes no array ({brief(error)})."
        ) from error
    if getattr(found, "shape", None) != (2, 3) or found.dtype != jnp.float32:
        raise ConfigError(
            f"The activation `{name}` must give an array of the shape and type of its "
            f"argument, got {found} for float32[2,3]."
        )
    return value
