"""The table of all targets is what its gatherer makes of the stored pages."""

import importlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs" / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module


def test_the_stored_table_is_gathered_from_the_stored_pages(benchmark):
    """If not: `python benchmarks --table`."""
    targets = benchmark("targets")
    assert targets.PAGE.read_text() == targets.gathered()


def test_every_target_has_one_row_and_says_whether_it_is_met(benchmark):
    targets = benchmark("targets")
    found = benchmark("pages").rows(targets.gathered())
    assert len(found) == len(list(targets.targets()))
    for row in found:
        measured = row["measured"] != "not measured"
        assert row["met"] in ({"yes", "**no**"} if measured else {""})


@pytest.mark.parametrize(
    ("row", "asked", "told"),
    [
        ("fit", ">= 2 x", "| >= 2 x | 3 x | 1.50 | yes |"),
        ("fit", "<= 2 x", "| <= 2 x | 3 x | 0.67 | **no** |"),
        ("other | 7", "<= 2 x", "| <= 2 x | 0.5 x | 4.00 | yes |"),
        ("none", "<= 2 x", "| <= 2 x | not measured |  |  |"),
    ],
)
def test_a_target_is_held_against_its_row(benchmark, row, asked, told):
    text = "| what | n | ratio | CPU |\n|---|---|---|---|\n"
    text += (
        "| fit | 1 | 9, 3.0 | 4 |\n| other | 6 | 9 | 8 |\n| other | 7 | 5e-1 | 1 |\n"
    )
    target = benchmark("targets").Target("page", row, "ratio or CPU", asked)
    assert target.line(text).endswith(told)


def test_time_that_was_spent_without_a_proof_meets_no_target(benchmark):
    text = "| what | proven | s |\n|---|---|---|\n"
    text += "| fit | 0 of 1 | 3 |\n| fit 2 | 5 of 5 | 3 |\n"
    fit, other = (
        benchmark("targets").Target("page", row, "s", "<= 5 s").line(text)
        for row in ("fit | ", "fit 2")
    )
    assert fit.endswith("| <= 5 s | not proven |  | **no** |")
    assert other.endswith("| <= 5 s | 3 s | 1.67 | yes |")


def test_a_row_takes_the_place_of_the_one_of_its_name(benchmark):
    head = "| what | s |"
    page = f"# Page\n\n{head}\n|---|---|\n| a | 1 |\n| b | 2 |\n\nText.\n"
    pages = benchmark("pages")
    changed = pages.with_row(page, head, "| a | 3 |")
    assert changed == page.replace("| a | 1 |", "| a | 3 |")
    added = pages.with_row(changed, head, "| c | 4 |")
    assert added == changed.replace("| b | 2 |\n", "| b | 2 |\n| c | 4 |\n")


def test_every_page_names_the_benchmark_that_writes_it():
    for page in PAGES.glob("*.md"):
        named = re.findall(r"python\s+benchmarks/(\w+)\.py", page.read_text())
        assert named or page.name == "targets.md", page
        for name in named:
            assert (ROOT / "benchmarks" / f"{name}.py").exists()


def test_one_that_fails_is_told_and_the_rest_goes_on(tmp_path):
    folder = tmp_path / "benchmarks"
    folder.mkdir()
    (tmp_path / "docs" / "benchmarks").mkdir(parents=True)
    for name in ("__main__", "pages", "targets"):
        shutil.copy(ROOT / "benchmarks" / f"{name}.py", folder)
    main = 'if __name__ == "__main__":\n    '
    (folder / "broken.py").write_text(f'{main}raise SystemExit("It broke.")\n')
    (folder / "fine.py").write_text(f'{main}print("It ran.")\n')
    found = {
        words: subprocess.run(
            [sys.executable, folder, *words.split()],
            capture_output=True,
            text=True,
            check=False,
        )
        for words in ("", "--only fine", "--table", "--only missing")
    }
    assert [done.returncode for done in found.values()] == [1, 0, 0, 2]
    assert "It ran." in found[""].stdout
    assert "It broke." in found[""].stderr
    assert "Failed: broken." in found[""].stderr
    assert "It ran." not in found["--table"].stdout
    page = (tmp_path / "docs" / "benchmarks" / "targets.md").read_text()
    assert found["--table"].stdout == page
    assert "not measured" in page
    assert "missing" in found["--only missing"].stderr
