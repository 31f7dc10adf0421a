"""Damaged stores: what is not damaged is read as before, what is damaged is never.

`attack(n, seed)` damages a copy of a small store `n` times, looks at it with every verb
that reads runs, and yields what ended without an answer or a sentence, and every
number that a damaged run still gave and that is not the one stored.
"""

import contextlib
import io
import json
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from overparam.cli.main import run_command


RUN = ["run", "planted", "--input-dim=6", "--n-outputs=2", "--teacher-width=2"]
RUN += ["--width=4", "--epochs=2", "--samples-per-epoch=20"]
N_RUNS = 3

# JSON that no version wrote; the last nests deeper than Python recurses.
ODD_JSON = ["", "null", "[]", "{}", "5", '"text"', '{"schema": 99}', '{"schema": true}']
ODD_JSON += ['{"schema": 1, "config": null}', "NaN", "9" * 5000, "\ufeff{}", "{"]
ODD_JSON += ["[" * 100_000]
ODD_VALUES: list[Any] = [None, True, -1, 0, 1e300, "", "text", [], {}, [[]], "../../x"]
ODD_NAMES = [
    "x",
    ".hidden",
    "{}.bak",
    "{}.01",
    "{}.-1",
    "{}.2.2",
    "a b",
    "a\nb",
    "\udcff",
]


@dataclass(frozen=True)
class Finding:
    """A damage, the command that met it, and what was wrong with its answer."""

    damage: str
    line: tuple[str, ...]
    what: str


def attack(n: int, seed: int) -> Iterator[Finding]:
    """Try `n` damages; equal seeds give equal ones."""
    rng = random.Random(seed)
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for number in range(N_RUNS):
            code, _, error = _command([*RUN, "--seed", str(number), "--runs", "whole"])
            assert code == 0, error
        truth = _table("whole")
        for _ in range(n):
            shutil.rmtree("runs", ignore_errors=True)
            shutil.copytree("whole", "runs")
            names = sorted(path.name for path in Path("runs/planted").iterdir())
            damage = rng.choice(DAMAGES)
            said = f"{damage.__name__}: {damage(rng, Path('runs/planted'))}"
            yield from _findings(rng, said, names, truth)
    os.chdir(before)


def _findings(
    rng: random.Random, damage: str, names: Sequence[str], truth: dict[str, Any]
) -> Iterator[Finding]:
    for line in rng.sample(list(_lines(names)), k=2):
        what = _judged(*_command(line))
        if what:
            yield Finding(damage, tuple(line), what)
    found = _table("runs")
    for name, row in found.items():
        # A folder of another name is a copy, and has its own name in the table.
        wrong = {k: v for k, v in row.items() if name in truth and truth[name][k] != v}
        if wrong:
            what = f"the table has {wrong} for {name}"
            yield Finding(damage, ("table", "runs"), what)
    # A run that is found again, or that has to be run again, gives the same numbers.
    number = rng.randrange(N_RUNS)
    line = [*RUN, "--seed", str(number), "--runs", "runs", "--json"]
    code, out, error = _command(line)
    what = _judged(code, out, error)
    if code == 0 and not what:
        given = json.loads(out)["summary"]
        stored = next(row for row in truth.values() if row["seed"] == number)
        wrong = {k: v for k, v in given.items() if stored.get(k) != v}
        what = f"the run gives {wrong}" if wrong else None
    if what:
        yield Finding(damage, tuple(line), what)


def _lines(names: Sequence[str]) -> Iterator[list[str]]:
    yield ["table", "runs", "--out", "table.csv"]
    yield ["plot", "runs", "--study", "planted", "--y", "loss"]
    yield ["report", "runs", "--out", "report.html"]
    yield ["compare", *names[:2], "--runs", "runs"]
    yield ["analyse", names[0], "balance", "--runs", "runs"]
    yield ["export", "runs", "--to", "tensorboard", "--out", "exported"]
    yield ["watch", "runs", "--once"]


def _table(root: str) -> dict[str, Any]:
    """The rows of the runs by the names of their folders."""
    _command(["table", root, "--out", "all.json"])
    with contextlib.suppress(FileNotFoundError):
        rows = json.loads(Path("all.json").read_text())
        Path("all.json").unlink()
        return {Path(row.pop("path")).name: row for row in rows}
    return {}


def _command(line: Sequence[str]) -> tuple[int | str, str, str]:
    """Code (or what escaped), stdout and stderr."""
    out, error = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        try:
            code: int | str = run_command(list(line))
        except (Exception, SystemExit) as escaped:
            code = f"{type(escaped).__name__}: {escaped}"
    return code, out.getvalue(), error.getvalue()


