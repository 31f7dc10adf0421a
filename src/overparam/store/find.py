"""Which folders are runs: `<root>/<study>/<id>` and `<root>/<study>/<id>.<attempt>`."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..checks import path_of
from ..errors import StoreError
from . import packed
from .files import is_temporary, stat_of
from .identity import is_run_name


@dataclass(frozen=True)
class Unreadable:
    """A run or a folder that is passed over, and why."""

    path: Path
    reason: str

    @property
    def damaged(self) -> bool:
        """Whether it is a stored run, neither unfinished nor a folder of another."""
        return is_run_name(self.path.name) and is_there(self.path / "status.json")


@dataclass(frozen=True)
class Looked:
    """What lies in a folder of runs."""

    runs: list[Path]
    """Folders of runs, finished or not, in a stable order."""
    foreign: list[Unreadable]
    """Folders that look like runs and are none, or cannot be looked into."""


def no_run_name(path: Path) -> str:
    """Why a folder that holds the files of a run is passed over."""
    return f"`{path}` is no run: its name is not the id of one."


def attempt_of(path: Path) -> int:
    """The number of the attempt: 1 for `<id>`, 2 for `<id>.2`."""
    return int(path.name.partition(".")[2] or 1)


def runs_folder() -> Path:
    """The folder of all runs: that of the variable OVERPARAM_RUNS, or `runs`."""
    return Path(os.environ.get("OVERPARAM_RUNS") or "runs")


def latest(paths: Iterable[Path]) -> list[Path]:
    """The latest stored attempt of each run, or the latest where none is stored."""
    attempts: dict[str, list[Path]] = {}
    for path in paths:
        folder, name = os.path.split(path)
        attempts.setdefault(f"{folder}/{name.partition('.')[0]}", []).append(path)
    return [
        max(tried, key=lambda path: (is_there(path / "status.json"), attempt_of(path)))
        # Most runs have one attempt, at which nobody needs to look.
        if len(tried) > 1
        else tried[0]
        for tried in attempts.values()
    ]


def find_runs(root: Path | str, study: str | None = None) -> list[Path]:
    """Folders of all runs under `root`, finished or not, in a stable order.

    Raises:
        StoreError: If there is no such folder.

    Example:
        ```python
        run = op.run("planted", **small)
        assert run.stored.path in op.store.find_runs("runs", "planted")
        ```
    """
    return look(root, study).runs


def look(root: Path | str, study: str | None = None) -> Looked:
    """Folders of all runs under `root`, and those that only look like runs.

    Raises:
        StoreError: If there is no such folder, it cannot be read, or it is one inside
            a folder of runs.
    """
    root = path_of(root, name="runs")
    if not os.path.isdir(root):
        raise StoreError(
            f"There is no folder of runs at `{root}`: go to the folder that has it, or "
            "name it."
        )
    # Before and after the disk, as a run may be packed or unpacked meanwhile.
    known = packed.runs_of(root)
    looked = _look_at_disk(root, study)
    runs = looked.runs
    if known := known | packed.runs_of(root):
        places = {folder: root / folder for folder, _ in known}
        runs = {
            places[folder] / name for folder, name in known if study in (None, folder)
        }
        runs.update(looked.runs)
    if not runs:
        _check_is_root(root)
    return Looked(
        sorted(runs, key=lambda path: path.parts),
        sorted(looked.foreign, key=lambda each: each.path),
    )


def _check_is_root(root: Path) -> None:
    """A folder without runs in their places may itself be a run, or that of a study."""
    here = Path(os.path.abspath(root))
    if _holds_run(here):
        what, above = "one run", here.parents[1]
    elif any(_holds_run(path) for path in _folders(here)) or any(
        study == here.name for study, _ in packed.runs_of(here.parent)
    ):
        what, above = "the runs of one study", here.parent
    else:
        return
    if not root.is_absolute():
        above = Path(os.path.relpath(above))
    raise StoreError(
        f"`{root}` holds {what}: name the folder of all runs above it, `{above}`."
    )


def _holds_run(path: Path) -> bool:
    names = ("config.json", "status.json")
    return is_run_name(path.name) and any(is_there(path / name) for name in names)


def no_run(root: Path | str, study: str | None, *, wanted: str) -> str:
    """One sentence about a folder without a run that is wanted, and what it has."""
    if study is None:
        return f"`{root}` holds no {wanted}."
    names = sorted({path.parent.name for path in look(root).runs} - {study})
    told = f" It has runs of: {', '.join(names)}." if names else ""
    return f"`{root}` holds no {wanted} of {study!r}.{told}"


def stored_names(root: Path | str, study: str) -> set[str]:
    """Folder names of the stored runs of a study."""
    names = {name for folder, name in packed.runs_of(root) if folder == study}
    with contextlib.suppress(OSError), os.scandir(Path(root, study)) as found:
        names |= {e.name for e in found if os.path.exists(f"{e.path}/status.json")}
    return names


def _look_at_disk(root: Path, study: str | None) -> Looked:
    runs: list[Path] = []
    foreign: list[Unreadable] = []
    for folder in _folders(root):
        # Unpacking makes a run there, which then gets its name.
        if is_temporary(folder) or study not in (None, folder.name):
            continue
        try:
            inside = list(_folders(folder))
        except StoreError as error:
            foreign.append(Unreadable(folder, str(error)))
            continue
        for path in inside:
            if is_temporary(path):
                continue  # What packing puts aside.
            try:
                holds_run = has(path, "config.json", "status.json")
            except StoreError as error:
                foreign.append(Unreadable(path, str(error)))
                continue
            if holds_run and is_run_name(path.name):
                runs.append(path)
            elif holds_run:
                foreign.append(Unreadable(path, no_run_name(path)))
    return Looked(runs, foreign)


def has(folder: Path, *names: str) -> bool:
    """Whether one of these files is in a folder.

    Raises:
        StoreError: If the folder cannot be looked into.
    """
    try:
        return any(stat_of(f"{folder}/{name}") is not None for name in names)
    except OSError as error:
        raise _closed(folder, error) from None


def is_there(path: Path) -> bool:
    """Whether a file of a run can be found; one that is shut away cannot."""
    with contextlib.suppress(OSError):
        return stat_of(path) is not None
    return False


def is_folder(path: Path) -> bool:
    """Whether there is a folder of a run, on disk or packed."""
    # On disk before it is packed, and again before it is not any more.
    there = os.path.isdir(path) or packed.holds(path)
    return there or os.path.isdir(path)


def _folders(folder: Path) -> Iterator[Path]:
    try:
        with os.scandir(folder) as found:
            for each in found:
                if _is_folder(each):
                    yield Path(each.path)
    except OSError as error:
        raise _closed(folder, error) from None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether this is a folder, even one that nobody may look into."""
    try:
        return entry.is_dir()
    except OSError:  # A link that leads in a circle.
        return False


def _closed(folder: Path, error: OSError) -> StoreError:
    why = error.strerror or str(error)
    return StoreError(f"`{folder}` cannot be read ({why}): check its permissions.")
