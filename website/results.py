"""The results of every study, from recorded claims."""

import csv
import functools
import json
import re
import textwrap
from pathlib import Path
from typing import Any
from urllib.parse import quote

from overparam.progress import counted, duration
from overparam.reproductions.registry import REPRODUCTIONS, costs
from overparam.studies.registry import STUDIES
from tables import table


RECORDS = Path(__file__).parents[1] / "docs" / "records"
KEPT = (".png", ".gif", ".csv")
"""Files that are kept of a reproduction: its figures, animations and tables."""

_MOST_ROWS = 24
_SHORT = ("hold", "do not hold", "open")
_VERDICTS = {True: "holds", False: "does not hold", None: "not decided at this scale"}


def pages(records: Path = RECORDS) -> dict[str, str]:
    """The pages: address and Markdown."""
    recorded = _recorded(records)
    by_study = {
        name: [record for record in recorded if record["study"] == name]
        for name in STUDIES
    }
    found = {"results/index.md": _overview(by_study)}
    return found | {
        f"results/{name}.md": _page(name, records_of)
        for name, records_of in by_study.items()
    }


def _recorded(records: Path) -> list[dict[str, Any]]:
    """All records, one of each reproduction and scale."""
    found = []
    for path in sorted(records.glob("*.*.json")):
        beside = sorted(path.with_suffix("").glob("*"))
        name = path.stem.partition(".")[0]
        if name not in REPRODUCTIONS:
            raise SystemExit(f"The record `{path}` is of no reproduction of ours.")
        found.append(_read(path) | {"name": name, "beside": beside})
    return found


def _read(path: Path) -> dict[str, Any]:
    """A record, of the form in which `website/record.py` writes it."""
    try:
        content = json.loads(path.read_text())
        told = [content["made"][name] for name in ("version", "date", "machine")]
        told += [content[name] for name in ("title", "source", "study", "scale")]
        told.append(content["made"].get("commit", ""))
        whole = isinstance(content["claims"], list)
        for claim in content["claims"]:
            told += [claim[name] for name in ("sentence", "published", "measured")]
            whole = whole and any(claim["holds"] is verdict for verdict in _VERDICTS)
        whole = whole and all(isinstance(each, str) for each in told)
        counted_of = (content["made"]["runs"], content["made"].get("seconds", 0))
        whole = whole and all(type(each) is int for each in counted_of)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        whole, content = False, {}
    if not whole:
        raise _damaged(path)
    return content


def _damaged(path: Path) -> SystemExit:
    return SystemExit(
        f"The record `{path}` is damaged: give it back from git, or measure it again "
        "(`python website/record.py RUNS`)."
    )


def _overview(by_study: dict[str, list[dict[str, Any]]]) -> str:
    rows = []
    for name, records in by_study.items():
        claims = [claim for record in records for claim in record["claims"]]
        held = [sum(c["holds"] is verdict for c in claims) for verdict in _VERDICTS]
        counts = [len({r["name"] for r in records}), len(_at_paper(records))]
        told = [f"{count} of {len(_reproductions(name))}" for count in counts]
        rows.append([f"[{name}]({name}.md)", *told, *map(str, held)])
    heads = ["study", "reproductions recorded", "at the published size"]
    heads += _VERDICTS.values()
    return "\n\n".join(
        [
            "# Results",
            "What was published, what we measured and whether it holds. These pages "
            "are made from the `claims.json` of recorded reproductions; "
            "`overparam reproduce NAME` measures one again. What is measured beside "
            "the claims stands in the notes of a study.",
            table(heads, rows),
            *_all_costs(by_study),
        ]
    )


def _all_costs(by_study: dict[str, list[dict[str, Any]]]) -> list[str]:
    """What each published size costs, and at which scales it is recorded."""
    rows = []
    for study, records in by_study.items():
        for name in _reproductions(study):
            scales = [f"`{r['scale']}`" for r in records if r["name"] == name]
            cost = costs()[name]
            told = [f"{cost['processor_hours']:,g}", f"{cost['runs']:,}"]
            told += [duration(cost["dearest_run_seconds"]), cost["measured"]]
            recorded = ", ".join(scales) or "—"
            rows.append([f"[`{name}`]({study}.md)", recorded, *told])
    heads = ["reproduction", "recorded at", "processor hours at the published size"]
    heads += ["runs", "dearest measured", "measured on"]
    return [
        "## What the published sizes cost",
        "What is recorded at `laptop` alone is smaller than what was published, for "
        "what the published size (`--scale paper`) costs on the two cores that all "
        "records are made on. Hours are of the processor: two cores do at most two in "
        "an hour. They are drawn out from parts of some runs, on a machine that other "
        "work shared, and right within a factor of about two. Figures, tables and "
        "claims come on top. `python website/costs.py` measures them again. On a "
        "[cluster](../how-to/clusters.md) whatever is missing is run by",
        _on_cluster("NAME"),
        table(heads, rows),
    ]


