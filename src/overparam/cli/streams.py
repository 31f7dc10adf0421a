"""Standard streams that may be closed, full, or read by nobody."""

import errno
import io
import os
import sys


NOBODY_READS = 141
"""Exit code where the reader of the output went away, as of tools that SIGPIPE ends."""


def prepare_streams() -> None:
    """Make stdout fail in a way that can be caught, and stderr not at all.

    What was closed is opened on nothing, so that no file of a run gets its number. A
    character that an encoding lacks is escaped.
    """
    for number, mode in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number. Writing to stdout then fails as if it were closed.
            os.open(os.devnull, mode)
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(_Forgiving(2, "w", closefd=False)),  # pyright: ignore[reportArgumentType]
        encoding=encoding,
        errors="backslashreplace",
        line_buffering=True,
    )


class _Forgiving(io.FileIO):
    """A file that takes everything: what is told to a person who left ends no run."""

    def write(self, data: bytes, /) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        try:
            return super().write(data) or len(data)
        except OSError:
            return len(data)


def flush_output() -> None:
    """Write what is still kept for stdout.

    Raises:
        OSError: It cannot be written.
    """
    sys.stdout.flush()


def give_output_up() -> None:
    """Send what is still to come for stdout to nothing, so that nothing fails twice."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)


def is_of_a_stream(error: OSError) -> bool:
    """Whether an error names no file: one of writing to a stream."""
    return error.filename is None and error.errno in (
        errno.EBADF,
        errno.EIO,
        errno.ENOSPC,
        errno.EFBIG,
    )
