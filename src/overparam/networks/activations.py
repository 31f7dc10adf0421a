"""Activations by name, and which of them are positively homogeneous."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..checks import one_of


Activation = Callable[[Float[Array, "..."]], Float[Array, "..."]]


def _leaky_relu(z: Float[Array, "..."]) -> Float[Array, "..."]:
    return jax.nn.leaky_relu(z, 0.01)


# `jax.nn.relu` has derivative 0 at 0, the convention of every study here;
# `jnp.maximum(z, 0)` would give 0.5.
ACTIVATIONS: Mapping[str, Activation] = MappingProxyType(
    {
        "relu": jax.nn.relu,
        "leaky-relu": _leaky_relu,
        "tanh": jnp.tanh,
        "sigmoid": jax.nn.sigmoid,
        "erf": jax.scipy.special.erf,
        "gelu": jax.nn.gelu,
        "exact-gelu": partial(jax.nn.gelu, approximate=False),
        "linear": lambda z: z,
    }
)

HOMOGENEOUS = frozenset({"relu", "leaky-relu", "linear"})
r"""Names of the activations with $\psi(s z) = s \psi(z)$ for every $s > 0$."""

ODD = frozenset({"tanh", "erf", "linear"})
r"""Names of the activations with $\psi(-z) = -\psi(z)$."""


def activation(name: str) -> Activation:
    """The activation called `name`."""
    one_of(ACTIVATIONS, activation=name)
    return ACTIVATIONS[name]
