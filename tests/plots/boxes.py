"""What of a figure cannot be read, from the rendered boxes of its texts and legends."""

import itertools

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.text import Text
from matplotlib.transforms import Bbox


SLACK = 1.5  # Pixels: boxes are those of the font and wider than the letters.


def faults(figure):
    """Texts that cover each other or are cut, and legends on what is drawn."""
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
    for axes in figure.axes:
        legend = axes.get_legend()
        if legend is not None and any(drawn_in(legend_box(legend), axes)):
            first = legend.get_texts()[0].get_text()
            told.append(f"the legend of {first!r} covers what is drawn")
    return told


def legend_box(legend):
    """Where keys and labels of a legend are; its margins cover nothing."""
    shown = (*legend.legend_handles, *legend.get_texts())
    return Bbox.union([artist.get_window_extent() for artist in shown]).padded(-SLACK)


def drawn_in(box, axes):
    """For everything that is drawn on axes, whether some of it lies in a box."""
    for line in axes.lines:
        yield (
            line.get_transform()
            .transform_path(line.get_path())
            .intersects_bbox(box, False)
        )
    for bar in axes.patches:
        yield bar.get_transform().transform_path(bar.get_path()).intersects_bbox(box)
    for drawn in axes.collections:
        offsets = drawn.get_offset_transform().transform(drawn.get_offsets())
        if isinstance(drawn, PathCollection):
            yield any(box.contains(*place) for place in offsets)
        else:
            paths = map(drawn.get_transform().transform_path, drawn.get_paths())
            yield any(path.intersects_bbox(box) for path in paths)
    for image in axes.images:
        yield image.get_window_extent().overlaps(box)


def ticks_away(axes):
    """The labels of ticks outside of the limits, which are not drawn."""
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
            if not low <= tick.get_loc() <= high or not axes.get_visible():
                yield from (tick.label1, tick.label2)
