"""Hidden neurons of two-layer networks: picked, measured, compared."""

from dataclasses import dataclass
from functools import partial

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..checks import arrays_by_shape
from ..errors import ConfigError
from ..networks.moments import block_moments, column_moments
from ..networks.network import Network
from ..networks.standardised import (
    VARIANCE_FLOOR,
    StandardisedTwoLayer,
    with_moments,
)
from ..networks.two_layer import NormalisedTwoLayer, TwoLayer
from ..networks.view import TwoLayerView, two_layer_view


Shallow = TwoLayer | StandardisedTwoLayer | NormalisedTwoLayer | TwoLayerView
"""Networks whose neuron j is column j of `weights` and row j of `readout`."""

_PER_NEURON = ("mean", "std", "bias")
_BLOCK_ROWS = 4096


@arrays_by_shape
@dataclass(frozen=True, kw_only=True)
class FeatureMoments:
    """Moments over a data set of every feature as it enters the readout."""

    mean: Float[np.ndarray, " width"]
    std: Float[np.ndarray, " width"]
    raw_std: Float[np.ndarray, " width"]
    """Standard deviation before a standardisation; equal to `std` without one."""

    @property
    def rms(self) -> Float[np.ndarray, " width"]:
        """Root mean square of every feature."""
        return np.hypot(self.mean, self.std)


def shallow(network: Network | TwoLayerView) -> Shallow:
    """`network` as one whose hidden neurons can be picked one by one.

    Raises:
        ConfigError: If it is deep or has skip weights.
    """
    if not isinstance(network, Shallow):
        raise ConfigError(
            "Neurons are drawn from two-layer networks; this one is a "
            f"{type(network).__name__}."
        )
    if isinstance(network, TwoLayer) and network.skip:
        raise ConfigError(
            "Neurons are drawn from networks without skip connection only."
        )
    return network


def shallow_at_rest(network: Network, x: Float[Array, "n *input"]) -> Shallow | Network:
    """The neurons of a network as functions of one input, as they are on samples `x`.

    Those of a two-layer network, with the moments of `x` where it has moments of its
    batch; a deeper network is left as it is: its neurons are its last features.

    Raises:
        ConfigError: If a two-layer network takes other inputs.
    """
    found: Shallow | Network = network
    if isinstance(network, StandardisedTwoLayer):
        found = with_moments(network, x) if network.std is None else network
    elif not isinstance(network, TwoLayer) or network.skip:
        try:
            found = two_layer_view(network, x)
        except ConfigError:
            return network
    n_inputs = x[:1].size
    if isinstance(found, Shallow) and found.weights.shape[0] != n_inputs:
        raise ConfigError(
            f"The source network takes {found.weights.shape[0]} inputs, the data have "
            f"{n_inputs}."
        )
    return found


def select_neurons(
    network: Shallow,
    indices: Int[np.ndarray, " k"],
    *,
    readout: Float[Array, "k n_outputs"],
) -> Shallow:
    """The network of the chosen neurons, in this order, with a new readout.

    Args:
        network: A two-layer network.
        indices: Neurons to keep; one may come several times.
        readout: Output weights of the chosen neurons.
    """
    chosen = jnp.asarray(indices)
    parts = [
        part
        for part in ("weights", *_PER_NEURON)
        if getattr(network, part, None) is not None
    ]
    return eqx.tree_at(
        lambda n: [*(getattr(n, part) for part in parts), n.readout],
        network,
        [*(getattr(network, part)[..., chosen] for part in parts), readout],
    )


def readout_norms(network: Network | TwoLayerView) -> Float[np.ndarray, " width"]:
    r"""$\|u_j\|_2$ for every neuron, without the output scale."""
    return np.linalg.norm(np.asarray(network.readout, np.float64), axis=1)


def weight_norms(network: Shallow) -> Float[np.ndarray, " width"]:
    r"""$\|w_j\|_2$ for every neuron, its bias one of its weights."""
    biased = isinstance(network, TwoLayerView) and (
        network.bias is not None and network.trained_bias
    )
    return np.linalg.norm(input_weights(network, biased=biased).T, axis=0)


def input_weights(
    network: Shallow, *, biased: bool
) -> Float[np.ndarray, "width n_weights"]:
    """Input weights, a row for each neuron; with a last column of hidden biases."""
    weights = np.asarray(network.weights, np.float64).T
    if not biased:
        return weights
    bias = getattr(network, "bias", None)
    column = np.zeros(len(weights)) if bias is None else np.asarray(bias, np.float64)
    return np.column_stack([weights, column])


def feature_moments(
    network: Network | TwoLayerView, x: Float[Array, "n *input"]
) -> FeatureMoments:
    """Moments of the features over `x`, in float64 sums over blocks."""
    mean, std = block_moments(partial(_moments, network), x, rows=_BLOCK_ROWS)
    carried = carried_moments(network)
    raw = std if carried is None else carried.raw_std
    return FeatureMoments(mean=mean, std=std, raw_std=raw)


def carried_moments(network: Network | TwoLayerView) -> FeatureMoments | None:
    """Moments over the training set that a standardised network carries, if any."""
    if not isinstance(network, StandardisedTwoLayer) or network.std is None:
        return None
    raw = np.asarray(network.std, np.float64)
    std = raw / np.sqrt(raw**2 + VARIANCE_FLOOR)
    return FeatureMoments(mean=np.zeros_like(raw), std=std, raw_std=raw)


@eqx.filter_jit
def _moments(network: Network | TwoLayerView, x: Array) -> tuple[Array, Array]:
    return column_moments(network.features(x))
