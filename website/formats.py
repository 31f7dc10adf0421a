"""The reference of stored files, read from a small run that is made for it."""

import json
import tempfile
from pathlib import Path
from typing import Any

import polars as pl
from safetensors.numpy import load_file

import overparam as op
from tables import table


_SMALL = {"input_dim": 6, "n_outputs": 2, "teacher_width": 4, "width": 8}
_LENGTH = {"samples_per_epoch": 200, "epochs": 2}
FILES = {
    "config.json": "What was asked for; the id of the run is a hash of it.",
    "metrics.parquet": "The records, a row each.",
    "summary.json": "Numbers of the whole run, and notes to read with them.",
    "arrays.safetensors": "Arrays of the problem and of the outcome.",
    "network.safetensors": "Arrays of the trained network.",
    "network.json": "Its description: a registered class and its fields.",
    "kept.safetensors": "Arrays of the networks that were kept, by step.",
    "kept.json": "Their descriptions.",
    "environment.json": "Versions, machine, threads, commit, command and date.",
    "status.json": "How it ended, and a digest of every file. It is written last.",
    "lock": "Held by the process that writes the run; empty of meaning otherwise.",
}
"""What each file of a run is."""


def pages() -> dict[str, str]:
    """The page: address and Markdown."""
    with tempfile.TemporaryDirectory() as folder:
        op.run("planted", runs=folder, progress=False, **_SMALL, **_LENGTH)
        (run,) = Path(folder).glob("planted/*")
        return {"reference/formats.md": _page(run)}


def _page(run: Path) -> str:
    there = sorted(path.name for path in run.iterdir())
    if unknown := set(there) - set(FILES):
        raise ValueError(f"Nothing is said of the stored files {sorted(unknown)}.")
    parts = [
        "# Stored files",
        "A run is a folder, `runs/STUDY/ID/`. Its second attempt is `ID.2`; a failed "
        "run has `error.txt` beside the others. Files are JSON, Parquet and "
        "safetensors, which every language reads; none of them can hold code. Below "
        "is what a small run of `planted` wrote.",
        table(["file", "what it holds"], [[f"`{n}`", FILES[n]] for n in there]),
        "Beside the studies lie `runs/analyses/ANALYSIS/` and "
        "`runs/reproductions/NAME/SCALE/`. They hold tables (`.csv`), figures (`.png`, "
        "`.svg`) and `analysis.json` or `claims.json` with the stamps of these. What a "
        "sweep was asked for lies in `runs/sweeps/`.",
    ]
    for name in there:
        if content := _content(run / name):
            parts += [f"## {name}", content]
    return "\n\n".join(parts)


def _content(path: Path) -> str:
    """What a file holds: names and kinds."""
    if path.suffix == ".parquet":
        columns = pl.read_parquet_schema(path)
        return table(
            ["column", "kind"], [[f"`{n}`", str(k)] for n, k in columns.items()]
        )
    if path.suffix == ".safetensors":
        rows = [
            [f"`{name}`", str(array.dtype), " x ".join(map(str, array.shape))]
            for name, array in load_file(path).items()
        ]
        return table(["array", "kind", "shape"], rows)
    if path.suffix == ".json":
        rows = [[f"`{k}`", kind] for k, kind in _kinds(json.loads(path.read_text()))]
        return table(["entry", "kind"], rows)
    return ""


_WORDS = {str: "text", bool: "true or false", int: "number", float: "number"}


def _kinds(content: Any, before: str = "") -> list[tuple[str, str]]:
    """Every entry of a JSON object with its kind; long objects are cut."""
    rows = []
    for name, value in content.items():
        if isinstance(value, dict) and value and before.count(".") < 1:
            inner = _kinds(value, f"{before}{name}.")
            rows += inner[:6] + [(f"{before}{name}. ...", "")] * (len(inner) > 6)
        else:
            kinds = {list: "list", dict: "object", type(None): "null"} | _WORDS
            rows.append((before + name, kinds[type(value)]))
    return rows
