"""Reading packed runs: `<root>/packed.sqlite` holds the files of many, a row each.

An archive is never written in place: `packing.py` makes a new one whole and renames it.
So a reader needs no locks, which network shares may lack, and sees the old one or the
new one. A run is on disk before it is packed, and again before its archive is removed:
who looks on disk, then here, then on disk again always finds it.

An archive may be anybody's. Its tables are compared with ours, and what is read of it
is verified by the run's own stamps, as it is on disk.
"""

import contextlib
import itertools
import os
import stat
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..checks import written
from ..errors import StoreError
from .identity import is_plain, is_run_name


NAME = "packed.sqlite"

TABLE = """CREATE TABLE file (
 study TEXT NOT NULL,
 run TEXT NOT NULL,
 name TEXT NOT NULL,
 bytes INTEGER NOT NULL,
 modified REAL NOT NULL,
 content BLOB NOT NULL,
 PRIMARY KEY (study, run, name)
) STRICT"""
"""Contents come last, so that sizes are read without them."""

_TABLES = [("table", "file", TABLE), ("index", "sqlite_autoindex_file_1", None)]

_MOST_OPEN = 8
"""Archives that a thread keeps open."""


_Content = bytes | None


class Entry(NamedTuple):
    """A packed file."""

    bytes: int
    modified: float
    """When it was written, in seconds since 1970."""
    row: int
    content: _Content = None
    """What it holds, where that was asked for."""


_ENTRY = "bytes, modified, rowid"

_DESCRIPTIONS = ("config.json", "status.json", "summary.json")
_MOST_AHEAD = 2**16
"""Bytes of a description; a larger one is read by itself."""


def _checked(entry: Entry) -> Entry:
    if type(entry.bytes) is not int or type(entry.modified) is not float:
        raise TypeError("a size or a date is no number")
    if entry.content is not None:
        _check_content(entry, entry.content)
    return entry


def _check_content(entry: Entry, content: Any) -> None:
    if type(content) is not bytes or len(content) != entry.bytes:
        raise ValueError("a size is not that of its content")


class _Sound:
    """Turns what SQLite refuses into one sentence; a generator would cost more."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        if error is None:
            return
        import sqlite3

        if isinstance(error, sqlite3.Error | OSError | TypeError | ValueError):
            raise StoreError(
                f"`{self._path}` is no sound archive of runs ({written(error)}): put a "
                "sound copy in its place, or move it away."
            ) from error


class PackedRuns:
    """An archive that is open, which nobody writes."""

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            StoreError: If it is no archive of runs.
        """
        import sqlite3

        self.path = path
        self.sound = _Sound(path)
        with self.sound:
            if not stat.S_ISREG(os.stat(path).st_mode):
                raise sqlite3.DatabaseError("it is no regular file")
            uri = f"{Path(os.path.abspath(path)).as_uri()}?mode=ro&immutable=1"
            # Whoever throws it away closes it, in whatever thread.
            self._rows = sqlite3.connect(
                uri, uri=True, isolation_level=None, check_same_thread=False
            )
            self._rows.execute("PRAGMA trusted_schema = OFF")
            self._rows.execute("PRAGMA cell_size_check = ON")
            tables = "SELECT type, name, sql FROM sqlite_schema"
            if self._rows.execute(tables).fetchall() != _TABLES:
                raise sqlite3.DatabaseError("it has other tables")

    def runs(self) -> set[tuple[str, str]]:
        """Study and folder name of each run."""
        import sqlite3

        with self.sound:
            rows = self._rows.execute("SELECT DISTINCT study, run FROM file")
            found = set(rows)
            for study, run in found:
                # Where a page is damaged a row may hold anything.
                text = type(study) is type(run) is str
                if not (text and is_plain(study) and is_run_name(run)):
                    named = f"{written(study)}, {written(run)}"
                    raise sqlite3.DatabaseError(f"{named} is no run")
        return found

    def attempts(self, study: str, id: str) -> list[str]:
        """Folder names of the attempts at a run."""
        query = "SELECT DISTINCT run FROM file WHERE study = ? AND run >= ? AND run < ?"
        with self.sound:
            # What follows an id is a dot, and the next character is a slash.
            return [run for (run,) in self._rows.execute(query, (study, id, f"{id}/"))]

    def files(self, study: str, run: str) -> Mapping[str, Entry]:
        """The files of a run by name; empty if it is not here."""
        query = f"SELECT name, {_ENTRY} FROM file WHERE study = ? AND run = ?"
        with self.sound:
            rows = self._rows.execute(query, (study, run)).fetchall()
            return {name: _checked(Entry(*values)) for name, *values in rows}

    def file(self, study: str, run: str, name: str, most: int | None) -> Entry | None:
        """A file of a run, if it is here; with its content up to so many bytes."""
        query = (
            f"SELECT {_ENTRY}, CASE WHEN bytes <= ? THEN content END FROM file "
            "WHERE study = ? AND run = ? AND name = ?"
        )
        with self.sound:
            # As SQLite takes no integer of more than 64 bits, which a stamp may have.
            given = (None if most is None else float(most), study, run, name)
            found = self._rows.execute(query, given).fetchone()
            return found and _checked(Entry(*found))

    def descriptions(
        self, study: str, run: str
    ) -> Iterator[tuple[str, str, str, bytes]]:
        """Study, run, name and content of what describes runs, from this one on.

        In the order of their names, up to the first damage: what is not told here is
        to be read by itself.
        """
        import sqlite3

        query = (
            "SELECT study, run, name, bytes, content FROM file "
            "WHERE (study, run) >= (?, ?) AND name IN (?, ?, ?) AND bytes <= ? "
            "ORDER BY study, run"
        )
        with contextlib.suppress(sqlite3.Error):
            wanted = (study, run, *_DESCRIPTIONS, _MOST_AHEAD)
            for study, run, name, n_bytes, content in self._rows.execute(query, wanted):
                text = type(study) is type(run) is str
                if text and type(content) is bytes and len(content) == n_bytes:
                    yield study, run, name, content

    def content(self, entry: Entry) -> bytes:
        """What a file holds."""
        query = "SELECT content FROM file WHERE rowid = ?"
        with self.sound:
            (content,) = self._rows.execute(query, (entry.row,)).fetchone()
            _check_content(entry, content)
        return content

    def check(self) -> int:
        """See that the whole of it is sound, and no larger than it is on disk.

        Returns:
            The bytes of all files.

        Raises:
            StoreError: If it is not.
        """
        import sqlite3

        with self.sound:
            found = self._rows.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if found != "ok":
                raise sqlite3.DatabaseError(found)
            n_bytes, n_other = self._rows.execute(
                "SELECT total(bytes), total(length(content) <> bytes"
                " OR modified NOT BETWEEN 0 AND 1e11) FROM file"
            ).fetchone()
            pages = (
                "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
            )
            size = os.stat(self.path).st_size
            if self._rows.execute(pages).fetchone()[0] != size:
                raise sqlite3.DatabaseError("it is cut off")
            if n_other or n_bytes > size:
                raise sqlite3.DatabaseError("its sizes are not those of its contents")
        return int(n_bytes)

    def close(self) -> None:
        """Let go of the file."""
        if hasattr(self, "_rows"):
            self._rows.close()

    __del__ = close


