"""One writer per run: an exclusive lock that the kernel releases with its process.

Where a file system has no such locks (some network shares), files named `held.1`,
`held.2`, ... take their place: the newest one tells who writes. Each is made by one
process alone, so that two which find a dead holder cannot both follow it.
"""

import contextlib
import errno
import os
import socket
import time
from pathlib import Path

from ..errors import StoreError
from .files import writing


# What file systems without locks answer: Lustre and NFS by their mount options.
_WITHOUT_LOCKS = {
    errno.ENOSYS,
    errno.EPERM,
    errno.ENOLCK,
    errno.ENOTSUP,
    errno.EOPNOTSUPP,
    errno.EINVAL,
}

_TAKEN = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES}


_FREE = "free"


class RunLockedError(StoreError):
    """Another live process is writing this run.

    Example:
        ```python
        defaults = {"width": 64}
        with op.store.open_run("runs", "locked", defaults, defaults):
            try:
                op.store.open_run("runs", "locked", defaults, defaults).__enter__()
            except op.store.RunLockedError as error:
                print(error)
        ```
    """


class Lock:
    """An exclusive lock on a folder, held until `release` or the end of the process."""

    def __init__(self, folder: Path) -> None:
        """Take the lock at once.

        Raises:
            RunLockedError: If another live process holds it.
            StoreError: If the lock file cannot be written.
        """
        path = folder / "lock"
        self._held: Path | None = None
        # The name of the holder is written: into no file that a link leads to.
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        with writing(path):
            self._descriptor = os.open(path, flags)
        try:
            with writing(path):
                taken = _persistently(self._descriptor)
            if taken is None:
                self._held = _hold(folder)
            elif not taken:
                holder = os.pread(self._descriptor, 200, 0).decode(errors="replace")
                raise _locked(folder, holder.strip())
        except BaseException:
            os.close(self._descriptor)
            raise
        # For the message only: a full disk does not matter here.
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, _name().encode(), 0)

    def release(self) -> None:
        """Let others write. The file stays, as removing it would race with them."""
        if self._held is not None:
            with contextlib.suppress(OSError):
                self._held.write_text(_FREE)
        os.close(self._descriptor)


def is_locked(folder: Path) -> bool:
    """Whether a live process is writing the folder."""
    try:
        descriptor = os.open(
            folder / "lock", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
        )
        try:
            free = _try_lock(descriptor, shared=True)
        finally:
            os.close(descriptor)
    except OSError:
        return False
    if free is None:
        newest = _newest(folder)
        return newest > 0 and not _is_free(_held(folder, newest))
    return not free


def tells_writer(name: str) -> bool:
    """Whether a file of this name says who writes the folder, and nothing of a run."""
    return name == "lock" or name.startswith("held.")


def _persistently(descriptor: int) -> bool | None:
    import fcntl

    for _ in range(500):
        taken = _try_lock(descriptor)
        # Who shares it is a watcher in `is_locked`, which a busy machine may stop there
        # for a while; a writer shares it with nobody.
        if taken is not False or not _try_lock(descriptor, shared=True):
            return taken
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        time.sleep(0.01)
    return False


def _try_lock(descriptor: int, *, shared: bool = False) -> bool | None:
    """Whether the lock was taken; `None` where there are no locks."""
    import fcntl

    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _WITHOUT_LOCKS:
            return None
        if error.errno in _TAKEN:
            return False
        raise
    return True


def _hold(folder: Path) -> Path:
    """Become the holder by the file that follows the newest one."""
    newest = _newest(folder)
    if newest > 0 and not _is_free(_held(folder, newest)):
        raise _locked(folder, _text(_held(folder, newest)), _held(folder, newest))
    mine = _held(folder, newest + 1)
    with writing(mine):
        try:
            descriptor = os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:  # Another process was faster.
            raise _locked(folder, "") from None
        try:
            os.write(descriptor, _name().encode())
        finally:
            os.close(descriptor)
    if _newest(folder) != newest + 1:
        # Others took, left and took it again since our look, and removed our number.
        mine.unlink(missing_ok=True)
        raise _locked(folder, "")
    for number in range(1, newest + 1):
        with contextlib.suppress(OSError):
            _held(folder, number).unlink()
    return mine


def _held(folder: Path, number: int) -> Path:
    return folder / f"held.{number}"


def _newest(folder: Path) -> int:
    numbers = [path.suffix[1:] for path in folder.glob("held.*")]
    return max((int(each) for each in numbers if each.isdecimal()), default=0)


def _is_free(path: Path) -> bool:
    """Whether the holder let go, or was a process of this machine that has ended."""
    text = _text(path)
    if text == _FREE:
        return True
    words = text.split()
    if len(words) != 4 or words[3] != socket.gethostname() or not words[1].isdecimal():
        return False
    try:
        os.kill(int(words[1]), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def _name() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}"


def _locked(folder: Path, holder: str, file: Path | None = None) -> RunLockedError:
    by = holder or "another process"
    remedy = "wait, or stop it"
    if file is not None:
        remedy += f"; if it has ended, delete `{file}`"
    return RunLockedError(f"`{folder}` is being written by {by}: {remedy}.")
