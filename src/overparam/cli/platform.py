"""The only place that touches process-wide state: JAX's flags and signals."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from ..errors import Interrupted


def prepare_jax() -> None:
    """Switch the persistent compilation cache on, unless the user chose one."""
    import jax

    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        jax.config.update("jax_compilation_cache_dir", str(compilation_cache()))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def set_precision(config: Any) -> None:
    """Set JAX's float64 flag as the config asks (`precision`)."""
    import jax

    wants = getattr(config, "precision", "float32") == "float64"
    jax.config.update("jax_enable_x64", wants)


def compilation_cache() -> Path:
    """Where compiled programs are kept, beside fetched data sets."""
    from ..data.locate import user_cache

    return user_cache() / "compiled"


class CompileClock:
    """Adds up the seconds that XLA spends compiling in this process."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def listen(self) -> None:
        """Begin to listen."""
        import jax

        jax.monitoring.register_event_duration_secs_listener(self._hear)

    def _hear(self, event: str, duration_secs: float, **_: str | int) -> None:
        if event.startswith("/jax/core/compile/"):
            self.seconds += duration_secs


@contextlib.contextmanager
def ended_on_termination() -> Iterator[None]:
    """SIGTERM is an interrupt here, so that children are ended and locks freed."""

    def handle(number: int, frame: FrameType | None) -> None:
        raise Interrupted(
            "Terminated; the same command goes on from what is stored.",
            exit_code=128 + number,
        )

    with _handled([signal.SIGTERM], handle):
        yield


class StopRequest:
    """Turns the first SIGINT or SIGTERM into a request; a second one ends at once."""

    def __init__(self) -> None:
        self.exit_code: int | None = None

    def __call__(self) -> int | None:
        """The exit code to stop with, or `None`."""
        return self.exit_code

    @contextlib.contextmanager
    def listening(self) -> Iterator["StopRequest"]:
        """Listen for the signals inside a `with` block."""
        with _handled([signal.SIGINT, signal.SIGTERM], self._handle):
            yield self

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.exit_code is not None:
            raise KeyboardInterrupt
        self.exit_code = 128 + number


@contextlib.contextmanager
def _handled(
    signals: Sequence[signal.Signals], handle: Callable[[int, FrameType | None], None]
) -> Iterator[None]:
    # Only a main thread may set handlers; elsewhere its owner decides.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handle) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
