"""What every study takes and gives: `run(config, context) -> Outcome`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from ..networks.network import Network


Status = Literal["converged", "finished", "diverged", "stopped"]


class Progress(Protocol):
    """Told how far a run is; the numbers are what a person wants to see live."""

    def __call__(self, done: int, total: int, **values: float) -> None: ...


def silent(done: int, total: int, **values: float) -> None:
    """A progress reporter that says nothing."""


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a run may use besides its config; nothing here changes a number."""

    progress: Progress = silent
    """Called between chunks."""
    checkpoints: Path | None = None
    """Folder for checkpoints; `None` keeps none."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a run gives. Divergence is a status, not an exception."""

    status: Status
    """How the run ended."""
    metrics: Mapping[str, Sequence[float] | np.ndarray]
    """Columns of the metrics table, one row per record."""
    summary: Mapping[str, Any] = field(default_factory=dict)
    """Scalars of the whole run (numbers, strings, booleans, `None`)."""
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Named arrays worth keeping."""
    network: Network | None = None
    """The trained network."""
    notes: Sequence[str] = ()
    """Sentences the user should read with the result."""
