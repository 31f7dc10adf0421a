"""A network with biases: one of its inputs is always one."""

import jax.numpy as jnp
from jaxtyping import Array, Float

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

    @property
    def readout(self) -> Float[Array, "n_features n_outputs"]:
        """The readout of the network inside."""
        return self.inner.readout

    @property
    def scale(self) -> float:
        """The output scale of the network inside."""
        return self.inner.scale

    def features(self, x: Float[Array, "batch *input"]) -> Float[Array, "batch _"]:
        flat = x.reshape(x.shape[0], -1)
        return self.inner.features(
            jnp.concatenate([flat, jnp.ones_like(flat[:, :1])], axis=1)
        )
