"""`overparam analyse RUN [RUN ...] NAME`: look at stored networks."""

import dataclasses
import difflib
import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...analysis.catalogue import ANALYSES, analysis
from ...analysis.declaration import Analysis, Findings
from ...catalogue import load
from ...checks import shortened
from ...errors import ConfigError, StoreError
from ...field_values import unknown
from ...processes import keep_compiled
from ...progress import Reporter
from ...running.precision import precision
from ...store.files import write_sealed
from ...store.identity import id_of
from ...store.json_values import plain
from ...store.read import StoredRun, read_run, read_runs
from ...store.resolve import resolve_run
from ...studies.registry import STUDIES
from ..arguments import Storage, overview, parse_all
from ..show import print_json, print_table, print_values, tell, tell_unverified
from .describe import Describing


ROWS_OF_A_TERMINAL = 30
"""More rows would push the summary above them out of sight."""


def forms() -> dict[str, list[type[Any]]]:
    """The options of the verb, by its subject."""
    return {
        name: [entry.options, Describing, Storage] for name, entry in ANALYSES.items()
    }


def main(argv: Sequence[str]) -> int:
    """Analyse stored networks."""
    if not argv or argv[0] in ("-h", "--help"):
        print(_help())
        return 0 if argv else 2
    runs, name, rest = _split(argv)
    entry = analysis(name)
    kind = entry.options
    options, printing, storage = parse_all(
        forms()[name],
        rest,
        prog=f"overparam analyse RUN {name}",
        description=kind.__doc__ or "",
    )
    from ...studies.contract import as_subject

    keep_compiled()
    stored = [run for text in runs for run in _stored(storage.runs, text, entry)]
    _check_number(name, entry, len(stored))
    _check_distinct(stored)
    _check_data(stored)
    tell_unverified(stored)
    subjects = [as_subject(run) for run in stored]
    with (
        Reporter(name, unit="part") as reporter,
        precision(*(run.config for run in stored)),
    ):
        findings = entry.analyse()(subjects, options, reporter)
    findings = _with_published(name, findings, stored)
    _print(findings, as_json=printing.json)
    question = {
        "analysis": name,
        "options": plain(options),
        "runs": [run.reference for run in stored],
    }
    folder = storage.runs / "analyses" / name / _label(stored, question)
    _write(findings, question, folder)
    return 0


def _with_published(
    name: str, findings: Findings, stored: Sequence[StoredRun]
) -> Findings:
    """The findings with the table that a published script writes of such runs."""
    studies = {run.study for run in stored}
    entry = STUDIES.get(studies.pop()) if len(studies) == 1 else None
    places = {} if entry is None else entry.published_tables
    if name not in places:
        return findings
    (first, *_) = findings.tables.values()
    tables = {**findings.tables, "reference": load(places[name])(stored, first)}
    return dataclasses.replace(findings, tables=tables)


def _split(argv: Sequence[str]) -> tuple[list[str], str, list[str]]:
    for index, word in enumerate(argv):
        if word in ANALYSES:
            runs, rest = list(argv[:index]), list(argv[index + 1 :])
            if not runs and rest and not rest[0].startswith("-"):
                raise ConfigError(
                    "The runs come before the analysis: write `overparam analyse "
                    f"{shortened(rest[0])} {word}`."
                )
            return runs, word, rest
    for word in argv[1:]:
        if difflib.get_close_matches(word, ANALYSES):
            raise ConfigError(unknown(word, ANALYSES, what="analysis"))
    listed = ", ".join(ANALYSES)
    raise ConfigError(f"Name an analysis after the runs: one of {listed}.")


def _stored(root: Path, text: str, entry: Analysis) -> list[StoredRun]:
    folder = Path(text)
    holds_run = os.path.exists(folder / "config.json")
    is_collection = os.path.isdir(folder) and not holds_run
    if is_collection and entry.most_subjects is None:
        runs, left_out = read_runs(folder)
        for unreadable in left_out:
            tell(f"left out: {unreadable.reason}")
        return runs
    return [read_run(resolve_run(root, text))]


def _check_number(name: str, entry: Analysis, number: int) -> None:
    most = entry.most_subjects
    if number < entry.least_subjects or (most is not None and number > most):
        wanted = f"at least {entry.least_subjects}"
        if most is not None:
            wanted = f"{entry.least_subjects} to {most}"
        runs = "run" if wanted.endswith(" 1") else "runs"
        raise ConfigError(
            f"`{name}` takes {wanted} stored {runs}, got {number}: write `overparam "
            f"analyse RUN {name}`, where RUN is the folder of a run or the beginning "
            "of its id."
        )


def _check_distinct(stored: Sequence[StoredRun]) -> None:
    times = Counter(run.path.resolve() for run in stored)
    for path, number in times.items():
        if number > 1:
            raise ConfigError(f"The run `{path.name}` is named {number} times.")


def _check_data(stored: Sequence[StoredRun]) -> None:
    """An analysis that measures on data reads those that are there: say if others."""
    from ...data.files.fingerprint import fingerprint_at_hand

    for run in stored:
        for name in {file.partition("/")[0] for file in run.data}:
            try:
                run.check_data(fingerprint_at_hand(name))
            except StoreError as error:
                tell(f"note: {error}")


def _label(stored: Sequence[StoredRun], question: Mapping[str, Any]) -> str:
    """A folder for one question: the runs as a person reads them, and a digest."""
    names = [run.path.name for run in stored]
    told = "-".join(names) if len(names) <= 3 else f"{names[0]}-and-{len(names) - 1}"
    return f"{told}-{id_of('analysis', question)}"


def _print(findings: Findings, *, as_json: bool) -> None:
    tables = {name: frame.to_dicts() for name, frame in findings.tables.items()}
    if as_json:
        print_json({"summary": findings.summary, "tables": tables})
    else:
        if findings.summary:
            print_values(findings.summary)
        for name, frame in list(findings.tables.items())[:1]:
            most = ROWS_OF_A_TERMINAL if sys.stdout.isatty() else len(frame)
            print_table(frame.columns, frame.head(most).rows())
            if len(frame) > most:
                tell(f"{len(frame) - most} rows more are in {name}.csv.")
    for note in findings.notes:
        tell(f"note: {note}")


def _write(findings: Findings, question: Mapping[str, Any], folder: Path) -> None:
    from ...plots.figure import save
    from ...store.tables import write_table

    said = {"summary": findings.summary, "notes": list(findings.notes)}
    write_sealed(folder / "analysis.json", {**question, **said})
    for name, frame in findings.tables.items():
        write_table(frame, folder / f"{name}.csv")
    for name, figure in findings.figures.items():
        save(figure, folder / name)
    tell(f"tables and figures: {folder}")


def _help() -> str:
    return overview(
        "analyse RUN [RUN ...] ANALYSIS [options]",
        {name: entry.question for name, entry in ANALYSES.items()},
        remark="RUN is the folder of a run or the beginning of its id.",
        examples=[
            "analyse 3f2a balance",
            "analyse runs/planted/3f2a0c4d5e6f balance --json",
        ],
    )
