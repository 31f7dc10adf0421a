"""Curves of records: what tells them apart."""

import json
import warnings
from xml.etree import ElementTree

import boxes
import numpy as np
import polars as pl
import pytest

from overparam.analysis.tails.analyse import _figure as tails_figure
from overparam.plots import draw, panels, rendered
from overparam.plots.curves import aligned, lettering


DESCRIPTION = ".//{http://purl.org/dc/elements/1.1/}description"
ODD = {
    "formula": "$x^$",
    "two prices": "$5 or $6",
    "escaped": r"\$\frac{$",
    "control": "a\x01b\x1b[31m",
    "lines": "a\tb\nc",
    "no letter": "\ufffe\u2028",
    "no font": "漢字 🙂",
    "one long word": "x" * 300,
    "many words": "word " * 80,
    "markup": "</svg><script>&amp;",
}


@pytest.mark.parametrize("alike", [True, False])
def test_lines_that_cannot_be_told_apart_are_not_named(alike):
    for number, named in ((20, True), (60, False)):
        rows = [
            {"path": str(run), "step": step, "loss": float(run), "seed": run}
            for run in range(number)
            for step in (0, 1)
        ]
        figure, axes = panels()
        records = pl.DataFrame(rows)
        draw(axes[0, 0], records, x="step", y="loss", by="seed", alike=alike)
        assert (axes[0, 0].get_legend() is not None) == named
        figure.canvas.draw()
        assert axes[0, 0].get_window_extent().height > 100


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
@pytest.mark.parametrize("alike", [True, False])
def test_a_text_of_a_run_is_drawn_as_its_letters(text, alike):
    rows = [
        {"path": str(run), "step": step, text: float(run + step), "kind": text}
        for run in (0, 1)
        for step in (1, 2)
    ]
    figure, axes = panels(width=4.6)
    records = pl.DataFrame(rows)
    draw(axes[0, 0], records, x="step", y=text, by="kind", alike=alike)
    with warnings.catch_warnings(action="error"):
        assert rendered(figure, "png")
        root = ElementTree.fromstring(rendered(figure, "svg"))
    told = json.loads(root.findtext(DESCRIPTION) or "")["axes_1"]
    drawn = {"".join(element.itertext()) for element in root.iter()}
    label = lettering(f"kind {text}").replace(r"\$", "$")
    assert label in drawn
    assert label in told["series"].values()
    # A label longer than its panel is drawn in several lines.
    assert told["y"]["label"] in " ".join("".join(root.itertext()).split())
    assert boxes.faults(figure) == []


@pytest.mark.parametrize("text", ODD.values(), ids=list(ODD))
def test_a_figure_of_anyone_s_is_written_whatever_its_texts_say(text):
    """An analysis of one's own letters its figure itself."""
    figure, axes = panels(caption=f"a caption with {text}"[:90])
    axes[0, 0].set_title(text[:90])
    axes[0, 0].plot([1, 2], label=f"{text[:90]}\nof two lines, $x^2$")
    axes[0, 0].set_xlabel("a formula: $x^2$")
    assert rendered(figure, "png")
    ElementTree.fromstring(rendered(figure, "svg"))
    assert axes[0, 0].xaxis.label.get_parse_math()


def test_layers_of_a_file_are_drawn_as_their_letters():
    names = {"c$x_$.weight": 140, "a$^b": 150, "x" * 300: 160}
    rng = np.random.default_rng(0)
    samples = {name: rng.standard_normal(size) for name, size in names.items()}
    figure = tails_figure(samples, "tails")
    assert rendered(figure, "svg")
    texts = [t.get_text() for t in figure.axes[0].get_legend().get_texts()]
    assert texts == [*map(lettering, names), "Gaussian"]


def test_a_long_text_keeps_both_ends_and_a_short_one_all():
    assert lettering("a" * 60) == "a" * 60
    told = lettering("first" + "a" * 300 + "last")
    assert told.startswith("first")
    assert told.endswith("last")
    assert len(told) == 60


def test_each_run_is_a_curve_on_the_places_of_all():
    rng = np.random.default_rng(0)
    rows = [
        {"path": f"run {run}", "x": float(x), "y": rng.normal()}
        for run in rng.integers(0, 7, 200)
        for x in [rng.integers(0, 20)]
    ]
    records = pl.DataFrame([*rows, {"path": "none", "x": 3.0, "y": None}])
    grid, curves = aligned(records, x="x", y="y")
    runs = list(dict.fromkeys(row["path"] for row in rows))
    # Of records of one place the last one counts.
    told = [{r["x"]: r["y"] for r in rows if r["path"] == run} for run in runs]
    expected = [[curve.get(x, np.nan) for x in grid] for curve in [*told, {}]]
    assert sorted({row["x"] for row in rows}) == list(grid)
    np.testing.assert_array_equal(curves, expected)
