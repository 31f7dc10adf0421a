"""The sections of the page."""

import codecs
import csv
import io
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..citations import CITATIONS
from ..store.files import opened
from ..store.find import Unreadable
from ..store.read import StoredRun
from .answers import Answer
from .commands import commands_used
from .curves import record_figures
from .differences import Spread, flat, spreads
from .figures import Gallery
from .markup import Markup, joined, tag
from .material import Material, StudyRuns
from .runs_table import runs_table
from .values import cell, environment_of, shown


_VERDICTS = {
    True: ("holds", "✓ holds"),
    False: ("fails", "✗ does not hold"),
    None: ("open", "– not decided at this scale"),
}
_COUNTED = {
    True: ("claim holds", "claims hold"),
    False: ("claim does not", "claims do not"),
    None: ("claim not decided", "claims not decided"),
}
_STANDING = {
    False: "Claims that do not hold",
    None: "Claims that are not decided at their scale",
    True: "Claims that hold",
}
_MOST_ROWS = 40
_MOST_BYTES = 2**20
_MOST_VALUES = 12

# Of the environment: these differ with every run and tell nothing.
_NOT_ENVIRONMENT = {"schema", "date", "command", "folder"}


def overview(material: Material) -> Markup:
    """How much there is, and how the claims stand."""
    runs = [run for study in material.studies for run in study.runs]
    claims = [c.get("holds") for a in material.answers for c in a.claims]
    facts = [(str(len(runs)), "run" if len(runs) == 1 else "runs")]
    statuses = spreads([{"status": run.status} for run in runs])[0].values
    facts += [(str(n), str(status)) for status, n in statuses if len(statuses) > 1]
    unverified = sum(not run.verified for run in runs)
    facts += [(str(unverified), "unverified (schema 1)")] if unverified else []
    if claims:
        counts = {holds: claims.count(holds) for holds in _COUNTED}
        facts += [
            (str(n), one if n == 1 else many)
            for (one, many), n in zip(_COUNTED.values(), counts.values(), strict=True)
            if n
        ]
    items = [tag("div", tag("dt", word), tag("dd", number)) for number, word in facts]
    return tag("dl", *items, class_="facts")


def summary(material: Material) -> list[Markup]:
    """The claims by how they stand, those first that do not hold."""
    parts = []
    for verdict, heading in _STANDING.items():
        groups = [
            (number, answer, claims)
            for number, answer in enumerate(material.answers)
            if (claims := [c for c in answer.claims if c.get("holds") is verdict])
        ]
        if groups:
            n_claims = sum(len(claims) for _, _, claims in groups)
            parts.append(tag("h3", f"{heading} ({n_claims})"))
            items = []
            for number, answer, claims in groups:
                told = (tag("li", f"{c['sentence']}: {c['measured']}") for c in claims)
                link = tag("a", _title(answer), href=f"#answer-{number}")
                items.append(tag("li", link, tag("ul", *told)))
            parts.append(tag("ul", *items))
    return parts


def _title(answer: Answer) -> str:
    return str(answer.facts.get("title") or answer.name)


def answer_section(answer: Answer, gallery: Gallery, number: int) -> Markup:
    """A reproduction or an analysis: figures, claims, tables."""
    title = _title(answer)
    source = answer.facts.get("source")
    under = [answer.name, f"scale {answer.detail}"]
    if answer.kind == "analyses":
        under = [f"analysis of {answer.detail}"]
    figures = [gallery.stored(path, title) for path in answer.figures]
    found = [
        tag("tr", tag("th", name, scope="row"), cell(value))
        for name, value in answer.summary.items()
    ]
    return tag(
        "section",
        tag("h3", title, id=f"answer-{number}"),
        tag("p", " · ".join([*under, *([source] if source else [])]), class_="under"),
        _scroll("What was found", tag("tbody", *found)) if found else "",
        *(tag("p", note) for note in answer.notes),
        tag("div", *figures, class_="figures"),
        _claims(answer) if answer.claims else "",
        *(_csv_table(path) for path in answer.tables),
    )


def _claims(answer: Answer) -> Markup:
    rows = []
    for claim in answer.claims:
        kind, words = _VERDICTS[claim.get("holds")]
        texts = [claim.get(n, "") for n in ("sentence", "published", "measured")]
        verdict = tag("td", words, class_=f"verdict {kind}")
        rows.append(tag("tr", *(tag("td", text) for text in texts), verdict))
    heads = ("claim", "published", "measured here", "")
    head = tag("tr", *(tag("th", text or "verdict", scope="col") for text in heads))
    caption = "Claims, with the measured values and their intervals"
    body = tag("tbody", *rows)
    return _scroll(caption, tag("thead", head), body, class_="claims")


def _csv_table(path: Path) -> Markup:
    try:
        with opened(path) as (file, n_bytes):
            # A letter of several bytes may be cut in two where more follows.
            decoder = codecs.getincrementaldecoder("utf-8")()
            text = decoder.decode(file.read(_MOST_BYTES), n_bytes <= _MOST_BYTES)
        lines = csv.reader(io.StringIO(text, newline=""))
        rows = list(itertools.islice(lines, _MOST_ROWS + 2))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        return tag("p", f"The table {path.name} cannot be read: {error}.")
    if not rows:
        return Markup("")
    shortened = len(rows) > _MOST_ROWS + 1
    note = f" (first {_MOST_ROWS} rows, all are in {path})" if shortened else ""
    head = tag("tr", *(tag("th", n.replace("_", " "), scope="col") for n in rows[0]))
    body = [
        tag(
            "tr",
            *(
                tag(
                    "td",
                    _rounded(text),
                    class_=(None if _number(text) is None else "number"),
                )
                for text in row
            ),
        )
        for row in rows[1 : _MOST_ROWS + 1]
    ]
    caption = f"Table {path.stem}{note}"
    table = _scroll(caption, tag("thead", head), tag("tbody", *body))
    name = path.stem.replace("_", " ")
    return tag("details", tag("summary", f"Table: {name}"), table)


