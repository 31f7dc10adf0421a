"""Accuracy and loss of a classifier on a whole data set, in blocks."""

from dataclasses import dataclass

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..networks.network import Network
from ..objectives.labels import check_labels
from ..objectives.losses import accuracy, cross_entropy


BLOCK_ROWS = 8192
"""Samples that are classified at once."""


@dataclass(frozen=True, kw_only=True)
class Classified:
    """How well a data set is classified."""

    accuracy: float
    """Share of samples whose largest output is that of their label."""
    loss: float
    """Mean cross-entropy in nats."""


def classify(
    network: Network, x: Float[Array, "n *input"], labels: Int[Array, " n"]
) -> Classified:
    """Accuracy and mean cross-entropy of `network`; every sample counts once.

    A network that standardises by the batch must carry stored moments, else the
    result depends on how the samples are cut into blocks.

    Args:
        network: A classifier.
        x: Inputs.
        labels: Their classes.

    Example:
        ```python
        net = op.two_layer(3, 8, 2, key=key)
        found = op.analysis.classify(net, x, labels)
        found.accuracy
        ```
    """
    check_labels(labels, network.readout.shape[-1], n_samples=len(x))
    sums = np.zeros(2)
    for start in range(0, len(labels), BLOCK_ROWS):
        stop = start + BLOCK_ROWS
        block = _block(network, x[start:stop], labels[start:stop])
        sums += len(labels[start:stop]) * np.asarray(block, np.float64)
    hits, loss = sums / len(labels)
    return Classified(accuracy=float(hits), loss=float(loss))


def scored(scores: Float[Array, "n k"], labels: Int[Array, " n"]) -> Classified:
    """Accuracy and mean cross-entropy of outputs that were computed before."""
    check_labels(labels, scores.shape[1], n_samples=len(scores))
    hits, loss = accuracy(scores, labels), cross_entropy(scores, labels)
    return Classified(accuracy=float(hits), loss=float(loss))


def chance_notes(
    accuracy: float, labels: Int[Array, " n"] | Int[np.ndarray, " n"]
) -> list[str]:
    """What is to be said of an accuracy that one answer to all samples has."""
    most = int(np.bincount(np.asarray(labels)).max())
    if accuracy * len(labels) > most:
        return []
    return [
        f"The training accuracy {accuracy:.3g} is at chance: the most frequent class "
        f"has {most} of the {len(labels)} samples."
    ]


@eqx.filter_jit
def _block(
    network: Network, x: Float[Array, "n *input"], labels: Int[Array, " n"]
) -> Float[Array, " 2"]:
    scores = network(x)
    return jnp.stack([accuracy(scores, labels), cross_entropy(scores, labels)])
