"""The pages are short to read: lines, sentences, and no history."""

import re
from pathlib import Path

import pytest


ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
LONGEST_LINE = 100
MOST_WORDS = 20
PAGES = {page.relative_to(DOCS).as_posix(): page for page in DOCS.rglob("*.md")}
HISTORY = re.compile(
    r"\b(the version before|first design|used to|no longer|formerly|previously|"
    r"machine was busy|has been (changed|replaced|renamed)|in an earlier version)\b",
    re.IGNORECASE,
)


def prose(text: str) -> str:
    """A page without front matter, code, tables, figures and HTML."""
    text = re.sub(r"\A---\n.*?^---\n", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"^```.*?^```", "\n", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"\$\$.*?\$\$", "formula", text, flags=re.DOTALL)
    text = re.sub(r"\$[^$]+\$", "formula", text)
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", text, flags=re.DOTALL)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    return re.sub(r"^( {4}\S.*|\|.*|<.*|#.*)$", "", text, flags=re.MULTILINE)


def sentences(text: str) -> list[str]:
    """The sentences of a page; what ends a paragraph or an item ends a sentence."""
    parts = re.split(r"(?<=[.?!])\s+|\n\s*\n|\n\s*[-*:] ", prose(text))
    return [part for part in parts if re.search(r"\w", part)]


def long_lines(text: str) -> list[str]:
    """The lines that are too long, but for those of tables."""
    return [
        f"line {number} has {len(line)} characters"
        for number, line in enumerate(text.splitlines(), start=1)
        if len(line) > LONGEST_LINE and not line.startswith("|")
    ]


def faults(text: str) -> list[str]:
    """What a reader would stumble over."""
    told = long_lines(text)
    lengths = [len(sentence.split()) for sentence in sentences(text)]
    if lengths and (mean := sum(lengths) / len(lengths)) > MOST_WORDS:
        told.append(f"a sentence has {mean:.1f} words on average")
    found = HISTORY.finditer(prose(text))
    return told + [f"history: {match[0]}" for match in found]


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_page_reads_well(name):
    assert not faults(PAGES[name].read_text())


@pytest.mark.parametrize("page", sorted(ROOT.glob("*.md")), ids=lambda page: page.name)
def test_pages_outside_of_the_documents_have_short_lines(page):
    assert not long_lines(page.read_text())


def test_long_lines_long_sentences_and_history_are_faults():
    assert faults("x" * 101)
    assert not faults("| " + "x" * 101)
    assert faults("One sentence of words " + "and more words " * 10 + "is long.")
    assert faults("It was called otherwise in the version before.")
    assert not faults("```\nthe version before\n```\nA short sentence. Another one.")
