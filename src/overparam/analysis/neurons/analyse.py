"""The analysis `neurons`: stored students against their planted teacher."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from ...networks.view import two_layer_view
from ...plots.figure import COLOURS, legend, panels, whole_ticks
from ...training.plan import Progress, silent
from ..comparison.matching import Matching, match_neurons
from ..declaration import Findings
from ..subject import Subject, nearest_note
from .options import NeuronsOptions


PANELS = 4
"""Epochs that are drawn when none are asked for."""

FEW_LINES = 60
"""Teacher neurons whose lines a figure tells apart."""


@dataclass(frozen=True)
class _Course:
    """Matchings of the kept students and of the last, by moment."""

    matchings: Mapping[int, Matching]
    threshold: float
    unit: str
    """What counts the moments."""

    @property
    def masses(self) -> np.ndarray:
        return self.last.masses

    @property
    def last(self) -> Matching:
        return self.matchings[max(self.matchings)]

    def gaps(self, epoch: int) -> np.ndarray:
        # The gap to one, so that well found neurons are told apart.
        return np.maximum(1 - self.matchings[epoch].cover, 1e-16)


def analyse(
    subjects: Sequence[Subject], options: NeuronsOptions, progress: Progress = silent
) -> Findings:
    """Largest cosine, match and mass of every teacher neuron, at every kept epoch.

    Raises:
        ConfigError: If the run has no planted teacher.
    """
    subject = subjects[0]
    students = {
        moment: subject.neurons(kept) for moment, kept in subject.course().items()
    }
    teacher = subject.teacher().network
    matchings = {}
    for epoch, student in sorted(students.items()):
        progress(len(matchings), len(students))
        matchings[epoch] = match_neurons(teacher, student, threshold=options.threshold)
    course = _Course(matchings, options.threshold, subject.unit)
    caption = subject.title
    kept = np.array(list(course.matchings))
    wanted = options.epochs or np.linspace(kept[0], kept[-1], PANELS)
    nearest = [int(kept[np.argmin(np.abs(kept - epoch))]) for epoch in wanted]
    figures = {"neurons": _figure(course, list(dict.fromkeys(nearest)), caption)}
    last = course.last
    tables = {
        "neurons": pl.DataFrame(
            {
                "neuron": np.arange(len(course.masses)),
                "mass": course.masses,
                "largest_cosine": last.cover,
                "matched_student": last.assignment,
                "lost": last.cover < course.threshold,
            }
        )
    }
    if len(matchings) > 1:
        tables["along"] = _along(course)
        figures["along"] = _lines(course, caption)
    summary = {
        "lost teacher neurons": len(last.lost),
        "their mass": float(last.lost_masses.sum()),
        "surplus mass of the student": last.surplus_mass,
    }
    return Findings(
        tables=tables,
        figures=figures,
        summary=summary,
        notes=nearest_note(f"{subject.unit}s", options.epochs, list(matchings)),
    )


def check(subject: Subject, options: NeuronsOptions) -> None:
    """Refuse a run of which nothing is planted, or a network without neurons."""
    del options
    two_layer_view(subject.teacher().network)
    subject.neurons()


def _along(course: _Course) -> pl.DataFrame:
    """One row per kept student."""
    return pl.DataFrame(
        [
            {
                course.unit: epoch,
                "lost_neurons": len(matching.lost),
                "lost_mass": float(matching.lost_masses.sum()),
                "surplus_mass": matching.surplus_mass,
                "smallest_cosine": float(matching.cover.min()),
            }
            for epoch, matching in course.matchings.items()
        ]
    )


def _figure(course: _Course, epochs: Sequence[int], caption: str) -> Figure:
    width = 4.5 if len(epochs) == 1 else 3.2
    figure, axes = panels(1, len(epochs), width=width, height=3.6, caption=caption)
    for panel, epoch in zip(axes[0], epochs, strict=True):
        lost = course.matchings[epoch].cover < course.threshold
        gaps = course.gaps(epoch)
        for chosen, colour, label in ((~lost, 0, "found"), (lost, 1, "lost")):
            panel.scatter(
                course.masses[chosen],
                gaps[chosen],
                s=14,
                color=COLOURS[colour],
                label=label,
            )
        panel.axhline(1 - course.threshold, color="0.5", linestyle=":")
        panel.set_yscale("log")
        panel.set_xlabel("mass of a teacher neuron")
        panel.set_title(f"after {epoch} {course.unit}s")
    lowest = min(float(course.gaps(epoch).min()) for epoch in epochs)
    largest = float(course.masses.max())
    for panel in axes[0]:
        panel.set_ylim(lowest / 2, 3)
        if np.ptp(course.masses) < 0.01 * largest:
            # Of equal masses the rounding would fill the axis.
            panel.set_xlim(0, 2 * largest)
    axes[0, 0].set_ylabel("1 - largest cosine with the student")
    legend(axes[0, 0])
    return figure


def _lines(course: _Course, caption: str) -> Figure:
    """Every teacher neuron along the run."""
    figure, axes = panels(width=4.5, height=3.6, caption=caption)
    epochs = list(course.matchings)
    gaps = np.array([course.gaps(epoch) for epoch in epochs])
    lost = course.last.cover < course.threshold
    many = len(lost) > FEW_LINES
    for chosen, colour, label in ((~lost, 0, "found"), (lost, 1, "lost")):
        for index, neuron in enumerate(np.flatnonzero(chosen)):
            axes[0, 0].plot(
                epochs,
                gaps[:, neuron],
                # Between two kept networks nothing was measured.
                marker=None if many else ".",
                markersize=4,
                color=COLOURS[colour],
                alpha=0.4 if many else 1.0,
                linewidth=0.7 if many or label == "found" else 1.6,
                label=f"{label} at the end" if index == 0 else None,
            )
    axes[0, 0].axhline(1 - course.threshold, color="0.5", linestyle=":")
    axes[0, 0].set_yscale("log")
    axes[0, 0].set_xlabel(f"{course.unit}s trained")
    axes[0, 0].set_ylabel("1 - largest cosine of a teacher neuron")
    whole_ticks(axes[0, 0])
    legend(axes[0, 0])
    return figure
