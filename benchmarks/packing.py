"""Which container holds many small runs best: SQLite, zip or Parquet.

    python benchmarks/packing.py

For each: bytes, and milliseconds of the processor per run to write all of them, to add
a hundred, to read all files of one run at random, and to read all files in order. Zip
and Parquet are opened anew for a run at random, as a command would. Rows go into the
table of `docs/benchmarks/packing.md`.
"""

import io
import random
import shutil
import sqlite3
import tempfile
import time
import zipfile
from pathlib import Path

import polars as pl
from pages import put_row
from stored import write_runs

from overparam.store import find_runs


N_RUNS, N_ADDED, N_READ = 5000, 100, 20
HEAD = "| format | MB | write | add 100 runs | read one at random | read all |"
COLUMNS = ("run", "name", "content")


def rows_of(runs):
    """A row for each file of each run."""
    for run in runs:
        for path in sorted(run.iterdir()):
            yield run.name, path.name, path.read_bytes()


class Sqlite:
    """A table; to add is to copy the file and insert."""

    def write(self, path, rows):
        with sqlite3.connect(path) as table:
            table.execute(
                "CREATE TABLE file (run, name, content, PRIMARY KEY (run, name))"
            )
            table.executemany("INSERT INTO file VALUES (?, ?, ?)", rows)

    def add(self, path, rows):
        shutil.copyfile(path, path.with_suffix(".new"))
        with sqlite3.connect(path.with_suffix(".new")) as table:
            table.executemany("INSERT INTO file VALUES (?, ?, ?)", rows)
        path.with_suffix(".new").replace(path)

    def read(self, path, run):
        with sqlite3.connect(path) as table:
            query = "SELECT name, content FROM file WHERE run = ?"
            return dict(table.execute(query, (run,)))

    def scan(self, path):
        with sqlite3.connect(path) as table:
            yield from table.execute("SELECT run, name, content FROM file")


class Zip:
    """A member for each file; to add is to copy the file and append."""

    def __init__(self, compression):
        self.compression = compression

    def write(self, path, rows, mode="w"):
        with zipfile.ZipFile(path, mode, self.compression) as archive:
            for run, name, content in rows:
                archive.writestr(f"{run}/{name}", content)

    def add(self, path, rows):
        shutil.copyfile(path, path.with_suffix(".new"))
        self.write(path.with_suffix(".new"), rows, "a")
        path.with_suffix(".new").replace(path)

    def read(self, path, run):
        with zipfile.ZipFile(path) as archive:
            names = [n for n in archive.namelist() if n.startswith(run)]
            return {name.partition("/")[2]: archive.read(name) for name in names}

    def scan(self, path):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                yield *name.split("/"), archive.read(name)


class Parquet:
    """A table of columns; to add is to write all of it again."""

    def frame(self, rows):
        columns = dict(zip(COLUMNS, zip(*rows, strict=True), strict=True))
        return pl.DataFrame({name: list(column) for name, column in columns.items()})

    def write(self, path, rows):
        self.frame(rows).write_parquet(path)

    def add(self, path, rows):
        frame = pl.concat([pl.read_parquet(path), self.frame(rows)])
        frame.write_parquet(path.with_suffix(".new"))
        path.with_suffix(".new").replace(path)

    def read(self, path, run):
        found = pl.scan_parquet(io.BytesIO(path.read_bytes())).filter(run=run).collect()
        return dict(zip(found["name"], found["content"], strict=True))

    def scan(self, path):
        yield from pl.read_parquet(path).iter_rows()


FORMATS = {
    "SQLite": Sqlite(),
    "zip, stored": Zip(zipfile.ZIP_STORED),
    "zip, deflated": Zip(zipfile.ZIP_DEFLATED),
    "Parquet": Parquet(),
}


def timed(function, *arguments, n):
    """Milliseconds of the processor, for each of `n`."""
    start = time.process_time()
    function(*arguments)
    return 1e3 * (time.process_time() - start) / n


def measured(form, path, rows, added):
    """Megabytes, and the milliseconds of each kind of work."""
    runs = sorted({run for run, _, _ in rows})
    n_runs = len(runs)
    written = timed(form.write, path, rows, n=n_runs)
    size = path.stat().st_size / 1e6
    adding = timed(form.add, path, added, n=N_ADDED)
    some = random.Random(0).sample(runs, N_READ)
    reading = timed(lambda: [form.read(path, run) for run in some], n=N_READ)
    scanning = timed(lambda: sum(1 for _ in form.scan(path)), n=n_runs)
    path.unlink()
    return size, written, adding, reading, scanning


def main():
    """Measure each format on the same runs."""
    with tempfile.TemporaryDirectory() as folder:
        write_runs(Path(folder), N_RUNS + N_ADDED)
        runs = find_runs(folder)
        rows, added = [*rows_of(runs[:N_RUNS])], [*rows_of(runs[N_RUNS:])]
        print(f"{N_RUNS} runs, {len(rows)} files, {sum(len(r[2]) for r in rows)} bytes")
        for name, form in FORMATS.items():
            numbers = measured(form, Path(folder, "packed"), rows, added)
            size, *times = numbers
            put_row(
                "packing.md", HEAD, name, f"{size:.1f}", *(f"{x:.3g}" for x in times)
            )


if __name__ == "__main__":
    main()
