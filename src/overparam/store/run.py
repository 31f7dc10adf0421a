"""Opening, writing and closing one run: `<root>/<study>/<id>/`, status last.

The state of a run is its files. A folder without `status.json` is unfinished, and the
same command goes on from its checkpoints; a failed one is tried again; any other is
never written a second time.
"""

import contextlib
import os
import shutil
import traceback
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import StoreError
from ..plugins import Origin
from ..spellings import as_spelled, as_stored, spellings_of_study
from . import encode, packed
from .environment import environment
from .files import (
    Stamp,
    read_file,
    read_json,
    remove_temporaries,
    stamp_of,
    write_file,
    write_json,
    writing,
)
from .find import attempt_of, has, is_there
from .identity import canonical, check_plain, hashed, id_of
from .lock import Lock, is_locked
from .read import StoredRun
from .record import RunRecord
from .status import Status, entry, write_status


FAILED = "failed"
"""Status of a run that raised; every other status is an answer and is kept."""

_WIDEST_GAP = 10
"""How many attempts in a row someone may have deleted; each costs a look."""


class RunDirectory:
    """One run on disk, held by this process while it is open.

    Example:
        ```python
        defaults = {"width": 64}
        with op.store.open_run("runs", "held", defaults, defaults) as run:
            run.write(op.store.RunRecord(status="finished", summary={"loss": 0.5}))
        op.read_run(run.path).summary
        ```
    """

    path: Path
    """Folder of this attempt."""
    finished: bool
    """A status is stored: the caller must not run again."""

    def __init__(self, path: Path, asked: "_Asked", *, lock: Lock | None) -> None:
        """Use `open_run`."""
        self.path = path
        self.finished = lock is None
        self._asked = asked
        self._lock = lock

    @property
    def checkpoints(self) -> Path:
        """Folder for checkpoints; removed once the run is stored."""
        return self.path / "checkpoints"

    def write(self, record: RunRecord) -> None:
        """Store the outcome, `status.json` last, and drop the checkpoints.

        Raises:
            StoreError: If the disk refuses or the record cannot be stored; the
                checkpoints are kept, so that nothing is computed twice.
        """
        self._must_be_open()
        stamps = {
            name: write_file(self.path / name, content)
            for name, content in encode.contents(record)
        }
        summary = {"summary": record.summary, "notes": list(record.notes)}
        stamps["summary.json"] = write_json(self.path / "summary.json", summary)
        self._close(
            stamps, status=record.status, seconds=record.seconds, data=record.data
        )
        shutil.rmtree(self.checkpoints, ignore_errors=True)

    def fail(self, error: BaseException, *, seconds: float | None = None) -> None:
        """Store that the run raised `error`; the same command will try it again.

        Raises:
            StoreError: If the disk refuses.
        """
        self._must_be_open()
        text = "".join(traceback.format_exception(error))
        stamps = {"error.txt": write_file(self.path / "error.txt", text.encode())}
        sentence = str(error).strip() or type(error).__name__
        self._close(stamps, status=FAILED, seconds=seconds, error=sentence)

    def _close(self, stamps: dict[str, Stamp], **said: Any) -> None:
        path = self.path / "environment.json"
        stamps["environment.json"] = write_json(path, environment())
        _same_config(self.path, self._asked)
        stamps["config.json"] = stamp_of(read_file(self.path / "config.json"))
        status = Status(
            date=datetime.now(UTC).isoformat(timespec="seconds"),
            files=stamps,
            study=self._asked.study,
            hashed=self._asked.hashed,
            plugins=self._asked.plugins,
            **said,
        )
        write_status(self.path, status)
        self.finished = True

    def _must_be_open(self) -> None:
        if self._lock is None or self.finished:
            raise StoreError(f"The run `{self.path}` is finished or closed.")

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None


@contextlib.contextmanager
def open_run(
    root: Path | str,
    study: str,
    config: Mapping[str, Any],
    defaults: Mapping[str, Any],
    *,
    plugins: Sequence[Origin] = (),
    force: bool = False,
) -> Iterator[RunDirectory]:
    """Open the run of a config: to write it, or to learn that it is finished.

    Args:
        root: Folder of all runs.
        study: Name of the study.
        config: Every field of the config.
        defaults: Default of every field that has one.
        plugins: Of the code that is not built in: changed code makes another run.
        force: Run again into a new attempt (`<id>.2`, `<id>.3`, ...) if finished.

    Yields:
        The directory, locked against other processes unless it is finished.

    Raises:
        ConfigError: If the name of the study leads out of the folder.
        RunLockedError: If another live process is writing this run.
        StoreError: If the folder cannot be written, is damaged, or holds another
            config under the same id.

    Example:
        ```python
        defaults = {"width": 64}
        with op.store.open_run("runs", "opened", defaults, defaults) as run:
            run.write(op.store.RunRecord(status="finished", summary={"loss": 0.5}))
        ```
    """
    check_plain(study, what="A study")
    firsts = spellings_of_study(study)
    stored = as_stored(config, firsts)
    asked = _Asked(study, stored, hashed(config, defaults, firsts), tuple(plugins))
    first = Path(root) / study / id_of(study, asked.hashed, asked.plugins)
    run = _enter(first, asked, force=force)
    try:
        yield run
    finally:
        run._release()


