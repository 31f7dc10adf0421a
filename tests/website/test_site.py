"""The site builds without a network and opens from disk."""

import re
import socket
import time
from pathlib import Path

import browser as browsers
import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config

import notebooks


ROOT = Path(__file__).parents[2]


def refuse(*_):
    raise OSError("The site must build without a network.")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site; the tutorials, which have a test of their own, are not run."""
    folder = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        patch.setattr(socket, "getaddrinfo", refuse)
        patch.setattr(notebooks, "pages", lambda page: (page, "{}"))
        patch.setenv("NO_MKDOCS_2_WARNING", "1")
        config = load_config(
            str(ROOT / "mkdocs.yml"), site_dir=str(folder), strict=True
        )
        config.plugins.on_startup(command="build", dirty=False)
        build(config)
    return folder


def test_nothing_of_a_page_lies_elsewhere(site):
    loads = re.compile(
        r'<(?:script|img|iframe|link)\b[^>]*(?:src|href)="([a-z]+:[^"]*)"'
    )
    for page in site.rglob("*.html"):
        assert [a for a in loads.findall(page.read_text()) if a[:5] != "data:"] == []
    styles = "".join(sheet.read_text() for sheet in site.rglob("*.css"))
    assert re.findall(r"url\(\W?https?:[^)]*\)", styles) == []


def test_every_formula_is_one(site):
    for page in site.rglob("*.html"):
        text = page.read_text()
        assert "arithmatex" not in text, page
        prose = re.sub(r"<(pre|code|script|style|math).*?</\1>", "", text, flags=re.S)
        assert re.findall(r"\\[a-zA-Z]+", prose) == [], page


def test_pages_open_from_disk_and_search(site):
    if browsers.found() is None:
        pytest.skip("no Chromium is installed")
    with browsers.browser() as browser:
        for page in (
            "index.html",
            "studies/recovery.html",
            "reference/python/networks.html",
        ):
            browser.open(site / page)
            assert browser.run("document.querySelectorAll('h1').length") == 1
        assert browser.run("document.querySelectorAll('math').length") > 20
        assert browser.run("document.fonts.check('16px \"STIX Two Math\"')")
        browser.open(site / "index.html")
        deadline = time.monotonic() + browsers.PATIENCE
        while not (found := browser.run(_SEARCH)):
            assert time.monotonic() < deadline, "the search finds nothing"
        assert any("tutorials/certify.html" in link for link in found)
        assert browser.logged == []
        assert [
            u for u in browser.requested if not u.startswith(("file:", "data:"))
        ] == []


# The box listens once the index is read.
_SEARCH = """(() => {
  const toggle = document.querySelector("#__search");
  if (!toggle.checked) toggle.click();
  const box = document.querySelector(".md-search__input");
  box.value = "certify a convex network";
  box.dispatchEvent(new Event("input", {bubbles: true}));
  box.dispatchEvent(new Event("keyup", {bubbles: true}));
  const links = [...document.querySelectorAll(".md-search-result__link")];
  return links.map(a => a.href);
})()"""
