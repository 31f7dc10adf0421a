"""One writer per run: an exclusive lock that the kernel releases with its process."""

import contextlib
import errno
import os
import socket
import time
from pathlib import Path

from ..errors import StoreError
from .files import writing


class RunLockedError(StoreError):
    """Another live process is writing this run."""


class Lock:
    """An exclusive lock on a folder, held until `release` or the end of the process."""

    def __init__(self, folder: Path) -> None:
        """Take the lock at once.

        Raises:
            RunLockedError: If another live process holds it.
            StoreError: If the lock file cannot be written.
        """
        path = folder / "lock"
        with writing(path):
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
        if not _persistently(self._descriptor):
            holder = os.pread(self._descriptor, 200, 0).decode(errors="replace").strip()
            os.close(self._descriptor)
            by = holder or "another process"
            raise RunLockedError(
                f"`{folder}` is being written by {by}: wait, or stop it."
            )
        self._sign()

    def _sign(self) -> None:
        # For the message only: a full disk does not matter here.
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, 0)
            name = f"process {os.getpid()} on {socket.gethostname()}"
            os.pwrite(self._descriptor, name.encode(), 0)

    def release(self) -> None:
        """Let others write. The file stays, as removing it would race with them."""
        os.close(self._descriptor)


def is_locked(folder: Path) -> bool:
    """Whether a live process is writing the folder."""
    try:
        descriptor = os.open(
            folder / "lock", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
        )
    except OSError:
        return False
    try:
        return not _try_lock(descriptor, shared=True)
    finally:
        os.close(descriptor)


def _persistently(descriptor: int) -> bool:
    # `is_locked` of a watcher holds the lock for microseconds; that is no writer.
    for _ in range(3):
        if _try_lock(descriptor):
            return True
        time.sleep(0.01)
    return False


def _try_lock(descriptor: int, *, shared: bool = False) -> bool:
    import fcntl

    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        # A file system without locks (some network shares): better to run unguarded.
        if error.errno in (errno.ENOLCK, errno.ENOTSUP, errno.EINVAL):
            return True
        raise
    return True
