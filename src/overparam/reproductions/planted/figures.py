"""What the figures of the study `planted` share: curves with the plateau levels."""

import polars as pl
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from ...plots.curves import curves
from ...progress import counted
from ..reproduction import Results


PLATEAUS = {
    "plateau_zero": ("zero", "bottom"),
    "plateau_linear": ("best linear", "center"),
    "plateau_affine": ("best affine", "top"),
}
"""Their labels, and where these are beside their lines: away from each other."""


def risk_curves(axes: Axes, records: pl.DataFrame, *, by: str | None) -> None:
    """Epoch objective against epoch on a log axis, with the mean plateau levels."""
    curves(axes, records, x="epoch", y="loss", by=by)
    objective_axes(axes, records)


def objective_axes(axes: Axes, records: pl.DataFrame) -> None:
    """Epochs across, the objective on a log axis, the mean plateau levels dotted."""
    axes.set_xlabel("epoch")
    axes.set_yscale("log")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set_ylabel("half squared error")
    for column, (label, place) in PLATEAUS.items():
        levels = records.group_by("path", maintain_order=True).agg(
            pl.col(column).first()
        )[column]
        level = float(levels.to_numpy().mean())
        axes.axhline(level, color="0.5", linestyle=":", linewidth=1)
        axes.annotate(
            label,
            (1.005, level),
            xycoords=("axes fraction", "data"),
            ha="left",
            va=place,
            fontsize=6.5,
            color="0.4",
        )


def caption(results: Results, shown: str = "median and 10-90 % band over") -> str:
    """Sizes, seeds and parametrisation, and what is drawn, in one line."""
    first = results.runs.row(0, named=True)
    seeds = results.runs["seed"].n_unique()
    return (
        f"D = {first['input_dim']}, {first['n_outputs']} outputs, teacher "
        f"{first['teacher_width']}, batch {first['batch_size']}, standard scale, "
        f"initial variance factor {first['init_scale']:g}; {shown} "
        f"{counted(seeds, 'seed')} (teacher, student, samples)"
    )


def at_epoch(results: Results, epoch: int) -> pl.DataFrame:
    """The records of one epoch, a row per run."""
    return results.records.filter(pl.col("epoch") == epoch)
