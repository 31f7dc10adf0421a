"""Checkpoints: one file that holds all a killed run needs to go on bit for bit."""

import dataclasses
import hashlib
import io
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
from jaxtyping import PyTree

from ..errors import StoreError
from ..store.files import MOST_BYTES, SCHEMA, Stamp, read_file, write_file
from .kept import Kept


class _UnusableError(Exception):
    """Why a checkpoint cannot be gone on from, as the end of a sentence."""


@dataclass
class Checkpointer:
    """Writes the states of a run to `path`, at most every `every_seconds`.

    Keys need no storing: they are functions of the seed and of the step. The file
    begins with a digest of the rest, so that a damaged one is never gone on from.

    Example:
        ```python
        checkpoint = op.training.Checkpointer(Path("checkpoint"), every_seconds=60)
        watch = op.Watch(checkpoint=checkpoint)
        ```
    """

    path: Path
    every_seconds: float = 20.0
    owner: str = ""
    """Whose states these are: the run, and the data that it reads."""
    _written: float = field(default_factory=time.monotonic)

    def due(self) -> bool:
        """Whether the last write is long enough ago."""
        return time.monotonic() - self._written >= self.every_seconds

    def folder_of_kept(self, index: int) -> Path:
        """Where the networks lie that the training of this index keeps."""
        return self.path.with_suffix(f".kept-{index}")

    def save(
        self,
        states: PyTree,
        header: dict[str, Any],
        *,
        before: PyTree = None,
        kept: Sequence[Kept] = (),
    ) -> None:
        """Replace the checkpoint: two lines of JSON, then the leaves of the states.

        Args:
            states: Where the run is.
            header: What else it needs, as JSON.
            before: States of the same structure to which a divergence would go back,
                where they are others.
            kept: What is to lie beside the states, one of each training.
        """
        stamps = [
            {step: dataclasses.asdict(stamp) for step, stamp in each.store().items()}
            for each in kept
        ]
        about = {"owner": self.owner, "kept": stamps, "header": header}
        about["has_before"] = before is not None
        content = io.BytesIO()
        content.write(json.dumps(about).encode() + b"\n")
        eqx.tree_serialise_leaves(content, states)
        if before is not None:
            eqx.tree_serialise_leaves(content, before)
        body = content.getvalue()
        digest = hashlib.sha256(body).hexdigest()
        first = json.dumps({"schema": SCHEMA, "sha256": digest}).encode()
        write_file(self.path, first + b"\n" + body)
        self._written = time.monotonic()

    def load(
        self, states: PyTree, *, kept: Sequence[Kept] = ()
    ) -> tuple[PyTree, PyTree, dict[str, Any]] | None:
        """The stored states, those before and the header; `None` where a run begins.

        That is where nothing is stored, and where what is stored is damaged, of
        another run or of other data, or of another version: then a sentence says so.

        Args:
            states: States of the same structure, as `init` gives them.
            kept: Gets back what lay beside them.
        """
        if not self.path.exists():
            return None
        try:
            return self._load(states, kept)
        except _UnusableError as error:
            logging.getLogger("overparam").warning(
                "The checkpoint `%s` %s: the run starts from its beginning.",
                self.path,
                error,
            )
            return None

    def _load(
        self, states: PyTree, kept: Sequence[Kept]
    ) -> tuple[PyTree, PyTree, dict[str, Any]]:
        # The records in the header are as small as any description.
        leaves = jax.tree.leaves(eqx.filter(states, eqx.is_array))
        most = MOST_BYTES + 2 * sum(leaf.nbytes for leaf in leaves)
        content = io.BytesIO(_body(self.path, most))
        try:
            about = json.loads(content.readline())
            owner, header = about["owner"], about["header"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise _UnusableError("does not fit this version") from None
        if owner != self.owner:
            raise _UnusableError("is that of another run, or of other data")
        try:
            found = before = eqx.tree_deserialise_leaves(content, states)
            if about.get("has_before"):
                before = eqx.tree_deserialise_leaves(content, states)
            for each, stamps in zip(kept, about["kept"], strict=True):
                each.restore(
                    {int(number): Stamp(**stamp) for number, stamp in stamps.items()}
                )
        except StoreError as error:
            raise _UnusableError("has lost what was kept beside it") from error
        except Exception as error:  # Equinox and NumPy raise whatever they meet.
            raise _UnusableError("does not fit this version") from error
        return found, before, header


def _body(path: Path, most: int) -> bytes:
    """The content of a checkpoint without its first line, which holds its digest."""
    try:
        first, _, body = read_file(path, most=most).partition(b"\n")
    except StoreError as error:
        raise _UnusableError("cannot be read") from error
    try:
        digest = json.loads(first)["sha256"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _UnusableError("is damaged or of an older version") from None
    if digest != hashlib.sha256(body).hexdigest():
        raise _UnusableError("is damaged")
    return body
