"""Figures for papers and slides: sizes in inches, texts that can be read."""

import io
import itertools
import re
from types import SimpleNamespace

import boxes
import pytest
from PIL import Image

import overparam as op
from overparam.errors import ConfigError
from overparam.plots import drawn_for, panels, rendered
from overparam.plots.styles import dressed


CAPTION = "What is drawn, of how many runs, and how. " * 4


def image_width(path):
    with Image.open(path) as image:
        return image.width


def drawn(n_rows, n_columns):
    figure, axes = panels(n_rows, n_columns, caption=CAPTION)
    for panel in axes.flat:
        panel.plot([1, 10, 100], [3.0, 2.0, 1.0], label="a line")
        panel.set(xlabel="epoch", ylabel="risk", title="A title")
        panel.legend()
    return figure


@pytest.mark.parametrize(
    ("style", "n_columns", "inches"),
    [("paper", 1, 3.4), ("paper", 2, 7.0), ("paper", 4, 7.0), ("slides", 3, 12.0)],
)
@pytest.mark.parametrize("n_rows", [1, 2])
def test_a_figure_has_the_width_of_its_style(style, n_rows, n_columns, inches):
    figure = drawn(n_rows, n_columns)
    with drawn_for(style):
        png, svg = (rendered(figure, suffix) for suffix in ("png", "svg"))
        with dressed(figure):
            assert boxes.faults(figure) == []
    image = Image.open(io.BytesIO(png))
    assert image.width == pytest.approx(200 * inches, abs=1)
    assert image.info["dpi"][0] == pytest.approx(200, abs=0.01)
    width, height = (float(v) for v in re.findall(rb'"([0-9.]+)pt"', svg)[:2])
    assert width == pytest.approx(72 * inches, rel=1e-3)
    # One inch is 72 points, and both files show one picture.
    assert height == pytest.approx(72 * image.height / 200, abs=0.5)
    # A panel keeps its shape, whatever the caption took.
    assert height / width == pytest.approx(3.2 * n_rows / (4.2 * n_columns), rel=0.06)


def test_the_caption_is_in_the_file_and_not_in_the_picture():
    figure = drawn(1, 1)
    told = " ".join(CAPTION.split())
    screen = rendered(figure, "svg").decode()
    assert f"<title>{told}</title>" not in screen
    assert "What is drawn" in screen
    with drawn_for("paper"):
        svg, png = rendered(figure, "svg").decode(), rendered(figure, "png")
    assert f"<title>{told}</title>" in svg
    assert "What is drawn" not in svg.replace(told, "")
    assert Image.open(io.BytesIO(png)).info["Description"] == told


def test_a_figure_is_afterwards_as_it_was():
    figure = drawn(1, 2)
    before = rendered(figure, "png")
    with drawn_for("slides"):
        assert rendered(figure, "png") != before
    assert rendered(figure, "png") == before


def test_a_style_that_is_none_is_refused():
    with pytest.raises(ConfigError, match="poster"), drawn_for("poster"):
        pass


def test_the_command_line_draws_in_a_style(tmp_path, monkeypatch, capsys):
    from overparam.cli.main import run_command

    monkeypatch.chdir(tmp_path)
    small = {"width": 4, "input_dim": 3, "teacher_width": 2, "samples_per_epoch": 20}
    run = op.run("planted", epochs=2, progress=False, **small)
    command = ["plot", "runs", "--study", "planted", "--y", "risk", "--out", "figure"]
    assert run_command([*command, "--style", "paper"]) == 0
    assert image_width("figure.png") == 680
    assert run_command(["analyse", run.stored.id, "prune", "--style", "slides"]) == 0
    (written,) = tmp_path.glob("runs/analyses/prune/*/*.png")
    assert image_width(written) in (1400, 2400)
    assert run_command([*command, "--style", "poster"]) == 2
    assert "poster" in capsys.readouterr().err


def test_a_legend_that_takes_its_time_is_no_news(monkeypatch, recwarn):
    figure, axes = panels()
    axes[0, 0].plot([0, 1], label="one")
    axes[0, 0].legend()
    clock = SimpleNamespace(perf_counter=itertools.count(step=10).__next__)
    monkeypatch.setattr("matplotlib.legend.time", clock)
    rendered(figure, "png")
    assert not recwarn.list
