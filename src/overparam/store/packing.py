"""Packing finished runs into one archive, and unpacking them again.

A pass makes a new archive beside the old one, with its runs and more, and renames it;
only then do the folders of these runs go. So at every moment each run is whole in its
folder, in the archive, or in both, and a killed pass is one that the next goes on from.
"""

import contextlib
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..checks import written
from ..errors import StoreError
from .files import is_temporary, read_file, sync, temporary_name, writing
from .find import Unreadable, look
from .identity import is_plain, is_run_name
from .lock import Lock, is_locked, tells_writer
from .packed import NAME, TABLE, PackedRuns, archive
from .read import read_run
from .run import FAILED


# A pass copies the archive that there is: with as much that is new, all copies together
# are no longer than twice the last.
_LEAST_BYTES = 2**28

_MOST_BYTES = 2**29
"""Of a file; SQLite holds up to 10^9 bytes in a row."""

_DEEPEST = 4
"""Folders within the folder of a run."""

_LONGEST = 255
"""Bytes of the path of a file in it; many file systems take no longer name."""


@dataclass(frozen=True)
class Packed:
    """What was packed."""

    moved: int
    """Runs that have moved."""
    left: tuple[Unreadable, ...]
    """Finished runs that stay where they are, and why."""


@dataclass(frozen=True)
class _File:
    """A file in the folder of a run."""

    name: str
    """Path within the folder, with slashes."""
    bytes: int
    modified: float


def pack(
    root: Path | str, *, progress: Callable[[int, int], None] = lambda done, total: None
) -> Packed:
    """Move the finished runs of a folder into its archive, each verified first.

    Runs that are unfinished or failed stay, as they are written again; other processes
    may go on with them meanwhile.

    Args:
        root: Folder of all runs.
        progress: Told how many runs have moved, and of how many.

    Raises:
        StoreError: If the folder or an archive in it cannot be read or written.
    """
    root = Path(root)
    runs = [run for run in look(root).runs if os.path.isdir(run)]
    left: list[Unreadable] = []
    if not runs and archive(root) is None:
        return Packed(0, ())
    with _alone(root):
        n_moved = 0
        for batch in _batches(root, _finished(runs, left)):
            _add(root, batch)
            for run, _ in batch:
                if _drop(run):
                    n_moved += 1
                else:
                    reason = f"`{run}` is packed already with other contents: see which"
                    left.append(
                        Unreadable(run, f"{reason} you want, and move it away.")
                    )
            progress(n_moved, len(runs))
    return Packed(n_moved, tuple(left))


def unpack(
    root: Path | str, *, progress: Callable[[int, int], None] = lambda done, total: None
) -> int:
    """Give every packed run its folder back, byte for byte, and remove the archive.

    The archive may be anybody's: nothing is written before all of it has been checked,
    and nothing outside the folders of its runs.

    Args:
        root: Folder of all runs.
        progress: Told how many runs have moved, and of how many.

    Returns:
        How many runs there were without a folder.

    Raises:
        StoreError: If there is no archive, it is not sound, its runs do not fit on the
            disk, or a folder of one has other contents.
    """
    root = Path(root)
    _archive_in(root)  # A folder without one is left as it is.
    with _alone(root):
        found = _archive_in(root)
        # What would not fit or be written elsewhere is refused before all writing.
        needed, free = found.check(), shutil.disk_usage(root).free
        if needed > free:
            message = f"`{found.path}` unpacks to {needed} bytes, the disk has {free}"
            raise StoreError(f"{message}: make room.")
        for study, run in found.runs():
            read_run(root / study / run).check_files(contents=True)
            _check_names(found, study, run)
        n_moved, runs = 0, sorted(found.runs())
        for done, (study, name) in enumerate(runs, 1):
            n_moved += _restore(root / study / name, found)
            if done % 1000 == 0:
                progress(done, len(runs))
        # One call for all files, as one for each would take longer than the rest.
        os.sync()
        with writing(found.path):
            os.unlink(found.path)
        sync(root)
    return n_moved


