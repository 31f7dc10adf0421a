"""The answers that lie beside runs: reproductions, and analyses of single runs."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import StoreError
from ..store.files import damaged, read_file, read_sealed
from ..store.find import Unreadable
from ..store.status import stamp_in
from .values import shown


# What each kind of answer says of itself, beside its figures and tables.
_FACTS = {"reproductions": "claims.json", "analyses": "analysis.json"}

_TEXTS = ("title", "source")
_CLAIM = ("sentence", "published", "measured")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A reproduction or an analysis: its figures, tables and claims."""

    kind: str
    """`reproductions` or `analyses`."""
    name: str
    detail: str
    """The scale of a reproduction; runs and options of an analysis."""
    facts: Mapping[str, Any]
    """Of a reproduction title, source, claims; of an analysis options and runs."""
    figures: Sequence[Path]
    tables: Sequence[Path]

    @property
    def claims(self) -> Sequence[Mapping[str, Any]]:
        """Sentences with what was published and measured."""
        return self.facts.get("claims", [])

    @property
    def summary(self) -> Mapping[str, Any]:
        """Of an analysis: the scalars to be read first."""
        found = self.facts.get("summary")
        return found if isinstance(found, dict) else {}

    @property
    def notes(self) -> Sequence[str]:
        """What else it says, in sentences."""
        told = self.facts.get("notes")
        return [n for n in told if isinstance(n, str)] if isinstance(told, list) else []

    @property
    def runs(self) -> str:
        """The runs that it was made from, as far as it tells."""
        made_from = [each["run"] for each in self.facts.get("runs", [])]
        return " ".join(made_from) or self.detail


def answers(root: Path) -> tuple[list[Answer], list[Unreadable]]:
    """Every answer beside the runs of a folder, and what cannot be believed of them."""
    found, left_out = [], []
    folders = [
        (kind, folder)
        for kind in _FACTS
        for folder in sorted((root / kind).glob("*/*"))
        if os.path.isdir(folder)
    ]
    for kind, folder in folders:
        path = folder / _FACTS[kind]
        try:
            facts = _facts(path) if os.path.exists(path) else {}
        except StoreError:
            # Its figures are still worth showing.
            facts = {}
            reason = f"`{path}` is damaged: start its command again to write it anew."
            left_out.append(Unreadable(folder, reason))
        figures, tables = (
            _as_written(
                [each for ending in endings for each in folder.glob(ending)],
                facts,
                left_out,
            )
            for endings in (("*.svg", "*.gif"), ("*.csv",))
        )
        found.append(
            Answer(
                kind=kind,
                name=folder.parent.name,
                detail=_detail(facts) or folder.name,
                facts=facts,
                figures=figures,
                tables=tables,
            )
        )
    return found, left_out


def _as_written(
    paths: Iterable[Path], facts: Mapping[str, Any], left_out: list[Unreadable]
) -> list[Path]:
    """The files that the facts vouch for; all where they are older and tell none."""
    whole = []
    for path in sorted(paths):
        try:
            if "files" in facts:
                stamp = stamp_in(path, facts["files"].get(path.name))
                read_file(path, expected=stamp)
            whole.append(path)
        except StoreError:
            reason = f"`{path}` is not as it was written: start its command again."
            if path.name not in facts["files"]:
                reason = f"`{path}` belongs to no answer: delete it."
            left_out.append(Unreadable(path, reason))
    return whole


def _facts(path: Path) -> dict[str, Any]:
    facts = read_sealed(path)
    claims, runs = facts.get("claims", []), facts.get("runs", [])
    if not isinstance(claims, list) or not all(map(_is_claim, claims)):
        raise damaged(path, "holds no claims")
    if not isinstance(runs, list) or not all(
        isinstance(run, dict) and type(run.get("run")) is str for run in runs
    ):
        raise damaged(path, "names no runs")
    if type(facts.get("files", {})) is not dict:
        raise damaged(path, "has no stamps of the files")
    if any(type(facts.get(name, "")) is not str for name in _TEXTS):
        raise damaged(path, "has a title or a source that is no text")
    return facts


def _is_claim(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and all(type(value.get(n)) is str for n in _CLAIM)
        and any(value.get("holds") is verdict for verdict in (True, False, None))
    )


def _detail(facts: Mapping[str, Any]) -> str | None:
    """The runs and the options of an analysis, those of a few runs by name."""
    options, runs = facts.get("options"), facts.get("runs")
    if not isinstance(options, dict) or not runs:
        return None
    told = ", ".join(run["run"].rpartition("/")[2] for run in runs[:3])
    told += f" and {len(runs) - 3} more" if len(runs) > 3 else ""
    named = {n: v for n, v in options.items() if v is not None and v != []}
    chosen = ", ".join(f"{n.replace('_', ' ')} {shown(v)}" for n, v in named.items())
    return f"{told} with {chosen}" if chosen else told
