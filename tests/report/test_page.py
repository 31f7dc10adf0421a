"""The page: in files and, where there is one, in a real browser."""

import base64
import json
import os
import re
import shutil
from datetime import UTC, datetime, timedelta
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from browser import browser, found

from overparam.cli.main import run_command
from overparam.errors import ConfigError, StoreError
from overparam.plots import Animation, panels, save
from overparam.report.curves import _long
from overparam.report.differences import spreads
from overparam.report.material import About, collect
from overparam.report.page import page
from overparam.running.keeping import keep_answer
from overparam.store import RunRecord, StoredRun, open_run


DEFAULTS = {"width": 10, "rate": 0.1, "label": "plain", "seed": 0}
EVIL = "</script><img src=x onerror=\"console.error('in')\">&'"


def store(root, *, n_records=30, risk=None, **config):
    with open_run(root, "toy", DEFAULTS | config, DEFAULTS) as run:
        steps = np.arange(1, n_records + 1)
        loss = 10.0 ** (-steps / 10) * config.get("width", 10)
        run.write(
            RunRecord(
                status="finished",
                metrics={"step": steps * 5, "loss": loss, "seconds": steps * 0.1},
                summary={"risk": loss[-1:].sum() if risk is None else risk},
                notes=["A note."],
                seconds=1.0,
            )
        )
        return run.path


def answer(root):
    """A reproduction as `overparam reproduce` leaves it."""
    folder = root / "reproductions" / "toy-figure" / "smoke"
    folder.mkdir(parents=True)
    figure, axes = panels()
    axes[0, 0].plot([1.0, 10.0, 100.0], [1e-3, 1e-1, 1e1], label="a curve")
    axes[0, 0].set(xscale="log", yscale="log", xlabel="width", ylabel="risk")
    save(figure, folder / "curve")
    (folder / "numbers.csv").write_text("width,risk\n10,0.123456\n20,<b>\n")
    claims = [
        {
            "sentence": "it falls",
            "published": "yes",
            "measured": "3 of 3",
            "holds": True,
        },
        {"sentence": EVIL, "published": "1", "measured": "2 [1, 3]", "holds": False},
    ]
    facts = {"schema": 1, "title": "A figure", "study": "toy", "claims": claims}
    (folder / "claims.json").write_text(json.dumps(facts))


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """Runs and a reproduction that the tests only read."""
    root = tmp_path_factory.mktemp("runs")
    for seed in range(2):
        store(root, width=9, seed=seed)
        store(root, width=100, seed=seed)
    store(root, label=EVIL, risk=float("nan"))
    answer(root)
    return root


@pytest.fixture(scope="module")
def html(example):
    return made(example)


@pytest.fixture
def runs(example, tmp_path):
    """A copy to change."""
    return shutil.copytree(example, tmp_path / "runs")


def made(root, **options):
    about = About(question="Does it?", citations=["@misc{toy}"], defaults=DEFAULTS)
    return page(collect(root, about=lambda name: about), **options)


class Links(HTMLParser):
    """Elements, ids and addresses of a page."""

    def __init__(self):
        super().__init__()
        self.elements, self.ids, self.addresses = [], [], []

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            if name in ("src", "href", "xlink:href", "srcset", "action"):
                self.addresses.append(value)


def parsed(html):
    links = Links()
    links.feed(html)
    return links


def test_the_page_refers_to_nothing_outside_itself(html):
    links = parsed(html)
    assert all(address.startswith("#") for address in links.addresses)
    assert not {"link", "iframe", "img"} & set(links.elements)


def test_the_title_is_one_that_a_person_would_write(example, html, tmp_path):
    today = datetime.now(UTC)
    ends = {f"{today - timedelta(days=n):%d %B %Y}".lstrip("0") for n in (0, 1)}
    (told,) = re.findall("<h1>(.*)</h1>", html)
    assert told.startswith("toy, ")
    assert any(told.endswith(end) for end in ends)
    assert "<h1>A &lt; B</h1>" in made(example, title="A < B")


