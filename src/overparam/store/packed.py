"""Reading packed runs: `<root>/packed.sqlite` holds the files of many, a row each.

An archive is never written in place: `packing.py` makes a new one whole and renames it.
So a reader needs no locks, which network shares may lack, and sees the old one or the
new one. A run is on disk before it is packed, and again before its archive is removed:
who looks on disk, then here, then on disk again always finds it.

An archive may be anybody's. Its tables are compared with ours, and what is read of it
is verified by the run's own stamps, as it is on disk.
"""

import contextlib
import os
import stat
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

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


@dataclass(frozen=True)
class Entry:
    """A packed file."""

    bytes: int
    modified: float
    """When it was written, in seconds since 1970."""
    row: int

    def __post_init__(self) -> None:
        if type(self.bytes) is not int or type(self.modified) is not float:
            raise TypeError("a size or a date is no number")


class PackedRuns:
    """An archive that is open, which nobody writes."""

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            StoreError: If it is no archive of runs.
        """
        import sqlite3

        self.path = path
        self._last: tuple[str, str] | None = None
        self._files: Mapping[str, Entry] = {}
        with self.sound():
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

        with self.sound():
            rows = self._rows.execute("SELECT DISTINCT study, run FROM file")
            found = set(rows)
            for study, run in found:
                if not (is_plain(study) and is_run_name(run)):
                    raise sqlite3.DatabaseError(f"{study!r}, {run!r} is no run")
        return found

    def attempts(self, study: str, id: str) -> list[str]:
        """Folder names of the attempts at a run."""
        query = "SELECT DISTINCT run FROM file WHERE study = ? AND run >= ? AND run < ?"
        with self.sound():
            # What follows an id is a dot, and the next character is a slash.
            return [run for (run,) in self._rows.execute(query, (study, id, f"{id}/"))]

    def files(self, study: str, run: str) -> Mapping[str, Entry]:
        """The files of a run by name; empty if it is not here."""
        if self._last != (study, run):
            query = (
                "SELECT name, bytes, modified, rowid FROM file "
                "WHERE study = ? AND run = ?"
            )
            with self.sound():
                rows = self._rows.execute(query, (study, run)).fetchall()
                self._files = {name: Entry(*values) for name, *values in rows}
            self._last = (study, run)
        return self._files

    def content(self, entry: Entry) -> bytes:
        """What a file holds."""
        query = "SELECT content FROM file WHERE rowid = ?"
        with self.sound():
            (content,) = self._rows.execute(query, (entry.row,)).fetchone()
            if type(content) is not bytes or len(content) != entry.bytes:
                raise ValueError("a size is not that of its content")
        return content

    def check(self) -> int:
        """See that the whole of it is sound, and no larger than it is on disk.

        Returns:
            The bytes of all files.

        Raises:
            StoreError: If it is not.
        """
        import sqlite3

        with self.sound():
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

    @contextlib.contextmanager
    def sound(self) -> Iterator[None]:
        """Turn what SQLite refuses into one sentence."""
        import sqlite3

        try:
            yield
        except (sqlite3.Error, OSError, TypeError, ValueError) as error:
            raise StoreError(
                f"`{self.path}` is no sound archive of runs ({error}): put a sound "
                "copy in its place, or move it away."
            ) from error


_THREAD = threading.local()


def archive(root: Path | str) -> PackedRuns | None:
    """The archive in a folder of runs, if there is one; opened once by each thread.

    Raises:
        StoreError: If there is one that is none of runs.
    """
    path = os.path.join(os.path.abspath(root), NAME)
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


def of_run(run: Path | str) -> tuple[PackedRuns, Mapping[str, Entry]] | None:
    """The archive that holds the run of a folder, and its files there."""
    folder, name = os.path.split(os.path.abspath(run))
    root, study = os.path.split(folder)
    found = archive(root) if is_run_name(name) and study.isprintable() else None
    files = found.files(study, name) if found else None
    return (found, files) if found and files else None


def of_file(path: Path | str) -> tuple[PackedRuns, Entry] | None:
    """The archive that holds a file of a run, and its entry there."""
    run, name = os.path.split(path)
    found = of_run(run)
    return (found[0], found[1][name]) if found and name in found[1] else None


def runs_of(root: Path | str) -> set[tuple[str, str]]:
    """Study and folder name of each run that is packed in a folder of runs."""
    found = archive(root)
    return found.runs() if found else set()


def attempts_of(first: Path) -> set[str]:
    """Folder names of the packed attempts at a run."""
    folder, id = os.path.split(os.path.abspath(first))
    root, study = os.path.split(folder)
    found = archive(root) if study.isprintable() else None
    return set(found.attempts(study, id)) if found else set()
