"""What a report is made of: stored runs, and the answers kept beside them."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import StoreError
from ..store.find import Unreadable, no_run
from ..store.read import StoredRun
from ..store.tables import gather_runs
from .answers import Answer, answers
from .differences import Spread, spreads


MOST_SHOWN = 1000
"""Runs of a study that have a curve and a row; a page of more could not be opened."""


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

    @functools.cached_property
    def shown(self) -> Sequence[StoredRun]:
        """The runs with a curve and a row: all, or evenly taken ones of very many.

        They are in the order of their ids, which are hashes: it is a sample at random.
        """
        n_runs = len(self.runs)
        n_shown = min(n_runs, MOST_SHOWN)
        return [self.runs[n_runs * i // n_shown] for i in range(n_shown)]

    @functools.cached_property
    def config(self) -> Sequence[Spread]:
        """The values of every field of the configs of all runs."""
        return spreads([run.config for run in self.runs])

    @property
    def fields(self) -> list[str]:
        """Every field of their configs."""
        return [spread.name for spread in self.config]


@dataclass(frozen=True, kw_only=True)
class Material:
    """All of a report."""

    root: Path
    studies: Sequence[StudyRuns]
    answers: Sequence[Answer]
    left_out: Sequence[Unreadable]
    """Unfinished and damaged runs, those without readable records among them."""


def collect(
    root: Path,
    *,
    about: Callable[[str], About],
    study: str | None = None,
    choose: Callable[[Sequence[StoredRun], int], Sequence[StoredRun]] | None = None,
) -> Material:
    """Read the runs of a folder and what was made of them.

    Args:
        root: Folder of all runs.
        about: What is known of a study, by its name.
        study: Only this study and its reproductions.
        choose: Which of the runs are meant, and answers about them; it is told how
            many cannot be read.

    Raises:
        StoreError: If the folder does not exist or holds no finished run.
    """
    chosen, unreadable = gather_runs(root, study=study)
    if choose is not None:
        chosen = choose(chosen, len(unreadable))
    by_study: dict[str, list[StoredRun]] = {}
    for run in chosen:
        by_study.setdefault(run.study, []).append(run)
    studies = [
        StudyRuns(name=name, about=about(name), runs=runs)
        for name, runs in sorted(by_study.items())
    ]
    if not studies:
        raise StoreError(no_run(root, study, wanted="finished run"))
    found, damaged = answers(root)
    left_out = [*unreadable]
    for run in (run for each in studies for run in each.shown):
        # A damaged one has a row in the report and no curve.
        if run.error is None:
            try:
                _ = run.metrics
            except StoreError as error:
                left_out.append(Unreadable(run.path, str(error)))
    return Material(
        root=root,
        studies=studies,
        answers=[
            answer
            for answer in found
            if (study is None and choose is None)
            or any(_is_of(answer, each) for each in studies)
        ],
        left_out=[*left_out, *damaged],
    )


def _is_of(answer: Answer, study: StudyRuns) -> bool:
    """Whether an answer is about a study, as far as it tells."""
    if answer.kind == "reproductions":
        return answer.facts.get("study") == study.name
    return any(run.id in answer.runs for run in study.runs)