def _archive_in(root: Path) -> PackedRuns:
    if not os.path.isdir(root):
        raise StoreError(f"There is no folder of runs at `{root}`.")
    found = archive(root)
    if found is None:
        raise StoreError(
            f"There is no archive of runs in `{root}`: name the folder with `{NAME}`."
        )
    return found


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[None]:
    """No other process packs or unpacks, and nothing is left of one that was killed."""
    lock = Lock(root)
    try:
        for path in root.glob(f".{NAME}*"):
            if is_temporary(path):
                shutil.rmtree(path) if os.path.isdir(path) else path.unlink()
        for aside in root.glob("*/.*"):
            if is_temporary(aside) and is_run_name(_run_of(aside).name):
                _drop(_run_of(aside))
        yield
    finally:
        lock.release()


def _finished(
    runs: Sequence[Path], left: list[Unreadable]
) -> Iterator[tuple[Path, list[_File]]]:
    """Runs with an answer whose files are as they were written."""
    for path in runs:
        # Its writer drops the checkpoints after that, before it lets go.
        if not os.path.exists(path / "status.json") or is_locked(path):
            continue
        try:
            run = read_run(path)
            if run.status == FAILED:
                continue
            run.check_files(contents=True)
            yield path, _files(path)
        except StoreError as error:
            left.append(Unreadable(path, str(error)))


def _batches(
    root: Path, runs: Iterator[tuple[Path, list[_File]]]
) -> Iterator[list[tuple[Path, list[_File]]]]:
    batch: list[tuple[Path, list[_File]]] = []
    n_bytes = 0
    for path, files in runs:
        batch.append((path, files))
        n_bytes += sum(file.bytes for file in files)
        n_packed = os.stat(root / NAME).st_size if os.path.exists(root / NAME) else 0
        if n_bytes >= max(_LEAST_BYTES, n_packed):
            yield batch
            batch, n_bytes = [], 0
    if batch:
        yield batch


def _files(run: Path, inside: str = "") -> list[_File]:
    """Every file in the folder of a run.

    Raises:
        StoreError: If there is something else, which no archive could give back.
    """
    found = []
    with os.scandir(os.path.join(run, inside)) as entries:
        for each in entries:
            about, name = each.stat(follow_symlinks=False), inside + each.name
            small = stat.S_ISREG(about.st_mode) and about.st_size <= _MOST_BYTES
            if not _is_inside(name) or not (small or stat.S_ISDIR(about.st_mode)):
                raise StoreError(
                    f"`{each.path}` cannot be packed (a link, no file, too deep, of an "
                    f"odd name or above {_MOST_BYTES} bytes): move it elsewhere."
                )
            if small:
                found.append(_File(name, about.st_size, about.st_mtime))
            else:
                found += _files(run, f"{name}/")
    return found


def _add(root: Path, runs: Sequence[tuple[Path, list[_File]]]) -> None:
    """Put a new archive in the place of the old one, with these runs added."""
    import sqlite3

    path = root / NAME
    temporary = temporary_name(path)
    with writing(path):
        try:
            if (old := archive(root)) is None:
                temporary.touch()
            else:
                shutil.copyfile(path, temporary)
            with contextlib.closing(
                sqlite3.connect(temporary, isolation_level=None)
            ) as rows:
                # It has no other name yet, and a stump is thrown away.
                rows.execute("PRAGMA journal_mode = OFF")
                rows.execute("PRAGMA synchronous = OFF")
                if old is None:
                    rows.execute(TABLE)
                rows.execute("BEGIN")
                for run, files in runs:
                    if old is None or not old.files(run.parent.name, run.name):
                        rows.executemany(
                            "INSERT INTO file VALUES (?, ?, ?, ?, ?, ?)",
                            _rows(run, files),
                        )
                rows.execute("COMMIT")
            sync(temporary)
            os.replace(temporary, path)
            sync(root)
        except sqlite3.Error as error:
            message = f"`{path}` cannot be written ({error}): is the disk full?"
            raise StoreError(f"{message} Nothing stored is lost.") from error
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink()


