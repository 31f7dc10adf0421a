"""One form for every network whose neurons can be told apart: a two-layer view."""

import dataclasses
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..errors import ConfigError
from .activations import activation, traits
from .biased import Biased
from .deep import MLP, has_output_bias
from .network import Network, Wrapped
from .product import product
from .radial import RadialFeatures
from .skip_neuron import SkipNeuron
from .standardised import VARIANCE_FLOOR, StandardisedTwoLayer, with_moments
from .threshold import ThresholdReLU
from .two_layer import NormalisedTwoLayer, TwoLayer


class TwoLayerView(eqx.Module):
    r"""$f(x) = s \left(\psi(x W + b)\, U + \sum_j o_j + x A + c\right)$, a function.

    Neuron j is column j of `weights`, entry j of `bias` and row j of `readout` and of
    `offsets`. A view is a pure function of each input, whatever the batch.

    Attributes:
        weights: Input weights $W$, shape `(input_dim, width)`; of radial features the
            points.
        readout: Output weights $U$ of the neurons, shape `(width, n_outputs)`.
        bias: Hidden biases $b$, shape `(width,)`, or `None` for none.
        skip: Skip weights $A$, shape `(input_dim, n_outputs)`, or `None`.
        output_bias: Output bias $c$, shape `(n_outputs,)`, or `None`.
        offsets: Constants $o_j$ that come and go with their neurons, shape
            `(width, n_outputs)`, or `None`.
        activation: Name of $\psi$; of radial features that of the kernel.
        scale: Output scale $s$.
        length: Length of the kernel of radial features, `None` for other neurons.
        trained_bias: Whether hidden biases are weights, and no fixed threshold.
    """

    weights: Float[Array, "input_dim width"]
    readout: Float[Array, "width n_outputs"]
    bias: Float[Array, " width"] | None = None
    skip: Float[Array, "input_dim n_outputs"] | None = None
    output_bias: Float[Array, " n_outputs"] | None = None
    offsets: Float[Array, "width n_outputs"] | None = None
    activation: str = eqx.field(static=True, default="relu")
    scale: float = eqx.field(static=True, default=1.0)
    length: float | None = eqx.field(static=True, default=None)
    trained_bias: bool = eqx.field(static=True, default=True)

    def features(self, x: Float[Array, "batch *input"]) -> Float[Array, "batch width"]:
        """The neurons alone on a batch of inputs."""
        x = x.reshape(x.shape[0], -1)
        if self.length is not None:
            return RadialFeatures(
                weights=self.weights,
                readout=self.readout,
                kernel=self.activation,
                length=self.length,
            ).features(x)
        inner = product(x, self.weights)
        if self.bias is not None:
            inner = inner + self.bias[None]
        return activation(self.activation)(inner)

    def __call__(
        self, x: Float[Array, "batch *input"]
    ) -> Float[Array, "batch n_outputs"]:
        """Outputs of a batch of inputs."""
        outputs = product(self.features(x), self.readout)
        if self.skip is not None:
            outputs = outputs + product(x.reshape(x.shape[0], -1), self.skip)
        if (constant := self.constant) is not None:
            outputs = outputs + constant[None]
        return self.scale * outputs

    @property
    def biased(self) -> bool:
        """Whether neurons or outputs have biases."""
        parts = (self.bias, self.output_bias, self.offsets)
        return any(part is not None for part in parts)

    @property
    def homogeneous(self) -> bool:
        """Whether neurons may shift weight between their layers."""
        return traits(self.activation).homogeneous

    @property
    def alone(self) -> "TwoLayerView":
        """The neurons without skip weights and constants of the outputs."""
        return dataclasses.replace(self, skip=None, output_bias=None, offsets=None)

    @property
    def constant(self) -> Float[Array, " n_outputs"] | None:
        """What is added to every output, whatever the input."""
        if self.offsets is None:
            return self.output_bias
        offset = self.offsets.sum(axis=0)
        return offset if self.output_bias is None else self.output_bias + offset

    def select(self, chosen: Int[np.ndarray, " k"]) -> "TwoLayerView":
        """The view of some neurons, in this order, with all that is theirs."""
        return dataclasses.replace(
            self,
            weights=self.weights[:, chosen],
            bias=None if self.bias is None else self.bias[chosen],
            readout=self.readout[chosen],
            offsets=None if self.offsets is None else self.offsets[chosen],
        )

    def inputs(self, x: Float[Array, "batch *input"]) -> Float[Array, "batch _"]:
        """What `plain` takes: vectors, with a last column of ones if biased."""
        flat = x.reshape(len(x), -1)
        if not self.biased:
            return flat
        return jnp.concatenate([flat, jnp.ones_like(flat[:, :1])], axis=1)

    def plain(self) -> TwoLayer:
        """The same function as a network without biases of `inputs(x)`.

        Raises:
            ConfigError: If the neurons are radial.
        """
        if self.length is not None:
            raise ConfigError(
                f"Radial neurons ({self.activation}) are points; what is asked needs "
                "neurons that are an activation of an inner product."
            )
        weights, readout, skip = self.weights, self.readout, self.skip
        if self.biased:
            weights = _with_row(weights, self.bias)
        constant = self.constant
        if constant is not None or (skip is not None and self.biased):
            linear = jnp.zeros_like(readout, shape=(len(weights) - 1, readout.shape[1]))
            skip = _with_row(linear if skip is None else skip, constant)
        if skip is not None:
            readout = jnp.concatenate([readout, skip])
        return TwoLayer(
            weights=weights,
            readout=readout,
            activation=self.activation,
            scale=self.scale,
            skip=skip is not None,
        )


