"""Networks of chosen steps of a training, which a resumed run finds again."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path

import equinox as eqx

from ..errors import StoreError
from ..networks.network import Network
from ..store.files import Stamp, read_file, write_file


class Kept:
    """Networks by step.

    With a checkpoint they also lie beside it, each a file that is whole or absent: the
    checkpoint holds the last state alone. It also holds the stamps of these files, and
    a resumed run believes those and no others.
    """

    def __init__(self, folder: Path | None, like: Callable[[], Network]) -> None:
        """Keep nothing yet.

        Args:
            folder: Where the files are; `None` keeps networks in memory.
            like: Makes a network of the same structure, into which files are read.
        """
        self.networks: dict[int, Network] = {}
        self._stamps: dict[int, Stamp] = {}
        self._folder, self._like = folder, like

    def keep(self, step: int, network: Network) -> None:
        """Keep the network of a step, in the place of the one it had."""
        self.networks[step] = network
        self._stamps.pop(step, None)

    def store(self) -> dict[int, Stamp]:
        """Write the networks that lie in no file yet; the stamps of all of them.

        Raises:
            StoreError: If one cannot be written.
        """
        for step in self.networks.keys() - self._stamps.keys():
            content = io.BytesIO()
            eqx.tree_serialise_leaves(content, self.networks[step])
            self._stamps[step] = write_file(self._file(step), content.getvalue())
        return dict(self._stamps)

    def restore(self, stamps: Mapping[int, Stamp]) -> None:
        """Find again what an interrupted run has kept.

        Raises:
            StoreError: If a file is missing or not as it was written; then nothing is
                restored.
        """
        if self._folder is None and stamps:
            raise StoreError("The networks that were kept lie in no folder.")
        contents = {
            step: io.BytesIO(read_file(self._file(step), expected=stamp))
            for step, stamp in stamps.items()
        }
        like = self._like() if contents else None
        found = {
            step: eqx.tree_deserialise_leaves(content, like)
            for step, content in contents.items()
        }
        self.networks |= found
        self._stamps |= stamps

    def _file(self, step: int) -> Path:
        assert self._folder is not None
        return self._folder / f"{step}.leaves"
