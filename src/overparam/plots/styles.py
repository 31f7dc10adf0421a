"""Figures for a screen, for a paper or for slides: one drawing in several sizes."""

import contextlib
import math
import re
import textwrap
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ..checks import one_of


if TYPE_CHECKING:
    from matplotlib.figure import Figure

StyleName = Literal["screen", "paper", "slides"]

CAPTION_LINE = 0.15
"""Inches that a line of a caption takes."""
_MOST, _BROKEN = 0.92, 0.75
"""Of a panel's share of the figure: a text that is longer is broken, into lines of the
second length at most, for ticks and labels stand on one side of it."""
_WITHIN = re.compile(r" (?=[=\d])|(?<==) ")
"""Where no line ends: within `n = 20` and `penalty 0.1`."""


@dataclass(frozen=True)
class Style:
    """In which size a figure is saved, with its texts and lines."""

    widths: tuple[float, float] | None
    """Inches, of a figure of one column of panels and of several; `None`: as drawn."""
    scales: tuple[float, float]
    """Least and most of texts, which have 9 points on a screen, and of lines: figures
    of many panels have the smaller ones."""
    captioned: bool
    """Whether the caption is in the picture, too; else it is in the file alone."""
    dpi: int
    """Pixels per inch of a PNG."""


STYLES: dict[StyleName, Style] = {
    "screen": Style(None, (1.0, 1.0), True, 160),
    # One and two columns of a journal.
    "paper": Style((3.4, 7.0), (0.62, 0.8), False, 200),
    "slides": Style((7.0, 12.0), (1.0, 1.5), False, 200),
}

_STYLE: ContextVar[StyleName] = ContextVar("style", default="screen")


@contextlib.contextmanager
def drawn_for(style: StyleName) -> Iterator[None]:
    """Save figures in this style.

    Example:
        ```python
        figure, axes = op.plots.panels()
        with op.plots.drawn_for("paper"):
            op.plots.save(figure, Path("empty"))
        ```
    """
    one_of(STYLES, style=style)
    token = _STYLE.set(style)
    try:
        yield
    finally:
        _STYLE.reset(token)


@contextlib.contextmanager
def dressed(figure: "Figure") -> Iterator[tuple[Style, float]]:
    """The figure of the size that is scaled into the style; afterwards as it was.

    Yields:
        The style, and the scale.
    """
    style, scale = STYLES[_STYLE.get()], 1.0
    before = width, height = tuple(figure.get_size_inches())
    caption = None if style.captioned else getattr(figure, "caption", None)
    if caption is not None:
        height -= CAPTION_LINE * len(caption.get_text().splitlines())
        caption.set(visible=False, in_layout=False)
    if style.widths is not None:
        grids = [a.get_gridspec() for a in figure.axes if a.get_subplotspec()]
        several = any(grid.ncols > 1 for grid in grids if grid is not None)
        least, most = style.scales
        scale = min(most, max(least, style.widths[several] / width))
        height *= style.widths[several] / scale / width
        width = style.widths[several] / scale
    try:
        figure.set_size_inches(width, height)
        with _broken_lines(figure):
            yield style, scale
    finally:
        figure.set_size_inches(before)
        if caption is not None:
            caption.set(visible=True, in_layout=True)


@contextlib.contextmanager
def _broken_lines(figure: "Figure") -> Iterator[None]:
    """Titles and labels longer than their panel in several lines; afterwards in one."""
    before = []
    for axes in figure.axes:
        place = axes.get_subplotspec()
        if place is None:
            continue
        grid = place.get_gridspec()
        width = figure.bbox.width * len(place.colspan) / grid.ncols
        height = figure.bbox.height * len(place.rowspan) / grid.nrows
        texts = (
            (axes.title, width),
            (axes.xaxis.label, width),
            (axes.yaxis.label, height),
        )
        for text, room in texts:
            told, extent = text.get_text(), text.get_window_extent()
            needed = max(extent.width, extent.height) / room
            # A line that is broken within a formula would be none.
            if needed <= _MOST or "$" in told or "\n" in told:
                continue
            n_lines = math.ceil(needed / _BROKEN)
            before.append((text, told))
            widths = range(len(told) // n_lines + 1, len(told))
            kept = _WITHIN.sub("\xa0", told)
            broken = (textwrap.wrap(kept, w, break_long_words=False) for w in widths)
            even = next((each for each in broken if len(each) <= n_lines), [kept])
            text.set_text("\n".join(even).replace("\xa0", " "))
    try:
        yield
    finally:
        for text, told in before:
            text.set_text(told)
