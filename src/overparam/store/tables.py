"""Many runs as one tidy frame: a row per run, or a row per record."""

import json
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..catalogue import IMPORTED, STUDIES
from ..checks import path_of, written
from ..errors import ConfigError, StoreError
from ..field_values import unknown
from ..memory import uncollected
from .files import TABLES, check_ending, write_file
from .find import Unreadable, latest, look
from .json_values import encodable
from .packed import read_ahead
from .read import StoredRun, checked


if TYPE_CHECKING:
    import pandas as pd
    import polars as pl


Rows = Literal["summary", "records"]


@dataclass(frozen=True)
class Gathered:
    """The frame, and the runs that could not be part of it."""

    frame: "pl.DataFrame"
    """Config fields, outcome and, last, where it is stored."""
    runs: tuple[StoredRun, ...]
    """The runs in it, in the order of its rows."""
    unreadable: tuple[Unreadable, ...]
    """Unfinished and damaged runs, and folders that only look like runs."""


@uncollected()
def gather(
    runs: Path | str | Iterable[Path | str],
    *,
    study: str | None = None,
    metrics: Rows = "summary",
    attempts: Literal["latest", "all"] = "latest",
) -> Gathered:
    """Runs as one frame, and apart from it those that cannot be read.

    Args:
        runs: The folder of all runs, or the folders of single runs.
        study: Only the runs of this study.
        metrics: One row per run with its summary, or one row per record.
        attempts: Of a folder: the latest stored attempt at each run, or all.

    Raises:
        ConfigError: If there is no such study, in the folder or anywhere.
        StoreError: If the folder does not exist.

    Example:
        ```python
        run = op.run("planted", **small)
        gathered = op.store.gather("runs", metrics="records")
        gathered.frame, gathered.unreadable
        ```
    """
    import polars as pl

    unreadable: list[Unreadable] = []
    found: list[StoredRun] = []
    tables: list[pl.DataFrame] = []
    for run in _readable(runs, study, attempts, unreadable):
        if metrics == "records":
            if run.error is not None:
                continue
            try:
                tables.append(run.metrics)
            except StoreError as error:
                unreadable.append(Unreadable(run.path, str(error)))
                continue
        found.append(run)
    recorded = {name for table in tables for name in table.columns}
    # One by one, as very many rows would take as much memory as their runs.
    columns = columns_of(_row(run, recorded) for run in found)
    # By name: in a list a series without one would be given one.
    series = {n: pl.Series(_uniform(v), strict=False) for n, v in columns.items()}
    frame = pl.DataFrame(series)
    if metrics == "records":
        frame = _with_records(frame, tables)
    return Gathered(frame, tuple(found), tuple(unreadable))


@uncollected()
def gather_runs(
    root: Path | str, *, study: str | None = None
) -> tuple[list[StoredRun], list[Unreadable]]:
    """The runs that `gather` has in its frame, without one, and what it leaves out.

    Raises:
        ConfigError: If there is no such study, in the folder or anywhere.
        StoreError: If the folder does not exist.
    """
    unreadable: list[Unreadable] = []
    return list(_readable(root, study, "latest", unreadable)), unreadable


def _readable(
    runs: Path | str | Iterable[Path | str],
    study: str | None,
    attempts: str,
    unreadable: list[Unreadable],
) -> Iterator[StoredRun]:
    """The runs that can be read; the others are added to the `unreadable` ones."""
    listed = not isinstance(runs, Path | str)
    paths, foreign = _folders(runs, study, attempts)
    unreadable += foreign
    described = ((path, {}) for path in paths) if listed else read_ahead(runs, paths)
    for path, ahead in described:
        try:
            run = checked(StoredRun(path, ahead))
            if not listed and run.study != (folder := path.parts[-2]):
                where = f"lies among those of {folder!r}"
                raise StoreError(f"The run `{path}` of {run.study!r} {where}: move it.")
            if study is not None and run.study != study:
                continue
            _ = run.summary
        except StoreError as error:
            unreadable.append(Unreadable(path, str(error)))
        else:
            yield run


def table(
    runs: Path | str | Iterable[Path | str],
    *,
    study: str | None = None,
    metrics: Rows = "summary",
) -> "pl.DataFrame":
    """Runs as one tidy frame; warns of runs that it had to leave out.

    Args:
        runs: The folder of all runs, or the folders of single runs.
        study: Only the runs of this study.
        metrics: One row per run with its summary, or one row per record.

    Raises:
        ConfigError: If there is no such study, in the folder or anywhere.
        StoreError: If the folder does not exist.

    Example:
        ```python
        run = op.run("planted", **small)
        op.table("runs", study="planted")[["width", "risk"]]
        ```
    """
    gathered = gather(runs, study=study, metrics=metrics)
    if gathered.unreadable:
        first = gathered.unreadable[0].reason
        text = f"{len(gathered.unreadable)} runs are not in the table, first: {first}"
        warnings.warn(text, stacklevel=2)
    return gathered.frame


def write_table(frame: "pl.DataFrame", path: Path | str) -> None:
    """Write a frame as .csv, .parquet or .json, by the suffix of the path.

    Raises:
        ConfigError: If the suffix is none of these.
        StoreError: If the file cannot be written.

    Example:
        ```python
        run = op.run("planted", **small)
        op.store.write_table(run.frame, "run.csv")
        ```
    """
    path = Path(path)
    check_ending(path, TABLES, what="A table")
    write = (_csv, _parquet, _json)[TABLES.index(path.suffix)]
    write_file(path, write(frame))