@pytest.mark.parametrize(
    ("days", "told"),
    [
        (["2026-11-28"], "toy, 28 November 2026"),
        (["2026-11-28", "2026-11-02"], "toy, 2 to 28 November 2026"),
        (["2026-11-28", "2026-12-02"], "toy, 28 November to 2 December 2026"),
        (["2025-12-02", "2026-12-02"], "toy, 2 December 2025 to 2 December 2026"),
        (["yesterday"], "toy"),
    ],
)
def test_the_days_of_the_runs_are_told(tmp_path, monkeypatch, days, told):
    for seed, day in enumerate(days):
        path = store(tmp_path, seed=seed)
        content = json.loads((path / "environment.json").read_text())
        (path / "environment.json").write_text(json.dumps(content | {"date": day}))
    material = collect(tmp_path, about=lambda name: About())
    monkeypatch.setattr(
        "overparam.report.values.environment_of",
        lambda run: json.loads((run.path / "environment.json").read_text()),
    )
    assert f"<h1>{told}</h1>" in page(material)


def test_a_summary_does_not_hide_how_a_run_ended(tmp_path):
    """A study of one's own may name a summary as the store names its outcome."""
    with open_run(tmp_path, "toy", DEFAULTS, DEFAULTS) as run:
        summary = {"status": 3.0, "seconds": 4.0, "error": 5.0, "risk": 6.0}
        run.write(RunRecord(status="finished", summary=summary, seconds=1.0))
    html = page(collect(tmp_path, about=lambda name: About()))
    details = re.search('<script[^>]*data-details="runs-toy"[^>]*>(.*?)</script>', html)
    told = json.loads(details[1])["shared"]
    expected = {"status": "finished", "seconds": "1", "risk": "6"}
    assert expected.items() <= told.items()
    assert {told[f"summary.{name}"] for name in ("status", "seconds", "error")} == set(
        "345"
    )


def test_the_summary_says_first_what_does_not_hold(html):
    summary = html.partition('id="summary"')[2].partition("</section>")[0]
    fails, _, holds = summary.partition("Claims that hold (1)")
    assert "Claims that do not hold (1)" in fails
    assert "2 [1, 3]</li>" in fails
    assert "it falls: 3 of 3</li>" in holds
    assert 'href="#answer-0"' in holds
    assert html.index('id="summary"') < html.index('id="results"')


def test_every_id_is_there_once_and_every_reference_leads_to_one(html):
    links = parsed(html)
    assert len(links.ids) == len(set(links.ids))
    references = {address[1:] for address in links.addresses}
    references |= set(re.findall(r"url\(#([^)]+)\)", html))
    assert references <= set(links.ids)


def test_text_from_runs_and_claims_never_becomes_markup(html):
    assert EVIL not in html
    assert "<b>" not in html
    # One for each study's details, and the page's own.
    assert parsed(html).elements.count("script") == 2


def test_a_figure_with_a_script_loses_it(runs):
    path = runs / "reproductions" / "toy-figure" / "smoke" / "curve.svg"
    bad = (
        '<script>alert(1)</script><a href="http://x.y/"><path onclick="f()"/></a></svg>'
    )
    path.write_text(path.read_text().replace("</svg>", bad))
    html = made(runs)
    assert "alert(1)" not in html
    assert "onclick" not in html
    assert "x.y" not in html


def test_a_damaged_figure_and_damaged_claims_are_told_not_fatal(runs):
    folder = runs / "reproductions" / "toy-figure" / "smoke"
    (folder / "curve.svg").write_text("<svg")
    (folder / "claims.json").write_text("{")
    html = made(runs)
    told = html[html.index("Left out</h2>") :]
    assert f"`{folder}/curve.svg`: A figure is damaged" in unescape(told)


@pytest.mark.parametrize(
    "claims", [1, "text", {"holds": True}, [1], [{"holds": "yes"}], [{"holds": []}]]
)
def test_claims_of_another_form_are_left_out(runs, claims):
    path = runs / "reproductions" / "toy-figure" / "smoke" / "claims.json"
    path.write_text(json.dumps({"schema": 1, "claims": claims}))
    html = unescape(made(runs))
    assert f"`{path}` is damaged" in html[html.index("Left out</h2>") :]


@pytest.mark.parametrize("name", ["title", "source"])
def test_a_title_of_another_form_is_left_out(runs, name):
    path = runs / "reproductions" / "toy-figure" / "smoke" / "claims.json"
    path.write_text(json.dumps({"schema": 1, "claims": [], name: [5]}))
    html = unescape(made(runs))
    assert f"`{path}` is damaged" in html[html.index("Left out</h2>") :]


