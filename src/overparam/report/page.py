"""The page as a whole: one file that needs no other."""

import base64
import hashlib
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from string import Template

from ..store.files import PAGES, check_ending, write_file
from . import sections
from .figures import Gallery
from .markup import escaped, tag
from .material import Material
from .values import day_of


def write_page(
    material: Material, out: Path, *, by: str | None = None, title: str | None = None
) -> int:
    """Write the report of runs as one HTML file.

    Args:
        material: What it is made of.
        out: The file.
        by: Config field whose values get a colour each in the curves.
        title: Its title; `None` names the studies and the days of their runs.

    Returns:
        Its size in bytes.

    Raises:
        ConfigError: If the name of the file has not the ending of a page.
        StoreError: If the file cannot be written.
    """
    check_ending(out, PAGES, what="A report")
    content = page(material, by=by, title=title).encode(errors="backslashreplace")
    write_file(out, content)
    return len(content)


def page(material: Material, *, by: str | None = None, title: str | None = None) -> str:
    """The report of runs as HTML."""
    gallery = Gallery()
    runs = [run for study in material.studies for run in study.shown]
    results = [
        sections.answer_section(answer, gallery, number)
        for number, answer in enumerate(material.answers)
    ]
    studies = [sections.study_section(s, gallery, by) for s in material.studies]
    # Known only when all figures have been looked at.
    left_out = [*material.left_out, *gallery.left_out]
    parts = {
        "Summary": sections.summary(material),
        "Results": results,
        "Runs": studies,
        "Left out": [sections.left_out_section(left_out)] if left_out else [],
        "Commands": [sections.commands_section(material)],
        "Environment": [sections.environment_section(runs)],
        "Citations": [sections.citations_section(material)],
    }
    parts = {name: content for name, content in parts.items() if content}
    script = _resource("script.js")
    digest = hashlib.sha256(script.encode()).digest()
    date = datetime.now(UTC).strftime("%d %B %Y").lstrip("0")
    links = (tag("a", name, href=f"#{_anchor(name)}") for name in parts)
    items = (tag("li", link) for link in links)
    return Template(_resource("page.html")).substitute(
        title=escaped(_title(material) if title is None else title),
        made=escaped(f"overparam {version('overparam')}, {date}"),
        # Only our own script may run, and nothing may be fetched.
        script_digest=base64.b64encode(digest).decode(),
        style=_resource("style.css"),
        script=script,
        overview=sections.overview(material),
        contents=tag("nav", tag("ul", *items), aria_label="Contents"),
        body="".join(
            tag(
                "section",
                tag("h2", name, id=_anchor(name)),
                *content,
                aria_labelledby=_anchor(name),
            )
            for name, content in parts.items()
        ),
    )


def _title(material: Material) -> str:
    """The studies, and the days of their runs."""
    names = [study.name for study in material.studies]
    title = ", ".join([*names[:-2], " and ".join(names[-2:])])
    runs = [run for study in material.studies for run in study.shown]
    days = sorted(day for run in runs if (day := day_of(run)) is not None)
    if not days:
        return title
    first, last = days[0], days[-1]
    ends = [last.strftime("%d %B %Y").lstrip("0")]
    if first != last:
        same = [
            first.year == last.year,
            (first.year, first.month) == (last.year, last.month),
        ]
        form = "%d" if all(same) else "%d %B" if same[0] else "%d %B %Y"
        ends.insert(0, first.strftime(form).lstrip("0"))
    return f"{title}, {' to '.join(ends)}"


def _anchor(name: str) -> str:
    return name.lower().replace(" ", "-")


def _resource(name: str) -> str:
    return (files("overparam.report") / name).read_text(encoding="utf-8")
