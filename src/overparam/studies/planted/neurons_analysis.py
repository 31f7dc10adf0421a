"""The analysis `neurons`: a stored student against its planted teacher."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from ...analysis.matching import Matching, match_neurons, neuron_masses
from ...plots.figure import COLOURS, panels
from ..analyses import Findings, Subject
from .neurons_options import NeuronsOptions
from .stored import stored_student, stored_teacher


def analyse(subjects: Sequence[Subject], options: NeuronsOptions) -> Findings:
    """Largest cosine, match and mass of every teacher neuron.

    Raises:
        ConfigError: If the run has no planted teacher.
    """
    subject = subjects[0]
    student = stored_student(subject, "neurons")
    planted = stored_teacher(subject, "neurons")
    matching = match_neurons(planted, student, threshold=options.threshold)
    masses = neuron_masses(planted)
    neurons = pl.DataFrame(
        {
            "neuron": np.arange(len(masses)),
            "mass": masses,
            "largest_cosine": matching.cover,
            "matched_student": matching.assignment,
            "lost": matching.cover < options.threshold,
        }
    )
    summary = {
        "lost teacher neurons": len(matching.lost),
        "their mass": float(matching.lost_masses.sum()),
        "surplus mass of the student": matching.surplus_mass,
    }
    figure = _figure(matching, masses, subject, options.threshold)
    return Findings(
        tables={"neurons": neurons}, figures={"neurons": figure}, summary=summary
    )


def _figure(
    matching: Matching, masses: np.ndarray, subject: Subject, threshold: float
) -> Figure:
    caption = f"run {subject.run.path.name} of {subject.run.study}"
    figure, axes = panels(width=4.5, height=3.6, caption=caption)
    # The gap to one, so that well found neurons are told apart.
    gaps = np.maximum(1 - matching.cover, 1e-16)
    lost = matching.cover < threshold
    for chosen, colour, label in ((~lost, 0, "found"), (lost, 1, "lost")):
        axes[0, 0].scatter(
            masses[chosen], gaps[chosen], s=14, color=COLOURS[colour], label=label
        )
    axes[0, 0].axhline(1 - threshold, color="0.5", linestyle=":")
    axes[0, 0].set_yscale("log")
    axes[0, 0].set_xlabel("mass of a teacher neuron")
    axes[0, 0].set_ylabel("1 - largest cosine with the student")
    axes[0, 0].legend(frameon=False)
    return figure