def test_a_figure_of_the_name_of_its_answer_has_it_once(runs):
    path = runs / "analyses" / "balance" / "a-b" / "analysis.json"
    drawn = {name: panels()[0] for name in ("balance", "other")}
    keep_answer(path, {"runs": []}, {}, drawn)
    html = made(runs)
    assert "<figcaption>balance</figcaption>" in html
    assert "<figcaption>balance: other</figcaption>" in html


def test_animations_move_in_the_page(runs):
    figure, axes = panels()
    (line,) = axes[0, 0].plot([0.0, 1.0])
    moving = Animation(
        figure=figure, draw=lambda i: line.set_ydata([0.0, float(i)]), n_frames=2
    )
    path = runs / "reproductions" / "toy-moving" / "smoke" / "claims.json"
    keep_answer(path, {"runs": []}, {}, {}, {"dots": moving})
    html = made(runs)
    (found,) = re.findall(r'<img src="data:image/gif;base64,([^"]+)"', html)
    content = (path.parent / "dots.gif").read_bytes()
    assert base64.b64decode(found) == content
    (path.parent / "dots.gif").write_bytes(content[:-1])
    assert "is not as it was written" in made(runs)


def test_tables_and_figures_are_those_that_were_written(runs):
    tables = {"changed": pl.DataFrame({"a": [0.5]}), "kept": pl.DataFrame({"a": [1]})}
    path = runs / "analyses" / "balance" / "a-b" / "analysis.json"
    keep_answer(path, {"runs": []}, tables, {"drawn": panels()[0]})
    folder = path.parent
    (folder / "changed.csv").write_text("a\n753125\n")
    (folder / "added.csv").write_text("a\n864246\n")
    (folder / "drawn.svg").write_text((folder / "drawn.svg").read_text() + "\n")
    html = unescape(made(runs))
    assert "Table kept" in html
    assert "753125" not in html
    assert "864246" not in html
    told = html[html.index("Left out</h2>") :]
    for name in ("changed.csv", "drawn.svg"):
        assert f"`{folder}/{name}` is not as it was written" in told
    assert f"`{folder}/added.csv` belongs to no answer: delete it." in told


def test_commands_of_another_form_are_none(runs):
    (runs / "sweeps").mkdir(exist_ok=True)
    for number, words in enumerate((1, "rm", ["overparam", 1], {"a": "b"}, None)):
        content = {"schema": 1, "runs": [], "command": words}
        (runs / "sweeps" / f"{number}.json").write_text(json.dumps(content))
    assert "Commands</h2>" in made(runs)


def test_tables_without_an_end_are_told_or_shortened(runs):
    folder = runs / "reproductions" / "toy-figure" / "smoke"
    (folder / "numbers.csv").unlink()
    os.mkfifo(folder / "numbers.csv")
    (folder / "zero.csv").symlink_to("/dev/zero")
    (folder / "long.csv").write_text("a,b\n" + "1,é\n" * 10**6)
    html = made(runs)
    assert html.count("cannot be read") == 2
    assert "Table long (first 40 rows" in html


def test_claims_environment_commands_and_citations_are_told(html):
    for text in ("3 of 3", "✓ holds", "2 [1, 3]", "✗ does not hold", "@misc{toy}"):
        assert text in html
    assert "overparam run toy --width 100 --seed 1" in html
    assert ">numpy<" in html


def test_what_differs_is_told_with_counts(html):
    table = html[html.index("What differs between the runs of toy") :]
    row = table[table.index("width") : table.index("</tr>", table.index("width"))]
    shown = re.sub(r"<[^>]+>", "", row)
    assert re.search(r"9 ×2\s*10\s*×1\s*100 ×2", shown)


def test_a_run_without_its_environment_is_still_reported(runs):
    next(runs.glob("toy/*/environment.json")).unlink()
    assert "median and 10-90 % band over seeds, 5 runs" in made(runs)


