"""The figure of accuracies tells its lines apart."""

import polars as pl

from overparam.analysis.resampling.analyse import accuracy_figure


def test_no_two_ways_look_alike():
    ways = [f"way {i}" for i in range(9)] + [f"random {i}" for i in range(9)]
    rows = {"features": ways, "k": 1, "test": 0.5, "low": 0.4, "high": 0.6}
    table = pl.DataFrame(rows).with_columns(readout=pl.lit("logistic"))
    (axis,) = accuracy_figure(table, "").axes
    looks = {(x.get_color(), x.get_marker(), x.get_linestyle()) for x in axis.lines}
    assert len(looks) == len(ways)
    # A shade alone does not tell two blues apart.
    assert len({(x.get_marker(), x.get_linestyle()) for x in axis.lines}) == len(ways)
