"""The analysis `hessian`: the surface of the exact risk around a stored student."""

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import numpy as np
import polars as pl
from matplotlib.figure import Figure

from ...limits.population import Covariance, risk
from ...networks.two_layer import TwoLayer
from ...plots.figure import COLOURS, panels
from ...training.plan import Progress, silent
from ..comparison.matching import match_neurons, neuron_masses
from ..declaration import Findings
from ..subject import Subject
from .curvature import Curvatures, ExactRisk, smallest_curvatures
from .landscape import escape, settle, split_neuron
from .options import HessianOptions


@dataclass(frozen=True)
class _Stage:
    """A student on its way, and the surface around it."""

    name: str
    student: TwoLayer
    curvatures: Curvatures


def analyse(
    subjects: Sequence[Subject], options: HessianOptions, progress: Progress = silent
) -> Findings:
    """Smallest curvatures at the student, where it settles, split, and beyond.

    Raises:
        ConfigError: If the run has no planted teacher or the student no such neuron.
    """
    subject = subjects[0]
    student = subject.neurons()
    planted = subject.teacher()
    teacher, covariance = planted.network, planted.covariance
    with jax.enable_x64(True):
        exact = ExactRisk(teacher, covariance)
        stages = _stages(student, exact, options, progress)
    table = pl.DataFrame([_row(stage, teacher, covariance) for stage in stages])
    return Findings(
        tables={"stages": table, "curvatures": _spectra(stages)},
        figures={"curvatures": _figure(stages, subject)},
        summary={
            "smallest curvature of the stored student": table["smallest_curvature"][0],
            "risk of the stored student": table["risk"][0],
            "risk after noise-free descent": table["risk"][1],
            "risk after splitting a neuron as well": table["risk"][3],
        },
    )


def check(subject: Subject, options: HessianOptions) -> None:
    """Refuse a run without two-layer student or teacher."""
    del options
    subject.teacher()
    subject.neurons()


def _stages(
    student: TwoLayer, exact: ExactRisk, options: HessianOptions, progress: Progress
) -> list[_Stage]:
    def stage(number: int, name: str, at: TwoLayer) -> _Stage:
        progress(number, 4)
        curvatures = smallest_curvatures(at, exact, count=options.count)
        return _Stage(name, at, curvatures)

    neuron = options.neuron
    if neuron is not None:
        split_neuron(student, neuron)  # Refused before the long work.
    n_steps = options.n_steps
    stored = stage(0, "stored", student)
    settled = settle(student, exact, n_steps=n_steps).network
    if neuron is None:
        neuron = int(np.argmax(neuron_masses(settled)))
    settled_stage = stage(1, "settled", settled)
    split = stage(2, "split", split_neuron(settled, neuron))
    direction = split.curvatures.direction
    beyond = escape(split.student, direction, exact, step=options.step, n_steps=n_steps)
    return [stored, settled_stage, split, stage(3, "beyond", beyond.network)]


def _row(
    stage: _Stage, teacher: TwoLayer, covariance: Covariance | None
) -> dict[str, object]:
    return {
        "student": stage.name,
        "width": stage.student.readout.shape[0],
        "risk": risk(stage.student, teacher, covariance=covariance),
        "gradient_norm": stage.curvatures.gradient_norm,
        "smallest_curvature": float(stage.curvatures.values[0]),
        "lost_neurons": len(match_neurons(teacher, stage.student).lost),
        "largest_mass": float(neuron_masses(stage.student).max()),
    }


def _spectra(stages: Sequence[_Stage]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {"student": stage.name, "index": index, "curvature": float(value)}
            for stage in stages
            for index, value in enumerate(stage.curvatures.values)
        ]
    )


def _figure(stages: Sequence[_Stage], subject: Subject) -> Figure:
    figure, axes = panels(width=4.5, height=3.6, caption=subject.title)
    for index, stage in enumerate(stages):
        values = stage.curvatures.values
        axes[0, 0].plot(
            [index] * len(values), values, "_", markersize=18, color=COLOURS[0]
        )
    axes[0, 0].axhline(0, color="0.5", linestyle=":")
    axes[0, 0].set_yscale("symlog", linthresh=1e-5)
    axes[0, 0].set_xticks(range(len(stages)), [stage.name for stage in stages])
    axes[0, 0].set_xlim(-0.5, len(stages) - 0.5)
    axes[0, 0].set_ylabel("smallest eigenvalues of the Hessian of the risk")
    return figure
