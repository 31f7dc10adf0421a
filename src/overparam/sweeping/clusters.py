"""Workers beyond this machine: a running Dask cluster, or SLURM through Dask."""

import contextlib
import logging
import math
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ..errors import ConfigError, OverparamError
from ..plugins import why
from .workers import Borrowed, Worker


if TYPE_CHECKING:
    from distributed import Client


# Workers that a batch system starts may have to queue; a running cluster has none to
# wait for, only a network.
_SECONDS_TO_CONNECT = 30

_SECONDS_BETWEEN_PULSES = 5.0


@contextlib.contextmanager
def cluster_workers(
    text: str,
    *,
    n_jobs: int | None = None,
    prepare: Callable[[], None] | None = None,
) -> Iterator[list[Worker]]:
    """The places of a cluster, for `sweep(..., workers=...)`.

    Args:
        text: `dask:tcp://HOST:PORT`, `dask:SCHEDULER_FILE.json`, or `slurm`, which
            submits workers as the user's `jobqueue.yaml` of dask-jobqueue says.
        n_jobs: Runs at a time; as many as the cluster has threads if `None`.
        prepare: Called in every worker that there is, before anything is run.

    Raises:
        ConfigError: If `text` names no cluster, an extra is missing, workers run
            several tasks in one process, or `prepare` fails in one.
        OverparamError: If the scheduler does not answer.

    Example:
        ```python
        from overparam.sweeping import cluster_workers

        cluster = cluster_workers("dask:tcp://localhost:8786")  # `with` connects
        ```
    """
    kind, _, address = str(text).partition(":")
    if kind == "dask" and address:
        with _quiet(), _connected(address) as client:
            yield _places(client, n_jobs, prepare)
    elif kind == "slurm" and not address:
        if n_jobs is None:
            raise ConfigError("A sweep on SLURM needs `--jobs N`, the most at a time.")
        with _quiet(), _submitted(n_jobs) as client:
            yield _places(client, n_jobs, prepare)
    else:
        raise ConfigError(
            "`--cluster` must be dask:ADDRESS, dask:SCHEDULER_FILE.json or slurm, "
            f"got {text!r}."
        )


def _places(
    client: "Client", n_jobs: int | None, prepare: Callable[[], None] | None
) -> list[Worker]:
    threads = cast("dict[str, int]", client.nthreads())
    if any(number > 1 for number in threads.values()):
        # Precision is a setting of a whole process, and so is Ctrl-C.
        raise ConfigError(
            "Some workers of the cluster run several tasks in one process: start them "
            "with --nthreads 1 (and --nworkers N for N at a time)."
        )
    if prepare is not None:
        try:
            client.run(prepare)
        except Exception as error:
            message = f"A worker of the cluster is not ready: {why(error)}."
            raise ConfigError(message) from error
    executor = client.get_executor(pure=False)
    n_places = n_jobs or max(1, sum(threads.values()))
    pulse = _Pulse(client)
    return [
        Borrowed(executor, survives=_only_a_worker, alive=pulse)
        for _ in range(n_places)
    ]


def _only_a_worker(error: BaseException) -> bool:
    # A scheduler that is lost cancels every task. Anything else is a lost worker:
    # KilledWorker, or a result that was lost with the worker that held it.
    return not isinstance(error, CancelledError)


@contextlib.contextmanager
def _connected(address: str) -> "Iterator[Client]":
    try:
        from distributed import Client
    except ImportError:
        message = "Dask is not installed: pip install 'overparam[dask]'."
        raise ConfigError(message) from None
    file = Path(address) if address.endswith(".json") else None
    if file is not None and not file.exists():
        raise ConfigError(f"There is no scheduler file `{file}`.")
    try:
        client = Client(
            address=None if file else address,
            scheduler_file=str(file) if file else None,
            timeout=_SECONDS_TO_CONNECT,
            set_as_default=False,
        )
    except (OSError, ValueError) as error:
        raise OverparamError(
            f"No Dask scheduler answers at `{address}` ({type(error).__name__}): see "
            "whether it runs and the address is right."
        ) from error
    try:
        yield client
    finally:
        # Closing a client whose scheduler is gone would wait for it.
        client.close(timeout=2)


@contextlib.contextmanager
def _submitted(n_jobs: int) -> "Iterator[Client]":
    try:
        from dask_jobqueue import (  # pyright: ignore[reportMissingImports]
            SLURMCluster,  # pyright: ignore[reportPrivateImportUsage]
        )
        from distributed import Client
    except ImportError:
        message = "SLURM is reached through Dask: pip install dask-jobqueue."
        raise ConfigError(message) from None
    if shutil.which("sbatch") is None:
        raise ConfigError("There is no `sbatch` here: start on a login node of SLURM.")
    try:
        # The last --nthreads counts, whatever the user's file says.
        slurm = SLURMCluster(worker_extra_args=["--nthreads", "1"])
    except ValueError as error:
        raise ConfigError(
            "Say what a SLURM job may use in ~/.config/dask/jobqueue.yaml: cores, "
            "processes (as many), memory and walltime under jobqueue.slurm."
        ) from error
    with slurm:
        # Adapting replaces the workers that met their time limit.
        slurm.adapt(minimum=0, maximum=n_jobs)
        with Client(slurm, set_as_default=False) as client:
            yield client


class _Pulse:
    """Whether a cluster has workers; asked of the scheduler now and then."""

    def __init__(self, client: "Client") -> None:
        self._client = client
        self._asked = -math.inf
        self._alive = True

    def __call__(self) -> bool:
        if time.monotonic() - self._asked > _SECONDS_BETWEEN_PULSES:
            # A scheduler that is lost is told of by the tasks that it loses.
            with contextlib.suppress(OSError):
                self._alive = bool(self._client.nthreads(callback_timeout=2))
            self._asked = time.monotonic()
        return self._alive


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """What Dask logs of a lost scheduler is a page; our error is a sentence."""
    with contextlib.suppress(ImportError):
        # It gives its loggers levels and handlers of their own when it is imported.
        import distributed  # noqa: F401
    names = [n for n in logging.root.manager.loggerDict if n.startswith("distributed")]
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
