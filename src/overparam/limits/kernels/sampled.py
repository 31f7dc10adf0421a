"""The wide network of which a network of finite width is a sample."""

import math

import numpy as np
from jaxtyping import Array, Float

from ...errors import ConfigError
from ...networks.deep import MLP
from ...networks.network import Network
from ...networks.two_layer import TwoLayer
from .wide import WideLayer, WideMLP


_STANDARD_ERRORS = 5
"""By which the kurtosis of normal weights may miss 3: once in a million layers."""


def wide_limit(network: Network, *, trained: tuple[str, ...] = ()) -> WideMLP:
    r"""The infinitely wide network that a network at its start is a sample of.

    Variances are those of its weights. Gains are those of its own parametrisation and
    width: weights that train as they are have the gain $s^2 \cdot \text{fan-in}$ with
    the factor $s$ of what they give.

    Args:
        network: A `TwoLayer` without skip connection or an `MLP`, before training.
        trained: Fields of the network whose weights train; empty for all.

    Raises:
        ConfigError: If the network is of another kind, or weights are not normal.
    """
    if isinstance(network, TwoLayer) and not network.skip:
        field, hidden, biases = "weights", [network.weights], []
    elif isinstance(network, MLP):
        field, hidden, biases = "layers", network.layers, network.biases
    else:
        kind = type(network).__name__
        skips = " with one" if isinstance(network, TwoLayer) else ""
        raise ConfigError(
            "Wide limits in closed form are those of TwoLayer networks without skip "
            f"connection and of MLPs, got {kind}{skips}."
        )

    def trains(name: str) -> float:
        return float(not trained or name in trained)

    layers = []
    for number, weights in enumerate(hidden):
        name = field if field == "weights" else f"{field}.{number}"
        bias = _variance(biases[number], f"biases.{number}") if biases else 0.0
        fan_in = weights.shape[0]
        layers.append(
            WideLayer(
                fan_in * _variance(weights, name),
                bias,
                fan_in * trains(field),
                trains("biases") if biases else 0.0,
            )
        )
    width, factor = hidden[-1].shape[1], float(network.scale) ** 2
    # A last row is the bias of the outputs.
    readout, shift = network.readout[:width], network.readout[width:]
    last = WideLayer(
        factor * width * _variance(readout, "readout"),
        factor * _variance(shift, "readout"),
        factor * width * trains("readout"),
        factor * len(shift) * trains("readout"),
    )
    return WideMLP((*layers, last), network.activation)


def _variance(weights: Float[Array, "..."], name: str) -> float:
    """Mean square of weights that are normal with mean 0."""
    values = np.asarray(weights, np.float64)
    if not values.any():
        return 0.0
    variance = float((values**2).mean())
    kurtosis = float((values**4).mean()) / variance**2
    if abs(kurtosis - 3) > _STANDARD_ERRORS * math.sqrt(24 / values.size):
        raise ConfigError(
            f"A wide limit needs normal initial weights; those of `{name}` have the "
            f"kurtosis {kurtosis:.2f} in the place of 3."
        )
    return variance
