"""Every analysis on a tiny run of every study and variant, as documented."""

from pathlib import Path

import pytest

from .matrix import VARIANTS, WORKS, documented, page, row


PAGE = Path(__file__).parents[2] / "docs" / "analyses.md"
CELLS = documented(PAGE.read_text())


# A study is compiled once, and the studies by several processes.
GROUPS = {name: pytest.mark.xdist_group(study) for name, (study, _) in VARIANTS.items()}


@pytest.mark.parametrize(
    "variant", [pytest.param(name, marks=group) for name, group in GROUPS.items()]
)
def test_cells_are_as_documented(variant, tmp_path, real_data):
    if VARIANTS[variant][0] == "images":
        real_data("cifar-10")
    assert row(variant, tmp_path) == CELLS[variant]


def test_the_page_is_of_these_variants():
    assert list(CELLS) == list(VARIANTS)
    assert page(CELLS) == PAGE.read_text()


def test_most_cells_work():
    cells = [cell for row in CELLS.values() for cell in row.values()]
    assert sum(cell == WORKS for cell in cells) >= 250
    assert all(cell == WORKS or cell.endswith(".") for cell in cells)
