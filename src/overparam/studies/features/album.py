"""Networks of chosen epochs, kept beside the checkpoint so that a resume has them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...networks.files.serialise import to_arrays
from ...networks.network import Network
from ...training.kept import Kept


@dataclass
class Album:
    """Arrays of the networks of chosen epochs, named `epoch_3.weights` and so on."""

    epochs: frozenset[int]
    kept: Kept
    _seen: Network | None = None

    @staticmethod
    def of(epochs: frozenset[int], checkpoints: Path | None) -> "Album":
        """An album that an interrupted run finds again in `checkpoints`."""
        return Album(epochs, Kept(checkpoints, "album"))

    def see(self, network: Network) -> None:
        """The network of the record that is being made."""
        self._seen = network

    def keep(self, epoch: int) -> None:
        """Keep the network seen last if this epoch was asked for."""
        if epoch in self.epochs and self._seen is not None:
            self.kept.keep(epoch, to_arrays(self._seen)[0])

    def arrays(self) -> dict[str, np.ndarray]:
        """All that was kept."""
        return {
            f"epoch_{epoch}.{name}": array
            for epoch, arrays in self.kept.all().items()
            for name, array in arrays.items()
        }
