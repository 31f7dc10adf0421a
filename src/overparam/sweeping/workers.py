"""Where jobs run: this process, a process of our own, or somebody's executor."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from multiprocessing import get_context
from multiprocessing.connection import Connection
from types import ModuleType
from typing import Any, Protocol

from ..cores import THREADS, n_cores
from ..errors import OverparamError
from ..memory import Need, check_memory


_BYTES_OF_A_PROCESS = 2**28
"""What Python with JAX takes before it computes."""


class Worker(Protocol):
    """Takes one job at a time."""

    def submit(self, task: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Begin a task."""
        ...

    def revive(self, error: BaseException) -> bool:
        """Be ready again after a task ended with `error`, or say that it cannot be."""
        ...

    def alive(self) -> bool:
        """Whether there is anything to run on; a cluster may have no worker yet."""
        ...

    def interrupt(self) -> None:
        """Ask the task to stop at its next checkpoint."""
        ...

    def stop(self, *, now: bool) -> None:
        """End the worker, at once or after its task."""
        ...


class InProcess:
    """Runs tasks in this process: nothing is started, an interrupt reaches the task."""

    def submit(self, task: Callable[..., Any], *arguments: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(task(*arguments))
        return future

    def revive(self, error: BaseException) -> bool:
        return True

    def alive(self) -> bool:
        return True

    def interrupt(self) -> None:
        pass

    def stop(self, *, now: bool) -> None:
        pass


class Borrowed:
    """One place in an executor of the caller, who also ends it."""

    def __init__(
        self,
        executor: Executor,
        *,
        survives: Callable[[BaseException], bool] = lambda error: False,
        alive: Callable[[], bool] = lambda: True,
    ) -> None:
        """Use a place.

        Args:
            executor: Whose place.
            survives: Whether an error cost a process but not the executor.
            alive: Whether the executor has any process.
        """
        self._executor = executor
        self._survives = survives
        self._alive = alive

    def submit(self, task: Callable[..., Any], *arguments: Any) -> Future[Any]:
        return self._executor.submit(task, *arguments)

    def revive(self, error: BaseException) -> bool:
        return self._survives(error)

    def alive(self) -> bool:
        return self._alive()

    def interrupt(self) -> None:
        pass

    def stop(self, *, now: bool) -> None:
        pass


class OwnProcess:
    """A spawned process that dies with this one.

    Each worker is a pool of its own, so that a worker that is killed takes no run of
    another one with it.
    """

    def __init__(
        self, n_threads: int, prepare: Callable[[], None] | None = None
    ) -> None:
        """`n_threads`: its share of the cores; `prepare`: called first in it."""
        self._n_threads = n_threads
        self._prepare = prepare
        self._start()

    def submit(self, task: Callable[..., Any], *arguments: Any) -> Future[Any]:
        # The first task starts the process.
        with _main_left_out(), _interrupts_held():
            return self._pool.submit(task, *arguments)

    def revive(self, error: BaseException) -> bool:
        self.stop(now=True)
        self._start()
        return True

    def alive(self) -> bool:
        return True

    def interrupt(self) -> None:
        with contextlib.suppress(OSError):  # The process is dead already.
            self._lifeline.send("stop")

    def stop(self, *, now: bool) -> None:
        if now:
            self._lifeline.close()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._lifeline.close()
        self._worker_end.close()

    def _start(self) -> None:
        context = get_context("spawn")
        self._worker_end, self._lifeline = context.Pipe(duplex=False)
        try:
            self._pool = ProcessPoolExecutor(
                max_workers=1,
                mp_context=context,
                initializer=_begin,
                initargs=(self._worker_end, self._n_threads, self._prepare),
            )
        except (OSError, ImportError, NotImplementedError) as error:
            # Their semaphores live in /dev/shm, which a container may keep tiny.
            raise OverparamError(
                f"No second process can be started here ({error}; is /dev/shm full, "
                "read-only or too small?): make room there, or use `--jobs 1`."
            ) from error


def local_workers(
    n_jobs: int,
    *,
    n_threads: int | None = None,
    prepare: Callable[[], None] | None = None,
) -> list[Worker]:
    """`n_jobs` processes that share the cores; with one job, this process.

    Args:
        n_jobs: Number of processes.
        n_threads: Threads of each; their share of the cores if `None`.
        prepare: Called first in each process that is started.

    Example:
        ```python
        from overparam.running import jobs_of, work
        from overparam.sweeping import local_workers, sweep

        jobs = jobs_of("planted", [small], Path("runs"))
        sweep(jobs, work=work, workers=local_workers(1))
        ```
    """
    if n_jobs == 1 and n_threads is None:
        return [InProcess()]
    check_memory(Need("processes", [("`jobs`", n_jobs)], _BYTES_OF_A_PROCESS))
    share = n_threads or max(1, n_cores() // n_jobs)
    return [OwnProcess(share, prepare) for _ in range(n_jobs)]


@contextlib.contextmanager
def _main_left_out() -> Iterator[None]:
    """A block in which a process is spawned that does not import the caller's script.

    Python would run the script again in every worker, and a script that starts a sweep
    where nothing guards it would start another one there.
    """
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """A block in which a process is spawned that Ctrl-C waits for.

    A terminal sends it to every process, and one that still imports would die of it
    with a traceback. What is held here is held there, until `_begin` ignores it.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(
    lifeline: Connection, n_threads: int, prepare: Callable[[], None] | None
) -> None:
    """First thing in a worker, before NumPy or JAX size their thread pools."""
    # Ctrl-C in a terminal is the parent's: it asks us to stop, and once only.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    os.setpgid(0, 0)
    if prepare is not None:
        prepare()
    threading.Thread(target=_obey, args=(lifeline,), daemon=True).start()
    # XLA sizes its thread pool by this name. Measured: small trainings on 2 cores cost
    # a fifth less with a pool of one thread, as with a process tied to one core, but
    # the system may still move the process to a core that is free.
    os.environ.setdefault(THREADS, str(n_threads))
    # Several processes cannot each reserve most of one GPU.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")


def _obey(lifeline: Connection) -> None:
    """Stop as if terminated when the parent says so; die when the parent has."""
    try:
        lifeline.recv()
        os.kill(os.getpid(), signal.SIGTERM)
        lifeline.recv()
    except (EOFError, OSError):
        os._exit(1)
