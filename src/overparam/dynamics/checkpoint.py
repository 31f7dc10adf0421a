"""Checkpoints: one file that holds all a killed run needs to go on bit for bit."""

import io
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import equinox as eqx
from jaxtyping import PyTree

from ..errors import StoreError
from ..store.files import MOST_BYTES, opened, write_file


@dataclass
class Checkpointer:
    """Writes the states of a run to `path`, at most every `every_seconds`.

    Keys need no storing: they are functions of the seed and of the step.
    """

    path: Path
    every_seconds: float = 20.0
    _written: float = field(default_factory=time.monotonic)

    def due(self) -> bool:
        """Whether the last write is long enough ago."""
        return time.monotonic() - self._written >= self.every_seconds

    def save(self, states: PyTree, header: dict[str, Any]) -> None:
        """Replace the checkpoint: a line of JSON, then the leaves of `states`."""
        content = io.BytesIO()
        content.write(json.dumps(header).encode() + b"\n")
        eqx.tree_serialise_leaves(content, states)
        write_file(self.path, content.getvalue())
        self._written = time.monotonic()

    def load(self, states: PyTree) -> tuple[PyTree, dict[str, Any]] | None:
        """The stored states and header, or `None` where nothing is stored.

        Args:
            states: States of the same structure, as `init` gives them.

        Raises:
            StoreError: If the file cannot be read as a checkpoint of such states.
        """
        if not self.path.exists():
            return None
        try:
            with opened(self.path) as (file, _):
                header = json.loads(file.readline(MOST_BYTES))
                return eqx.tree_deserialise_leaves(file, states), header
        except (ValueError, RuntimeError, EOFError, OSError, MemoryError) as error:
            raise StoreError(
                f"The checkpoint {self.path} does not fit this run or is damaged; "
                "delete it to start the run again."
            ) from error