def attempts(first: Path) -> list[Path]:
    """Folders of the attempts at a run, oldest first.

    Example:
        ```python
        run = op.run("planted", **small)
        assert op.store.attempts(run.stored.path) == [run.stored.path]
        ```
    """
    before = packed.attempts_of(first)
    found, after = _attempts(first, before), packed.attempts_of(first)
    # One may have been packed between the look there and that at the disk.
    return found if after == before else _attempts(first, before | after)


def _attempts(first: Path, also: Set[str]) -> list[Path]:
    # By name, as listing the folder for each of its runs would be quadratic.
    found = [first] * (first.name in also or os.path.isdir(first))
    number = 2
    while number <= (attempt_of(found[-1]) if found else 1) + _WIDEST_GAP:
        path = first.with_name(f"{first.name}.{number}")
        found += [path] * (path.name in also or os.path.isdir(path))
        number += 1
    return found


def run_status(path: Path) -> str:
    """The stored status, or `running` or `unfinished` where there is none yet.

    Raises:
        StoreError: If `status.json` or `config.json` is damaged, or the folder closed.

    Example:
        ```python
        run = op.run("planted", **small)
        assert op.store.run_status(run.stored.path) == "finished"
        ```
    """
    if has(path, "status.json"):
        run = StoredRun(path)
        _ = run.config  # Verified together.
        return run.status
    return "running" if is_locked(path) else "unfinished"


@dataclass(frozen=True)
class _Asked:
    """What a run is asked for."""

    study: str
    config: Mapping[str, Any]
    """Every field under its first spelling, as it is written."""
    hashed: Mapping[str, Any]
    """The fields that the id is a hash of."""
    plugins: tuple[Origin, ...]
    """Whose code the run is made by; hashed with them."""


def _enter(first: Path, asked: _Asked, *, force: bool) -> RunDirectory:
    tried = attempts(first)
    path = tried[-1] if tried else first
    if force and _used_up(path):
        path = first.with_name(f"{first.name}.{attempt_of(path) + 1}")
    elif _has_answer(path):
        StoredRun(path).check_files()
        _same_config(path, asked)
        # On a disk that is read-only they may stay.
        shutil.rmtree(path / "checkpoints", ignore_errors=True)
        return RunDirectory(path, asked, lock=None)
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
    lock = Lock(path)
    try:
        if _has_status(path) and (force or _has_answer(path)):
            # Another process finished it between our look and our lock.
            lock.release()
            return _enter(first, asked, force=force)
        remove_temporaries(path)
        if is_there(path / "config.json"):
            _same_config(path, asked)
        else:
            content = {"study": asked.study, "config": asked.config}
            write_json(path / "config.json", content)
        with writing(path):
            _keep_failure(path)
            (path / "checkpoints").mkdir(exist_ok=True)
    except BaseException:
        lock.release()
        raise
    return RunDirectory(path, asked, lock=lock)


def _keep_failure(path: Path) -> None:
    """Move the record of a failure aside, so that trying again overwrites nothing."""
    if not _has_status(path):
        return
    failures = path / "failures"
    failures.mkdir(exist_ok=True)
    kept = [int(file.stem) for file in failures.iterdir() if file.stem.isdecimal()]
    number = max(kept, default=0) + 1
    if (path / "error.txt").exists():
        (path / "error.txt").replace(failures / f"{number}.txt")
    (path / "status.json").replace(failures / f"{number}.json")


def _used_up(path: Path) -> bool:
    """Whether an attempt has ended or is too damaged to go on."""
    if _has_status(path):
        return True
    try:
        config = path / "config.json"
        return is_there(config) and not read_json(config)
    except StoreError:
        return True


def _has_status(path: Path) -> bool:
    return is_there(path / "status.json")


def _has_answer(path: Path) -> bool:
    return _has_status(path) and run_status(path) != FAILED


def _same_config(path: Path, asked: _Asked) -> None:
    """A default that changed since gives old and new runs one id: say so."""
    content = read_json(path / "config.json")
    first = spellings_of_study(asked.study)
    config = as_spelled(asked.config, first, stored=True)
    stored = entry(path / "config.json", content, "config", dict)
    stored = canonical(as_spelled(stored, first, stored=True))
    for name in stored.keys() & config.keys():
        if stored[name] != canonical(config[name]):
            raise StoreError(
                f"`{path}` was made with `{name}` {stored[name]}, the default then, "
                f"and not {config[name]}: run into a new attempt with --force."
            )
