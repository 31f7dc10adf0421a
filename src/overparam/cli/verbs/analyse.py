"""`overparam analyse RUN [RUN ...] NAME`: look at stored networks."""

import itertools
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import Any

from ...analysis.catalogue import ANALYSES, analysis
from ...analysis.declaration import Findings
from ...checks import nearest, shortened
from ...errors import ConfigError, OverparamError
from ...field_values import unknown
from ...last_resort import last_words
from ...plots.styles import drawn_for
from ...processes import STOP, keep_compiled
from ...progress import Reporter
from ...running.analysing import (
    analyse_runs,
    keep_findings,
    listing,
    other_data,
    refusals,
    subjects_of,
)
from ...running.importing import keep_networks
from ...store.find import find_runs, is_there
from ...store.read import StoredRun, read_run, read_runs
from ...store.resolve import resolve_run
from ..arguments import Drawing, Storage, overview, parse_all
from ..show import print_json, print_table, print_values, tell, tell_unverified
from .describe import Describing


EVERY = "all"
"""In the place of an analysis: every one that applies."""
ROWS_OF_A_TERMINAL = 30
"""More rows would push the summary above them out of sight."""
_ALONE: list[type[Any]] = [Describing, Drawing, Storage]


def forms() -> dict[str, list[type[Any]]]:
    """The options of the verb, by its subject."""
    named = {name: [entry.options, *_ALONE] for name, entry in ANALYSES.items()}
    return {"": _ALONE, EVERY: _ALONE, **named}


def main(argv: Sequence[str]) -> int:
    """Analyse stored networks."""
    if not argv or argv[0] in ("-h", "--help"):
        print(
            overview(
                "analyse RUN [RUN ...] [ANALYSIS [options]]",
                {name: entry.question for name, entry in ANALYSES.items()},
                remark="RUN is the folder of a run or the beginning of its id. Without "
                "an analysis those that apply are listed, with why the others do "
                "not; `all` does those that do.",
                examples=[
                    "analyse 3f2a",
                    "analyse 3f2a all",
                    "analyse 3f2a balance",
                    "analyse runs/planted/3f2a0c4d5e6f balance --json",
                ],
            )
        )
        return 0 if argv else 2
    runs, name, rest = _split(argv)
    if name in ("", EVERY):
        return _all_of(runs, name, rest)
    entry = analysis(name)
    kind = entry.options
    options, printing, drawing, storage = parse_all(
        [kind, *_ALONE],
        rest,
        prog=f"overparam analyse RUN {name}",
        description=kind.__doc__ or "",
    )
    keep_compiled()
    several = entry.most_subjects is None
    stored = [run for text in runs for run in _stored(storage.runs, text, several)]
    _tell_of(stored)
    with drawn_for(drawing.style):
        findings, folder = _analysed(name, stored, options, storage.runs)
    if printing.json:
        print_json(_said(findings))
    else:
        most = ROWS_OF_A_TERMINAL if sys.stdout.isatty() else None
        _print(findings, folder, most=most)
    return 0


def _all_of(runs: Sequence[str], name: str, rest: Sequence[str]) -> int:
    """List the analyses that apply to runs, and why others do not; or do them all."""
    printing, drawing, storage = parse_all(
        _ALONE,
        rest,
        prog=f"overparam analyse RUN {name}".rstrip(),
        description="Which analyses apply to runs, and why the others do not; with "
        f"`{EVERY}` those that do are done, with their default options.",
    )
    keep_compiled()
    stored = [run for text in runs for run in _stored(storage.runs, text, True)]
    _tell_of(stored)
    refused = refusals(subjects_of(stored))
    if name == EVERY:
        with drawn_for(drawing.style):
            return _every(stored, refused, storage.runs, as_json=printing.json)
    if printing.json:
        print_json(refused)
    else:
        table = listing(refused)
        print_table(table.columns, table.rows())
    return 0


