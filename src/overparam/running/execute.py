"""One run from config to stored outcome: where study and store meet."""

import contextlib
import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError
from ..processes import STOP, keep_compiled
from ..store.lock import RunLockedError
from ..store.read import read_run
from ..store.record import RunRecord
from ..store.run import RunDirectory, open_run
from ..studies import registry
from .precision import precision


if TYPE_CHECKING:
    from ..studies.study import Context, Outcome


@dataclass(frozen=True)
class Executed:
    """A stored run, and whether it was run now or found finished."""

    path: Path
    status: str
    fresh: bool


def execute(
    name: str,
    config: Any,
    root: Path,
    *,
    force: bool = False,
    progress: Callable[..., None] | None = None,
    stop_requested: Callable[[], int | None] | None = None,
    run: "Callable[[Any, Context], Outcome] | None" = None,
) -> Executed:
    """Run the study `name` with `config`, unless its outcome is stored already.

    What makes the outcome is the function `run` of the study, unless one is given.

    Raises:
        OverparamError: Whatever the study raised; it is stored with the run.
    """
    with _opened(root, name, config, force=force) as folder:
        if folder.finished:
            stored = read_run(folder.path)
            stored.check_data(data_at_hand(config))
            return Executed(stored.path, stored.status, fresh=False)
        start = time.perf_counter()
        try:
            data, data_set = {}, _data_set(config)
            if data_set is not None:  # Its files are downloaded where that is needed.
                from ..data.files.fingerprint import fingerprint

                data = fingerprint(data_set)
            owner = json.dumps([folder.path.name, data], sort_keys=True)
            make = run or registry.study(name).function("run")
            record = _record(
                make, config, folder.checkpoints, owner, progress, stop_requested
            )
        except Exception as error:
            folder.fail(error, seconds=time.perf_counter() - start)
            raise
        seconds = time.perf_counter() - start
        record = dataclasses.replace(record, seconds=seconds, data=data)
        folder.write(record)
        return Executed(folder.path, record.status, fresh=True)


def work(
    study: str,
    config: Mapping[str, Any],
    root: str,
    batch: Sequence[Mapping[str, Any]] = (),
    *,
    load: Callable[[], None] | None = None,
) -> str:
    """What a worker of a sweep does: one run, and its status.

    With a batch its other runs are done too; then this one is found finished, unless
    the batch could not be run. `load` is called first, where code is to be loaded.

    Raises:
        OverparamError: If the run failed.

    Example:
        ```python
        from overparam.running import jobs_of, work

        (job,) = jobs_of("planted", [small], Path("runs"))
        work(job.study, job.config, job.root)
        ```
    """
    if load is not None:
        load()
    with STOP.listening() as stop:
        kind = registry.study(study).config_class()
        if batch:
            configs = [kind(**fields) for fields in batch]
            execute_together(study, configs, Path(root), stop_requested=stop)
        done = execute(study, kind(**config), Path(root), stop_requested=stop)
        STOP.obey()  # A request that came too late for this run holds for the next.
    return done.status


def work_elsewhere(
    study: str,
    config: Mapping[str, Any],
    root: str,
    batch: Sequence[Mapping[str, Any]] = (),
    *,
    load: Callable[[], None] | None = None,
) -> str:
    """The same in a process of a cluster, in which nothing of ours has run yet."""
    keep_compiled()
    return work(study, config, root, batch, load=load)


def execute_together(
    name: str,
    configs: Sequence[Any],
    root: Path,
    *,
    stop_requested: Callable[[], int | None],
) -> None:
    """Run the configs that nobody has run or is running, in one compiled program.

    Each is stored as a run of its own. If they fail together each is run alone, and
    stores its own failure.
    """
    try:
        _together(name, configs, root, stop_requested)
    except Exception:
        for config in configs:
            with contextlib.suppress(Exception):  # It is stored with the run.
                execute(name, config, root, stop_requested=stop_requested)


def _together(
    name: str,
    configs: Sequence[Any],
    root: Path,
    stop_requested: Callable[[], int | None],
) -> None:
    with contextlib.ExitStack() as stack:
        mine = []
        for config in configs:
            # Another process may have it.
            with contextlib.suppress(RunLockedError):
                folder = stack.enter_context(_opened(root, name, config))
                if not folder.finished:
                    mine.append((config, folder))
        if len(mine) < 2:
            return
        from ..studies.study import Context

        # Only the very same runs may go on from it.
        digest = hashlib.sha256("".join(f.path.name for _, f in mine).encode())
        kept = mine[0][1].checkpoints / f"together-{digest.hexdigest()[:12]}"
        context = Context(
            checkpoints=kept, owner=kept.name, stop_requested=stop_requested
        )
        start = time.perf_counter()
        run = registry.study(name).function("run_together")
        with precision(dataclasses.asdict(configs[0])):
            outcomes = run([config for config, _ in mine], context)
            records = [_stored(outcome) for outcome in outcomes]
        seconds = (time.perf_counter() - start) / len(mine)
        for (_, folder), record in zip(mine, records, strict=True):
            folder.write(dataclasses.replace(record, seconds=seconds))


def _opened(
    root: Path, name: str, config: Any, *, force: bool = False
) -> contextlib.AbstractContextManager[RunDirectory]:
    fields, given = dataclasses.asdict(config), registry.defaults(type(config))
    plugins = registry.origins(name, fields)
    return open_run(root, name, fields, given, plugins=plugins, force=force)


def data_at_hand(config: Any) -> Mapping[str, str] | None:
    """Digests of the data files that a config would read, if they are at hand."""
    name = _data_set(config)
    if name is None:
        return {}
    from ..data.files.fingerprint import fingerprint_at_hand

    return fingerprint_at_hand(name)


def _data_set(config: Any) -> str | None:
    return getattr(config, "data_set", None)


def _record(
    make: "Callable[[Any, Context], Outcome]",
    config: Any,
    checkpoints: Path,
    owner: str,
    progress: Callable[..., None] | None,
    stop_requested: Callable[[], int | None] | None,
) -> RunRecord:
    # Only here does JAX load: a run that is found finished needs none.
    from ..studies.study import Context

    given = {"progress": progress, "stop_requested": stop_requested}
    context = Context(
        checkpoints=checkpoints,
        owner=owner,
        **{key: value for key, value in given.items() if value is not None},
    )
    with precision(dataclasses.asdict(config)):
        return _stored(make(config, context))


def _stored(outcome: "Outcome") -> RunRecord:
    """What is kept of an outcome."""
    from ..networks.files.serialise import to_arrays
    from ..studies.study import Outcome

    if not isinstance(outcome, Outcome):
        raise ConfigError(
            f"`run` of a study must give an `Outcome`, got {type(outcome).__name__}."
        )
    network = None if outcome.network is None else to_arrays(outcome.network)
    return RunRecord(
        status=outcome.status,
        metrics=outcome.metrics,
        summary=outcome.summary,
        arrays=outcome.arrays,
        network=network,
        kept={step: to_arrays(kept) for step, kept in outcome.kept.items()},
        notes=outcome.notes,
    )
