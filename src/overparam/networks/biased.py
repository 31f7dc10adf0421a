"""A network with biases: one of its inputs is always one."""

import dataclasses

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .activations import activation
from .gated import GatedTwoLayer
from .network import Network
from .two_layer import TwoLayer


class Biased(Network):
    r"""$f(x) = g([x, 1])$: the weights of a constant last input are biases.

    Convex programmes and random features have biases as weights of such an input; this
    is what they fit, as a function of the inputs alone.

    Attributes:
        inner: $g$, a network of one input more.
    """

    inner: TwoLayer | GatedTwoLayer

    def __init__(self, inner: TwoLayer | GatedTwoLayer) -> None:
        self.inner = inner

    @property
    def readout(  # pyright: ignore[reportIncompatibleVariableOverride]
        self,
    ) -> Float[Array, "n_features n_outputs"]:
        """The readout of the network inside."""
        return self.inner.readout

    @property
    def scale(self) -> float:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The output scale of the network inside."""
        return self.inner.scale

    def features(self, x: Float[Array, "batch *input"]) -> Float[Array, "batch _"]:
        flat = x.reshape(x.shape[0], -1)
        return self.inner.features(
            jnp.concatenate([flat, jnp.ones_like(flat[:, :1])], axis=1)
        )


def with_intercept(
    network: TwoLayer, intercept: Float[Array, " n_outputs"] | np.ndarray
) -> Biased:
    """A network of inputs with a last one, and an intercept of its outputs.

    The intercept is the readout of one more neuron, which is constant.
    """
    constant = jnp.zeros_like(network.weights[:, :1]).at[-1].set(1)
    value = activation(network.activation)(jnp.ones_like(network.weights[0, 0]))
    last = jnp.asarray(intercept, network.readout.dtype) / (value * network.scale)
    return Biased(
        dataclasses.replace(
            network,
            weights=jnp.concatenate([network.weights, constant], axis=1),
            readout=jnp.concatenate([network.readout, last[None]]),
        )
    )
