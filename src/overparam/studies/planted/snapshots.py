"""Students kept along a run, so that analyses can look back."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...networks.network import Network
from ...networks.two_layer import TwoLayer
from ...training.kept import Kept
from ...training.plan import Record, Status, Training


@dataclass(kw_only=True)
class Snapshots:
    """Weights and readout at the start and after every `every` steps.

    The loop shows the network to `measure` and the step to `until`.
    """

    every: int | None
    """`None` keeps nothing."""
    kept: Kept
    _network: Network | None = None

    @staticmethod
    def of(
        every: int | None, checkpoints: Path | None, *, name: str = "students"
    ) -> "Snapshots":
        """Snapshots that an interrupted run finds again in `checkpoints`."""
        return Snapshots(every=every, kept=Kept(checkpoints, name))

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
        found = self.kept.all()
        return {
            "snapshot.steps": np.array(list(found), np.int64),
            "snapshot.weights": np.stack([each["weights"] for each in found.values()]),
            "snapshot.readout": np.stack([each["readout"] for each in found.values()]),
        }

    def _keep(self, step: int, network: Network) -> None:
        assert isinstance(network, TwoLayer)
        weights, readout = np.asarray(network.weights), np.asarray(network.readout)
        self.kept.keep(step, {"weights": weights, "readout": readout})
