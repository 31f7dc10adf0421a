"""What a reader needs to turn points of an SVG figure back into values."""

import json
from collections.abc import Iterator

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle


def readings(figure: Figure) -> str:
    """Name what is drawn, and describe the axes it is drawn in, as JSON.

    The axes and every curve, cloud of points and bar get an id that stands in the SVG;
    the axes' background is its first path there, so that limits suffice.

    Args:
        figure: The figure; its artists are given ids.

    Returns:
        By the id of each axes: labels, limits, scales, and the label of each series.
    """
    described = {}
    frames: dict[tuple[float, ...], str] = {}
    for number, axes in enumerate(figure.axes, start=1):
        if axes.name == "rectilinear":
            name = f"axes_{number}"
            axes.set_gid(name)
            # The second of two axes in one place has no background of its own.
            frame = frames.setdefault(axes.get_position().bounds, name)
            series = {}
            for number, (artist, label) in enumerate(_series(axes), start=1):
                artist.set_gid(f"{name}.series_{number}")
                series[f"{name}.series_{number}"] = label
            described[name] = {"frame": frame} | {
                "title": _read(axes.get_title()),
                "x": _axis(axes.get_xlabel(), axes.get_xlim(), axes.get_xscale()),
                "y": _axis(axes.get_ylabel(), axes.get_ylim(), axes.get_yscale()),
                "series": series,
            }
    return json.dumps(described)


def _axis(label: str, limits: tuple[float, float], scale: str) -> dict[str, object]:
    return {"label": _read(label), "limits": [float(v) for v in limits], "scale": scale}


def _series(axes: Axes) -> Iterator[tuple[Artist, str]]:
    of_container = {
        child: str(container.get_label())
        for container in axes.containers
        for child in container.get_children()
    }
    for artist in axes.get_children():
        bar = isinstance(artist, Rectangle) and artist is not axes.patch
        if bar or isinstance(artist, PathCollection) or artist in axes.lines:
            label = of_container.get(artist, str(artist.get_label()))
            yield artist, "" if label.startswith("_") else _read(label)


def _read(label: str) -> str:
    """A label as it is read: a dollar that begins no formula is escaped in a figure."""
    return label.replace(r"\$", "$")
