"""What a process of ours does to itself: signals, and where compiled programs are kept.

The command line is such a process, and so are the workers that it or a Python program
starts; in a process of the user's own Ctrl-C alone is noted, while a run looks for it.
"""

import contextlib
import os
import re
import select
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from .errors import Interrupted


def keep_compiled() -> None:
    """Keep compiled programs on disk, unless the user chose where; before JAX loads.

    Processes that this one starts inherit it.
    """
    if "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return
    folder = compilation_cache()
    with contextlib.suppress(OSError):  # JAX would warn of every program.
        folder.mkdir(parents=True, exist_ok=True)
    if os.access(folder, os.W_OK):
        os.environ["JAX_COMPILATION_CACHE_DIR"] = str(folder)
        os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
        os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"


def compilation_cache() -> Path:
    """Where compiled programs are kept, beside fetched data sets."""
    from .cache import user_cache

    return user_cache() / "compiled"


def mend_compilation_cache(tell: Callable[[str], None] | None = None) -> None:
    """Delete the kept programs that JAX warns it cannot read, so that it writes them.

    A full disk or a kill leaves pieces of programs; JAX compiles instead of them, but
    warns of them, and leaves them there, for ever. That it cannot write programs, of
    which it warns at each of them, is told once.

    Args:
        tell: Told the sentence; nobody is without it.
    """
    others, told = warnings.showwarning, False

    def show(message: Warning | str, category: type[Warning], *place: Any) -> None:
        nonlocal told
        said = re.match(_OF_THE_CACHE, str(message))
        if said is None:
            others(message, category, *place)
            return
        folder = Path(
            os.environ.get("JAX_COMPILATION_CACHE_DIR") or compilation_cache()
        )
        if said["what"] == "reading":
            for kept in folder.glob(f"{said['program']}-*"):
                with contextlib.suppress(OSError):
                    kept.unlink()
        elif tell is not None and not told:
            told = True
            reason = said["reason"].partition("] ")[2] or said["reason"]
            tell(f"Compiled programs cannot be kept in `{folder}` ({reason}).")

    warnings.showwarning = show


_OF_THE_CACHE = re.compile(
    r"Error (?P<what>reading|writing) persistent compilation cache entry for "
    r"'(?P<program>\w+)': \w+: (?P<reason>.*)",
    re.DOTALL,
)


class StopRequest:
    """Turns the first SIGINT or SIGTERM into a request; a second one ends at once.

    Nothing is raised where a signal happens to arrive: inside an import, a destructor
    or a callback of JAX an exception is swallowed, or leaves half an import behind. A
    thread is woken instead, even while the main one is in compiled code. Work that
    `listening` covers looks at the request between its pieces and stops by itself; a
    process that is at anything else, or has not looked within the time of grace, is
    ended: what is stored is whole whenever that happens.
    """

    grace = 10.0
    """Seconds within which the work has to look."""

    def __init__(self) -> None:
        self.exit_code: int | None = None
        self._listeners = 0
        self._seen = False
        self._quiet = False

    def __call__(self) -> int | None:
        """The exit code to stop with, or `None`."""
        self._seen = self.exit_code is not None
        return self.exit_code

    def install(self, *numbers: signal.Signals, quiet: bool = False) -> None:
        """Take the signals over for the rest of this process; in its main thread.

        Args:
            numbers: Which signals.
            quiet: Whether to end without a sentence, as a worker does.
        """
        self._quiet = quiet
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in numbers:
            signal.signal(number, _nothing)
        watching = threading.Thread(
            target=self._watch, args=(reader, numbers), name="signals", daemon=True
        )
        watching.start()

    @contextlib.contextmanager
    def listening(self) -> Iterator["StopRequest"]:
        """A block that looks at the request, so that it is given the time to."""
        self._listeners += 1
        try:
            yield self
        finally:
            self._listeners -= 1

    def obey(self) -> None:
        """End between two pieces of work, or after the last, if that was asked for.

        Raises:
            Interrupted: If it was.
        """
        if self() is not None:
            raise Interrupted(self._sentence, exit_code=self._code)

    def _watch(self, reader: int, numbers: Sequence[int]) -> None:
        first = _next_signal(reader, numbers)
        assert first is not None
        self.exit_code = 128 + first
        in_time = self._listeners > 0 and (
            _next_signal(reader, numbers, seconds=self.grace) is None and self._seen
        )
        if in_time:
            _next_signal(reader, numbers)
        if not self._quiet:
            # The live progress hides the cursor; a lock of `sys.stderr` may be held.
            cursor = "\x1b[?25h" if os.isatty(2) else ""
            with contextlib.suppress(OSError):
                os.write(2, f"{cursor}overparam: {self._sentence}\n".encode())
        os._exit(self._code)

    @property
    def _code(self) -> int:
        assert self.exit_code is not None
        return self.exit_code

    @property
    def _sentence(self) -> str:
        what = "Interrupted" if self._code == 130 else "Terminated"
        return f"{what}; what is stored is kept."


STOP = StopRequest()
"""The request of this process; nothing makes it unless the process has installed it, or
notes interrupts."""


@contextlib.contextmanager
def noting_interrupts() -> Iterator[StopRequest]:
    """A block in which Ctrl-C, by default an exception, makes the request of `STOP`.

    Where that arrives in a destructor or a callback of JAX, Python drops it and goes
    on. A second one is raised where it arrives. Handlers of the user's own are left as
    they are, and so are all in threads, which get no signals.

    Raises:
        Interrupted: Behind the block, if it was asked to and ended without a look.
    """

    def note(number: int, frame: FrameType | None) -> None:
        if STOP.exit_code is not None:
            signal.default_int_handler(number, frame)
        STOP.exit_code = 128 + number

    default = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not default or threading.current_thread() is not threading.main_thread():
        yield STOP
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield STOP
        STOP.obey()
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        STOP.exit_code = None


def begin_worker() -> None:
    """First thing in a worker of a sweep: its parent or a batch system ends it."""
    STOP.install(signal.SIGTERM, quiet=True)
    keep_compiled()
    mend_compilation_cache()


def _nothing(number: int, frame: FrameType | None) -> None:
    """A handler in Python is what makes the signal wake the thread."""


def _next_signal(
    reader: int, numbers: Sequence[int], *, seconds: float | None = None
) -> int | None:
    """The next of these signals; `None` if none comes within some seconds."""
    end = None if seconds is None else time.monotonic() + seconds
    while True:
        left = None if end is None else max(0.0, end - time.monotonic())
        if not select.select([reader], [], [], left)[0]:
            return None
        number = os.read(reader, 1)[0]
        if number in numbers:
            return number
