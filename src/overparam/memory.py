"""The memory of this process: whether what is asked for fits, and when it is searched.

A library that is refused memory may end the process; therefore sizes are checked before
anything is made. Only the standard library is imported here.
"""

import contextlib
import gc
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .checks import written
from .errors import ConfigError


@dataclass(frozen=True)
class Need:
    """Arrays that are about to be made: what they hold, and their sizes by name."""

    what: str
    sizes: Sequence[tuple[str, int]]
    itemsize: int = 4
    """Bytes of an entry."""
    copies: int = 1
    """Number of arrays of these sizes at one time."""

    @property
    def n_bytes(self) -> int:
        """Its bytes."""
        return self.copies * self.itemsize * math.prod(n for _, n in self.sizes)


def check_memory(*needs: Need) -> None:
    """Refuse what the memory of this machine cannot hold at one time.

    Raises:
        ConfigError: The sentence has the bytes, and the size to lower.
    """
    needed, there = sum(need.n_bytes for need in needs), memory()
    if needed <= there:
        return
    most = max(needs, key=lambda need: need.n_bytes)
    sizes = " x ".join(f"{name} {written(n)}" for name, n in most.sizes)
    largest, _ = max(most.sizes, key=lambda size: size[1])
    raise ConfigError(
        f"This needs {_bytes(needed)}, most of it for {most.what} ({sizes}), and "
        f"{_bytes(there)} are there; lower {largest}."
    )


def itemsize(precision: str) -> int:
    """Bytes of a number of a floating type."""
    return {"float32": 4, "float64": 8}[precision]


def memory() -> int:
    """Bytes of memory that this process may use: the machine's, or less by a limit."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min([pages, *_limits_of_groups(), *_limits_of_process()])


def _limits_of_process() -> Iterator[int]:
    try:
        import resource
    except ImportError:  # Not on Windows.
        return
    for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
        limit = resource.getrlimit(kind)[0]
        if limit != resource.RLIM_INFINITY:
            yield limit


def _limits_of_groups(root: Path = Path("/sys/fs/cgroup")) -> Iterator[int]:
    """Limits of the control groups of this process and of those around them."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, name = line.split(":", 2)
        if controllers in ("", "memory"):
            file = "memory.limit_in_bytes" if controllers else "memory.max"
            group = root / controllers / name.lstrip("/")
            yield from _limits(group, root, file)


def _limits(group: Path, root: Path, file: str) -> Iterator[int]:
    for folder in (group, *group.parents):
        if not folder.is_relative_to(root):
            return
        try:
            text = (folder / file).read_text().strip()
        except OSError:
            continue
        if text.isdecimal():
            yield int(text)


def _bytes(number: int) -> str:
    if number.bit_length() > 128:
        return "more memory than any machine has"
    return f"{number:,} bytes of memory"


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Look for no cycles meanwhile.

    Very many objects without any are made where runs are read; looking through all of
    them again and again takes a fifth of the time.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