def _rounded(text: str) -> str:
    number = _number(text)
    return text if number is None or number.is_integer() else shown(number)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def study_section(study: StudyRuns, gallery: Gallery, by: str | None) -> Markup:
    """The runs of a study: their curves, what differs, the table."""
    figures = [gallery.drawn(d.svg, d.caption) for d in record_figures(study, by)]
    config, n_runs = study.config, len(study.runs)
    part = (
        f"{len(study.shown)} of {n_runs} runs, at random, have a curve and a row, and "
        "give commands and environment: choose others by --where, or see all by "
        "`overparam table`."
    )
    head = tag("tr", tag("th", "field", scope="col"), tag("th", "values", scope="col"))
    rows = [
        tag("tr", tag("th", s.name.replace("_", " "), scope="row"), _values(s, n_runs))
        for s in config
        if s.varies
    ]
    caption = f"What differs between the runs of {study.name}"
    differing = _scroll(caption, tag("thead", head), tag("tbody", *rows))
    return tag(
        "section",
        tag("h3", study.name, id=f"study-{study.name}"),
        tag("p", study.about.question, class_="under") if study.about.question else "",
        tag("p", part) if len(study.shown) < n_runs else "",
        tag("div", *figures, class_="figures"),
        differing if rows else "",
        _shared(study.name, [s for s in config if not s.varies], study.about.defaults),
        runs_table(study),
    )


def _values(spread: Spread, n_runs: int) -> Markup:
    """The values with their counts, unless each run has one of its own."""
    shares = []
    counted = any(n > 1 for _, n in spread.values)
    for value, n in spread.values[:_MOST_VALUES]:
        times = tag("small", f" ×{n}") if counted and n_runs > 1 else ""
        shares.append(tag("span", shown(value), times, class_="value"))
    rest = len(spread.values) - _MOST_VALUES
    if rest > 0:
        shares.append(tag("span", f"and {rest} more", class_="value"))
    return tag("td", *shares)


def _shared(name: str, fields: Sequence[Spread], defaults: Mapping[str, Any]) -> Markup:
    changed = [
        f.name
        for f in fields
        if f.name not in defaults or shown(defaults[f.name]) != shown(f.values[0][0])
    ]
    items = [
        tag(
            "div",
            tag("dt", field.name.replace("_", " ")),
            tag("dd", shown(field.values[0][0])),
            class_="changed" if field.name in changed else None,
        )
        for field in fields
    ]
    told = f"What the runs of {name} share: {len(fields)} fields"
    if defaults and changed:
        told += f", {len(changed)} not at the default (bold)"
    return tag("details", tag("summary", told), tag("dl", *items, class_="config"))


def environment_section(runs: Sequence[StoredRun]) -> Markup:
    """With what the runs were made."""
    told = []
    for run in runs:
        content = environment_of(run)
        named = {n: v for n, v in flat(content) if n not in _NOT_ENVIRONMENT}
        told.append(named | {"day": str(content.get("date", ""))[:10]})
    found = spreads(told)
    rows = [
        tag(
            "tr",
            tag(
                "th",
                s.name.replace("versions.", "")
                .replace("machine.", "")
                .replace("threads.", ""),
                scope="row",
            ),
            _values(s, len(runs)),
        )
        for s in sorted(found, key=lambda s: s.name.startswith("versions."))
    ]
    head = tag("tr", tag("th", "what", scope="col"), tag("th", "value", scope="col"))
    caption = "Where and with what the runs were made"
    return _scroll(caption, tag("thead", head), tag("tbody", *rows))


def commands_section(material: Material) -> Markup:
    """What to type to have it all again."""
    runs = [run for study in material.studies for run in study.shown]
    lines = commands_used(material.root, runs)
    hint = "Each run's own command is among its details in the table."
    if not lines:
        return tag("p", hint)
    told = "The runs were made by these commands; stored runs are not run again. "
    return joined(tag("p", told + hint), tag("pre", "\n".join(lines), tabindex="0"))


def citations_section(material: Material) -> Markup:
    """BibTeX of this package and of the studies' sources."""
    entries = [CITATIONS["overparam"]]
    entries += [text for study in material.studies for text in study.about.citations]
    return tag("pre", "\n\n".join(dict.fromkeys(entries)), tabindex="0")


def left_out_section(left_out: Sequence[Unreadable]) -> Markup:
    """The runs that are not in the report, and why."""
    items = [tag("li", unreadable.reason) for unreadable in left_out[:_MOST_ROWS]]
    rest = len(left_out) - len(items)
    if rest > 0:
        items.append(tag("li", f"and {rest} more"))
    return tag("ul", *items)


def _scroll(caption: str, *parts: Markup, class_: str | None = None) -> Markup:
    """A table that scrolls, by keyboard too, instead of being broader than the page."""
    table = tag("table", tag("caption", caption), *parts, class_=class_)
    return tag(
        "div", table, class_="scroll", tabindex="0", role="region", aria_label=caption
    )