def two_layer_view(
    network: Network | TwoLayerView,
    x: Float[Array, "n_samples *input"] | np.ndarray | None = None,
) -> TwoLayerView:
    r"""A network as neurons with input weights, bias and output weights.

    Constants of neurons are folded into the weights, exactly but for rounding: of
    standardised neurons $(h_j - \mu_j) / \sigma_j$ the $1/\sigma_j$ goes to the readout
    and $-\mu_j u_j / \sigma_j$ is an offset, of normalised neurons the norms go to the
    readout, a fixed threshold is a bias, a linear neuron that is a product of two
    layers becomes skip weights.

    Args:
        network: A network with one hidden layer; a view is its own.
        x: Samples whose moments or norms are taken where a network depends on its
            batch; others need none.

    Raises:
        ConfigError: If the network has no such view, or needs `x` and there is none.

    Example:
        ```python
        view = op.networks.two_layer_view(network)
        view.weights.shape, view.readout.shape
        ```
    """
    if isinstance(network, TwoLayerView):
        return network
    if depends_on_batch(network):
        network = at_rest(network, x)
    if isinstance(network, StandardisedTwoLayer):
        return _standardised(network)
    if isinstance(network, Biased):  # Its last input is one.
        inner = two_layer_view(network.inner)
        return dataclasses.replace(
            inner,
            weights=inner.weights[:-1],
            bias=inner.weights[-1],
            skip=None if inner.skip is None else inner.skip[:-1],
            output_bias=None if inner.skip is None else inner.skip[-1],
        )
    name = getattr(network, "activation", "relu")
    parts: dict[str, Any] = {"activation": name, "scale": network.scale}
    match network:
        case TwoLayer(weights=weights, skip=skip):
            parts["skip"] = network.readout[weights.shape[1] :] if skip else None
        case MLP(layers=(weights,), biases=biases):
            parts["bias"] = biases[0] if biases else None
            if has_output_bias(weights.shape[1], network.readout):
                parts["output_bias"] = network.readout[-1]
        case ThresholdReLU(weights=weights, threshold=threshold):
            parts["bias"] = jnp.full_like(weights, threshold, shape=weights.shape[1:])
            parts["trained_bias"] = False
        case SkipNeuron(weights=weights, skip_weights=linear):
            parts["skip"] = linear * network.readout[weights.shape[1] :]
        case RadialFeatures(weights=weights, kernel=kernel, length=length):
            parts |= {"activation": kernel, "length": length}
        case Wrapped():
            raise _none(
                network,
                "a module of one's own does not tell how its features are made; give "
                "its weights to a `TwoLayer` network, with `skip=True` if the last "
                "features are the inputs, or to a `networks.MLP`, which has biases",
            )
        case MLP(layers=layers):
            raise _none(network, f"it has {len(layers)} hidden layers")
        case _:
            raise _none(network, "its neurons are no activation of one linear layer")
    readout, width = network.readout, weights.shape[1]
    parts.setdefault("readout", readout if len(readout) == width else readout[:width])
    return TwoLayerView(weights=weights, **parts)


def at_rest(network: Network, x: Array | np.ndarray | None) -> Network:
    """A network that takes moments or norms of its batch, with those of `x` for good.

    Any other is left as it is.

    Raises:
        ConfigError: If there is no `x`, or it has other inputs.
    """
    if not depends_on_batch(network):
        return network
    if x is None:
        raise ConfigError(
            f"{type(network).__name__} depends on its batch; give the samples whose "
            "moments it takes."
        )
    if isinstance(network, StandardisedTwoLayer):
        check_inputs(network.weights, x)
        return with_moments(network, jnp.asarray(x, network.readout.dtype))
    assert isinstance(network, NormalisedTwoLayer)
    check_inputs(network.weights, x)
    plain = TwoLayer(
        weights=network.weights,
        readout=network.readout,
        activation=network.activation,
        scale=network.scale,
    )
    hidden = plain.features(jnp.asarray(x, plain.readout.dtype).reshape(len(x), -1))
    squares = jnp.sum(hidden**2, axis=0)[:, None]
    # A neuron that is off on all of `x` has no norm, and gives nothing there.
    norms = jnp.sqrt(jnp.where(squares > 0, squares, 1))
    folded = jnp.where(squares > 0, plain.readout / norms, 0)
    return dataclasses.replace(plain, readout=folded)


def _standardised(network: StandardisedTwoLayer) -> TwoLayerView:
    mean, std, readout = (
        np.asarray(part, np.float64)
        for part in (network.mean, network.std, network.readout)
    )
    # In float64: means may be large where deviations are small.
    folded = readout / np.sqrt(std**2 + VARIANCE_FLOOR)[:, None]
    return TwoLayerView(
        weights=network.weights,
        readout=jnp.asarray(folded, network.readout.dtype),
        offsets=jnp.asarray(-mean[:, None] * folded, network.readout.dtype),
        activation=network.activation,
        scale=network.scale,
    )


def _none(network: Network, reason: str) -> ConfigError:
    return ConfigError(f"{type(network).__name__} has no two-layer view: {reason}.")


def depends_on_batch(network: Network) -> bool:
    """Whether a network takes moments or norms of its batch, and a view needs them."""
    return isinstance(network, NormalisedTwoLayer) or (
        isinstance(network, StandardisedTwoLayer) and network.std is None
    )


def _with_row(matrix: Array, row: Array | None) -> Array:
    last = jnp.zeros_like(matrix[:1]) if row is None else row[None]
    return jnp.concatenate([matrix, last])


def check_inputs(weights: Array, x: Array | np.ndarray) -> None:
    """Inputs are as many as first weights take, whatever their shape.

    Raises:
        ConfigError: If they are not.
    """
    if x[:1].size != weights.shape[0]:
        raise ConfigError(
            f"The network takes {weights.shape[0]} inputs, the data have {x[:1].size}."
        )