def _rows(
    run: Path, files: Sequence[_File]
) -> Iterator[tuple[str, str, str, int, float, bytes]]:
    for file in files:
        content = read_file(run / file.name, most=_MOST_BYTES)
        about = file.name, len(content), file.modified, content
        yield run.parent.name, run.name, *about


def _aside(run: Path) -> Path:
    """Where the folder of a packed run is put before it goes: no reader looks there."""
    return run.with_name(f".{run.name}.tmp")


def _run_of(aside: Path) -> Path:
    return aside.with_name(aside.name[1:].removesuffix(".tmp"))


def _drop(run: Path) -> bool:
    """Remove the folder of a run, or what is left of it, if all there is is packed."""
    aside = _aside(run)
    with writing(run):
        if not os.path.lexists(aside):
            os.rename(run, aside)
        if not _is_packed(run, aside):
            if not os.path.lexists(run):
                os.rename(aside, run)
            return False
        shutil.rmtree(aside)
    return True


def _is_packed(run: Path, folder: Path) -> bool:
    """Whether the archive has every file of a folder as it is.

    Who asked for a run just when it was packed leaves a folder with a lock in it.
    """
    found = archive(run.parent.parent)
    if found is None:
        return False
    entries = found.files(run.parent.name, run.name)
    try:
        return all(
            file.name in entries
            and found.content(entries[file.name])
            == read_file(folder / file.name, most=_MOST_BYTES)
            for file in _files(folder)
            if not tells_writer(file.name)
        )
    except StoreError:
        return False


def _is_inside(name: str) -> bool:
    parts = name.split("/")
    short = len(name.encode(errors="replace")) <= _LONGEST
    return short and len(parts) <= _DEEPEST and all(map(is_plain, parts))


def _check_names(found: PackedRuns, study: str, run: str) -> None:
    """See that a run can be written into its own folder, all of it, and be found there.

    Raises:
        StoreError: If it cannot.
    """
    place = found.path.parent / study
    for path in (place, place / run):
        if os.path.lexists(path) and (os.path.islink(path) or not os.path.isdir(path)):
            message = f"`{path}` is a link or a file"
            raise StoreError(f"{message}: put a folder in its place.")
    names = found.files(study, run).keys()
    deep = [PurePosixPath(name) for name in names if "/" in name]
    folders = {str(above) for path in deep for above in path.parents}
    for name in names:
        if is_temporary(place) or not _is_inside(name) or name in folders:
            raise StoreError(
                f"`{found.path}` holds {written(name)} in the run {study}/{run}, which "
                "no run has: nothing of it was unpacked."
            )


def _restore(run: Path, found: PackedRuns) -> bool:
    """Make the folder of a packed run; whether there was none."""
    entries = found.files(run.parent.name, run.name)
    made = temporary_name(found.path)
    with writing(run):
        if os.path.isdir(run) and not _is_packed(run, run):
            raise StoreError(
                f"`{run}` has other contents than in `{found.path}`: see which you "
                "want, move it away and start again."
            )
        if os.path.isdir(run) and len(_files(run)) == len(entries):
            return False
        try:
            for name, entry in entries.items():
                path = made / name
                path.parent.mkdir(parents=True, exist_ok=True)
                with open(path, "xb") as file:
                    file.write(found.content(entry))
                os.utime(path, (entry.modified, entry.modified))
            if os.path.isdir(run):  # With some of its files.
                os.rename(run, _aside(run))
                shutil.rmtree(_aside(run))
            run.parent.mkdir(exist_ok=True)
            os.rename(made, run)
        except BaseException:
            # On a full disk it would keep the space that the next try needs.
            shutil.rmtree(made, ignore_errors=True)
            raise
    return True
