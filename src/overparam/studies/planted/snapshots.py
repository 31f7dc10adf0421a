"""Students kept along a run, so that analyses can look back."""

import dataclasses
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...dynamics.training import Record, Status, Training
from ...networks.network import Network
from ...networks.two_layer import TwoLayer
from ...store.files import write_file


Weights = tuple[np.ndarray, np.ndarray]


@dataclass(kw_only=True)
class Snapshots:
    """Weights and readout at the start and after every `every` steps.

    The loop shows the network to `measure` and the step to `until`; what is kept
    before an interruption lies beside the checkpoint.
    """

    every: int | None
    """`None` keeps nothing."""
    folder: Path | None
    kept: dict[int, Weights] = field(default_factory=dict)
    _network: Network | None = None

    @staticmethod
    def of(
        every: int | None, checkpoints: Path | None, *, name: str = "students"
    ) -> "Snapshots":
        """Snapshots that an interrupted run finds again in `checkpoints`."""
        folder = None if checkpoints is None else checkpoints / name
        return Snapshots(every=every, folder=folder)

    def watching(self, training: Training) -> Training:
        """The training whose students are kept; nothing else changes."""
        every = self.every
        if every is None:
            return training
        self._keep(0, training.network)

        def measure(network: Network) -> Record:
            self._network = network
            return training.measure(network)

        def until(records: Sequence[Record]) -> Status | None:
            step = round(records[-1]["step"])
            if step % every == 0 and self._network is not None:
                self._keep(step, self._network)
            return training.until(records)

        return dataclasses.replace(training, measure=measure, until=until)

    def arrays(self) -> dict[str, np.ndarray]:
        """What is stored: steps, weights and readouts."""
        if self.every is None:
            return {}
        for path in self._files():
            with np.load(path) as found:
                step = int(path.stem)
                self.kept.setdefault(step, (found["weights"], found["readout"]))
        steps = sorted(self.kept)
        return {
            "snapshot.steps": np.array(steps, np.int64),
            "snapshot.weights": np.stack([self.kept[step][0] for step in steps]),
            "snapshot.readout": np.stack([self.kept[step][1] for step in steps]),
        }

    def _keep(self, step: int, network: Network) -> None:
        assert isinstance(network, TwoLayer)
        weights, readout = np.asarray(network.weights), np.asarray(network.readout)
        self.kept[step] = weights, readout
        if self.folder is not None:
            content = io.BytesIO()
            np.savez(content, weights=weights, readout=readout)
            self.folder.mkdir(parents=True, exist_ok=True)
            write_file(self.folder / f"{step}.npz", content.getvalue())

    def _files(self) -> list[Path]:
        return [] if self.folder is None else list(self.folder.glob("*.npz"))
