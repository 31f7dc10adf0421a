"""Every tutorial runs as the notebook that it is shown as."""

from pathlib import Path

import pytest

import notebooks


TUTORIALS = sorted((Path(__file__).parents[2] / "docs" / "tutorials").glob("*.md"))


@pytest.mark.parametrize("tutorial", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_runs_and_shows_something(tutorial):
    made = notebooks.kept(tutorial.read_text())
    outputs = [output for cell in made.cells for output in cell.get("outputs", [])]
    assert len(outputs) >= 3
    # Warnings and progress would stand in the page.
    assert [o.text for o in outputs if o.get("name") == "stderr"] == []


def test_cells_and_outputs_are_a_page_again():
    page = "# Title\n\n```python\nprint(1)\n```\n\n```bash\nls\n```"
    made = notebooks.executed(page)
    assert notebooks.shown(made) == (
        "# Title\n\n```python\nprint(1)\n```\n\n```text { .output }\n1\n```\n\n"
        "```bash\nls\n```"
    )
