"""What a report is made of: stored runs, and the answers kept beside them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import StoreError
from ..store.files import read_json
from ..store.find import Unreadable
from ..store.read import StoredRun
from ..store.table import gather


@dataclass(frozen=True, kw_only=True)
class About:
    """What is known of a study beside its runs."""

    question: str = ""
    """Its question in one line."""
    citations: Sequence[str] = ()
    """BibTeX of its sources."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """The default of every config field that has one."""


@dataclass(frozen=True, kw_only=True)
class StudyRuns:
    """The latest attempts at the runs of one study."""

    name: str
    about: About
    runs: Sequence[StoredRun]

    def fields(self) -> list[str]:
        """Every field of their configs."""
        return list(dict.fromkeys(name for run in self.runs for name in run.config))


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A reproduction or an analysis: its figures, tables and claims."""

    kind: str
    """`reproductions` or `analyses`."""
    name: str
    detail: str
    """The scale of a reproduction, the runs of an analysis."""
    facts: Mapping[str, Any]
    """What `claims.json` holds: title, source, claims."""
    figures: Sequence[Path]
    tables: Sequence[Path]

    @property
    def claims(self) -> Sequence[Mapping[str, Any]]:
        """Sentences with what was published and measured."""
        return self.facts.get("claims", [])


@dataclass(frozen=True, kw_only=True)
class Material:
    """All of a report."""

    root: Path
    studies: Sequence[StudyRuns]
    answers: Sequence[Answer]
    left_out: Sequence[Unreadable]
    """Unfinished and damaged runs, those without readable records among them."""


def collect(
    root: Path, *, about: Callable[[str], About], study: str | None = None
) -> Material:
    """Read the runs of a folder and what was made of them.

    Args:
        root: Folder of all runs.
        about: What is known of a study, by its name.
        study: Only this study and its reproductions.

    Raises:
        StoreError: If the folder does not exist or holds no finished run.
    """
    gathered = gather(root, study=study)
    by_study: dict[str, list[StoredRun]] = {}
    for run in gathered.runs:
        by_study.setdefault(run.study, []).append(run)
    studies = [
        StudyRuns(name=name, about=about(name), runs=runs)
        for name, runs in sorted(by_study.items())
    ]
    if not studies:
        of = f" of {study!r}" if study else ""
        raise StoreError(f"`{root}` holds no finished run{of} to report.")
    left_out = [*gathered.unreadable, *_without_records(gathered.runs)]
    answers = list(_answers(root, left_out))
    return Material(
        root=root,
        studies=studies,
        answers=[a for a in answers if study is None or _is_of(a, studies[0])],
        left_out=left_out,
    )


def _without_records(runs: Sequence[StoredRun]) -> Iterator[Unreadable]:
    """The runs that have a row in the report and, being damaged, no curve."""
    for run in runs:
        if run.error is None:
            try:
                _ = run.metrics
            except StoreError as error:
                yield Unreadable(run.path, str(error))


def _answers(root: Path, left_out: list[Unreadable]) -> Iterator[Answer]:
    for kind in ("reproductions", "analyses"):
        for folder in sorted((root / kind).glob("*/*/")):
            claims = folder / "claims.json"
            try:
                facts = _facts(claims) if claims.exists() else {}
            except StoreError as error:
                facts = {}  # The figures are still worth showing.
                left_out.append(Unreadable(claims, str(error)))
            yield Answer(
                kind=kind,
                name=folder.parent.name,
                detail=folder.name,
                facts=facts,
                figures=sorted(folder.glob("*.svg")),
                tables=sorted(folder.glob("*.csv")),
            )


def _facts(path: Path) -> Mapping[str, Any]:
    """What `claims.json` says, if it has the form in which claims are written."""
    facts = read_json(path)
    claims = facts.get("claims", [])
    whole = isinstance(claims, list) and all(
        isinstance(claim, dict) and isinstance(claim.get("holds"), bool | None)
        for claim in claims
    )
    if not whole:
        raise StoreError(f"`{path}` is damaged: its claims are none; make it again.")
    return facts


def _is_of(answer: Answer, study: StudyRuns) -> bool:
    """Whether an answer is about a study, as far as it tells."""
    if answer.kind == "reproductions":
        return answer.facts.get("study") == study.name
    return any(run.id in answer.detail for run in study.runs)
