"""Nothing of a figure covers or cuts its texts, and no two lines look alike."""

import re

import boxes
import numpy as np
import polars as pl
import pytest
from matplotlib.text import Text

import overparam as op
from overparam.analysis.resampling.analyse import draw_accuracy
from overparam.plots import COLOURS, band, draw, drawn_for, panels
from overparam.plots.figure import shared_legend
from overparam.plots.styles import dressed


def records(n_values, n_seeds=2):
    rows = [
        {"path": f"{value}-{seed}", "width": value, "step": step, "risk": 1 / step}
        for value in range(n_values)
        for seed in range(n_seeds)
        for step in (1, 10, 100)
    ]
    return pl.DataFrame(rows)


def test_texts_that_cover_each_other_and_texts_that_are_cut_are_found():
    figure, axes = panels()
    axes[0, 0].set(xlabel="step", ylabel="risk", title="A title")
    assert boxes.faults(figure) == []
    axes[0, 0].text(0.5, 0.5, "one")
    axes[0, 0].text(0.5, 0.5, "other")
    figure.text(0.97, 0.5, "a long text at the edge")
    told = boxes.faults(figure)
    assert "'one' covers 'other'" in told
    assert "'a long text at the edge' is cut" in told


def covering(axes, **where):
    """What a legend of one line covers, at a place of its own."""
    axes.plot([0.0, 1.0], [0.0, 0.0], label="a line")
    axes.set(xlim=(0, 1), ylim=(-0.1, 1))
    op.plots.legend(axes, **where)
    return [told for told in boxes.faults(axes.figure) if "covers what" in told]


@pytest.mark.parametrize(
    "drawn",
    [
        lambda axes: axes.plot([0.5, 1], [0.95, 0.93]),
        lambda axes: axes.axhline(0.94),
        lambda axes: axes.fill_between([0, 1], 0.2, 1),
        lambda axes: axes.scatter(np.full(9, 0.85), np.linspace(0.8, 1, 9)),
        lambda axes: axes.errorbar([0.85], [0.6], yerr=0.35),
        lambda axes: axes.bar([0.9], [1.0], width=0.2),
        lambda axes: axes.contourf(np.eye(3), extent=(0, 1, 0, 1)),
        lambda axes: axes.imshow(np.eye(3), extent=(0, 1, 0, 1), aspect="auto"),
    ],
    ids=["line", "level", "band", "points", "errors", "bars", "contours", "image"],
)
def test_a_legend_on_what_is_drawn_is_found(drawn):
    _, axes = panels()
    drawn(axes[0, 0])
    assert covering(axes[0, 0], loc="upper right")
    assert not covering(axes[0, 0], loc="lower left", bbox_to_anchor=(0, 1))


@pytest.mark.parametrize("alike", [True, False])
def test_ten_series_are_told_apart_and_named_without_covering_anything(alike):
    figure, axes = panels(caption="What is drawn, of how many runs, and how. " * 4)
    draw(axes[0, 0], records(10), x="step", y="risk", by="width", alike=alike)
    looks = {(line.get_color(), line.get_linestyle()) for line in axes[0, 0].lines}
    assert len(looks) == 10
    assert boxes.faults(figure) == []


@pytest.mark.parametrize("style", ["screen", "paper", "slides"])
@pytest.mark.parametrize("n_lines", [2, 10])
def test_a_shared_legend_covers_no_panel(style, n_lines):
    figure, axes = panels(2, 2, caption="What is drawn.")
    for panel in axes.flat:
        for line in range(n_lines):
            # Bands from edge to edge leave no empty place.
            ends = np.outer([0.0, 1.0], np.ones(3))
            label, colour = f"line {line} of a long name", COLOURS[line % len(COLOURS)]
            band(panel, np.arange(3), ends, label=label, colour=colour)
        panel.set(xlabel="epoch", ylabel="risk", title="A title")
    shared_legend(figure, axes[0, 0])
    with drawn_for(style), dressed(figure):
        assert boxes.faults(figure) == []
        (shared,) = figure.legends
        box = shared.get_window_extent()
        assert len(shared.get_texts()) == n_lines
        assert not any(box.overlaps(panel.get_window_extent()) for panel in axes.flat)


CODE = re.compile(r"True|False|None|\b[0-9a-f]{12}\b|\barm |\w_\w")


