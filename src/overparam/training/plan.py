"""What the loop is given and what it gives: a training, a plan, a trajectory."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

import numpy as np
from jaxtyping import PRNGKeyArray

from ..checks import arrays_by_shape, counts, finite, one_of, written
from ..data.source import Source
from ..dynamics.dynamics import Dynamics
from ..errors import ConfigError
from ..field_values import unknown
from ..keys import check_key
from ..networks.network import Network, check_network
from .checkpoint import Checkpointer


if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure


MOST_STEPS = 2**31 - 1
"""Steps are counted in 32 bits inside the compiled loop."""

Record = dict[str, float]
Status = Literal["converged", "finished", "diverged", "stopped", "max_iterations"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How long to train and how often to look.

    Example:
        ```python
        rule = op.Descent("half-squared-error", learning_rate=1e-2)
        training = op.Training(
            dynamics=rule, network=network, source=op.Table(x, y), key=key
        )
        op.train(training, op.Plan(n_steps=10, batch_size=5, record_every=5)).status
        ```
    """

    n_steps: int
    """Number of steps."""
    batch_size: int
    """Samples per step."""
    record_every: int
    """Steps between two records; the losses of a record are means over them."""

    def __post_init__(self) -> None:
        # Most configs count epochs, and have no steps to name.
        if isinstance(self.n_steps, int | np.integer) and self.n_steps > MOST_STEPS:
            raise ConfigError(
                "A training has at most 2^31 - 1 steps, got "
                f"{written(self.n_steps)}; lower the number of steps or epochs."
            )
        counts(0, n_steps=self.n_steps)
        counts(batch_size=self.batch_size, record_every=self.record_every)


@arrays_by_shape
@dataclass(frozen=True, kw_only=True)
class Training:
    """One training: what is trained, on what, how, and what is looked at.

    Example:
        ```python
        rule = op.Descent("half-squared-error", learning_rate=1e-2)
        training = op.Training(
            dynamics=rule, network=network, source=op.Table(x, y), key=key
        )
        op.train(training, op.Plan(n_steps=10, batch_size=5, record_every=5)).status
        ```
    """

    dynamics: Dynamics
    network: Network
    source: Source
    key: PRNGKeyArray
    """Key of the training; the batches use `data_key`."""
    data_key: PRNGKeyArray | None = None
    """Key of the batches; trainings that share it see the same batches."""
    observe: Callable[[int, Network], Record] = lambda step, network: {}
    """Further columns of the record of a step, computed between chunks."""
    until: Callable[[Sequence[Record]], Status | None] = lambda records: None
    """Stop rule: given all records so far, a status to stop with, or `None`."""
    record_start: bool = False
    """Whether a record is made before the first step (its losses are NaN)."""
    keep_steps: Collection[int] = ()
    """Steps whose networks are kept: those of records, and 0 for the start."""
    keep_as: Callable[[Network], Network] = lambda network: network
    """What is kept of a network: itself, or what it is outside training."""

    def __post_init__(self) -> None:
        check_network(self.network)
        for name, methods, such_as in _PARTS:
            part = getattr(self, name)
            if not all(callable(getattr(part, each, None)) for each in methods):
                raise ConfigError(
                    f"`{name}` must have the methods {', '.join(methods)}, as a "
                    f"`{such_as}` has, got an object of type {type(part).__name__}."
                )
        for name in ("observe", "until"):
            if not callable(function := getattr(self, name)):
                raise ConfigError(
                    f"`{name}` must be a function, got {written(function)}."
                )
        check_key(self.key, name="key")
        if self.data_key is not None:
            check_key(self.data_key, name="data_key")
        if not isinstance(self.keep_steps, Collection):
            raise ConfigError(
                f"`keep_steps` must be a collection of steps, got {self.keep_steps!r}: "
                f"write ({self.keep_steps!r},)."
            )
        for step in self.keep_steps:
            finite(keep_steps=step)

    def stops(self, records: Sequence[Record]) -> Status | None:
        """What `until` says, which must be a status or `None`."""
        told = self.until(records)
        if told is not None:
            one_of(get_args(Status), until=told)
        return told


_PARTS = (
    ("source", ("steps_per_draw", "draw", "batch"), "Table"),
    ("dynamics", ("init", "step"), "Descent"),
)

LOSS_WORDS = frozenset({"loss", "risk", "objective"})
"""Words that name a loss in a column, as in `train_loss` or `risk_data`."""


