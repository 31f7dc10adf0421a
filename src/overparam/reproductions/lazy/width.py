"""Kernel, weights and outputs against width in the NTK parametrisation."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from matplotlib.figure import Figure

from ...plots.figure import COLOURS, chosen_ticks, legend, panels
from ..reproduction import Claim, Reproduction, Results, Scale
from ..told import medians
from .values import caption, drawn_over_seeds, interval, slopes


DATA = {"digits": ("digits", ""), "0 and 1": ("mnist", "0,1"), "MNIST": ("mnist", "")}
WIDTHS: Mapping[Scale, Mapping[str, Sequence[int]]] = {
    "smoke": {"digits": (16, 64)},
    "laptop": {
        "digits": (64, 256, 1024, 4096),
        "0 and 1": (64, 256, 1024),
        "MNIST": (64, 256, 1024),
    },
    "paper": dict.fromkeys(DATA, (64, 256, 1024, 4096, 16384)),
}
SEEDS = {"smoke": 2, "laptop": 4, "paper": 10}

# Column, what it is, and what Lee et al. say of it: a rate, or only that it falls.
MEASURES = {
    "kernel_change": (
        "relative change of the tangent kernel",
        "O(m^-1/2), seen closer to O(m^-1)",
    ),
    "weights_change": ("relative change of the weights", "O(m^-1/2)"),
    "distance_to_linear": (
        "distance to the linearised network",
        "O(m^-1/2) (theorem 2.1)",
    ),
    "distance_to_wide": ("distance to the limit of infinite width", "tends to 0"),
}


def grid(scale: Scale) -> Sequence[Mapping[str, Any]]:
    """Widths of two-layer networks on digits and MNIST, full-batch descent."""
    common: dict[str, Any] = {"n_train": 100, "n_test": 500, "n_steps": 200}
    if scale == "smoke":
        common |= {"n_train": 30, "n_test": 50, "n_steps": 20, "evaluate_every": 20}
    if scale == "paper":
        common |= {"n_train": 500, "n_steps": 1000}
    return [
        common
        | {"dataset": DATA[name][0], "classes": DATA[name][1]}
        | {"width": width, "seed": seed}
        for name, widths in WIDTHS[scale].items()
        for width in widths
        for seed in range(SEEDS[scale])
    ]


def _runs(results: Results) -> dict[str, pl.DataFrame]:
    """The runs of each data set that there is."""
    found = {
        name: results.runs.filter(
            (pl.col("dataset") == dataset) & (pl.col("classes") == classes)
        )
        for name, (dataset, classes) in DATA.items()
    }
    return {name: runs for name, runs in found.items() if not runs.is_empty()}


def figures(results: Results) -> Mapping[str, Figure]:
    """Each measure against width, a colour for each data set."""
    figure, axes = panels(
        1, 4, width=3.2, caption=caption(results, "NTK parametrisation, full batches")
    )
    widths = results.runs["width"].unique().sort().to_numpy()
    for panel, (column, (title, published)) in zip(
        axes[0], MEASURES.items(), strict=True
    ):
        for colour, (name, runs) in zip(COLOURS, _runs(results).items(), strict=False):
            drawn_over_seeds(
                panel, runs, x="width", y=column, label=name, colour=colour
            )
        panel.set_yscale("log")
        panel.set_title(title, fontsize=8.5)
        chosen_ticks(panel, results.runs["width"])
        top, rate = results.runs[column].max(), _rate(published)
        if rate and top:
            guide = float(top) * (widths / widths[0]) ** rate  # pyright: ignore[reportArgumentType]
            panel.plot(widths, guide, "k:", linewidth=1, label="slope -1/2")
    legend(axes[0, 0])
    return {"width": figure}


def tables(results: Results) -> Mapping[str, pl.DataFrame]:
    """Medians with intervals by data set and width; losses of every predictor."""
    columns = [*MEASURES, "test_loss", "test_loss_linear", "test_loss_wide"]
    columns += ["test_error", "test_error_linear", "test_error_wide"]
    by = ["dataset", "classes", "width"]
    return {"width": medians(results.runs, by, columns)}


def _rate(published: str) -> float:
    """The slope that is said of a measure; 0 where it is only said to fall."""
    return -0.5 if "m^-1/2" in published else 0.0


def claims(results: Results) -> Sequence[Claim]:
    """The slopes against width, with their intervals over seeds."""
    found = []
    for name, runs in _runs(results).items():
        for column, (title, published) in MEASURES.items():
            slope = interval(slopes(runs, x="width", y=column))
            rate = _rate(published)
            # The interval lies above the rate, or it reaches that and nothing in it is
            # nearer to a constant.
            falls = False if slope.low > rate else slope.high < rate / 2 or None
            told = "falls like m^-1/2 or faster" if rate else "falls with the width"
            found.append(
                Claim(
                    sentence=f"{name}: {title} {told}",
                    published=published,
                    measured=f"slope {slope}",
                    holds=falls if results.scale != "smoke" else None,
                )
            )
    return found


REPRODUCTION = Reproduction(
    title="Change of kernel and weights against width, NTK parametrisation",
    source="Lee et al. 2019, section 3; Jacot et al. 2018",
    study="lazy",
    grid=grid,
    figures=figures,
    tables=tables,
    claims=claims,
)
