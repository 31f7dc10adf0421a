"""`overparam analyse RUN [RUN ...] NAME`: look at stored networks."""

import difflib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...analysis.catalogue import ANALYSES, analysis
from ...analysis.declaration import Analysis, Findings
from ...checks import shortened
from ...errors import ConfigError
from ...field_values import unknown
from ...processes import keep_compiled
from ...progress import Reporter
from ...running.analysing import analyse_runs, keep_findings
from ...store.read import StoredRun, read_run, read_runs
from ...store.resolve import resolve_run
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
    keep_compiled()
    stored = [run for text in runs for run in _stored(storage.runs, text, entry)]
    tell_unverified(stored)
    with Reporter(name, unit="part") as reporter:
        findings = analyse_runs(name, stored, options, reporter)
    _print(findings, as_json=printing.json)
    folder = keep_findings(findings, name, stored, options, storage.runs)
    tell(f"tables and figures: {folder}")
    return 0


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
