"""Figures without global state: one look for all, saved as PNG and SVG."""

import io
import re
import textwrap
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cbook import is_math_text
from matplotlib.figure import Figure
from matplotlib.mathtext import MathTextParser
from matplotlib.text import Text
from matplotlib.ticker import (
    LogFormatterSciNotation,
    LogLocator,
    MaxNLocator,
    NullLocator,
)

from ..store.files import figure_name, write_file
from ..store.json_values import printable
from .readings import readings
from .styles import CAPTION_LINE, dressed


COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#000000",
    "#8C6BB1",
)
"""Okabe and Ito's palette, told apart by colour-blind readers too.

Example:
    ```python
    figure, axes = op.plots.panels()
    axes[0, 0].plot(y, color=op.plots.COLOURS[0])
    ```
"""

TEN_COLOURS = (*COLOURS, "#7A4A12", "#8A8A8A")
"""With a brown and a grey: for up to ten series whose dashes mean something else."""

MARKERS = "os^Dv*PX<ph"
"""One more than ten colours, so that lines of one colour have different ones."""

DASHES = ("-", "--", ":", "-.")
"""How lines are drawn that share their colours."""

_STEPS = [1, 2, 2.5, 5, 10]

# Of the root of an SVG, whose other lengths are in units of its view box.
_SIZES = re.compile(rb'(width|height)="([0-9.]+)pt"')

# Of the caption's font, so that a line never leaves the figure.
_LETTERS_PER_INCH = 16
_INCHES_OF_TICKS = 0.7  # Of a panel's share, on its left.
_LETTERS_OF_A_KEY = 8  # Of the line beside a label of a legend, with its margins.

STYLE: dict[Any, Any] = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.25,
    "font.size": 9,
    "axes.titlesize": 10,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.6,
    # Text stays text, so that figures are searchable; ids do not change per call.
    "svg.fonttype": "none",
    "svg.hashsalt": "overparam",
}


class ShownFigure(Figure):
    """A figure that a notebook shows; Matplotlib's own is shown by pyplot only."""

    caption: Text | None = None
    """Its caption, wrapped into lines."""

    def _repr_png_(self) -> bytes:
        return rendered(self, "png")


def panels(
    n_rows: int = 1,
    n_columns: int = 1,
    *,
    width: float = 4.2,
    height: float = 3.2,
    caption: str = "",
) -> tuple[Figure, np.ndarray]:
    """A figure of equal panels and their axes, shape `(n_rows, n_columns)`.

    Args:
        n_rows: Rows of panels.
        n_columns: Columns of panels.
        width: Width of a panel in inches.
        height: Height of a panel in inches.
        caption: Text below: parametrisation, sizes, seeds.

    Example:
        ```python
        figure, axes = op.plots.panels(1, 2, caption="Two panels.")
        assert axes.shape == (1, 2)
        ```
    """
    lines = textwrap.wrap(caption, int(_LETTERS_PER_INCH * width * n_columns))
    below = CAPTION_LINE * (len(lines) + 1)
    with mpl.rc_context(STYLE):
        figure = ShownFigure(
            figsize=(width * n_columns, height * n_rows + below),
            layout="constrained",
        )
        axes = figure.subplots(n_rows, n_columns, squeeze=False)
        if lines:
            text = "\n".join(lines)
            figure.caption = figure.supxlabel(text, fontsize=7.5, color="0.35")
    return figure, axes


FEW_PLACES = 12
"""Up to so many places each has a marker, and a tick where they were chosen."""


def band(
    axes: Axes,
    x: np.ndarray,
    curves: Iterable[np.ndarray],
    *,
    label: str,
    colour: str,
    dash: str = "-",
    alpha: float = 0.18,
) -> None:
    """Median of curves with the 10-90 % band over them (seeds).

    Example:
        ```python
        figure, axes = op.plots.panels()
        steps, curves = np.arange(10), rng.normal(size=(5, 10))
        op.plots.band(axes[0, 0], steps, curves, label="x", colour=op.plots.COLOURS[0])
        ```
    """
    stacked = np.vstack(list(curves))
    median = np.nanmedian(stacked, axis=0)
    # A line of one point is invisible, and a line of few says less than they do.
    marker = "o" if len(x) <= FEW_PLACES else ""
    look = {"linestyle": dash, "marker": marker, "markersize": 3.5}
    axes.plot(x, median, color=colour, label=label, **look)
    if len(stacked) > 1:
        low, high = np.nanquantile(stacked, [0.1, 0.9], axis=0)
        width = 3 if len(x) == 1 else 0
        axes.fill_between(x, low, high, color=colour, alpha=alpha, linewidth=width)


