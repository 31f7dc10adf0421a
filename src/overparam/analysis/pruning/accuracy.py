"""Loss and accuracy at many pruning levels, for little more than one evaluation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float64, Shaped
from numpy import ndarray

from ...checks import arrays_by_shape
from ...errors import ConfigError
from ...networks.layers import READOUT
from ...networks.network import Network
from ...objectives.labels import check_labels, is_classes
from ...objectives.losses import accuracy, cross_entropy
from .curves import PruningCurve
from .networks import Part, chain, masked


Loss = Callable[[Array, Array], Float[Array, ""]]

BLOCK = 8192
"""Samples that are evaluated at once."""
IMAGE_BLOCK = 500
"""The same for images, whose hidden layers are many times larger."""


@arrays_by_shape
@dataclass(frozen=True, kw_only=True)
class Scores:
    """Mean loss and accuracy of each level; NaN of targets that are no classes."""

    loss: Float64[ndarray, " levels"]
    accuracy: Float64[ndarray, " levels"]


def scores_after_pruning(
    network: Network,
    curves: Mapping[str, PruningCurve],
    levels: Sequence[Mapping[str, int]],
    *,
    data: tuple[Float[Array, "n *input"], Shaped[Array, "n *output"]],
    part: Part = "filter",
    loss: Loss = cross_entropy,
) -> Scores:
    """Loss and accuracy of a network after pruning, at every level.

    Where only one hidden layer is pruned by whole neurons the features are computed
    once: removing neuron j sets its feature to 0, which is the same as a zero row of
    the readout, and all levels share one matrix product.

    Args:
        network: The network of the curves.
        curves: From `pruning_curves`.
        levels: Number of removed parts by layer, for each level.
        data: Inputs and targets: labels, or numbers.
        part: The part of the curves.
        loss: Loss of outputs and labels, averaged over the batch.

    Example:
        ```python
        net = op.two_layer(3, 8, 2, key=key)
        curves = op.analysis.pruning_curves(net)
        half = op.analysis.counts_for_ratio(curves, 0.5)
        op.analysis.scores_after_pruning(net, curves, [half], data=(x, labels))
        ```
    """
    if part == "filter" and _features_suffice(network, curves):
        ((name, curve),) = curves.items()
        keep = np.ones((len(levels), network.readout.shape[0], 1), bool)
        for level, counts in enumerate(levels):
            keep[level, curve.removed(counts.get(name, 0))] = False
        readouts = jnp.asarray(np.asarray(network.readout)[None] * keep)
        return _average(network, readouts, data, loss)
    every = []
    for counts in levels:
        pruned = masked(network, curves, counts, part=part)
        every.append(_average(pruned, pruned.readout[None], data, loss))
    return Scores(
        loss=np.concatenate([score.loss for score in every]),
        accuracy=np.concatenate([score.accuracy for score in every]),
    )


def scores(
    network: Network,
    data: tuple[Float[Array, "n *input"], Shaped[Array, "n *output"]],
    *,
    loss: Loss = cross_entropy,
) -> tuple[float, float]:
    """Mean loss and accuracy of a classifier, in blocks and in data order."""
    found = _average(network, network.readout[None], data, loss)
    return float(found.loss[0]), float(found.accuracy[0])


def _features_suffice(network: Network, curves: Mapping[str, PruningCurve]) -> bool:
    try:
        return len(curves) == 1 and (*curves, READOUT) == chain(network)
    except ConfigError:
        return False


def _average(
    network: Network,
    readouts: Float[Array, "levels width n_outputs"],
    data: tuple[Float[Array, "n *input"], Shaped[Array, "n *output"]],
    loss: Loss,
) -> Scores:
    x, y = data
    # Numbers to be met have an axis of outputs, labels have none.
    if not jnp.issubdtype(y.dtype, jnp.floating) or y.ndim == 1:
        check_labels(y, readouts.shape[2], n_samples=len(x))
    sums = np.zeros((2, readouts.shape[0]))
    rows = IMAGE_BLOCK if x.ndim == 4 else BLOCK
    for start in range(0, x.shape[0], rows):
        block = x[start : start + rows], y[start : start + rows]
        sums += np.asarray(_block_sums(network, readouts, loss, *block), float)
    return Scores(loss=sums[0] / x.shape[0], accuracy=sums[1] / x.shape[0])


@eqx.filter_jit
def _block_sums(
    network: Network,
    readouts: Float[Array, "levels width n_outputs"],
    loss: Loss,
    x: Float[Array, "n *input"],
    y: Shaped[Array, "n *output"],
) -> Float[Array, "2 levels"]:
    n_levels, width, n_outputs = readouts.shape
    joined = jnp.moveaxis(readouts, 0, 1).reshape(width, n_levels * n_outputs)
    outputs = network.scale * (network.features(x) @ joined)
    outputs = jnp.moveaxis(outputs.reshape(-1, n_levels, n_outputs), 1, 0)
    losses = jax.vmap(loss, in_axes=(0, None))(outputs, y)
    shares = jnp.full_like(losses, jnp.nan)
    if is_classes(y):
        shares = jax.vmap(accuracy, in_axes=(0, None))(outputs, y)
    # Whole numbers of hits, so that accuracies are exact fractions.
    return jnp.stack([x.shape[0] * losses, jnp.round(x.shape[0] * shares)])
