"""The one training loop: compiled chunks of steps, and Python between chunks only."""

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, PRNGKeyArray

from ..checks import at_least
from ..data.source import Source
from ..errors import ConfigError, Interrupted, StoreError
from ..networks.network import Network
from .checkpoint import Checkpointer
from .chunk import Extent, Member, Stream, advance, group, signature
from .dynamics import Dynamics, State


Record = dict[str, float]
Status = Literal["converged", "finished", "diverged", "stopped"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How long to train and how often to look."""

    n_steps: int
    """Number of steps."""
    batch_size: int
    """Samples per step."""
    record_every: int
    """Steps between two records; the losses of a record are means over them."""

    def __post_init__(self) -> None:
        at_least(0, n_steps=self.n_steps)
        at_least(1, batch_size=self.batch_size, record_every=self.record_every)


@dataclass(frozen=True, kw_only=True)
class Training:
    """One training: what is trained, on what, how, and what is looked at."""

    dynamics: Dynamics
    network: Network
    source: Source
    key: PRNGKeyArray
    """Key of the training; the batches use `data_key`."""
    data_key: PRNGKeyArray | None = None
    """Key of the batches; trainings that share it see the same batches."""
    measure: Callable[[Network], Record] = lambda network: {}
    """Further columns of each record, computed between chunks."""
    until: Callable[[Sequence[Record]], Status | None] = lambda records: None
    """Stop rule: given all records so far, a status to stop with, or `None`."""
    record_start: bool = False
    """Whether a record is made before the first step (its losses are NaN)."""


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
    """What happens between chunks besides records; nothing here changes a number."""

    progress: Progress = silent
    """Told the steps done, the steps in all and the last record."""
    checkpoint: Checkpointer | None = None
    """Where the run is kept so that it can go on after a kill."""
    stop_requested: Callable[[], int | None] = never
    """Exit code to stop with after a checkpoint, or `None` to go on."""


@dataclass(frozen=True, kw_only=True)
class Trajectory:
    """What a training gave.

    Attributes:
        records: One record per interval: `step`, mean losses, measures, `seconds`.
        status: `converged` (stop rule), `finished` (all steps), `diverged` (a loss or
            weight was not finite) or `stopped` (another stop rule).
        state: Last state; after a divergence it is not finite.
    """

    records: list[Record]
    status: Status
    state: Any

    @property
    def network(self) -> Network:
        """The trained network."""
        return self.state.network

    def columns(self) -> dict[str, np.ndarray]:
        """The records as columns; a value that a record lacks is NaN."""
        names = dict.fromkeys(name for record in self.records for name in record)
        return {
            name: np.array([record.get(name, math.nan) for record in self.records])
            for name in names
        }


def train(training: Training, plan: Plan, *, watch: Watch | None = None) -> Trajectory:
    """Train one network.

    Args:
        training: What is trained, on what and how.
        plan: How long and how often to record.
        watch: Progress, checkpoints, interruption.

    Returns:
        Records, status and the last state.

    Raises:
        Interrupted: If `watch` asks to stop; the checkpoint has been written.
        StoreError: If the checkpoint belongs to another training.
    """
    return train_together([training], plan, watch=watch)[0]


def train_together(
    trainings: Sequence[Training], plan: Plan, *, watch: Watch | None = None
) -> list[Trajectory]:
    """Train several networks in one compiled program, each with its own stop rule.

    Trainings of equal structure and shapes (seeds, scalar hyper-parameters) form a
    group that is compiled once; groups of different widths run side by side. Where all
    trainings share one source object and `data_key`, each batch is drawn once.

    Args:
        trainings: The trainings; their order is kept.
        plan: Common to all.
        watch: Progress, checkpoints, interruption, for all of them together.

    Returns:
        One trajectory for each training.
    """
    if not trainings:
        raise ConfigError("`trainings` must hold at least one training, got none.")
    return _Loop(trainings, plan, watch or Watch()).run()


@dataclass
class _Run:
    """One training under way."""

    training: Training
    member: Member
    records: list[Record] = field(default_factory=list)
    status: Status | None = None

    def record(self, step: int, means: Record, seconds: float) -> None:
        network = self.member.state.network
        record = {"step": float(step)} | means
        finite = all(math.isfinite(value) for value in means.values())
        if not (finite and bool(_all_finite(network))):
            self.records.append(record | {"seconds": seconds})
            self.status = "diverged"
            return
        self.records.append(
            record | self.training.measure(network) | {"seconds": seconds}
        )
        self.status = self.training.until(self.records)

    def trajectory(self) -> Trajectory:
        status = self.status or "finished"
        return Trajectory(records=self.records, status=status, state=self.member.state)


class _Loop:
    """The host side of the loop: groups, records, checkpoints."""

    def __init__(self, trainings: Sequence[Training], plan: Plan, watch: Watch) -> None:
        self.plan, self.watch = plan, watch
        self.shared = _shared_stream(trainings)
        self.runs = [
            _Run(training, _member(training, self.shared is not None))
            for training in trainings
        ]
        self.groups = _equal_shapes([run.member for run in self.runs])
        self.step = 0

    def run(self) -> list[Trajectory]:
        resumed = self._resume()
        if not resumed:
            self._record_start()
        while self.step < self.plan.n_steps and self._active():
            self._chunk()
            self._keep()
        return [run.trajectory() for run in self.runs]

    def _active(self) -> list[_Run]:
        return [run for run in self.runs if run.status is None]

    def _record_start(self) -> None:
        for run in self.runs:
            if run.training.record_start:
                measured = run.training.measure(run.member.state.network)
                run.records.append({"step": 0.0, **measured, "seconds": 0.0})
                run.status = run.training.until(run.records)

    def _chunk(self) -> None:
        n_steps = min(self.plan.record_every, self.plan.n_steps - self.step)
        start = time.perf_counter()
        groups = [
            group([self._member(index) for index in indices]) for indices in self.groups
        ]
        states, infos = advance(
            tuple(groups),
            self.shared,
            jnp.asarray(self.step, jnp.int32),
            self._extent(n_steps),
        )
        jax.block_until_ready(infos)
        seconds = time.perf_counter() - start
        self.step += n_steps
        for indices, whole, state, info in zip(
            self.groups, groups, states, infos, strict=True
        ):
            for position, index in enumerate(indices):
                run = self.runs[index]
                if run.status is None:
                    moved = whole.at(state, position)
                    run.member = dataclasses.replace(run.member, state=moved)
                    run.record(self.step, _numbers(whole.at(info, position)), seconds)
        newest = self.runs[0].records[-1]
        self.watch.progress(self.step, self.plan.n_steps, **newest)

    def _member(self, index: int) -> Member:
        run = self.runs[index]
        active = jnp.asarray(run.status is None)
        return dataclasses.replace(run.member, active=active)

    def _extent(self, n_steps: int) -> Extent:
        per_draw = min(
            run.training.source.steps_per_draw(self.plan.batch_size)
            for run in self.runs
        )
        block = largest_divisor(n_steps, at_most=per_draw)
        return Extent(n_steps // block, block, self.plan.batch_size)

    def _keep(self) -> None:
        exit_code = self.watch.stop_requested()
        keeper = self.watch.checkpoint
        unfinished = self.step < self.plan.n_steps and bool(self._active())
        if keeper and unfinished and (keeper.due() or exit_code is not None):
            header = {
                "step": self.step,
                "plan": dataclasses.asdict(self.plan),
                "records": [run.records for run in self.runs],
                "statuses": [run.status for run in self.runs],
            }
            keeper.save(tuple(run.member.state for run in self.runs), header)
        if exit_code is not None and unfinished:
            raise Interrupted(
                f"The run was stopped after {self.step} of {self.plan.n_steps} steps; "
                "the same command goes on from there.",
                exit_code=exit_code,
            )

    def _resume(self) -> bool:
        keeper = self.watch.checkpoint
        found = keeper and keeper.load(tuple(run.member.state for run in self.runs))
        if not (keeper and found):
            return False
        states, header = found
        same = {"batch_size", "record_every"}
        plan = dataclasses.asdict(self.plan)
        if any(header["plan"][name] != plan[name] for name in same):
            raise StoreError(
                f"The checkpoint {keeper.path} was made with other settings "
                f"({header['plan']}); delete it to start the run again."
            )
        self.step = header["step"]
        for index, run in enumerate(self.runs):
            run.member = dataclasses.replace(run.member, state=states[index])
            run.records = header["records"][index]
            run.status = header["statuses"][index]
        return True


def largest_divisor(number: int, *, at_most: int) -> int:
    """The largest divisor of `number` that is not above `at_most`."""
    return next(d for d in range(min(number, at_most), 0, -1) if number % d == 0)


def below(name: str, threshold: float) -> Callable[[Sequence[Record]], Status | None]:
    """Stop rule: `converged` once the last record's `name` is at most `threshold`."""

    def until(records: Sequence[Record]) -> Status | None:
        return "converged" if records[-1][name] <= threshold else None

    return until


def _shared_stream(trainings: Sequence[Training]) -> Stream | None:
    first = trainings[0]
    if len(trainings) == 1 or first.data_key is None:
        return None
    same = all(
        t.source is first.source and t.data_key is first.data_key for t in trainings
    )
    return Stream(first.source, first.data_key) if same else None


def _member(training: Training, shares_stream: bool) -> Member:
    key_init, key_steps, key_data = (
        jax.random.fold_in(training.key, purpose) for purpose in range(3)
    )
    if training.data_key is not None:
        key_data = training.data_key
    state: State = training.dynamics.init(training.network, key=key_init)
    stream = None if shares_stream else Stream(training.source, key_data)
    return Member(training.dynamics, state, key_steps, stream, jnp.asarray(True))


def _equal_shapes(members: Sequence[Member]) -> list[list[int]]:
    groups: dict[Any, list[int]] = {}
    for index, member in enumerate(members):
        groups.setdefault(signature(member), []).append(index)
    return list(groups.values())


def _numbers(info: Any) -> Record:
    fields = dataclasses.fields(info)
    return {field.name: float(getattr(info, field.name)) for field in fields}


@eqx.filter_jit
def _all_finite(network: Network) -> Bool[Array, ""]:
    leaves = jax.tree.leaves(eqx.filter(network, eqx.is_inexact_array))
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in leaves]))
