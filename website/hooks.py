"""The hooks of MkDocs: generated pages, tutorials, captions, links, formulas."""

import fnmatch
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import get_plugin_logger
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import api
import captions
import commands
import formats
import links
import mathematics
import notebooks
import results


ROOT = Path(__file__).parents[1]
OUTSIDE = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changes.md"}
"""Pages that lie outside the documents: their addresses."""
_log = get_plugin_logger("website")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is generated, and run the tutorials."""
    texts: dict[str, str | bytes] = dict(mathematics.assets())
    texts |= {address: (ROOT / place).read_text() for place, address in OUTSIDE.items()}
    for made in (api, commands, formats, results):
        texts |= made.pages()
    for tutorial in files.documentation_pages():
        if tutorial.src_uri.startswith("tutorials/"):
            _log.info(f"Running {tutorial.src_uri}")
            page, cells = notebooks.pages(tutorial.content_string)
            name = tutorial.src_uri.replace(".md", ".ipynb")
            title, _, rest = page.partition("\n")
            taken = f"[As a notebook, with outputs]({Path(name).name})"
            texts |= {tutorial.src_uri: f"{title}\n\n{taken}\n{rest}", name: cells}
    for address, text in texts.items():
        if (before := files.get_file_from_path(address)) is not None:
            files.remove(before)
        files.append(File.generated(config, address, content=text))
    pages = [file.src_uri for file in files.documentation_pages()]
    named = set(_named(config.nav))
    config.nav = _filled(config.nav, [page for page in pages if page not in named])
    return files


def _named(nav: Any) -> Iterator[str]:
    """Every page that the navigation names."""
    if isinstance(nav, str):
        yield nav
    else:
        for item in nav.values() if isinstance(nav, dict) else nav:
            yield from _named(item)


def _filled(nav: Any, others: Sequence[str]) -> Any:
    """The navigation; `folder/*` stands for all pages there that it does not name."""
    if isinstance(nav, dict):
        return {title: _filled(item, others) for title, item in nav.items()}
    if not isinstance(nav, list):
        return nav
    filled = []
    for item in nav:
        if isinstance(item, str) and "*" in item:
            filled += [page for page in others if fnmatch.fnmatch(page, item)]
        else:
            filled.append(_filled(item, others))
    return filled


def on_page_markdown(markdown: str, *, page: Page, **_: object) -> str:
    """Put captions below figures, and name the files that lie outside the site."""
    address = page.file.src_uri
    markdown = captions.with_captions(markdown, address)
    places = {address: place for place, address in OUTSIDE.items()}
    place = places.get(address, f"docs/{address}")
    if not (ROOT / place).exists():
        return markdown
    try:
        return links.with_files_named(markdown, place, OUTSIDE)
    except ValueError as error:
        _log.warning(str(error))
        return markdown


def on_page_content(html: str, *, page: Page, **_: object) -> str:
    """Write the formulas."""
    try:
        return mathematics.with_formulas(html)
    except Exception as error:  # Of any kind that the converter may raise.
        _log.warning(f"{page.file.src_uri}: {error}")
        return html
