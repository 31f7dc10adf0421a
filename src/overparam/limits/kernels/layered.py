r"""Derivatives of fully connected networks, layer by layer, without a Jacobian.

The derivative of $f_k$ in the weights of a layer is the outer product of the inputs
$a(x)$ of the layer and its signal $\delta_k(x) = \partial f_k/\partial z$; the tangent
kernel is a sum over layers of products of two small Gram matrices.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ...networks.activations import activation
from ...networks.deep import MLP
from ...networks.network import Network
from ...networks.standardised import VARIANCE_FLOOR, StandardisedTwoLayer
from ...networks.threshold import ThresholdReLU
from ...networks.two_layer import TwoLayer


class Term(NamedTuple):
    r"""Factors of one term $(a \cdot a')(\delta_k \cdot \delta'_{k'})$ of a kernel.

    Attributes:
        inputs: $a$, a row per sample; `None` for the constant 1.
        signals: $\delta$, per sample and output; of a traced kernel one row per sample,
            whose products are the sums over outputs.
    """

    inputs: Float[Array, "batch fan_in"] | None
    signals: Float[Array, "batch n_outputs width"] | Float[Array, "batch width"]


@dataclass(frozen=True)
class _Layers:
    """Hidden layers and the field that holds them; `factors` scale the last neurons."""

    weights: tuple[str, Sequence[Array]]
    biases: Sequence[Array] = ()
    biases_train: bool = True
    factors: Array | None = None
    activation: str = "relu"


def is_layered(network: Network) -> bool:
    """Whether `layer_terms` knows the network."""
    return _layers(network) is not None


def layer_terms(
    network: Network, x: Float[Array, "batch *input"], *, traced: bool
) -> dict[str, list[Term]]:
    """Terms of the tangent kernel by the field of the network that they come from."""
    layers = _layers(network)
    assert layers is not None
    x = x.reshape(len(x), -1)
    field, weights = layers.weights
    moved = [
        jax.jvp(activation(layers.activation), (z,), (jnp.ones_like(z),))
        for z in _forward(layers, x)
    ]
    inputs, slopes = [x, *(hidden for hidden, _ in moved)], [s for _, s in moved]
    width, n_outputs = weights[-1].shape[1], network.readout.shape[1]
    features = network.scale * network.features(x)
    ones = jnp.ones_like(x[:, :1])
    unit = jnp.broadcast_to(
        jnp.eye(n_outputs, dtype=x.dtype), (len(x), n_outputs, n_outputs)
    )
    readout = Term(features, n_outputs**0.5 * ones if traced else unit)
    found: dict[str, list[Term]] = {"readout": [readout], field: [], "biases": []}
    back = network.scale * network.readout[:width]
    if layers.factors is not None:
        back = layers.factors[:, None] * back
    signals = slopes[-1][:, None, :] * back.T[None]
    for number in reversed(range(len(weights))):
        if number < len(weights) - 1:
            signals = (signals @ weights[number + 1].T) * slopes[number][:, None, :]
        told = signals
        if traced and number == len(weights) - 1:
            # All outputs have one slope: their signals differ by constants alone.
            told = slopes[-1] * jnp.linalg.norm(back, axis=1)[None]
        elif traced:
            told = signals.reshape(len(x), -1)
        found[field].append(Term(inputs[number], told))
        if layers.biases and layers.biases_train:
            found["biases"].append(Term(None, told))
    return found


def preactivations(
    network: Network, x: Float[Array, "batch *input"]
) -> list[Float[Array, "batch width"]] | None:
    """What the activations of every hidden layer take; `None` if it is not known."""
    layers = _layers(network)
    return None if layers is None else _forward(layers, x.reshape(len(x), -1))


def _forward(layers: _Layers, x: Array) -> list[Array]:
    nonlinear, found, hidden = activation(layers.activation), [], x
    weights = layers.weights[1]
    for matrix, bias in zip(
        weights, layers.biases or [None] * len(weights), strict=True
    ):
        z = hidden @ matrix
        found.append(z if bias is None else z + bias[None])
        hidden = nonlinear(found[-1])
    return found


def _layers(network: Network) -> _Layers | None:
    match network:
        case TwoLayer(weights=weights, activation=name):
            return _Layers(("weights", [weights]), activation=name)
        case MLP(layers=weights, biases=biases, activation=name):
            return _Layers(("layers", weights), biases, activation=name)
        case ThresholdReLU(weights=weights, threshold=threshold):
            shift = jnp.full_like(weights[0], threshold)
            return _Layers(("weights", [weights]), [shift], biases_train=False)
        case StandardisedTwoLayer(weights=weights, std=std) if std is not None:
            factors = jax.lax.rsqrt(std**2 + VARIANCE_FLOOR)
            name = network.activation
            return _Layers(("weights", [weights]), factors=factors, activation=name)
    return None
