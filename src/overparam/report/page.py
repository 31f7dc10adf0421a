"""The page as a whole: one file that needs no other."""

import base64
import hashlib
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from string import Template

from ..store.files import write_file
from . import sections
from .figures import Gallery
from .markup import Markup, escaped, tag
from .material import Material


def write_page(material: Material, out: Path, *, by: str | None = None) -> int:
    """Write the report of runs as one HTML file.

    Args:
        material: What it is made of.
        out: The file.
        by: Config field whose values get a colour each in the curves.

    Returns:
        Its size in bytes.

    Raises:
        StoreError: If the file cannot be written.
    """
    content = page(material, by=by).encode(errors="backslashreplace")
    write_file(out, content)
    return len(content)


def page(material: Material, *, by: str | None = None) -> str:
    """The report of runs as HTML."""
    gallery = Gallery()
    runs = [run for study in material.studies for run in study.runs]
    results = [sections.answer_section(a, gallery) for a in material.answers]
    studies = [sections.study_section(s, gallery, by) for s in material.studies]
    # Known only when all figures have been looked at.
    left_out = [*material.left_out, *gallery.left_out]
    parts = {
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
    names = [study.name for study in material.studies]
    title = ", ".join([*names[:-2], " and ".join(names[-2:])])
    date = datetime.now(UTC).strftime("%d %B %Y").lstrip("0")
    links = (tag("a", name, href=f"#{_anchor(name)}") for name in parts)
    items = (tag("li", link) for link in links)
    return Template(_resource("page.html")).substitute(
        title=escaped(title),
        made=escaped(f"overparam {version('overparam')}, {date}"),
        # Only our own script may run, and nothing may be fetched.
        script_digest=base64.b64encode(digest).decode(),
        style=_resource("style.css"),
        script=script,
        overview=sections.overview(material),
        contents=tag("nav", tag("ul", *items), aria_label="Contents"),
        body="".join(_section(name, content) for name, content in parts.items()),
    )


def _section(name: str, content: list[Markup]) -> Markup:
    heading = tag("h2", name, id=_anchor(name))
    return tag("section", heading, *content, aria_labelledby=_anchor(name))


def _anchor(name: str) -> str:
    return name.lower().replace(" ", "-")


def _resource(name: str) -> str:
    return (files("overparam.report") / name).read_text(encoding="utf-8")