def test_an_analysis_says_what_it_found_and_only_options_that_are_set(runs):
    folder = runs / "analyses" / "certificate" / "a-b"
    folder.mkdir(parents=True)
    path = next((runs / "toy").iterdir())
    facts = {
        "schema": 1,
        "options": {"penalty": None, "n_samples": 2000, "dataset": None},
        "runs": [{"run": f"toy/{path.name}"}],
        "summary": {"lower bound (bounded)": 0.123456, EVIL: EVIL},
        "notes": ["The bound is vacuous.", EVIL, 3],
    }
    (folder / "analysis.json").write_text(json.dumps(facts))
    written = made(runs)
    assert f"analysis of {path.name} with n samples 2000<" in written
    assert "lower bound (bounded)" in written
    assert "0.1235" in written
    assert "<p>The bound is vacuous.</p>" in written
    assert EVIL not in written
    (folder / "analysis.json").write_text(json.dumps(facts | {"notes": "none"}))
    assert "lower bound (bounded)" in made(runs)


def test_unfinished_runs_are_named(runs):
    (store(runs, width=3) / "status.json").unlink()
    assert "is not finished" in made(runs)


def test_a_folder_without_finished_runs_is_one_sentence(tmp_path):
    with pytest.raises(StoreError, match="holds no finished run of 'lazy'"):
        collect(tmp_path, about=lambda name: About(), study="lazy")
    with pytest.raises(ConfigError, match="no study 'toy'"):
        collect(tmp_path, about=lambda name: About(), study="toy")


def test_runs_that_differ_in_more_than_seeds_get_no_common_median(html, runs):
    assert "median and 10-90 % band over seeds, 5 runs" in html
    store(runs, width=9, label="other")
    assert "6 runs, each a line" in made(runs)


def test_a_run_without_a_record_takes_no_curve_from_the_others(tmp_path):
    store(tmp_path, n_records=0)
    assert "<svg" not in made(tmp_path)
    store(tmp_path, seed=1)
    assert "<svg" in made(tmp_path)


def test_runs_that_differ_in_seeds_get_a_median(tmp_path):
    for seed in range(3):
        store(tmp_path, seed=seed)
    assert "median and 10-90 % band over seeds, 3 runs" in made(tmp_path)


def test_some_records_of_each_run_are_drawn_the_last_one_among_them(monkeypatch):
    monkeypatch.setattr("overparam.report.curves._MOST_PLACES", 5)
    ends = [1, 3, 5, 6, 11, 12]
    tables = [
        pl.DataFrame({"step": range(1, n + 1), "loss": [float(n)] * n}) for n in ends
    ]
    tables[1] = tables[1].cast({"step": pl.Float64}).drop("loss")
    tables[2] = tables[2].with_columns(loss=pl.lit(1e300))
    runs = [StoredRun(Path(f"toy/{n}")) for n in ends]
    drawn = _long([*zip(runs, tables, strict=True)], ends, "step", ["loss"], "width")
    # Every second of 6, every third of 11 and 12, counted from the end.
    steps = [[1], [1, 2, 3], [1, 2, 3, 4, 5], [2, 4, 6], [2, 5, 8, 11], [3, 6, 9, 12]]
    losses = [1.0, None, None, 6.0, 11.0, 12.0]
    expected = {
        "step": [float(step) for each in steps for step in each],
        "loss": [loss for loss, each in zip(losses, steps, strict=True) for _ in each],
        "path": [f"toy/{n}" for n, each in zip(ends, steps, strict=True) for _ in each],
        "width": [n for n, each in zip(ends, steps, strict=True) for _ in each],
    }
    assert drawn.to_dict(as_series=False) == expected


def test_runs_of_different_length_get_no_median(tmp_path):
    for seed in range(3):
        store(tmp_path, seed=seed, n_records=10 + seed)
    assert "3 runs, each a line" in made(tmp_path)


@pytest.mark.slow
def test_500_runs_stay_below_10_megabytes(tmp_path):
    """The target of the house; the time is measured in `docs/benchmarks`."""
    for seed in range(500):
        store(tmp_path, seed=seed, width=seed % 7, n_records=40)
    assert len(made(tmp_path).encode()) < 10_000_000


def test_the_verb_reports_a_real_run(tmp_path, capsys):
    small = ["--input-dim", "8", "--teacher-width", "2", "--n-outputs", "2"]
    small += ["--samples-per-epoch", "100", "--epochs", "2"]
    runs = ["--runs", str(tmp_path / "runs")]
    assert run_command(["run", "planted", *small, *runs]) == 0
    out = tmp_path / "page.html"
    assert run_command(["report", str(tmp_path / "runs"), "--out", str(out)]) == 0
    assert "1 run in" in capsys.readouterr().err
    html = out.read_text()
    assert "Does width help to recover a planted teacher?" in html
    assert "livni2014" in html


