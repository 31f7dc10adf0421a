"""The hooks of MkDocs: pages that are generated, tutorials, links, formulas."""

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import get_plugin_logger
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import api
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
    return files


def on_page_markdown(markdown: str, *, page: Page, **_: object) -> str:
    """Name the files that lie outside the site."""
    address = page.file.src_uri
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
