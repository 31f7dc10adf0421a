"""Arrays of chosen moments of a run, which a resumed run finds again."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..store.encode import tensors
from ..store.files import Stamp, write_file
from ..store.read import read_tensors


class Kept:
    """Named arrays by number (of a step, of an epoch).

    They also lie beside the checkpoint, each moment a file that is whole or absent:
    the checkpoint holds the state of the last moment alone. It also holds the stamps of
    these files, and a resumed run believes those and no others.
    """

    def __init__(self, checkpoints: Path | None, name: str) -> None:
        """Keep nothing yet.

        Args:
            checkpoints: Folder of the checkpoints; `None` keeps arrays in memory.
            name: Folder of these arrays in it.
        """
        self.name = name
        self._folder = None if checkpoints is None else checkpoints / name
        self._found: dict[int, dict[str, np.ndarray]] = {}
        self._stamps: dict[int, Stamp] = {}

    def keep(self, number: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep the arrays of one moment, in the place of what it had.

        Raises:
            StoreError: If they cannot be written.
        """
        self._found[number] = dict(arrays)
        if self._folder is not None:
            self._stamps[number] = write_file(self._file(number), tensors(arrays))

    def all(self) -> dict[int, dict[str, np.ndarray]]:
        """Everything kept, in the order of the numbers."""
        return dict(sorted(self._found.items()))

    def stamps(self) -> dict[int, Stamp]:
        """Size and digest of the file of each moment."""
        return dict(self._stamps)

    def restore(self, stamps: Mapping[int, Stamp]) -> None:
        """Find again what an interrupted run has kept.

        Raises:
            StoreError: If a file is missing or not as it was written; then nothing is
                restored.
        """
        found = {
            number: read_tensors(self._file(number), expected=stamp)
            for number, stamp in stamps.items()
        }
        self._found |= found
        self._stamps |= stamps

    def _file(self, number: int) -> Path:
        assert self._folder is not None
        return self._folder / f"{number}.safetensors"
