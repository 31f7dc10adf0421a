"""The analysis `surplus`: a stored network without its lightest neurons."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from ...networks.view import TwoLayerView
from ...plots.figure import COLOURS, legend, logarithmic, panels, whole_ticks
from ...training.plan import Progress, silent
from ..comparison.matching import neuron_masses
from ..declaration import Findings
from ..risk import ExactRisk, Risk, judged
from ..subject import Subject
from .options import SurplusOptions
from .removal import merged, pruned_losses, pruned_risks


MOST_LINEAR = 50
"""Most neurons on a linear axis."""
MOST_COUNTS = 400
"""Most numbers of kept neurons at which a loss is taken."""


def analyse(
    subjects: Sequence[Subject], options: SurplusOptions, progress: Progress = silent
) -> Findings:
    """The risk against the number of neurons kept.

    Raises:
        ConfigError: If the network has no two-layer view, or nothing judges it.
    """
    subject = subjects[0]
    view = subject.neurons()
    risk = judged(subject, view, n_samples=options.n_samples, dataset=options.dataset)
    smaller, notes = view, []
    if options.merge and view.homogeneous:
        smaller = merged(view, tolerance=options.merge)
    elif options.merge:
        notes.append(f"Neurons of {view.activation} are not merged.")
    table = _table(smaller, risk, progress)
    full = risk.value(view)
    allowed = table.filter(pl.col("risk") <= (1 + options.slack) * full)
    needed = allowed["kept_neurons"].min()
    summary = {
        "neurons of the student": len(view.readout),
        "after merging": len(smaller.readout),
        "needed": needed,
    }
    planted = None
    if isinstance(risk, ExactRisk):
        planted = summary["neurons of the teacher"] = risk.teacher.readout.shape[0]
    else:
        notes.append(f"The risk is the {risk.label}, without penalty.")
    summary |= {"risk of the student": full, "risk after merging": table["risk"][0]}
    if needed is None:
        notes.append("Merging alone costs more than `slack` allows; lower `merge`.")
    gained = table["risk"][-1] - full
    if gained <= 0:
        notes.append("All neurons together are no better than none.")
    elif options.slack * full > 0.5 * gained:
        notes.append(
            f"`slack` allows a rise of {options.slack * full:.3g}, which is more than "
            f"half of the {gained:.3g} that all neurons gain over none; lower it."
        )
    figure = _figure(table, planted, full, f"{subject.title}, {risk.label}")
    return Findings(
        tables={"surplus": table},
        figures={"surplus": figure},
        summary=summary,
        notes=notes,
    )


def check(subject: Subject, options: SurplusOptions) -> None:
    """Refuse a network without neurons to remove, or that nothing judges."""
    judged(subject, subject.neurons(), n_samples=1, dataset=options.dataset)


def _table(view: TwoLayerView, risk: Risk, progress: Progress) -> pl.DataFrame:
    """The risk of the heaviest neurons, from all of them down to none."""
    width = len(view.readout)
    counts = np.arange(width, -1, -1)
    if isinstance(risk, ExactRisk):
        risks = pruned_risks(
            view,
            risk.teacher,
            counts.tolist(),
            covariance=risk.covariance,
            progress=progress,
        )
    else:
        counts = counts[np.linspace(0, width, min(width, MOST_COUNTS) + 1).astype(int)]
        risks = pruned_losses(
            view, counts.tolist(), risk.x, risk.y, loss=risk.loss, progress=progress
        )
    progress(len(counts), len(counts))
    removed = np.concatenate([[0], np.cumsum(np.sort(neuron_masses(view)))])
    return pl.DataFrame(
        {
            "kept_neurons": counts,
            "removed_mass": removed[width - counts],
            "risk": risks,
        }
    )


def _figure(
    table: pl.DataFrame, planted: int | None, full: float, caption: str
) -> Figure:
    figure, axes = panels(width=4.5, height=3.6, caption=caption)
    axes[0, 0].plot(
        table["kept_neurons"], table["risk"], color=COLOURS[0], label="kept neurons"
    )
    axes[0, 0].axhline(full, color=COLOURS[2], label="whole network")
    if planted is not None:
        axes[0, 0].axvline(
            planted, color="0.5", linestyle=":", label="teacher's neurons"
        )
    logarithmic(axes[0, 0])
    if table["kept_neurons"][0] > MOST_LINEAR:
        # What is needed is often few of many; no neuron has its place, too.
        axes[0, 0].set_xscale("symlog", linthresh=1, subs=[2, 5])
        axes[0, 0].set_xlim(left=0)
        axes[0, 0].xaxis.set_major_formatter("{x:g}")
    whole_ticks(axes[0, 0])
    axes[0, 0].set_xlabel("neurons kept, the heaviest")
    axes[0, 0].set_ylabel("risk")
    legend(axes[0, 0])
    return figure
