"""The page on Python is a notebook that runs, tells how far it is and shows results."""

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient


PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "python.md"


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """What each cell puts out."""
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.M)
    cells = [nbformat.v4.new_code_cell(block) for block in blocks]
    notebook = nbformat.v4.new_notebook(cells=cells)
    folder = str(tmp_path_factory.mktemp("notebook"))
    NotebookClient(notebook, resources={"metadata": {"path": folder}}).execute()
    return [cell.outputs for cell in notebook.cells]


def shown(outputs, kind):
    """The data of one MIME type, of every cell."""
    return ["".join(o.get("data", {}).get(kind, "") for o in cell) for cell in outputs]


def test_nothing_is_written_but_progress(outputs):
    assert [o.text for cell in outputs for o in cell if o.output_type == "stream"] == []


def test_progress_is_a_bar_that_ends_full(outputs):
    bars = [text for text in shown(outputs, "text/html") if "<progress" in text]
    assert len(bars) == 2
    for bar in bars:
        [(done, total)] = re.findall(r'<progress value="(\d+)" max="(\d+)">', bar)
        assert done == total


def test_runs_tables_and_claims_are_html_and_figures_are_images(outputs):
    html = "".join(shown(outputs, "text/html"))
    for word in ("planted/", "risk", "published", "measured", "data:image/png"):
        assert word in html
    assert any(shown(outputs, "image/png"))


def test_no_table_and_no_heading_is_empty(outputs):
    html = "".join(shown(outputs, "text/html"))
    assert re.findall(r"<(?:table|b)></", html) == []


def test_no_text_is_longer_than_a_screen(outputs):
    assert max(len(text) for text in shown(outputs, "text/plain")) < 2000