def legend(axes: Axes, **options: Any) -> None:
    """A small legend without a frame.

    Example:
        ```python
        figure, axes = op.plots.panels()
        axes[0, 0].plot(y, label="sine")
        op.plots.legend(axes[0, 0], loc="lower right")
        ```
    """
    _, labels = axes.get_legend_handles_labels()
    if "loc" not in options and _letters(labels) > 0.8 * _LETTERS_PER_INCH * _room(
        axes
    ):
        # Names as wide as the panel have no place between its lines.
        options |= {"loc": "lower left", "bbox_to_anchor": (0, 1)}
    axes.legend(frameon=False, fontsize=7.5, title_fontsize=7.5, **options)


def _room(axes: Axes) -> float:
    """Inches between the left and the right end of a panel.

    As it stands before the layout, a panel beside others is narrower than it is drawn.
    """
    place = axes.get_subplotspec()
    if place is None:
        return axes.get_window_extent().width / axes.figure.dpi
    columns = place.get_gridspec().ncols / len(place.colspan)
    figure = axes.get_figure(root=True)
    assert figure is not None
    return figure.get_figwidth() / columns - _INCHES_OF_TICKS


def shared_legend(figure: Figure, axes: Axes) -> None:
    """The legend of one panel above all, whose lines mean the same, in place of theirs.

    Bands fill panels, and Matplotlib's search for an empty place does not see them.
    """
    for panel in figure.axes:
        if own := panel.get_legend():
            own.remove()
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside upper center",
        ncols=min(legend_columns(figure.get_figwidth(), labels), max(1, len(labels))),
        frameon=False,
        fontsize=7.5,
    )


def legend_columns(inches: float, labels: Iterable[str]) -> int:
    """How many of the labels, at least one, have room beside each other."""
    return max(1, int(inches * _LETTERS_PER_INCH / _letters(labels)))


def _letters(labels: Iterable[str]) -> int:
    """How wide the longest label of a legend is, its key in letters, too."""
    return max(map(len, labels), default=0) + _LETTERS_OF_A_KEY


def chosen_ticks(axes: Axes, values: Iterable[float]) -> None:
    """Ticks at the values that were chosen, where these are few."""
    places = sorted(set(values))
    if len(places) <= FEW_PLACES:
        axes.set_xticks(places, [f"{value:g}" for value in places])
        axes.xaxis.set_minor_locator(NullLocator())


def whole_ticks(axes: Axes) -> None:
    """No tick between whole numbers, where only those are drawn on a linear axis."""
    drawn = np.concatenate([np.ravel(line.get_xdata()) for line in axes.lines] or [[]])
    finite = np.asarray(drawn, float)[np.isfinite(np.asarray(drawn, float))]
    if axes.get_xscale() == "linear" and (finite == np.round(finite)).all():
        axes.xaxis.set_major_locator(MaxNLocator("auto", steps=_STEPS, integer=True))


def logarithmic(axes: Axes) -> None:
    """A logarithmic vertical axis, if the lines have positive values far apart.

    Within a factor of 3 it would have ticks like 6.2 x 10^-1.

    Example:
        ```python
        figure, axes = op.plots.panels()
        axes[0, 0].plot(np.geomspace(1e-6, 1, 20))
        op.plots.logarithmic(axes[0, 0])
        ```
    """
    drawn = [np.ravel(np.asarray(line.get_ydata(), float)) for line in axes.lines]
    positive = [value for values in drawn for value in values[values > 0]]
    if positive and max(positive) > 3 * min(positive):
        axes.set_yscale("log")


