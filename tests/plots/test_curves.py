"""Curves of records: what tells them apart."""

import polars as pl
import pytest

from overparam.plots import draw, panels


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
