"""One run from config to stored outcome: where study and store meet."""

import dataclasses
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import Interrupted
from ..store.run import RunRecord, open_run, run_status
from ..studies import registry
from .platform import StopRequest, prepare_jax, set_precision


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
) -> Executed:
    """Run the study `name` with `config`, unless its outcome is stored already.

    Raises:
        OverparamError: Whatever the study raised; it is stored with the run.
    """
    kind = type(config)
    with open_run(
        root, name, dataclasses.asdict(config), registry.defaults(kind), force=force
    ) as folder:
        if folder.finished:
            return Executed(folder.path, run_status(folder.path), fresh=False)
        start = time.perf_counter()
        try:
            record = _record(name, config, folder.checkpoints, progress, stop_requested)
        except Exception as error:
            folder.fail(error, seconds=time.perf_counter() - start)
            raise
        record = dataclasses.replace(record, seconds=time.perf_counter() - start)
        folder.write(record)
        return Executed(folder.path, record.status, fresh=True)


def work(study: str, config: Mapping[str, Any], root: str) -> str:
    """What a worker of a sweep does: one run, and its status.

    Raises:
        OverparamError: If the run failed.
    """
    prepare_jax()
    kind = registry.study(study).config_class()
    with StopRequest().listening() as stop:
        done = execute(study, kind(**config), Path(root), stop_requested=stop)
    if stop.exit_code is not None:
        # The request came too late for this run, but not for the next one.
        raise Interrupted("Stopped between two runs.", exit_code=stop.exit_code)
    return done.status


def _record(
    name: str,
    config: Any,
    checkpoints: Path,
    progress: Callable[..., None] | None,
    stop_requested: Callable[[], int | None] | None,
) -> RunRecord:
    # Only here does JAX load; and precision must be set before arrays are made.
    prepare_jax()
    set_precision(config)
    from ..networks.serialise import to_arrays
    from ..studies.study import Context

    given = {"progress": progress, "stop_requested": stop_requested}
    context = Context(
        checkpoints=checkpoints,
        **{key: value for key, value in given.items() if value is not None},
    )
    outcome = registry.study(name).function()(config, context)
    network = None if outcome.network is None else to_arrays(outcome.network)
    return RunRecord(
        status=outcome.status,
        metrics=outcome.metrics,
        summary=outcome.summary,
        arrays=outcome.arrays,
        network=network,
        notes=outcome.notes,
    )
