"""Arrays of chosen moments of a run, which a resumed run finds again."""

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..errors import StoreError
from ..store.files import opened, write_file
from ..store.npy import array_of


_ZIP = (zipfile.BadZipFile, zlib.error, struct.error)


class Kept:
    """Named arrays by number (of a step, of an epoch).

    They also lie beside the checkpoint, each moment a file that is whole or absent:
    the checkpoint holds the state of the last moment alone.
    """

    def __init__(self, checkpoints: Path | None, name: str) -> None:
        """Find what an interrupted run has kept.

        Args:
            checkpoints: Folder of the checkpoints; `None` keeps arrays in memory.
            name: Folder of these arrays in it.

        Raises:
            StoreError: If a file of them is damaged.
        """
        self._folder = None if checkpoints is None else checkpoints / name
        self._found: dict[int, dict[str, np.ndarray]] = {}
        paths = [] if self._folder is None else self._folder.glob("*.npz")
        for path in paths:
            if path.stem.isdecimal():  # Other files are not ours.
                self._found[int(path.stem)] = _read(path)

    def keep(self, number: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep the arrays of one moment, in the place of what it had.

        Raises:
            StoreError: If they cannot be written.
        """
        self._found[number] = dict(arrays)
        if self._folder is not None:
            content = io.BytesIO()
            # NumPy's stubs take the first keyword for `allow_pickle`.
            np.savez(content, **arrays)  # pyright: ignore
            write_file(self._folder / f"{number}.npz", content.getvalue())

    def all(self) -> dict[int, dict[str, np.ndarray]]:
        """Everything kept, in the order of the numbers."""
        return dict(sorted(self._found.items()))


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        with opened(path) as (file, n_bytes), zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            # `savez` packs nothing: what unpacks to more was not written here.
            if sum(member.file_size for member in members) > n_bytes:
                raise ValueError("it unpacks to more than it has")
            return {
                member.filename.removesuffix(".npy"): array_of(archive.read(member))
                for member in members
            }
    except (OSError, EOFError, ValueError, RuntimeError, *_ZIP) as error:
        raise StoreError(
            f"`{path}` is damaged ({error}): delete the folder of checkpoints to start "
            "the run again."
        ) from error