@pytest.fixture(scope="module")
def chromium():
    if found() is None:
        reason = "No Chromium is found: install Debian's package `chromium`."
        pytest.skip(reason)
    with browser() as opened:
        yield opened


@pytest.fixture
def opened(chromium, html, tmp_path):
    chromium.logged.clear()
    chromium.requested.clear()
    path = tmp_path / "report.html"
    path.write_text(html)
    chromium.open(path)
    return chromium


COLUMN = (
    "[...document.querySelectorAll('#runs-toy tbody tr:not([hidden])')]"
    ".map(row => row.cells[{}].textContent)"
)


def column(browser, name):
    names = browser.run(
        "[...document.querySelectorAll('#runs-toy thead th')].map(h => h.dataset.name)"
    )
    return browser.run(COLUMN.format(names.index(name)))


def heading(name):
    return f"document.querySelector('#runs-toy thead [data-name={name}]')"


def typed(browser, text):
    field = "document.querySelector('[data-filters]')"
    browser.run(f"{field}.value = {json.dumps(text)}")
    browser.run(f"{field}.dispatchEvent(new Event('input'))")
    return browser.run("document.querySelector('[data-counts]').textContent")


def test_in_a_browser_nothing_is_logged_and_nothing_fetched(opened):
    assert opened.logged == []
    assert all(url.startswith("file:") for url in opened.requested)
    assert len(opened.requested) == 1


def test_in_a_browser_a_heading_sorts_numbers_as_numbers(opened):
    opened.run(f"{heading('width')}.querySelector('button').click()")
    assert column(opened, "width") == ["9", "9", "10", "100", "100"]
    assert opened.run(f"{heading('width')}.ariaSort") == "ascending"
    opened.run(f"{heading('width')}.querySelector('button').click()")
    assert column(opened, "width") == ["100", "100", "10", "9", "9"]
    assert opened.run(f"{heading('width')}.ariaSort") == "descending"


def test_in_a_browser_what_is_not_a_number_comes_last_both_ways(opened):
    for _ in range(2):
        opened.run(f"{heading('risk')}.querySelector('button').click()")
        assert column(opened, "risk")[-1] == "nan"


def test_in_a_browser_a_heading_sorts_by_keyboard(opened):
    opened.run(f"{heading('width')}.querySelector('button').focus()")
    opened.press("Enter")
    assert column(opened, "width") == ["9", "9", "10", "100", "100"]


@pytest.mark.parametrize(
    ("text", "widths"),
    [
        ("width=100", ["100", "100"]),
        ("width>9 width<50", ["10"]),
        ("width!=9 risk<1", ["100", "100"]),
        ("finished", ["9", "9", "10", "100", "100"]),
        ("onerror", ["10"]),
        ("nowhere", []),
    ],
)
def test_in_a_browser_the_filter_leaves_what_fits(opened, text, widths):
    told = typed(opened, text)
    assert sorted(column(opened, "width"), key=int) == widths
    assert told == ("5 runs" if len(widths) == 5 else f"{len(widths)} of 5 runs")


def test_in_a_browser_an_unknown_column_is_told(opened):
    assert typed(opened, "depth=3") == "There is no such column."
    assert len(column(opened, "width")) == 5


def test_in_a_browser_a_run_opens_its_details_and_escape_closes_them(opened):
    opened.run("document.querySelector('[data-run]').click()")
    assert opened.run("document.getElementById('details').open")
    text = opened.run("document.getElementById('details-body').textContent")
    assert "overparam run toy" in text
    assert "A note." in text
    opened.press("Escape")
    assert not opened.run("document.getElementById('details').open")


def test_in_a_browser_points_tell_their_values(opened):
    """The middle of the curve is (10, 0.1); rounding leaves three digits."""
    opened.run("document.querySelector('[data-readings]').focus()")
    for _ in range(2):
        opened.press("ArrowRight")
    told = opened.run("document.getElementById('reading').textContent")
    assert told == "a curve\nwidth 10\nrisk 0.1"


