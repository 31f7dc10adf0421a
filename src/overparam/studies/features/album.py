"""Networks of chosen epochs, kept beside the checkpoint so that a resume has them."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...networks.network import Network
from ...networks.serialise import to_arrays


@dataclass
class Album:
    """Arrays of the networks of chosen epochs, named `epoch_3.weights` and so on."""

    epochs: frozenset[int]
    folder: Path | None
    _seen: Network | None = None
    _arrays: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.folder is not None:
            for path in sorted(self.folder.glob("epoch_*.npz")):
                with np.load(path) as stored:
                    self._arrays.update({name: stored[name] for name in stored})

    def see(self, network: Network) -> None:
        """The network of the record that is being made."""
        self._seen = network

    def keep(self, epoch: int) -> None:
        """Keep the network seen last if this epoch was asked for."""
        if epoch not in self.epochs or self._seen is None:
            return
        arrays, _ = to_arrays(self._seen)
        named = {f"epoch_{epoch}.{name}": value for name, value in arrays.items()}
        self._arrays.update(named)
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            # NumPy's stubs take the first keyword for `allow_pickle`.
            np.savez(self.folder / f"epoch_{epoch}.npz", **named)  # pyright: ignore

    def arrays(self) -> dict[str, np.ndarray]:
        """All that was kept."""
        return dict(self._arrays)
