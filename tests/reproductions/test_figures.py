"""Figures of reproductions say what is drawn, and draw what they say."""

import numpy as np
import polars as pl
import pytest

from overparam.plots import panels
from overparam.reproductions.features import notes
from overparam.reproductions.planted import learning_rate
from overparam.reproductions.recovery.figures import phase_diagram, ratio_curve
from overparam.reproductions.reproduction import SCALES, Results
from overparam.reproductions.timescales import width
from overparam.reproductions.told import medians


def times(widths=(8, 16)):
    """Runs of two seeds with either penalty; the floor is that of the width."""
    common = {"n_samples": 64, "teacher_width": 64, "time_step": 0.5, "status": "ok"}
    names = ("risk", "teacher_distance", "ultra_fast_distance", "projected_distance")
    rows = [
        common
        | {"path": f"{m} {centre} {seed}", "width": m, "centre": centre, "seed": seed}
        | {"time": time, "floor": 1 / m}
        | dict.fromkeys(names, 2.0 + seed - time / 4)
        for m in widths
        for centre in (0.0, 1.0)
        for seed in range(2)
        for time in (0.0, 0.5, 1.0)
    ]
    frame = pl.DataFrame(rows)
    return Results("smoke", frame.filter(pl.col("time") == 0), frame, stored=[])


def test_panels_of_one_figure_have_one_axis_of_time():
    for figure in width.figures(times()).values():
        assert {axes.get_xscale() for axes in figure.axes} == {"log"}


def test_floors_have_the_colours_of_their_widths_and_a_name():
    figure = width.figures(times())["width-distance"]
    assert "dotted: least of M points" in figure.caption.get_text().replace("\n", " ")
    for axes in figure.axes:
        floors = [line for line in axes.lines if line.get_linestyle() == ":"]
        drawn = {line.get_ydata()[0]: line.get_color() for line in floors}
        curves = [line for line in axes.lines if str(line.get_label()).startswith("M")]
        colours = {line.get_label(): line.get_color() for line in curves}
        assert drawn == {1 / 8: colours["M = 8"], 1 / 16: colours["M = 16"]}


@pytest.mark.parametrize("rates", [(0.0, 0.0), (0.0, 1.0)])
def test_no_rate_is_negative(rates):
    """Of equal rates Matplotlib would draw the axis around them."""
    cells = pl.DataFrame({"n_samples": [10, 40], "input_dim": [5, 5], "rate": rates})
    _, axes = panels(1, 2)
    phase_diagram(axes[0, 0], cells, value="rate", title="")
    ratio_curve(axes[0, 1], cells.with_columns(trials=2), label="", colour="k")
    for each in axes[0]:
        low, high = each.get_ylim()
        assert 1 < high < 1.2
        assert all(tick >= 0 for tick in each.get_yticks() if low <= tick <= high)
    assert axes[0, 0].get_ylabel() == "share of trials"


def test_colours_of_a_diagram_are_named():
    cells = pl.DataFrame(
        [(n, d, n / 100) for n in (10, 40) for d in (5, 9)],
        ["n_samples", "input_dim", "rate"],
        orient="row",
    )
    figure, axes = panels()
    phase_diagram(axes[0, 0], cells, value="rate", title="")
    assert figure.axes[-1].get_ylabel() == "share of trials"


@pytest.mark.parametrize(("most", "pointed"), [(1.0, False), (1.7, True)])
def test_values_above_the_bar_of_colours_are_said_to_be(most, pointed):
    cells = pl.DataFrame(
        [(n, d, most if (n, d) == (10, 9) else 0.5) for n in (10, 40) for d in (5, 9)],
        ["n_samples", "input_dim", "distance_high"],
        orient="row",
    )
    _, axes = panels()
    phase_diagram(axes[0, 0], cells, value="distance_high", title="")
    (shown,) = (each for each in axes[0, 0].collections if hasattr(each, "extend"))
    assert (shown.extend == "max") is pointed


def test_medians_have_their_intervals_and_count_runs_that_diverged():
    runs = pl.DataFrame(
        {"width": [8] * 3 + [4], "risk": [3.0, 1.0, None, None]}, strict=False
    )
    told = medians(runs, ["width"], ["risk"])
    assert told.rows() == [(4, 1, None, None, None), (8, 3, 2.0, 1.0, 3.0)]
    assert told.columns == ["width", "seeds", "risk", "risk_low", "risk_high"]


@pytest.mark.parametrize("scale", SCALES)
def test_no_two_rows_of_the_notes_have_one_label(scale):
    rows = [
        {"number": number, "draw_of": source, "epoch": epoch}
        for row in notes.rows_of(scale)
        for number, source, epoch in (
            (row.numbers, "", None),
            *((t.number, row.numbers, notes._epoch(row, t, scale)) for t in row.draws),
        )
    ]
    labels = [notes._label(row) for row in rows]
    assert sorted(set(labels)) == sorted(labels)


@pytest.mark.parametrize("scale", ["smoke", "laptop"])
def test_crosses_are_named_where_they_are_drawn(scale):
    facts = {"input_dim": 20, "n_outputs": 3, "teacher_width": 6, "batch_size": 10}
    facts |= {"init_scale": 1.0, "seed": 0, "path": "a", "status": "ok"}
    facts |= {"plateau_zero": 1.0, "plateau_linear": 0.5, "plateau_affine": 0.4}
    records = pl.DataFrame(
        [
            facts | {"learning_rate": rate, "epoch": epoch, "loss": 1.0}
            for rate in learning_rate.RATES
            for epoch in (0, 19)
        ]
    )
    told = Results(scale, records, records, stored=[])
    (figure,) = learning_rate.figures(told).values()
    axes = figure.axes[0]
    crosses = [line for line in axes.lines if line.get_marker() == "x"]
    assert bool(crosses) == ("crosses" in axes.get_title()) == (scale != "smoke")
    assert np.isfinite(axes.get_ylim()).all()