def _not_run(name: str) -> str:
    """Why there is no record of the published size, and what makes it."""
    cost = costs()[name]
    return (
        f"The published size is not recorded. Its {counted(cost['runs'], 'run')} cost "
        f"{_hours(name)} (measured on {cost['measured']}). On a cluster it is made by"
        f"\n\n{_on_cluster(name)}"
    )


def _on_cluster(name: str) -> str:
    command = f"overparam reproduce {name} --scale paper --cluster slurm --jobs 50"
    return f"```bash\n{command}\n```"


def _hours(name: str) -> str:
    """What the published size of a reproduction costs, in words."""
    return f"about {costs()[name]['processor_hours']:,g} processor hours"


def _at_paper(records: list[dict[str, Any]]) -> set[str]:
    return {record["name"] for record in records if record["scale"] == "paper"}


@functools.cache
def _reproductions(study: str) -> list[str]:
    """The reproductions that need runs of a study."""
    return [
        name
        for name, listed in REPRODUCTIONS.items()
        if listed.reproduction().study == study
    ]


def with_verdicts(page: str, records: Path = RECORDS) -> str:
    """A page whose tables are of the records now.

    A table stands between `<!-- claims of STUDY -->` and `<!-- end of claims -->`, and
    what they say together where the study is `all`.
    """

    def filled(place: re.Match[str]) -> str:
        whole, study = place[1], place[2]
        told = _summary(records) if study == "all" else _verdicts(study, records)
        return f"{whole}\n\n{told}\n\n<!-- end of claims -->"

    places = r"(<!-- claims of ([\w-]+) -->).*?<!-- end of claims -->"
    return re.sub(places, filled, page, flags=re.DOTALL)


def _verdicts(study: str, records: Path) -> str:
    """Each claim of a study with its verdict and the command that decides it again."""
    found = [record for record in _recorded(records) if record["study"] == study]
    scales: dict[Any, list[list[str]]] = {}  # One below the other, claim by claim.
    for record in found:
        scale = "" if record["scale"] == "laptop" else f" --scale {record['scale']}"
        for row in _rows(record):
            of_claim = scales.setdefault((record["name"], *row[:2]), [])
            of_claim.append([*row, f"`{record['name']}{scale}`"])
    rows = [row for of_claim in scales.values() for row in of_claim]
    heads = ["claim", "published", "measured here", "verdict", "reproduction"]
    told = [table(heads, rows)] if rows else []
    if missing := _missing(study, found):
        rows = [f"- `{name}`, {_hours(name)} at the published size" for name in missing]
        told += ["Not recorded:", "\n".join(rows)]
    return "\n\n".join(told)


def _summary(records: Path) -> str:
    """How many claims hold, by study, and the published ones that do not.

    Of a claim that is recorded at several scales, the largest decides.
    """
    last: dict[Any, tuple[str, Any]] = {}
    for record in sorted(_recorded(records), key=lambda each: each["scale"] == "paper"):
        for claim in record["claims"]:
            key = (record["name"], claim["sentence"], claim["published"])
            last[key] = record["study"], claim
    rows, failed = [], []
    for study in STUDIES:
        of_study = [claim for name, claim in last.values() if name == study]
        ours = [claim for claim in of_study if claim["published"].startswith("ours")]
        published = [claim for claim in of_study if claim not in ours]
        counts = [
            sum(claim["holds"] is verdict for claim in claims)
            for claims in (published, ours)
            for verdict in _VERDICTS
        ]
        if of_study:
            rows.append([f"[{study}](results/{study}.md)", *map(str, counts)])
        failed += [
            [study, *(_as_text(claim[name]) for name in ("sentence", "measured"))]
            for claim in published
            if claim["holds"] is False
        ]
    heads = [f"{of}: {word}" for of in ("published", "ours") for word in _SHORT]
    told = [table(["study", *heads], rows)]
    told += ["What was published and does not hold:"]
    told += [table(["study", "claim", "measured"], failed)]
    return "\n\n".join(told)


