"""The table of a study's runs: sortable, filterable, each run with its details."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..store.json_values import plain
from ..store.read import StoredRun
from ..store.tables import prefixed
from .commands import command_of
from .differences import spreads
from .markup import Markup, joined, tag
from .material import StudyRuns
from .values import cell, environment_of, shown


# The style sheet prints no more columns beside the run.
_PRINTED = 11


def runs_table(study: StudyRuns) -> Markup:
    """The table, the field to filter it, and what its rows open."""
    rows = [_row(run) for run in study.shown]
    told = spreads(rows)
    columns = [s for s in told if s.varies or s.name == "status"]
    # A single run differs from nothing: all of it is told.
    if len(rows) == 1:
        columns = [s for s in told if s.values[0][0] is not None]
    name = f"runs-{study.name}"
    # What may be typed into the filter, in terms of these runs.
    words = [study.shown[0].status]
    for field in [field for field in study.config if field.varies][:1]:
        words.append(f"{field.name}={shown(study.shown[0].config.get(field.name))}")
    # What the rows do not show, as JSON; what all runs share is there once.
    shared = {s.name: shown(s.values[0][0]) for s in told if not s.varies}
    runs = {
        run.path.name: {
            "values": {n: shown(v) for n, v in row.items() if n not in shared},
            "command": command_of(run, study.about.defaults),
            "notes": run.notes,
            "date": environment_of(run).get("date", ""),
        }
        for run, row in zip(study.shown, rows, strict=True)
    }
    content = {"shared": shared, "runs": runs}
    # `<` must not end the element that holds it.
    return joined(
        _filter(name, len(rows), (f"for example: {' '.join(words)}")),
        tag(
            "div",
            _table(name, study, rows, [s.name for s in columns]),
            class_="scroll broad" if len(columns) > _PRINTED else "scroll",
            role="region",
            tabindex="0",
            aria_label=f"Runs of {study.name}",
        ),
        tag(
            "script",
            Markup(
                json.dumps(plain(content), separators=(",", ":")).replace(
                    "<", "\\u003c"
                )
            ),
            type="application/json",
            data_details=name,
        ),
    )


def _row(run: StoredRun) -> dict[str, Any]:
    ended = {"status": run.status, "seconds": run.seconds}
    ended |= {"error": run.error} if run.error is not None else {}
    # A study may give any name to a summary; how a run ended is told as such, always.
    taken = run.config.keys() | ended.keys() | {"error"}
    summary = prefixed("summary", run.summary, taken=taken)
    config = prefixed("config", run.config, taken=ended.keys())
    return {"status": run.status} | config | summary | ended


def _filter(name: str, n_runs: int, hint: str) -> Markup:
    return tag(
        "div",
        tag("label", "Filter", for_=f"{name}-filter"),
        tag(
            "input",
            id=f"{name}-filter",
            type="search",
            placeholder=hint,
            autocomplete="off",
            spellcheck="false",
            data_filters=name,
        ),
        tag(
            "output",
            f"{n_runs} {'run' if n_runs == 1 else 'runs'}",
            for_=f"{name}-filter",
            data_counts=name,
        ),
        class_="filter",
    )


def _table(
    name: str,
    study: StudyRuns,
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
) -> Markup:
    head = [
        tag(
            "th",
            tag("button", column.replace("_", " "), type="button"),
            scope="col",
            aria_sort="none",
            data_name=column,
        )
        for column in ("run", *columns)
    ]
    openers = [
        tag("button", name, type="button", data_run=name, aria_haspopup="dialog")
        for name in (run.path.name for run in study.shown)
    ]
    body = [
        tag(
            "tr",
            tag("th", opener, scope="row"),
            *(cell(row.get(column)) for column in columns),
        )
        for opener, row in zip(openers, rows, strict=True)
    ]
    caption = f"Runs of {study.name}. Select a heading to sort, a run for its details."
    return tag(
        "table",
        tag("caption", caption),
        tag("thead", tag("tr", *head)),
        tag("tbody", *body),
        class_="runs",
        id=name,
    )
