"""A skip connection that is trained as one linear neuron: a product of two layers."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..errors import ConfigError
from .network import Network


class SkipNeuron(Network):
    r"""$f(x) = [(x W)_+\,; x w_0]\, a$: ReLU neurons and one linear neuron.

    Half the sum of squared weights then penalises the linear neuron by $\|w_0\| |a_0|$,
    the norm of its product, as the convex programme does.

    Attributes:
        weights: Input weights, shape `(input_dim, width)`.
        skip_weights: Input weights of the linear neuron, shape `(input_dim, 1)`.
        readout: Output weights, shape `(width + 1, 1)`; the linear neuron is last.
        scale: Output scale.

    Example:
        ```python
        linear, readout = jnp.ones((3, 1)), jnp.ones((9, 1))
        net = op.networks.SkipNeuron(network.weights, linear, readout)
        assert jnp.allclose(net.features(x)[:, 8:], x @ linear)
        ```
    """

    weights: Float[Array, "input_dim width"]
    skip_weights: Float[Array, "input_dim 1"]
    readout: Float[Array, "n_features 1"]
    scale: float = eqx.field(static=True, default=1.0)

    def __check_init__(self) -> None:
        arrays = (self.weights, self.skip_weights, self.readout)
        # Transformations rebuild modules around placeholders that are not arrays.
        if not all(hasattr(array, "shape") for array in arrays):
            return
        *_, input_dim, width = self.weights.shape
        expected = (input_dim, 1), (width + 1, 1)
        found = self.skip_weights.shape[-2:], self.readout.shape[-2:]
        if found != expected:
            raise ConfigError(
                f"`skip_weights` and `readout` must have the shapes {expected[0]} and "
                f"{expected[1]}, got {found[0]} and {found[1]}."
            )

    def features(self, x: Float[Array, "batch input_dim"]) -> Float[Array, "batch _"]:
        hidden = jax.nn.relu(x @ self.weights)
        return jnp.concatenate([hidden, x @ self.skip_weights], axis=1)
