"""Every analysis on a tiny run of every study and variant, as documented."""

import re
from pathlib import Path

import pytest

import overparam as op

from .matrix import VARIANTS, WORKS, documented, page, row


PAGE = Path(__file__).parents[2] / "docs" / "analyses.md"
COLUMNS = PAGE.with_name("columns.md")
CELLS = documented(PAGE.read_text())


@pytest.mark.parametrize("variant", VARIANTS)
def test_cells_are_as_documented(variant, tmp_path, real_data):
    if VARIANTS[variant][0] == "images":
        real_data("cifar-10")
    assert row(variant, tmp_path) == CELLS[variant]
    assert undocumented(tmp_path, VARIANTS[variant][0]) == []


def undocumented(runs: Path, study: str) -> list[str]:
    """Columns of the runs of a study that the page of columns does not explain."""
    pieces = re.split("^## (.*)$", COLUMNS.read_text(), flags=re.MULTILINE)[1:]
    sections = dict(zip(pieces[::2], pieces[1::2], strict=True))
    told = sections["Of every study"] + sections[study]
    cells = re.findall(r"^\| (`.*?) \|", told, flags=re.MULTILINE)
    # What is written large stands for any name.
    known = [re.sub("[A-Z]+", ".+", n) for c in cells for n in re.findall("`(.*?)`", c)]
    names = {
        name for run in op.open(runs) for name in (*run.frame.columns, *run.summary)
    }
    return sorted(n for n in names if not any(re.fullmatch(k, n) for k in known))


def test_the_page_is_of_these_variants():
    assert list(CELLS) == list(VARIANTS)
    assert page(CELLS) == PAGE.read_text()


def test_most_cells_work():
    cells = [cell for row in CELLS.values() for cell in row.values()]
    assert sum(cell == WORKS for cell in cells) >= 250
    assert all(cell == WORKS or cell.endswith(".") for cell in cells)
