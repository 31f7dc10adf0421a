"""Tutorials: pages whose blocks are run as cells, with what they put out."""

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient


_ROOT = Path(__file__).parents[1]
_KEPT = _ROOT / ".cache" / "tutorials"
SECONDS = 600
"""Most that a cell may take, on a machine that does other things too."""
_CODE = re.compile(r"^```python\n(.*?)^```\n?", re.DOTALL | re.MULTILINE)


def pages(page: str) -> tuple[str, str]:
    """A tutorial as it is shown, and the notebook of it to take along."""
    made = kept(page)
    return shown(made), nbformat.writes(made)


def kept(page: str) -> Any:
    """The executed notebook, which is kept until page, package or versions change."""
    file = _KEPT / f"{_digest(page)}.ipynb"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(nbformat.writes(executed(page)))
    return nbformat.reads(file.read_text(), as_version=4)


def _digest(page: str) -> str:
    found = hashlib.sha256(page.encode())
    for file in sorted((_ROOT / "src").rglob("*.py")):
        found.update(file.read_bytes())
    for there in sorted(f"{d.name} {d.version}" for d in distributions()):
        found.update(there.encode())
    return found.hexdigest()[:16]


def notebook(page: str) -> Any:
    """The page as a notebook: a cell for each block of Python, one for each text."""
    make = {0: nbformat.v4.new_markdown_cell, 1: nbformat.v4.new_code_cell}
    parts = ((n % 2, part.strip()) for n, part in enumerate(_CODE.split(page)))
    cells = [make[kind](part) for kind, part in parts if part]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"  # Else drawn, and every build another.
    return nbformat.v4.new_notebook(cells=cells)


def executed(page: str) -> Any:
    """The notebook of a page with its outputs, run in an empty folder.

    Raises:
        CellExecutionError: If a cell raises.
        CellTimeoutError: If one takes too long.
    """
    made = notebook(page)
    with tempfile.TemporaryDirectory() as folder:
        # Data that a tutorial adds are none of the user's.
        own = os.environ | {"XDG_CACHE_HOME": f"{folder}/.cache"}
        client = NotebookClient(
            made,
            timeout=SECONDS,
            coalesce_streams=True,
            resources={"metadata": {"path": folder}},
        )
        client.execute(env=own)
    return made


def shown(made: Any) -> str:
    """An executed notebook as a page."""
    return "\n\n".join(part for cell in made.cells for part in _parts(cell))


def _parts(cell: Any) -> Iterator[str]:
    if cell.cell_type == "markdown":
        yield cell.source
        return
    yield f"```python\n{cell.source}\n```"
    for output in cell.outputs:
        yield _output(output)


def _output(output: Any) -> str:
    data = output.get("data", {})
    if "image/png" in data:
        source = f"data:image/png;base64,{''.join(data['image/png'].split())}"
        inner = f'<img alt="What the cell draws" src="{source}">'
    elif "text/html" in data:
        # A blank line would end the block of HTML.
        inner = re.sub(r"\n\s*\n", "\n", data["text/html"])
    else:
        text = output.get("text") or data.get("text/plain", "")
        return f"```text {{ .output }}\n{text.rstrip()}\n```"
    return f'<div class="output">\n{inner}\n</div>'
