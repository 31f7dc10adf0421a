"""The only place that touches process-wide state: JAX's flags and signals."""

import os
import signal
from pathlib import Path
from types import FrameType
from typing import Any

from ..errors import Interrupted


def prepare_jax() -> None:
    """Switch the persistent compilation cache on, unless the user chose one."""
    import jax

    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        folder = cache_folder() / "compiled"
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def set_precision(config: Any) -> None:
    """Set JAX's float64 flag as the config asks (`precision`)."""
    import jax

    wants = getattr(config, "precision", "float32") == "float64"
    jax.config.update("jax_enable_x64", wants)


def cache_folder() -> Path:
    """The user's cache folder of overparam."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "overparam"


class CompileClock:
    """Adds up the seconds that XLA spends compiling in this process."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def listen(self) -> None:
        """Begin to listen."""
        import jax

        jax.monitoring.register_event_duration_secs_listener(self._hear)

    def _hear(self, event: str, seconds: float, **_: Any) -> None:
        if event.startswith("/jax/core/compile/"):
            self.seconds += seconds


def end_on_termination() -> None:
    """Turn SIGTERM into an interrupt, so that children are ended and locks freed."""

    def handle(number: int, frame: FrameType | None) -> None:
        raise Interrupted(
            "Terminated; the same command goes on from what is stored.",
            exit_code=128 + number,
        )

    signal.signal(signal.SIGTERM, handle)


class StopRequest:
    """Turns the first SIGINT or SIGTERM into a request; the second ends at once."""

    def __init__(self) -> None:
        self.exit_code: int | None = None

    def __call__(self) -> int | None:
        """The exit code to stop with, or `None`."""
        return self.exit_code

    def listen(self) -> "StopRequest":
        """Install the handlers."""
        signal.signal(signal.SIGINT, self._handle)
        signal.signal(signal.SIGTERM, self._handle)
        return self

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.exit_code is not None:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            raise KeyboardInterrupt
        self.exit_code = 128 + number
