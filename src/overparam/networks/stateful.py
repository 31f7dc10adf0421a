"""Networks whose features in training depend on the batch and move running statistics.

Statistics are arrays of the network that no optimiser moves. `features(x)` is always
the evaluation: a pure function of each input alone. A training rule calls
`train_features` instead, and keeps the network it gives back.
"""

import abc

import equinox as eqx
from jaxtyping import Array, Float, PyTree

from .layers import STATISTICS
from .network import Network
from .product import product


class Stateful(Network):
    """A network with running statistics, such as those of batch normalisation.

    Attributes:
        statistics: Running statistics, a tree of arrays.
    """

    statistics: eqx.AbstractVar[PyTree[Array]]

    @abc.abstractmethod
    def features_of_batch(
        self, x: Float[Array, "batch *input"]
    ) -> tuple[Float[Array, "batch width"], PyTree[Array]]:
        """Features with the moments of the batch, and the statistics moved by them."""


def train_features(
    network: Network, x: Float[Array, "batch *input"]
) -> tuple[Float[Array, "batch width"], PyTree[Array] | None]:
    """Features of a batch as in training, and the new statistics if there are any."""
    if isinstance(network, Stateful):
        return network.features_of_batch(x)
    return network.features(x), None


def train_outputs(
    network: Network, x: Float[Array, "batch *input"]
) -> tuple[Float[Array, "batch n_outputs"], PyTree[Array] | None]:
    """Outputs of a batch as in training, and the new statistics if there are any."""
    if not isinstance(network, Stateful):
        return network(x), None
    features, statistics = network.features_of_batch(x)
    return network.scale * product(features, network.readout), statistics


def with_statistics(network: Network, statistics: PyTree[Array] | None) -> Network:
    """The network with other statistics; `None` leaves it as it is."""
    if statistics is None:
        return network
    return eqx.tree_at(lambda net: getattr(net, STATISTICS), network, statistics)
