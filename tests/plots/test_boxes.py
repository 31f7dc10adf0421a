"""Nothing of a figure covers or cuts its texts, and no two lines look alike."""

import boxes
import polars as pl
import pytest

import overparam as op
from overparam.plots import draw, panels


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


@pytest.mark.parametrize("alike", [True, False])
def test_ten_series_are_told_apart_and_named_without_covering_anything(alike):
    figure, axes = panels(caption="What is drawn, of how many runs, and how. " * 4)
    draw(axes[0, 0], records(10), x="step", y="risk", by="width", alike=alike)
    looks = {(line.get_color(), line.get_linestyle()) for line in axes[0, 0].lines}
    assert len(looks) == 10
    assert boxes.faults(figure) == []


@pytest.mark.parametrize("name", ["planted-learning-rate", "recovery-designs"])
def test_figures_of_reproductions_can_be_read(name, tmp_path):
    made = op.reproduce(name, scale="smoke", runs=tmp_path, progress=False)
    assert made.figures
    for figure in made.figures.values():
        assert boxes.faults(figure) == []
