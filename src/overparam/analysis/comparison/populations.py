"""Networks seen as populations of neurons: points in a space, with weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ...checks import arrays_by_shape, one_of
from ...errors import ConfigError
from ...networks.activations import traits
from ...networks.network import Network
from ...networks.view import TwoLayerView
from ...readouts.feature_cache import StoredFeatures, wide_gram
from ..shallow import Shallow, feature_moments, input_weights, readout_norms


Representation = Literal["raw", "preactivation", "function", "joint"]
REPRESENTATIONS: tuple[Representation, ...] = get_args(Representation)
Weighting = Literal["uniform", "importance"]
WEIGHTINGS: tuple[Weighting, ...] = get_args(Weighting)

Points = Float[np.ndarray, "n dim"]

Neurons = Shallow | Network
"""A two-layer network, or any other: then its neurons are its last features."""


def check_several(n_neurons: int) -> None:
    """A population has at least two neurons.

    Raises:
        ConfigError: If it has fewer.
    """
    if n_neurons < 2:
        raise ConfigError(
            f"A distance needs at least 2 neurons on each side, got {n_neurons}."
        )


@arrays_by_shape
@dataclass(frozen=True, kw_only=True)
class Population:
    """The neurons of one network."""

    points: Points
    """One row per neuron."""
    weights: Float[np.ndarray, " n"]
    """Non-negative weights; only their ratios matter."""
    sign_invariant: bool = False
    """Whether a point and its negative are the same neuron."""

    def __post_init__(self) -> None:
        check_several(len(self.points))
        if not (np.isfinite(self.points).all() and np.isfinite(self.weights).all()):
            raise ConfigError(
                "Neurons must be finite points with finite weights: on these inputs "
                "this network overflows."
            )
        if np.count_nonzero(self.weights > 0) < 2 or np.any(self.weights < 0):
            raise ConfigError(
                "The weights of a population must be non-negative, at least two of "
                "them positive."
            )

    @property
    def shares(self) -> Float[np.ndarray, " n"]:
        """The weights, normalised to sum 1."""
        return self.weights / self.weights.sum()

    def part(self, chosen: np.ndarray) -> "Population":
        """The chosen neurons."""
        return Population(
            points=self.points[chosen],
            weights=self.weights[chosen],
            sign_invariant=self.sign_invariant,
        )


def spaces_of(network: Neurons) -> tuple[Representation, ...]:
    """The spaces in which the neurons of a network are points.

    Radial neurons are points of the input space, and last features are functions.
    """
    if not isinstance(network, Shallow):
        return ("function",)
    if isinstance(network, TwoLayerView) and network.length is not None:
        return ("raw", "function")
    return REPRESENTATIONS


def populations(
    networks: Sequence[Neurons],
    representation: Representation,
    *,
    inputs: Float[Array, "n input_dim"],
    probes: Float[Array, "n_probes input_dim"],
    weighting: Weighting = "uniform",
) -> list[Population]:
    r"""The neurons of several networks as points of one common space.

    `raw`: the weights $w_j$. `preactivation`: $\Sigma^{1/2} w_j$ with
    $\Sigma = E[x x^\top]$, so that squared distances are mean squared differences of
    preactivations and inputs that are always zero drop out. `function`: standardised
    responses on the probes divided by the square root of their number, so that
    $\|z - z'\|^2 = 2(1 - \text{correlation})$; sign-invariant for odd activations.
    `joint`: $\Sigma^{1/2} w_j$ and $u_j$, each block divided by its root mean square
    over all networks given. A hidden bias is the weight of an input that is one.

    Args:
        networks: Two-layer networks of one input dimension.
        representation: Name of the space.
        inputs: Inputs whose second moments are taken.
        probes: Inputs on which neurons are compared as functions.
        weighting: `uniform`, or `importance` (deviation of the feature times norm of
            its output weights).

    Raises:
        ConfigError: If the networks cannot be compared.
    """
    one_of(REPRESENTATIONS, representation=representation)
    one_of(WEIGHTINGS, weighting=weighting)
    check_comparable(networks, inputs)
    points = _points(networks, representation, inputs, probes)
    # Then (w, u) and (-w, -u) are the same neuron.
    odd = all(
        isinstance(network, Shallow) and traits(network.activation).odd
        for network in networks
    )
    return [
        Population(
            points=block,
            weights=_weights(network, weighting, inputs),
            sign_invariant=representation == "function" and odd,
        )
        for network, block in zip(networks, points, strict=True)
    ]


def check_comparable(
    networks: Sequence[Neurons], inputs: Float[Array, "n input_dim"]
) -> None:
    """All networks take inputs of this dimension."""
    for network in networks:
        if isinstance(network, Shallow) and network.weights.shape[0] != inputs.shape[1]:
            raise ConfigError(
                f"The source network takes {network.weights.shape[0]} inputs, the data "
                f"have {inputs.shape[1]}."
            )


def responses(
    network: Neurons, probes: Float[Array, "n_probes input_dim"]
) -> Float[np.ndarray, "width n_probes"]:
    """Standardised features on the probes, rows of norm 1; constant ones are zero."""
    features = np.asarray(network.features(probes), np.float64).T
    constant = np.ptp(features, axis=1) == 0
    features = features - features.mean(axis=1, keepdims=True)
    # Of a constant the rounding of its mean is left, which is no response.
    features[constant] = 0
    norms = np.linalg.norm(features, axis=1, keepdims=True)
    return features / np.where(norms > 0, norms, 1.0)


def _points(
    networks: Sequence[Neurons],
    representation: Representation,
    inputs: Float[Array, "n input_dim"],
    probes: Float[Array, "n_probes input_dim"],
) -> list[Points]:
    if representation == "function":
        return [responses(network, probes) for network in networks]
    known = [network for network in networks if isinstance(network, Shallow)]
    biased = any(getattr(network, "bias", None) is not None for network in known)
    weights = [input_weights(network, biased=biased) for network in known]
    if representation == "raw":
        return weights
    if biased:
        ones = jnp.ones_like(inputs[:, :1])
        inputs = jnp.concatenate([inputs, ones], axis=1)
    values, vectors = np.linalg.eigh(wide_gram(StoredFeatures(inputs)))
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    preactivations = [block @ root for block in weights]
    if representation == "preactivation":
        return preactivations
    readouts = [float(n.scale) * np.asarray(n.readout, np.float64) for n in networks]
    # Mean-field normalisation: a neuron of a network twice as wide is half as strong.
    readouts = [len(block) * block for block in readouts]
    blocks = zip(_unit_rms(preactivations), _unit_rms(readouts), strict=True)
    return [np.hstack(pair) for pair in blocks]


def _unit_rms(blocks: list[Points]) -> list[Points]:
    pooled = np.concatenate(blocks)
    rms = np.sqrt(np.mean(np.sum(pooled**2, axis=1)))
    return [block / (rms if rms > 0 else 1.0) for block in blocks]


def _weights(
    network: Neurons, weighting: Weighting, inputs: Float[Array, "n input_dim"]
) -> Float[np.ndarray, " width"]:
    if weighting == "uniform":
        return np.ones(network.readout.shape[0])
    return readout_norms(network) * feature_moments(network, inputs).std