def _judged(code: int | str, out: str, error: str) -> str | None:
    if isinstance(code, str):
        return f"escaped: {code}"
    if "Traceback" in error or "Something unforeseen" in error or "Warning" in error:
        return f"a traceback or a warning: {error[-500:]}"
    if code != 0 and not any(
        text.startswith("overparam: ") for text in error.splitlines()
    ):
        return f"code {code} without a sentence: {error[-500:]}"
    return None


def _file(rng: random.Random, folder: Path) -> Path:
    """A stored file of any run."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return rng.choice(files)


def _json_file(rng: random.Random, folder: Path) -> Path:
    return rng.choice(sorted(folder.rglob("*.json")))


def flip(rng: random.Random, folder: Path) -> str:
    """One bit of a file."""
    path = _file(rng, folder)
    content = bytearray(path.read_bytes())
    place = rng.randrange(len(content))
    content[place] ^= 1 << rng.randrange(8)
    path.write_bytes(content)
    return f"{path} at {place}"


def truncate(rng: random.Random, folder: Path) -> str:
    """The end of a file is missing, or a hole of gigabytes follows it."""
    path = _file(rng, folder)
    size = rng.choice([0, rng.randrange(path.stat().st_size), 3_000_000_000])
    os.truncate(path, size)
    return f"{path} to {size}"


def remove(rng: random.Random, folder: Path) -> str:
    """A file is missing, or a folder stands in its place."""
    path = _file(rng, folder)
    path.unlink()
    if rng.random() < 0.5:
        path.mkdir()
    return str(path)


def odd_json(rng: random.Random, folder: Path) -> str:
    """A JSON file of another shape."""
    path, text = _json_file(rng, folder), rng.choice(ODD_JSON)
    path.write_text(text)
    return f"{path} is {text[:40]}"


def odd_value(rng: random.Random, folder: Path) -> str:
    """One value of a JSON file, at any depth, is another one or missing."""
    path = _json_file(rng, folder)
    content = json.loads(path.read_text())
    places = list(_places(content))
    holder, key = rng.choice(places)
    if rng.random() < 0.2:
        del holder[key]
    else:
        holder[key] = rng.choice(ODD_VALUES)
    path.write_text(json.dumps(content))
    return f"{path} at {key}"


def believable(rng: random.Random, folder: Path) -> str:
    """A number of a JSON file is another number."""
    path = _json_file(rng, folder)
    content = json.loads(path.read_text())
    numbers = [(h, k) for h, k in _places(content) if type(h[k]) in (int, float)]
    if not numbers:
        return odd_value(rng, folder)
    holder, key = rng.choice(numbers)
    holder[key] += 1
    path.write_text(json.dumps(content, indent=1) + "\n")
    return f"{path} at {key}"


def swap(rng: random.Random, folder: Path) -> str:
    """A file of one run stands in another."""
    one, other = rng.sample(sorted(folder.iterdir()), 2)
    name = rng.choice(sorted(path.name for path in one.iterdir() if path.is_file()))
    shutil.copy(one / name, other / name)
    return f"{name} of {one.name} in {other.name}"


def rename(rng: random.Random, folder: Path) -> str:
    """A run has another name, or that of another run."""
    one, other = rng.sample(sorted(folder.iterdir()), 2)
    if rng.random() < 0.3:
        shutil.rmtree(other)
        one.rename(other)
        return f"{one.name} is {other.name}"
    name = rng.choice(ODD_NAMES).format(one.name)
    shutil.copytree(one, folder / name)
    return f"{one.name} is also {name!r}"


def foreign(rng: random.Random, folder: Path) -> str:
    """Something that is no run stands among the runs."""
    kind = rng.choice(["folder", "file", "loop", "pipe", "config"])
    path = folder / rng.choice(["zzz", "000000000000", ".x"])
    if kind == "folder":
        (path / "status.json").mkdir(parents=True)
    elif kind == "file":
        path.write_text("{}")
    elif kind == "loop":
        path.symlink_to(path.name)
    elif kind == "pipe":
        path.mkdir()
        os.mkfifo(path / "config.json")
    else:
        path.mkdir()
        (path / "config.json").write_text(rng.choice(ODD_JSON))
    return f"{kind} {path.name}"


DAMAGES: Sequence[Callable[[random.Random, Path], str]] = (
    flip,
    truncate,
    remove,
    odd_json,
    odd_value,
    believable,
    swap,
    rename,
    foreign,
)


def _places(content: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) inside a JSON value."""
    keys = content.keys() if isinstance(content, dict) else range(len(content))
    for key in list(keys):
        yield content, key
        if isinstance(content[key], dict | list):
            yield from _places(content[key])