class _Readable(LogFormatterSciNotation):
    """Within two decades ticks as numbers: 0.4, and not 4 x 10^-1.

    On longer axes powers of ten alone have a label.
    """

    def __call__(self, x: float, pos: int | None = None) -> str:
        told = super().__call__(x, pos)
        assert self.axis is not None
        low, high = sorted(self.axis.get_view_interval())
        readable = high <= 100 * low and 1e-4 <= x < 1e5
        return f"{x:g}" if told and readable else told


def _readable_ticks(figure: Figure) -> None:
    """Ticks of logarithmic axes as a person writes them, where nobody chose others.

    Within a factor of 3 they are those of a linear axis: of 1, 2, 3, ... times a power
    of ten one or two would have a label.
    """
    for axis in (a for axes in figure.axes for a in (axes.xaxis, axes.yaxis)):
        if type(axis.get_major_formatter()) is LogFormatterSciNotation:
            axis.set_major_formatter(_Readable())
            low, high = sorted(axis.get_view_interval())
            if high <= 3 * low and type(axis.get_major_locator()) is LogLocator:
                axis.set_major_locator(MaxNLocator(6, steps=_STEPS, min_n_ticks=3))
                axis.set_minor_locator(NullLocator())
                axis.set_major_formatter("{x:g}")
        if type(axis.get_minor_formatter()) is LogFormatterSciNotation:
            axis.set_minor_formatter(_Readable(labelOnlyBase=False))


def save(figure: Figure, path: Path) -> list[Path]:
    """Write `path`.png and `path`.svg, also where it names one of them.

    Raises:
        ConfigError: If the path is that of a folder, or names another format.
        StoreError: If the disk refuses.

    Example:
        ```python
        figure, axes = op.plots.panels()
        op.plots.save(figure, Path("empty"))  # empty.png and empty.svg
        ```
    """
    path = figure_name(path)
    written = []
    for suffix in ("png", "svg"):
        target = path.with_name(f"{path.name}.{suffix}")
        write_file(target, rendered(figure, suffix))
        written.append(target)
    return written


def _as_letters(text: Text) -> None:
    """Draw a text that is no formula as its letters: a run or a file may say anything.

    Matplotlib would refuse the whole figure.
    """
    lines = [printable(line) for line in text.get_text().split("\n")]
    if (told := "\n".join(lines)) != text.get_text():
        text.set_text(told)
    try:
        for formula in filter(is_math_text, lines):
            MathTextParser("path").parse(formula)
    except ValueError:
        text.set_parse_math(False)


def rendered(figure: Figure, suffix: Literal["png", "svg"]) -> bytes:
    r"""The content of an image file; an SVG says what its points mean.

    Example:
        ```python
        figure, axes = op.plots.panels()
        assert op.plots.rendered(figure, "png").startswith(b"\x89PNG")
        ```
    """
    content = io.BytesIO()
    _readable_ticks(figure)
    for text in figure.findobj(Text):
        _as_letters(text)
    told = readings(figure)
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        # That a place for it takes a second is nothing that a reader can mend.
        warnings.filterwarnings("ignore", "Creating legend")
        # Nor letters that the font lacks: an SVG has them, a PNG shows their boxes.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        with dressed(figure) as (style, scale):
            # Dates would make equal figures differ.
            metadata: dict[str, str | None] = {"Software": None}
            options: dict[str, Any] = {"pil_kwargs": {"dpi": (style.dpi, style.dpi)}}
            if suffix == "svg":
                metadata, options = {"Date": None, "Description": told}, {}
            caption = getattr(figure, "caption", None)
            if caption is not None and not style.captioned:
                name = "Title" if suffix == "svg" else "Description"
                metadata[name] = " ".join(caption.get_text().split())
            options |= {"dpi": style.dpi * scale, "metadata": metadata}
            figure.savefig(content, format=suffix, **options)
    if suffix == "png":
        return content.getvalue()
    return _SIZES.sub(
        lambda found: b'%s="%gpt"' % (found[1], scale * float(found[2])),
        content.getvalue(),
        count=2,
    )
