"""What of a figure cannot be read, from the rendered boxes of its texts."""

import itertools

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text


SLACK = 1.5  # Pixels: boxes are those of the font and wider than the letters.


def faults(figure):
    """The texts that cover each other, and those that are cut."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    away = {id(label) for axes in figure.axes for label in ticks_away(axes)}
    boxes = [
        (text.get_text(), text.get_window_extent(canvas.get_renderer()))
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip() and id(text) not in away
    ]
    width, height = canvas.get_width_height()
    told = [
        f"{words!r} is cut"
        for words, box in boxes
        if min(box.x0, box.y0, width - box.x1, height - box.y1) < -SLACK
    ]
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        across = min(a.x1, b.x1) - max(a.x0, b.x0)
        along = min(a.y1, b.y1) - max(a.y0, b.y0)
        if min(across, along) > SLACK:
            told.append(f"{one!r} covers {other!r}")
    return told


def ticks_away(axes):
    """The labels of ticks outside of the limits, which are not drawn."""
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
            if not low <= tick.get_loc() <= high or not axes.get_visible():
                yield from (tick.label1, tick.label2)
