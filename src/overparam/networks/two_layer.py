"""Two-layer networks: plain, with a skip connection, with normalised neurons."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..errors import ConfigError
from .activations import activation, traits
from .network import Network
from .product import product


class TwoLayer(Network):
    r"""$f(x) = s \left[\psi(x W)\,; x\text{ if skip}\right] U$, without biases.

    A bias is a column of ones appended to `x`. With `skip` the inputs themselves are
    the last features, so that the skip weights are the last `input_dim` rows of
    `readout` and every exact readout serves them too.

    Attributes:
        weights: Input weights $W$, shape `(input_dim, width)`; column j is neuron j.
        readout: Output weights $U$, shape `(width, n_outputs)`, or
            `(width + input_dim, n_outputs)` with `skip`.
        activation: Name of $\psi$ (see `overparam.networks.ACTIVATIONS`).
        scale: Output scale $s$.
        skip: Whether the inputs are features too.

    Example:
        ```python
        net = op.TwoLayer(weights=network.weights, readout=network.readout, scale=0.5)
        assert jnp.allclose(net(x), 0.5 * jax.nn.relu(x @ net.weights) @ net.readout)
        ```
    """

    weights: Float[Array, "input_dim width"]
    readout: Float[Array, "n_features n_outputs"]
    activation: str = eqx.field(static=True, default="relu")
    scale: float = eqx.field(static=True, default=1.0)
    skip: bool = eqx.field(static=True, default=False)

    def __check_init__(self) -> None:
        activation(self.activation)
        check_shapes(self.weights, self.readout, skip=self.skip)

    def features(self, x: Float[Array, "batch input_dim"]) -> Float[Array, "batch _"]:
        hidden = activation(self.activation)(product(x, self.weights))
        return jnp.concatenate([hidden, x], axis=1) if self.skip else hidden


class NormalisedTwoLayer(Network):
    r"""$f(x) = s \sum_j u_j\, \psi(X w_j) / \|\psi(X w_j)\|_2$ over the batch $X$.

    The norm is taken over the whole batch, as in Wang et al. 2022 (arXiv 2209.15265,
    normalised ReLU networks): the features of a batch are unit vectors. A neuron
    that is zero on the whole batch gives a zero feature.

    Attributes:
        weights: Input weights, shape `(input_dim, width)`.
        readout: Output weights, shape `(width, n_outputs)`.
        activation: Name of the activation.
        scale: Output scale.

    Example:
        ```python
        net = op.NormalisedTwoLayer(network.weights, network.readout)
        jnp.linalg.norm(net.features(x), axis=0)  # 1, or 0 if a neuron is never on
        ```
    """

    weights: Float[Array, "input_dim width"]
    readout: Float[Array, "width n_outputs"]
    activation: str = eqx.field(static=True, default="relu")
    scale: float = eqx.field(static=True, default=1.0)

    def __check_init__(self) -> None:
        activation(self.activation)
        check_shapes(self.weights, self.readout, skip=False)

    def features(
        self, x: Float[Array, "batch input_dim"]
    ) -> Float[Array, "batch width"]:
        hidden = activation(self.activation)(product(x, self.weights))
        squares = jnp.sum(hidden**2, axis=0, keepdims=True)
        # The inner `where` keeps the derivative finite for a neuron that is off.
        norms = jnp.sqrt(jnp.where(squares > 0, squares, 1))
        return hidden / norms


def check_shapes(weights: Array, readout: Array, *, skip: bool) -> None:
    """`weights` and `readout` are matrices whose widths agree."""
    # Transformations rebuild modules around placeholders that are not arrays.
    if not (hasattr(weights, "shape") and hasattr(readout, "shape")):
        return
    if len(weights.shape) < 2 or len(readout.shape) < 2:
        raise ConfigError(
            "`weights` and `readout` must be matrices, got shapes "
            f"{weights.shape} and {readout.shape}."
        )
    expected = weights.shape[-1] + (weights.shape[-2] if skip else 0)
    if readout.shape[-2] != expected:
        raise ConfigError(
            f"`readout` must have {expected} rows for `weights` of shape "
            f"{weights.shape}, got shape {readout.shape}."
        )


def check_homogeneous(network: Network, what: str) -> TwoLayer:
    """`network` itself, if it is plain, two-layer and its neurons can be rescaled."""
    if not isinstance(network, TwoLayer) or network.skip:
        skips = " with one" if isinstance(network, TwoLayer) else ""
        raise ConfigError(
            f"`{what}` needs a `TwoLayer` network without skip connection, got "
            f"{type(network).__name__}{skips}."
        )
    if not traits(network.activation).homogeneous:
        raise ConfigError(
            f"`{what}` needs a positively homogeneous activation (relu, leaky-relu), "
            f"got {network.activation}."
        )
    return network