def _missing(study: str, records: list[dict[str, Any]]) -> list[str]:
    """The reproductions of a study that are not recorded."""
    there = {record["name"] for record in records}
    return [name for name in _reproductions(study) if name not in there]


def _rows(record: dict[str, Any]) -> list[list[str]]:
    """The claims of a record with their verdicts."""
    return [
        [
            *(_as_text(c[name]) for name in ("sentence", "published", "measured")),
            f"**{_VERDICTS[c['holds']]}**",
        ]
        for c in record["claims"]
    ]


def _page(study: str, records: list[dict[str, Any]]) -> str:
    parts = [f"# Results of {study}", _beside(study)]
    for name in dict.fromkeys(record["name"] for record in records):
        parts += _section([record for record in records if record["name"] == name])
    if missing := _missing(study, records):
        parts.append("## Not recorded")
        for name in missing:
            parts += [f"### {REPRODUCTIONS[name].title}", _not_run(name)]
    return "\n\n".join(parts)


def _beside(study: str) -> str:
    """Where a study is explained, and its numbers beyond the claims."""
    page = study.replace("-", "_")
    return f"[The study](../studies/{page}.md) · [notes](../notes/{study}.md)"


def _section(records: list[dict[str, Any]]) -> list[str]:
    """A reproduction: its claims, scales side by side, and what is shown."""
    title, source = (_as_text(records[0][name]) for name in ("title", "source"))
    parts = [f"## {title}", f"Source: {source}.", _side_by_side(records)]
    if not _at_paper(records):
        parts.append(_not_run(records[0]["name"]))
    for record in records:
        parts += [
            f"`overparam reproduce {record['name']} --scale {record['scale']}`",
            *(_shown(file, title) for file in record["beside"]),
            _made(record),
        ]
    return parts


def _side_by_side(records: list[dict[str, Any]]) -> str:
    """One row per claim, and what each scale says of it, if anything."""
    heads, rows = ["claim", "published"], {}
    for number, record in enumerate(records):
        heads += [f"measured, `{record['scale']}`", "verdict"]
        for sentence, published, *told in _rows(record):
            row = rows.setdefault((sentence, published), ["—"] * 2 * len(records))
            row[2 * number : 2 * number + 2] = told
    return table(heads, [[*claim, *told] for claim, told in rows.items()])


def _made(record: dict[str, Any]) -> str:
    """By what, when, where and in what time the runs were made."""
    made = record["made"]
    commit = f" at {made['commit']}" if "commit" in made else ""
    cost = f", {duration(made['seconds'])} in all" if "seconds" in made else ""
    told = f"{made['version']}{commit}, {made['date']}, {made['machine']}"
    runs = counted(made["runs"], "run")
    return f"Scale `{record['scale']}`, {runs}{cost}, overparam {_as_text(told)}."


def _shown(file: Path, title: str) -> str:
    """A figure, or a table behind its name, whole only as a file."""
    address = quote(f"../records/{file.parent.name}/{file.name}")
    name = _as_text(file.stem.replace("_", " "))
    if file.suffix in (".png", ".gif"):
        return f"![{title}: {name}]({address})"
    try:
        with file.open(newline="") as opened:
            heads, *rows = csv.reader(opened)
    except (OSError, ValueError, csv.Error):
        raise _damaged(file) from None
    told = f"{len(rows)} rows" if len(rows) <= _MOST_ROWS else f"first of {len(rows)}"
    cells = [[_rounded(cell) for cell in row] for row in rows[:_MOST_ROWS]]
    lines = table([_as_text(head.replace("_", " ")) for head in heads], cells)
    link = f"[As a file]({address})."
    return f'??? note "Table: {name} ({told})"\n\n' + textwrap.indent(
        f"{lines}\n\n{link}", "    "
    )


def _rounded(cell: str) -> str:
    """A number of four digits; other texts as they are."""
    try:
        return f"{float(cell):.4g}"
    except ValueError:
        return _as_text(cell)


def _as_text(told: str) -> str:
    """What a run says, in which neither an element nor an entity of a page begins."""
    # Markdown writes the attributes, and escapes the quotes of these.
    return told.replace("&", "&amp;").replace("<", "&lt;")
