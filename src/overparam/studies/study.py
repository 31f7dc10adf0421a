"""What every study takes and gives: `run(config, context) -> Outcome`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import numpy as np

from ..checks import arrays_by_shape, one_of, written
from ..errors import ConfigError
from ..networks.files.named import NamedWeights
from ..networks.network import Network
from ..training.checkpoint import Checkpointer
from ..training.plan import Progress, Status, Watch, never, silent


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a run may use besides its config; nothing here changes a number.

    Example:
        ```python
        context = op.Context(progress=lambda done, total, note: None)
        context.watch()
        ```
    """

    progress: Progress = silent
    """Called between chunks."""
    checkpoints: Path | None = None
    """Folder for checkpoints; `None` keeps none."""
    stop_requested: Callable[[], int | None] = never
    """Exit code to stop with after a checkpoint, or `None` to go on."""
    checkpoint_seconds: float = 20.0
    """Least time between two checkpoints."""

    owner: str = ""
    """What checkpoints are of; those of another owner are not gone on from."""

    def watch(self, name: str = "training") -> Watch:
        """What the loop needs, with a checkpoint file called `name`."""
        keeper = None
        if self.checkpoints is not None:
            path = self.checkpoints / f"{name}.checkpoint"
            keeper = Checkpointer(path, self.checkpoint_seconds, owner=self.owner)
        return Watch(
            progress=self.progress,
            checkpoint=keeper,
            stop_requested=self.stop_requested,
        )


@arrays_by_shape
@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a run gives. Divergence is a status, not an exception.

    Example:
        ```python
        loss = {"loss": [1.0, 0.5]}
        outcome = op.Outcome(status="finished", metrics=loss, network=network)
        ```
    """

    status: Status
    """How the run ended."""
    metrics: Mapping[str, Sequence[float] | np.ndarray]
    """Columns of the metrics table, one row per record."""
    summary: Mapping[str, Any] = field(default_factory=dict)
    """Scalars of the whole run (numbers, strings, booleans, `None`)."""
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Named arrays worth keeping."""
    network: Network | NamedWeights | None = None
    """The trained network; weights alone where a file held none."""
    kept: Mapping[int, Network | NamedWeights] = field(default_factory=dict)
    """Networks of steps along the training, the start (step 0) among them."""
    notes: Sequence[str] = ()
    """Sentences the user should read with the result."""

    def __post_init__(self) -> None:
        one_of(get_args(Status), status=self.status)
        for step, network in self.kept.items():
            if not isinstance(step, int | np.integer) or step < 0:
                raise ConfigError(f"`kept` has the step {written(step)}: steps count.")
            _check_network(network, "kept")
        if self.network is not None:
            _check_network(self.network, "network")
        if isinstance(self.notes, str):
            raise ConfigError(f"`notes` are several, got {written(self.notes)} alone.")


def _check_network(network: Any, name: str) -> None:
    if not isinstance(network, Network | NamedWeights):
        raise ConfigError(
            f"`{name}` must be a `Network`, got {type(network).__name__}: "
            "`overparam.wrap` makes one."
        )