_THREAD = threading.local()


def archive(root: Path | str) -> PackedRuns | None:
    """The archive in a folder of runs, if there is one; opened once by each thread.

    Raises:
        StoreError: If there is one that is none of runs.
    """
    return _held(os.path.join(os.path.abspath(root), NAME))


def _held(path: str) -> PackedRuns | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    seen = (os.getpid(), found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
    held: dict[str, tuple[tuple[int, ...], PackedRuns]]
    held = vars(_THREAD).setdefault("held", {})
    if path not in held or held[path][0] != seen:
        for other in [path] * (path in held) + [*held][: -_MOST_OPEN + 1]:
            held.pop(other)[1].close()
        held[path] = seen, PackedRuns(Path(path))
    return held[path][1]


def holds(run: Path | str) -> bool:
    """Whether the run of a folder is in an archive."""
    found, study, name = _place(run)
    return found is not None and bool(found.files(study, name))


def of_file(path: Path | str, *, most: int | None = None) -> Entry | None:
    """A file of a run in an archive; with its content, up to `most` bytes."""
    folder, name = os.path.split(path)
    found, study, run = _place(folder)
    return found.file(study, run, name, most) if found else None


def runs_of(root: Path | str) -> set[tuple[str, str]]:
    """Study and folder name of each run that is packed in a folder of runs."""
    found = archive(root)
    return found.runs() if found else set()


def read_ahead(
    root: Path | str, runs: Iterable[Path]
) -> Iterator[tuple[Path, dict[str, bytes]]]:
    """Runs, each with what describes it if that is packed: read in one pass for all.

    Args:
        root: Folder of all runs.
        runs: Folders of runs, in the order of their names.
    """
    runs = iter(runs)
    found, first = archive(root), next(runs, None)
    if first is None:
        return
    packed = found.descriptions(*first.parts[-2:]) if found else iter(())
    groups = itertools.groupby(packed, lambda file: file[:2])
    key, files = next(groups, (None, ()))
    for run in itertools.chain([first], runs):
        here = run.parts[-2:]
        while key is not None and key < here:
            key, files = next(groups, (None, ()))
        ahead = {}
        if key == here and _is_absent(run):
            ahead = {name: content for _, _, name, content in files}
        yield run, ahead


def _is_absent(run: Path) -> bool:
    """Whether there is no such folder, nor one that is shut away."""
    try:
        os.stat(run)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        pass
    return False


def attempts_of(first: Path) -> set[str]:
    """Folder names of the packed attempts at a run."""
    found, study, id = _place(first)
    return set(found.attempts(study, id)) if found else set()


def _place(run: Path | str) -> tuple[PackedRuns | None, str, str]:
    """The archive above what may be the folder of a run, its study and its name."""
    # By hand, as it is asked for every file of very many runs.
    *root, study, name = os.path.abspath(run).rsplit(os.sep, 2)
    may_be = root and study.isprintable() and is_run_name(name)
    return _held(f"{root[0]}{os.sep}{NAME}") if may_be else None, study, name