def to_pandas(frame: "pl.DataFrame") -> "pd.DataFrame":
    """A frame of Polars as one of pandas; unlike Polars' own this needs no pyarrow.

    Numbers stay what they are; a column of numbers that lacks some has NaN there.

    Raises:
        ConfigError: If it is no such frame, or pandas is not installed.

    Example:
        ```python
        run = op.run("planted", **small)
        op.to_pandas(run.frame)["risk"]
        ```
    """
    import polars as pl

    if not isinstance(frame, pl.DataFrame):
        raise ConfigError(f"`frame` must be a frame of Polars, got {written(frame)}.")
    try:
        import pandas as pd
    except ImportError:
        message = "pandas is not installed: pip install pandas."
        raise ConfigError(message) from None
    return pd.DataFrame(
        {
            column.name: column.to_list()
            if column.null_count() or not column.dtype.is_numeric()
            else column.to_numpy()
            for column in frame
        }
    )


def _folders(
    runs: Path | str | Iterable[Path | str], study: str | None, attempts: str
) -> tuple[Sequence[Path], Sequence[Unreadable]]:
    if isinstance(runs, Iterable) and not isinstance(runs, Path | str):
        return [path_of(path, name="runs") for path in runs], []
    looked = look(runs, study)
    if not looked.runs and study not in (None, IMPORTED) and study not in STUDIES:
        names = sorted({path.parent.name for path in look(runs).runs} - {*STUDIES})
        raise ConfigError(unknown(study, [*STUDIES, *names], what="study"))
    paths = looked.runs if attempts == "all" else latest(looked.runs)
    return paths, looked.foreign


def _row(run: StoredRun, recorded: Set[str]) -> dict[str, Any]:
    """What is known of a run; a summary of the name of a record goes aside."""
    outcome = {"status": run.status, "seconds": run.seconds}
    where = {"study": run.study, "id": run.id, "attempt": run.attempt}
    where |= {"path": encodable(str(run.path)), "verified": run.verified}
    where |= run.made_by
    ours = outcome.keys() | where.keys() | {"error", "plugins"}
    # A study of one's own may give its fields any name.
    row = prefixed("config", run.config, taken=ours)
    taken = run.config.keys() | ours | recorded
    outcome |= prefixed("summary", run.summary, taken=taken)
    if run.error is not None:
        outcome["error"] = run.error
    return row | outcome | where


def prefixed(
    prefix: str, values: Mapping[str, Any], *, taken: Set[str]
) -> dict[str, Any]:
    """Values by name; what has the name of another column gets `prefix` before it."""
    return {f"{prefix}.{n}" if n in taken else n: v for n, v in values.items()}


def columns_of(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The values of every name over all rows, `None` where a row has none."""
    columns: dict[str, list[Any]] = {}
    for n_before, row in enumerate(rows):
        for name, value in row.items():
            if name not in columns:
                columns[name] = [None] * n_before
            columns[name].append(value)
        if len(row) < len(columns):
            for column in columns.values():
                if len(column) == n_before:
                    column.append(None)
    return columns


def _uniform(values: list[Any]) -> list[Any]:
    """Values of one type: numbers of one kind, or text where kinds are mixed."""
    kinds = {*map(type, values)} - {type(None)}
    if int in kinds and any(map(_is_large, values)):
        return _uniform([str(v) if _is_large(v) else v for v in values])
    if kinds == {int, float}:
        return [None if value is None else float(value) for value in values]
    if len(kinds) <= 1 and not kinds & {list, dict}:
        return values
    if kinds == {list}:
        items = {type(item) for each in values if each is not None for item in each}
        if items <= {int, float}:
            number = float if float in items else int
            return [v if v is None else [number(item) for item in v] for v in values]
    return [v if v is None or isinstance(v, str) else json.dumps(v) for v in values]


def _is_large(value: Any) -> bool:
    """Whether this is an integer that no column of numbers could hold."""
    return type(value) is int and abs(value) >= 2**64


def _with_records(
    runs: "pl.DataFrame", tables: "Sequence[pl.DataFrame]"
) -> "pl.DataFrame":
    """Repeat each run's row for each of its records.

    A column of the records keeps its name, unless the runs have one of that name.
    """
    import polars as pl

    if not tables:
        return runs
    records = pl.concat(tables, how="diagonal_relaxed")
    owners = [i for i, frame in enumerate(tables) for _ in range(frame.height)]
    repeated = runs[owners] if owners else runs.clear()
    taken = set(repeated.columns)
    renamed = {name: f"metrics.{name}" for name in records.columns if name in taken}
    return pl.concat([repeated, records.rename(renamed)], how="horizontal")


def _csv(frame: "pl.DataFrame") -> bytes:
    import polars as pl

    nested = [n for n, kind in frame.schema.items() if isinstance(kind, pl.List)]
    as_text = [
        pl.Series(n, [v if v is None else json.dumps(v) for v in frame[n].to_list()])
        for n in nested
    ]
    return frame.with_columns(as_text).write_csv().encode()


def _parquet(frame: "pl.DataFrame") -> bytes:
    import io

    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def _json(frame: "pl.DataFrame") -> bytes:
    return (frame.write_json() + "\n").encode()
