"""What the documents say is true: links lead somewhere, Python blocks run."""

import re
import tomllib
from pathlib import Path

import pytest

from overparam import estimators
from overparam.analysis.catalogue import ANALYSES
from overparam.cli.main import VERBS
from overparam.reproductions.registry import REPRODUCTIONS
from overparam.studies.registry import STUDIES


ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(DOCS.rglob("*.md")),
]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
# Executed as notebooks by tests of their own.
NOTEBOOKS = {DOCS / "how-to" / "python.md", *(DOCS / "tutorials").glob("*.md")}
# Pages that are generated; a link to one that is not made fails the build of the site.
MADE = (DOCS / "reference", DOCS / "results")
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")


def blocks(page: Path, language: str) -> list[str]:
    return [code for kind, code in BLOCK.findall(page.read_text()) if kind == language]


@pytest.mark.parametrize(
    "page", [p for p in PAGES if p not in NOTEBOOKS], ids=lambda page: page.name
)
def test_python_blocks_run(page, tmp_path, monkeypatch):
    import jax

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    names = {"__name__": "__main__"}
    # Readers run the blocks of a page one after the other, with JAX's own settings.
    with jax.enable_x64(False), jax.numpy_dtype_promotion("standard"):
        for code in blocks(page, "python"):
            exec(compile(code, page.name, "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page):
    for link in LINK.findall(page.read_text()):
        target = (page.parent / link).resolve()
        generated = page.is_relative_to(DOCS) and any(map(target.is_relative_to, MADE))
        assert "://" in link or generated or target.exists(), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_the_documents_exist(page):
    names = {
        "run": STUDIES,
        "sweep": STUDIES,
        "describe": STUDIES,
        "reproduce": REPRODUCTIONS,
    }
    for line in "\n".join(blocks(page, "bash")).splitlines():
        words = line.split("#")[0].split()
        if words[:1] != ["overparam"]:
            continue
        assert words[1] in VERBS, line
        known = names.get(words[1])
        if known and not words[2].startswith(("-", "grid")):
            assert words[2] in known, line
        if words[1] == "analyse":
            named = {*ANALYSES, "all"} & set(words)
            assert named or len(words) == 3, line


def test_every_estimator_stands_beside_those_of_scikit_learn():
    page = (DOCS / "benchmarks" / "estimators.md").read_text()
    assert [name for name in estimators.__all__ if f"{name}(" not in page] == []


def test_the_version_is_the_same_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = (ROOT / "CITATION.cff").read_text()
    assert f"version: {project['version']}\n" in citation
    from overparam.citations import CITATIONS

    assert f"version = {{{project['version']}}}" in CITATIONS["overparam"]


def test_no_lock_file_or_constraint_records_an_address():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pin = re.compile(r'^[\w.-]+==[\w.]+( ; python_version [<>=]+ "3\.\d+")?$')
    assert all(line.startswith("#") or pin.match(line) for line in lines)