def _every(
    stored: Sequence[StoredRun],
    refused: Mapping[str, str | None],
    root: Path,
    *,
    as_json: bool,
) -> int:
    """Do what applies; one that fails is told, and the others go on."""
    code, said = 0, {}
    for name, why in refused.items():
        STOP.obey()
        if why is not None:
            tell(f"{name} does not apply: {why}")
            continue
        try:
            findings, folder = _analysed(name, stored, ANALYSES[name].options(), root)
        except OverparamError as error:
            tell(f"{name}: {error}")
            code = code or error.exit_code
            continue
        except Exception as error:
            tell(f"{name}: {last_words(error)[0]}")
            code = code or 1
            continue
        if as_json:
            said[name] = _said(findings)
            continue
        print(f"\n{name}: {ANALYSES[name].question}")
        # Of many analyses the answers are read first; no table pushes them away.
        _print(findings, folder, most=ROWS_OF_A_TERMINAL)
    if as_json:
        print_json(said)
    return code


def _analysed(
    name: str, stored: Sequence[StoredRun], options: Any, root: Path
) -> tuple[Findings, Path]:
    """What an analysis finds, and the folder beside the runs where it is stored."""
    with Reporter(name, unit=ANALYSES[name].unit) as reporter:
        findings = analyse_runs(name, stored, options, reporter)
    folder = keep_findings(findings, name, stored, options, root)
    tell(f"tables and figures: {folder}")
    for done in keep_networks(findings.networks, stored[0], root):
        tell(f"network: {done.path}")
    return findings, folder


def _tell_of(stored: Sequence[StoredRun]) -> None:
    """Say what is to be known of runs, whatever comes of the analysis."""
    tell_unverified(stored)
    for note in other_data(stored):
        tell(f"note: {note}")


def _split(argv: Sequence[str]) -> tuple[list[str], str, list[str]]:
    for index, word in enumerate(argv):
        if word in ANALYSES or word == EVERY:
            runs, rest = list(argv[:index]), list(argv[index + 1 :])
            if not runs and rest and not rest[0].startswith("-"):
                raise ConfigError(
                    "The runs come before the analysis: write `overparam analyse "
                    f"{shortened(rest[0])} {word}`."
                )
            return runs, word, rest
    for word in argv[1:]:
        if nearest(word, ANALYSES):
            raise ConfigError(unknown(word, ANALYSES, what="analysis"))
    runs = list(itertools.takewhile(lambda word: not word.startswith("-"), argv))
    if not runs:
        raise ConfigError("Name a run: `overparam analyse RUN` lists what applies.")
    return runs, "", list(argv[len(runs) :])


def _stored(root: Path, text: str, several: bool) -> list[StoredRun]:
    folder = Path(text)
    holds_run = is_there(folder / "config.json")
    is_collection = os.path.isdir(folder) and not holds_run
    if is_collection and several:
        runs, left_out = read_runs(folder)
        for unreadable in left_out:
            tell(f"left out: {unreadable.reason}")
        return runs
    if is_collection and find_runs(folder):
        raise ConfigError(
            f"`{text}` is a folder of runs, and this takes single ones: `overparam "
            f"table {quote(text)}` lists them."
        )
    return [read_run(resolve_run(root, text))]


def _said(findings: Findings) -> dict[str, Any]:
    """Findings as JSON holds them, their notes for the person."""
    for note in findings.notes:
        tell(f"note: {note}")
    tables = {name: frame.to_dicts() for name, frame in findings.tables.items()}
    return {"summary": findings.summary, "tables": tables}


def _print(findings: Findings, folder: Path, *, most: int | None) -> None:
    if findings.summary:
        print_values(findings.summary)
    for name, frame in list(findings.tables.items())[:1]:
        shown = frame if most is None else frame.head(most)
        print_table(frame.columns, shown.rows())
        if len(shown) < len(frame):
            rest = len(frame) - len(shown)
            tell(f"{rest} of {len(frame)} rows more are in {folder / name}.csv.")
    for note in findings.notes:
        tell(f"note: {note}")
