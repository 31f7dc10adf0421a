"""The figure of width, from frames that hold no more than it reads."""

import polars as pl

from overparam.reproductions.planted.width import PASS, figures
from overparam.reproductions.reproduction import Results


def test_runs_are_drawn_in_their_order():
    """Curves lie over each other: which is on top must not differ between calls."""
    n_runs = 50
    runs = pl.DataFrame(
        {
            "path": [f"runs/{i}" for i in range(n_runs)],
            "seed": range(n_runs),
            "epoch": 0.0,
            "loss": [1.0 + i for i in range(n_runs)],
            PASS: pl.Series([None] * n_runs, dtype=pl.Float64),
            "width": 8,
            "teacher_width": 4,
            "input_dim": 20,
            "n_outputs": 3,
            "batch_size": 10,
            "init_scale": 1.0,
            "plateau_zero": 1.0,
            "plateau_linear": 0.5,
            "plateau_affine": 0.4,
        }
    )
    results = Results(scale="smoke", runs=runs, records=runs, stored=[])
    axes = figures(results)["width"].axes[0]
    drawn = [float(line.get_ydata()[0]) for line in axes.lines[:n_runs]]
    assert drawn == runs["loss"].to_list()
