"""The path norm of a homogeneous two-layer network, which rescaling leaves alone."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..networks.two_layer import TwoLayer, check_homogeneous


def path_norm(network: TwoLayer) -> Float[Array, ""]:
    r"""$C = \sum_j a_j b_j$, without the output scale.

    Differentiable, so that it can be a penalty.

    Raises:
        ConfigError: If the activation is not homogeneous.

    Example:
        ```python
        a = jnp.linalg.norm(network.weights, axis=0)
        b = jnp.linalg.norm(network.readout, axis=1)
        assert jnp.isclose(op.objectives.path_norm(network), (a * b).sum())
        ```
    """
    check_homogeneous(network, "path_norm")
    readout, weights = neuron_norms(network)
    return jnp.sum(readout * weights)


def neuron_norms(
    network: TwoLayer,
) -> tuple[Float[Array, " width"], Float[Array, " width"]]:
    """Per neuron the norms of its output and of its input weights."""
    return safe_norm(network.readout, 1), safe_norm(network.weights, 0)


def safe_norm(array: Float[Array, "_ _"], axis: int) -> Float[Array, " width"]:
    """Norms along an axis, whose squares may underflow; differentiable at zero."""
    # Divided by the largest entry against underflow; derivative 0 at a zero neuron.
    largest = jnp.max(jnp.abs(array), axis=axis, keepdims=True, initial=0)
    unit = jnp.where(largest > 0, largest, 1)
    scaled = jnp.sum((array / unit) ** 2, axis=axis)
    root = jnp.sqrt(jnp.where(scaled > 0, scaled, 1))
    return jnp.where(scaled > 0, root * jnp.squeeze(unit, axis), 0)
