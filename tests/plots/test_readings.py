import json
import re
from xml.etree import ElementTree

import numpy as np

from overparam.plots import panels, rendered


DESCRIPTION = ".//{http://purl.org/dc/elements/1.1/}description"


def described(figure):
    root = ElementTree.fromstring(rendered(figure, "svg"))
    return root, json.loads(root.findtext(DESCRIPTION))


def points(root, name):
    group = next(g for g in root.iter() if g.get("id") == name)
    path = next(g for g in group.iter() if g.get("d"))
    return np.array(re.findall(r"-?[\d.]+", path.get("d")), float).reshape(-1, 2)


def test_points_of_the_svg_are_the_values_that_were_drawn():
    """Three decimals of a point are 1e-5 of the axis; that is the tolerance."""
    x, y = np.array([1.0, 2.0, 4.0]), np.array([1e-3, 5.0, 1e2])
    figure, axes = panels()
    axes[0, 0].plot(x, y, label="curve")
    axes[0, 0].set_yscale("log")
    root, readings = described(figure)
    told = readings["axes_1"]
    assert told["series"] == {"axes_1.series_1": "curve"}
    frame = points(root, told["frame"])
    (left, top), (right, bottom) = frame.min(0), frame.max(0)
    drawn = points(root, "axes_1.series_1")
    low, high = told["x"]["limits"]
    found = low + (drawn[:, 0] - left) / (right - left) * (high - low)
    np.testing.assert_allclose(found, x, rtol=1e-4)
    low, high = np.log10(told["y"]["limits"])
    found = low + (bottom - drawn[:, 1]) / (bottom - top) * (high - low)
    np.testing.assert_allclose(10**found, y, rtol=1e-3)


def test_two_axes_in_one_place_share_a_frame():
    figure, axes = panels()
    axes[0, 0].twinx().plot([0, 1], [2, 3], label="right")
    _, readings = described(figure)
    assert readings["axes_2"]["frame"] == "axes_1"
    assert list(readings["axes_2"]["series"].values()) == ["right"]


def test_bars_and_clouds_have_their_labels():
    figure, axes = panels()
    axes[0, 0].bar([1], [2], label="bars")
    axes[0, 0].scatter([1], [2], label="cloud")
    axes[0, 0].axhline(1)
    _, readings = described(figure)
    labels = sorted(readings["axes_1"]["series"].values())
    assert labels == ["", "bars", "cloud"]


def test_equal_figures_are_equal_files():
    def drawn():
        figure, axes = panels(caption="A caption.")
        axes[0, 0].plot([1, 2], [3, 4])
        return rendered(figure, "svg")

    assert drawn() == drawn()
