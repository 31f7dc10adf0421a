"""The analysis `surplus`: a stored student without its lightest neurons."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from ...limits.population import risk
from ...plots.figure import COLOURS, legend, logarithmic, panels
from ...training.plan import Progress, silent
from ..comparison.canonical import canonical
from ..comparison.matching import neuron_masses
from ..declaration import Findings
from ..subject import Subject
from .options import SurplusOptions
from .removal import pruned_risks


def analyse(
    subjects: Sequence[Subject], options: SurplusOptions, progress: Progress = silent
) -> Findings:
    """The exact risk against the number of neurons kept.

    Raises:
        ConfigError: If the run has no planted teacher, or neurons that cannot be merged
            are to be merged.
    """
    subject = subjects[0]
    student = subject.neurons()
    planted = subject.teacher()
    teacher, covariance = planted.network, planted.covariance
    merged = canonical(student, tolerance=options.merge) if options.merge else student
    counts = np.arange(merged.readout.shape[0], -1, -1)
    masses = np.sort(neuron_masses(merged))
    risks = pruned_risks(
        merged, teacher, counts.tolist(), covariance=covariance, progress=progress
    )
    table = pl.DataFrame(
        {
            "kept_neurons": counts,
            "removed_mass": np.concatenate([[0], np.cumsum(masses)]),
            "risk": risks,
        }
    )
    full = risk(student, teacher, covariance=covariance)
    allowed = table.filter(pl.col("risk") <= (1 + options.slack) * full)
    needed = allowed["kept_neurons"].min()
    summary = {
        "neurons of the student": student.readout.shape[0],
        "after merging": merged.readout.shape[0],
        "needed": needed,
        "neurons of the teacher": teacher.readout.shape[0],
        "risk of the student": full,
        "risk after merging": table["risk"][0],
    }
    notes = []
    if needed is None:
        notes.append("Merging alone costs more than `slack` allows; lower `merge`.")
    figure = _figure(table, teacher.readout.shape[0], full, subject)
    return Findings(
        tables={"surplus": table},
        figures={"surplus": figure},
        summary=summary,
        notes=notes,
    )


def check(subject: Subject, options: SurplusOptions) -> None:
    """Refuse a run without two-layer student or teacher."""
    del options
    subject.teacher()
    subject.neurons()


def _figure(table: pl.DataFrame, planted: int, full: float, subject: Subject) -> Figure:
    figure, axes = panels(width=4.5, height=3.6, caption=subject.title)
    axes[0, 0].plot(table["kept_neurons"], table["risk"], color=COLOURS[0])
    axes[0, 0].axhline(full, color=COLOURS[2], label="the student")
    axes[0, 0].axvline(planted, color="0.5", linestyle=":", label="teacher's neurons")
    logarithmic(axes[0, 0])
    axes[0, 0].set_xlabel("neurons kept, the heaviest")
    axes[0, 0].set_ylabel("exact risk")
    legend(axes[0, 0])
    return figure
