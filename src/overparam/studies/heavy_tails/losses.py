"""The training losses by name."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ...objectives.labels import of_classes
from ...objectives.losses import cross_entropy


def hinge(
    outputs: Float[Array, "batch n_classes"], targets: Int[Array, " batch"]
) -> Float[Array, ""]:
    r"""$\mathrm{mean}_i \max(0, 1 + \max_{c \ne y_i} f_c - f_{y_i})$.

    Reference: Crammer, Singer, JMLR 2 (2001), eq. 2.
    """
    is_target = jax.nn.one_hot(targets, outputs.shape[1], dtype=bool)
    own = jnp.sum(jnp.where(is_target, outputs, 0), axis=1)
    best_other = jnp.max(jnp.where(is_target, -jnp.inf, outputs), axis=1)
    losses = jax.nn.relu(1 + best_other - own)
    return jnp.mean(of_classes(losses, targets, outputs.shape[1]))


LOSSES: Mapping[str, Callable[[Array, Array], Float[Array, ""]]] = MappingProxyType(
    {"cross-entropy": cross_entropy, "hinge": hinge}
)