@pytest.mark.parametrize(
    "name",
    ["planted-learning-rate", "planted-livni", "recovery-designs", "recovery-training"],
)
def test_figures_of_reproductions_can_be_read(name, tmp_path):
    made = op.reproduce(name, scale="smoke", runs=tmp_path, progress=False)
    assert made.figures
    for figure in made.figures.values():
        assert boxes.faults(figure) == []
        with drawn_for("paper"), dressed(figure):
            assert boxes.faults(figure) == []
        texts = [text.get_text() for text in figure.findobj(Text)]
        assert list(filter(CODE.search, texts)) == []


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [(0.2, 0.7, "0.4"), (0.03, 0.9, "0.1"), (2.0, 70.0, "10"), (2e3, 9e3, "4000")],
)
def test_short_logarithmic_axes_have_numbers_and_no_powers(low, high, wanted):
    figure, axes = panels()
    axes[0, 0].plot([1, 2, 3], np.geomspace(low, high, 3))
    axes[0, 0].set_yscale("log")
    drawn = op.plots.rendered(figure, "svg").decode()
    labels = [text.get_text() for text in axes[0, 0].get_yticklabels(which="both")]
    assert wanted in labels
    assert not any("$" in label for label in labels)
    assert wanted in drawn


@pytest.mark.parametrize(("low", "high"), [(1e-5, 1.0), (2e-9, 7e-9)])
def test_long_axes_and_small_numbers_keep_their_powers(low, high):
    figure, axes = panels()
    axes[0, 0].plot([1, 2, 3], np.geomspace(low, high, 3))
    axes[0, 0].set_yscale("log")
    op.plots.rendered(figure, "svg")
    labels = [text.get_text() for text in axes[0, 0].get_yticklabels(which="both")]
    assert any("10^" in label for label in labels)


@pytest.mark.parametrize("ends", [(0.084, 0.131), (0.24, 0.6), (0.95, 1.02)])
def test_the_shortest_logarithmic_axes_have_several_numbers(ends):
    figure, axes = panels()
    axes[0, 0].plot([1, 2], ends)
    axes[0, 0].set_yscale("log")
    op.plots.rendered(figure, "png")
    assert axes[0, 0].get_yscale() == "log"
    low, high = axes[0, 0].get_ylim()
    labels = axes[0, 0].yaxis.get_ticklabels(which="both")
    shown = [t for t in labels if t.get_text() and low <= t.get_position()[1] <= high]
    assert len(shown) >= 3
    assert all(float(t.get_text()) == pytest.approx(t.get_position()[1]) for t in shown)


@pytest.mark.parametrize(("n_letters", "inside"), [(34, True), (60, False)])
def test_a_legend_with_room_in_its_panel_stays_there(n_letters, inside):
    figure, axes = panels(1, 2)
    axes[0, 1].plot([0, 1], label="x" * n_letters)
    op.plots.legend(axes[0, 1])
    op.plots.rendered(figure, "png")
    top = axes[0, 1].get_legend().get_window_extent().y1
    assert (top <= axes[0, 1].get_window_extent().y1) == inside


def test_ten_ways_of_drawing_have_ten_colours_and_markers():
    ways = [f"way {number}" for number in range(10)]
    row = {"k": 10, "test": 0.5, "low": 0.4, "high": 0.6}
    _, axes = panels()
    frame = pl.DataFrame([row | {"features": way} for way in ways])
    draw_accuracy(axes[0, 0], frame, ways)
    lines = axes[0, 0].lines
    assert len({line.get_color() for line in lines}) == 10
    assert len({line.get_marker() for line in lines}) == 10


@pytest.mark.parametrize("style", ["screen", "paper"])
def test_long_titles_and_labels_are_broken_while_a_figure_is_drawn(style):
    figure, axes = panels(2, 4, width=3.2, height=2.4)
    title = "n = 200, d = 3, penalty 0.01, noise 0.1 and ten seeds"
    label = "distance to the optimum, at most"
    for panel in axes.flat:
        panel.set(title=title, ylabel=label, xlabel="width")
    with drawn_for(style), dressed(figure):
        assert boxes.faults(figure) == []
        broken = axes[0, 0].get_title().split("\n")
        assert len(broken) > 1
        assert " ".join(broken) == title
    assert axes[0, 0].get_title() == title
