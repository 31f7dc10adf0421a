"""The one training loop: compiled chunks of steps, and Python between chunks only."""

import dataclasses
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from ..checks import written
from ..dynamics.dynamics import State
from ..errors import ConfigError, Interrupted, StoreError
from ..memory import Need, check_memory
from .chunk import (
    Extent,
    Member,
    Shared,
    Stream,
    advance,
    check_inputs,
    group,
    n_weights,
    signature,
    step_work,
)
from .draws import Draws, Piece, piece_extent
from .kept import Kept
from .plan import Plan, Record, Status, Training, Trajectory, Watch, has_finite_losses


# One key for each purpose of a training.
_INITIAL, _STEPS, _DATA = range(3)

# Operations after which a request to stop is looked at: two cores do 3e10 to 6e10 a
# second (measured: dense, convolutional and factorising steps), hence 5 to 10 s.
_MOST_WORK = 3e11

# Counting operations traces the step once more, a fifth of a second. A piece is not
# worth it if a dense network would need less than this, of which a convolution makes
# up to a thousand times as much.
_LITTLE_WORK = 1e9


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

    Example:
        ```python
        rule = op.Descent("half-squared-error", learning_rate=1e-2)
        table = op.Table(x, y)
        trainings = [
            op.Training(dynamics=rule, network=network, source=table, key=key)
            for key in jax.random.split(key)
        ]
        plan = op.Plan(n_steps=10, batch_size=5, record_every=5)
        first, second = op.train_together(trainings, plan)
        ```
    """
    if not trainings:
        raise ConfigError("`trainings` must hold at least one training, got none.")
    leaves = jax.tree.leaves([training.network for training in trainings])
    wide = any(getattr(leaf, "dtype", None) == "f8" for leaf in leaves)
    if wide and jnp.zeros(0).dtype != jnp.float64:
        raise ConfigError(
            "The network is of float64, of which JAX makes float32 here: train it "
            "inside `with jax.enable_x64(True):`."
        )
    try:
        return _Loop(trainings, plan, watch or Watch()).run()
    except ConfigError:
        raise
    except (TypeError, ValueError):  # As JAX says of shapes that do not fit.
        for each in trainings:
            stream = Stream(each.source, _data_key(each))
            check_inputs(each.network, stream, plan.batch_size)
        raise


@dataclass
class _Run:
    """One training under way."""

    training: Training
    member: Member
    kept: Kept
    records: list[Record] = field(default_factory=list)
    status: Status | None = None
    finite: bool = True
    before: State | None = None
    """State at the last record, to go back to after a divergence."""

    def record(self, step: int, means: Record, *, seconds: float) -> None:
        """Record an interval; after a divergence go back to the state before it."""
        record = {"step": float(step)} | means
        finite = all(math.isfinite(value) for value in means.values())
        if finite and self.finite:
            self._observe(record, seconds=seconds)
        else:
            self.records.append(record | {"seconds": seconds})
            self.status = "diverged"
        if self.status == "diverged":
            self.member = dataclasses.replace(self.member, state=self.before)

    def start(self) -> None:
        """Look at the network before the first step, where the training asks to."""
        if self.training.record_start:
            self._observe({"step": 0.0}, seconds=0.0)
        else:
            self._keep(0)

    def _observe(self, record: Record, *, seconds: float) -> None:
        step, network = round(record["step"]), self.member.state.network
        observed = self.training.observe(step, network)
        if not isinstance(observed, Mapping):
            told = f"`observe` must give a mapping of columns, got {written(observed)}."
            raise ConfigError(told)
        self.records.append(record | observed | {"seconds": seconds})
        told = self.training.stops(self.records)
        self.status = told if has_finite_losses(observed) else "diverged"
        self._keep(step)

    def _keep(self, step: int) -> None:
        if step in self.training.keep_steps:
            self.kept.keep(step, self.training.keep_as(self.member.state.network))

    def trajectory(self) -> Trajectory:
        status = self.status or "finished"
        kept = dict(sorted(self.kept.networks.items()))
        state = self.member.state
        return Trajectory(records=self.records, status=status, state=state, kept=kept)


@dataclass
class _Part:
    """What was summed since the last record."""

    first_step: int
    sums: list[Record]
    n_pieces: int = 0
    seconds: float = 0.0

    @classmethod
    def of(cls, runs: Sequence[_Run], step: int) -> "_Part":
        return cls(step, [{} for _ in runs])

    def add(self, moved: list[Record], seconds: float) -> None:
        self.sums = [
            {name: sums.get(name, 0.0) + value for name, value in more.items()}
            for sums, more in zip(self.sums, moved, strict=True)
        ]
        self.n_pieces, self.seconds = self.n_pieces + 1, seconds


class _Loop:
    """The host side of the loop: groups, records, checkpoints."""

    def __init__(self, trainings: Sequence[Training], plan: Plan, watch: Watch) -> None:
        self.plan, self.watch = plan, watch
        self.stream = _shared_stream(trainings)
        shared, keeper = self.stream is not None, watch.checkpoint
        self.runs = [
            _Run(
                training,
                _member(training, shared),
                Kept(
                    keeper and keeper.folder_of_kept(index),
                    lambda training=training: training.keep_as(training.network),
                ),
            )
            for index, training in enumerate(trainings)
        ]
        _check_kept(self.runs, plan)
        groups: dict[Any, list[int]] = {}
        for index, run in enumerate(self.runs):
            groups.setdefault(signature(run.member), []).append(index)
        self.groups = list(groups.values())
        self.extents: dict[int, Extent] = {}
        self.step = 0
        self.part = _Part.of(self.runs, 0)

    def run(self) -> list[Trajectory]:
        if not self._resume():
            for run in self.runs:
                run.start()
        draws = None if self.stream is None else Draws(self.stream)
        try:
            while self.step < self.plan.n_steps and self._active():
                self._chunk(draws)
                self._keep()
        finally:
            if draws is not None:
                draws.close()
        return [run.trajectory() for run in self.runs]

    def _active(self) -> list[_Run]:
        return [run for run in self.runs if run.status is None]

    def _chunk(self, draws: Draws | None) -> None:
        """Train up to the next record, and record; a stop is obeyed between pieces."""
        start = time.perf_counter() - self.part.seconds
        if not self.part.n_pieces:
            for run in self.runs:
                run.before = run.member.state
        end = self.part.first_step + self.plan.record_every
        end = min(end, self.plan.n_steps)
        piece = self._piece(self.step)
        while piece is not None and piece.first_step < end:
            then = self._piece(piece.first_step + piece.extent.total)
            drawn = None if draws is None else draws.take(piece, then=then)
            moved = self._advance(piece, drawn)
            self.part.add(moved, time.perf_counter() - start)
            self.step += piece.extent.total
            piece = then
            if self.step < end:
                self._keep()
        part, self.part = self.part, _Part.of(self.runs, self.step)
        for run, total in zip(self.runs, part.sums, strict=True):
            if run.status is None:
                means = {name: value / part.n_pieces for name, value in total.items()}
                run.record(self.step, means, seconds=part.seconds)
        newest = self.runs[0].records[-1]
        self.watch.progress(self.step, self.plan.n_steps, **newest)

    def _advance(self, piece: Piece, drawn: Shared | None) -> list[Record]:
        """Train on one piece; the mean infos of every run."""
        groups = tuple(
            group([self._member(index) for index in indices]) for indices in self.groups
        )
        step = jnp.asarray(piece.first_step, jnp.int32)
        states, moved = advance(groups, drawn, step, piece.extent)
        means: list[Record] = [{} for _ in self.runs]
        for indices, whole, state, told in zip(
            self.groups, groups, states, moved, strict=True
        ):
            for position, index in enumerate(indices):
                run = self.runs[index]
                if run.status is None:
                    own = whole.at(state, position)
                    run.member = dataclasses.replace(run.member, state=own)
                    run.finite = bool(whole.at(told.finite, position))
                    means[index] = _numbers(whole.at(told.infos, position))
        return means

    def _piece(self, step: int) -> Piece | None:
        """The piece that begins at `step`; `None` at the end of the plan."""
        to_record = self.plan.record_every - step % self.plan.record_every
        left = min(to_record, self.plan.n_steps - step)
        if left <= 0:
            return None
        # A piece is as long in the middle of an interval as at its beginning.
        whole = left + step % self.plan.record_every
        if whole not in self.extents:
            # Members that share a stream have none of their own.
            every = (self.stream, *(run.member.stream for run in self.runs))
            streams = [stream for stream in every if stream is not None]
            self.extents[whole] = piece_extent(
                whole,
                self.plan.batch_size,
                streams=streams,
                most_steps=self._most_steps(whole),
            )
        return Piece(step, self.extents[whole])

    def _most_steps(self, n_steps: int) -> int:
        """How many of `n_steps` steps a piece may have so that a stop is obeyed."""
        size, members = self.plan.batch_size, [run.member for run in self.runs]
        weights = sum(n_weights(member) for member in members)
        if 6 * size * weights * n_steps < _LITTLE_WORK:
            return n_steps
        work = 0.0
        for indices in self.groups:
            member = members[indices[0]]
            stream = self.stream or member.stream
            assert stream is not None
            work += len(indices) * step_work(member, stream, size)
        return max(1, int(_MOST_WORK / max(work, 1.0)))

    def _member(self, index: int) -> Member:
        run = self.runs[index]
        if run.status is None:
            return run.member
        return dataclasses.replace(run.member, active=jnp.asarray(False))

    def _keep(self) -> None:
        exit_code = self.watch.stop_requested()
        keeper = self.watch.checkpoint
        unfinished = self.step < self.plan.n_steps and bool(self._active())
        if keeper and unfinished and (keeper.due() or exit_code is not None):
            header = {
                "step": self.step,
                "part": dataclasses.asdict(self.part),
                "plan": dataclasses.asdict(self.plan),
                "records": [run.records for run in self.runs],
                "statuses": [run.status for run in self.runs],
            }
            states, before = tuple(run.member.state for run in self.runs), None
            if self.part.n_pieces:
                before = tuple(run.before for run in self.runs)
            kept = [run.kept for run in self.runs]
            keeper.save(states, header, before=before, kept=kept)
        if exit_code is not None and unfinished:
            raise Interrupted(
                f"The run was stopped after {self.step} of {self.plan.n_steps} steps; "
                "the same command goes on from there.",
                exit_code=exit_code,
            )

    def _resume(self) -> bool:
        keeper = self.watch.checkpoint
        found = keeper and keeper.load(
            tuple(run.member.state for run in self.runs),
            kept=[run.kept for run in self.runs],
        )
        if not (keeper and found):
            return False
        states, before, header = found
        self.part = _Part(**header["part"])
        same = {"batch_size", "record_every"}
        if self.part.n_pieces:
            same.add("n_steps")  # It may have shortened the interval.
        plan = dataclasses.asdict(self.plan)
        if any(header["plan"][name] != plan[name] for name in same):
            raise StoreError(
                f"The checkpoint {keeper.path} was made with other settings "
                f"({header['plan']}); delete it to start the run again."
            )
        self.step = header["step"]
        for index, run in enumerate(self.runs):
            run.member = dataclasses.replace(run.member, state=states[index])
            run.before = before[index]
            run.records = header["records"][index]
            run.status = header["statuses"][index]
        return True


def _check_kept(runs: Sequence[_Run], plan: Plan) -> None:
    kept = sum(
        len(run.training.keep_steps) * n_weights(run.member)
        for run in runs
        if len(run.training.keep_steps) > 1
    )
    check_memory(Need("kept networks", (("weights of all kept steps", kept),)))
    for training in (run.training for run in runs):
        for step in training.keep_steps:
            inside = 0 <= step <= plan.n_steps
            if not inside or (step % plan.record_every and step != plan.n_steps):
                raise ConfigError(
                    f"The network of step {step} cannot be kept: `keep_steps` takes "
                    f"multiples of `record_every` ({plan.record_every}) up to "
                    f"{plan.n_steps}."
                )


def _shared_stream(trainings: Sequence[Training]) -> Stream | None:
    """The stream that all trainings share, if they do; a single one has its own."""
    first = trainings[0]
    key = _data_key(first)
    if len(trainings) == 1:
        return Stream(first.source, key)
    same = all(
        t.source is first.source and t.data_key is first.data_key for t in trainings
    )
    return Stream(first.source, key) if same and first.data_key is not None else None


def _data_key(training: Training) -> PRNGKeyArray:
    given = training.data_key
    return jax.random.fold_in(training.key, _DATA) if given is None else given


def _member(training: Training, shares_stream: bool) -> Member:
    key_init = jax.random.fold_in(training.key, _INITIAL)
    key_steps = jax.random.fold_in(training.key, _STEPS)
    state: State = training.dynamics.init(training.network, key=key_init)
    own = Stream(training.source, _data_key(training))
    stream = None if shares_stream else own
    return Member(training.dynamics, state, key_steps, stream, jnp.asarray(True))


def _numbers(info: Any) -> Record:
    fields = dataclasses.fields(info)
    return {field.name: float(getattr(info, field.name)) for field in fields}