def test_in_a_browser_the_pointer_finds_the_nearest_point(opened):
    box = opened.run(
        "(() => { const curve = document.querySelector('[id$=\"axes_1.series_1\"]');"
        "curve.scrollIntoView({block: 'center', behavior: 'instant'});"
        "const r = curve.getBoundingClientRect(); return [r.right, r.top] })()"
    )
    opened.move(box[0] - 3, box[1] + 3)
    told = opened.run("document.getElementById('reading').textContent")
    assert told == "a curve\nwidth 100\nrisk 10"


def test_in_a_browser_dark_and_paper_have_their_colours(opened):
    def ground():
        return opened.run("getComputedStyle(document.body).backgroundColor")

    light = ground()
    dark = {"name": "prefers-color-scheme", "value": "dark"}
    opened.call("Emulation.setEmulatedMedia", features=[dark])
    assert ground() != light
    opened.call("Emulation.setEmulatedMedia", media="print", features=[dark])
    ink = opened.run("getComputedStyle(document.body).color")
    opened.call("Emulation.setEmulatedMedia", media="", features=[])
    assert ink == opened.run("getComputedStyle(document.body).color")


@pytest.mark.parametrize("width", [390, 1280])
def test_in_a_browser_no_width_cuts_the_page(opened, width):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    opened.call("Emulation.setDeviceMetricsOverride", **size)
    try:
        assert opened.run("document.documentElement.scrollWidth") <= width
        broad = opened.run(
            "[...document.querySelectorAll('svg, h1, p, li, nav')]"
            ".filter(e => e.getBoundingClientRect().right > innerWidth)"
            ".map(e => e.outerHTML.slice(0, 80))"
        )
        assert broad == []
    finally:
        opened.call("Emulation.clearDeviceMetricsOverride")


@pytest.mark.parametrize("width", [390, 1280])
def test_in_a_browser_letters_of_wide_figures_can_be_read(chromium, runs, width):
    figure, _ = panels(1, 4)
    save(figure, runs / "reproductions" / "toy-figure" / "smoke" / "curve")
    page = runs / "report.html"
    page.write_text(made(runs))
    chromium.open(page)
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    chromium.call("Emulation.setDeviceMetricsOverride", **size)
    try:
        assert chromium.run("document.documentElement.scrollWidth") <= width
        scales = chromium.run(
            "[...document.querySelectorAll('.drawing')].map(e => "
            "e.getBoundingClientRect().width / parseFloat(e.style.maxWidth))"
        )
        # Letters of 9 points are 12 pixels: at this scale they have more than 8.
        assert min(scales) > 0.69
    finally:
        chromium.call("Emulation.clearDeviceMetricsOverride")


def test_in_a_browser_everything_has_a_name_for_a_screen_reader(opened):
    tree = opened.call("Accessibility.getFullAXTree")["nodes"]
    named = {"button", "link", "textbox", "searchbox", "image", "table", "region"}
    for node in tree:
        if not node["ignored"] and node["role"]["value"] in named:
            assert node["name"]["value"].strip(), node


def test_of_very_many_runs_some_are_shown_and_all_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr("overparam.report.material.MOST_SHOWN", 4)
    for seed in range(9):
        store(tmp_path, seed=seed, width=10 if seed < 7 else 20)
    material = collect(tmp_path, about=lambda _: About())
    content = page(material)
    assert content.count('<button type="button" data-run=') == 4
    assert "4 of 9 runs, at random, have a curve and a row" in unescape(content)
    # Of all of them, whichever are shown.
    assert "10<small> ×7</small>" in content
    shown = [run.path.name for run in material.studies[0].shown]
    assert len({*shown}) == 4
    assert shown == sorted(shown)


def test_values_that_are_equal_in_python_alone_are_told_apart():
    values = [1, True, 1.0, 1, [1], [1], None, float("nan"), float("nan")]
    (found,) = spreads([{"a": value} for value in values])
    counts = [(repr(value), n) for value, n in found.values]
    expected = [("1", 2), ("1.0", 1), ("True", 1), ("[1]", 2), ("None", 1), ("nan", 2)]
    assert sorted(counts) == sorted(expected)


@pytest.mark.parametrize("field", ["step", "path", "seconds"])
def test_a_config_field_may_be_called_as_a_column_of_ours(tmp_path, field):
    for value in (1, 2):
        store(tmp_path, **{field: value}, seed=value)
    found = collect(tmp_path, about=lambda _: About())
    assert "<svg" in page(found)
    assert "<svg" in page(found, by=field)