def has_finite_losses(values: Mapping[str, float]) -> bool:
    """Whether every loss among named values is finite; other values may be absent."""
    return all(
        math.isfinite(value)
        for name, value in values.items()
        if not LOSS_WORDS.isdisjoint(name.split("_"))
    )


class Progress(Protocol):
    """Told how far a run is; the numbers are what a person wants to see live."""

    def __call__(self, done: int, total: int, **values: float) -> None: ...


def silent(done: int, total: int, **values: float) -> None:
    """A progress reporter that says nothing."""


def never() -> int | None:
    """A stop request that never comes."""
    return None


@dataclass(frozen=True, kw_only=True)
class Watch:
    """What happens between chunks besides records; nothing here changes a number.

    Example:
        ```python
        rule = op.Descent("half-squared-error", learning_rate=1e-2)
        training = op.Training(
            dynamics=rule, network=network, source=op.Table(x, y), key=key
        )
        plan = op.Plan(n_steps=10, batch_size=5, record_every=5)
        op.train(training, plan, watch=op.Watch(stop_requested=lambda: None)).status
        ```
    """

    progress: Progress = silent
    """Told the steps done, the steps in all and the last record."""
    checkpoint: Checkpointer | None = None
    """Where the run is kept so that it can go on after a kill."""
    stop_requested: Callable[[], int | None] = never
    """Exit code to stop with after a checkpoint, or `None` to go on."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Trajectory:
    """What a training gave.

    Attributes:
        records: One record per interval: `step`, mean losses, measures, `seconds`.
        status: `converged` (stop rule), `finished` (all steps), `diverged` (a loss or
            weight was not finite) or `stopped` (another stop rule).
        state: Last state; after a divergence that before the last interval, the last
            one whose weights and losses were finite.
        kept: The networks that were to be kept, by step.

    Example:
        ```python
        rule = op.Descent("half-squared-error", learning_rate=1e-2)
        lengths = dict(n_steps=10, batch_size=5, record_every=5)
        history = op.train(network, op.Table(x, y), rule, key=key, **lengths)
        history.records[-1]["loss"], history.network, history.status
        ```
    """

    records: list[Record]
    status: Status
    state: Any
    kept: Mapping[int, Network]

    @property
    def network(self) -> Network:
        """The trained network."""
        return self.state.network

    def final(self, name: str) -> float | None:
        """The last finite value of a column; `None` after a divergence.

        A network that diverged has no losses, and those of another one are not its own.
        """
        if self.status == "diverged":
            return None
        values = (record.get(name, math.nan) for record in reversed(self.records))
        return next((value for value in values if math.isfinite(value)), None)

    def columns(self) -> dict[str, np.ndarray]:
        """The records as columns; a value that a record lacks is NaN."""
        names = dict.fromkeys(name for record in self.records for name in record)
        return {
            name: np.array([record.get(name, math.nan) for record in self.records])
            for name in names
        }

    @property
    def frame(self) -> "pl.DataFrame":
        """The records, a row each."""
        import polars as pl

        return pl.DataFrame(self.columns())

    def plot(self, y: str, *, x: str = "step", log_y: bool = False) -> "Figure":
        """Draw a column of the records.

        Raises:
            ConfigError: If there is no such column.
        """
        from ..plots.curves import check_columns
        from ..plots.figure import panels

        frame = self.frame
        check_columns(frame, x=x, y=y)
        figure, axes = panels(width=6, height=4)
        axes[0, 0].plot(frame[x], frame[y])
        axes[0, 0].set(xlabel=x, ylabel=y, yscale="log" if log_y else "linear")
        return figure

    def __repr__(self) -> str:
        return f"Trajectory({len(self.records)} records, {self.status})"

    def _repr_html_(self) -> str:
        from ..report import notebook

        return notebook.values(repr(self), {}) + notebook.frame(self.frame)


def below(name: str, threshold: float) -> Callable[[Sequence[Record]], Status | None]:
    """Stop rule: `converged` once the last record's `name` is at most `threshold`.

    Example:
        ```python
        rule = op.Descent("half-squared-error", learning_rate=1e-2)
        until = op.training.below("loss", 0.5)
        lengths = dict(n_steps=10, batch_size=5, record_every=5)
        op.train(network, op.Table(x, y), rule, key=key, until=until, **lengths).status
        ```
    """

    def until(records: Sequence[Record]) -> Status | None:
        if name not in records[-1]:
            raise ConfigError(unknown(name, records[-1], what="column of the records"))
        return "converged" if records[-1][name] <= threshold else None

    return until
