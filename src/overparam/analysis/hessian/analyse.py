"""The analysis `hessian`: the surface of the risk around a stored network."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
import polars as pl
from matplotlib.figure import Figure

from ...errors import ConfigError
from ...networks.deep import MLP
from ...networks.network import Network
from ...networks.view import depends_on_batch
from ...plots.figure import COLOURS, panels
from ...training.plan import Progress, silent
from ..comparison.matching import match_neurons, neuron_masses
from ..declaration import Findings
from ..risk import ExactRisk, Risk, Student, judged
from ..subject import Subject
from .curvature import Curvatures, smallest_curvatures
from .landscape import escape, settle, split_neuron
from .options import HessianOptions


@dataclass(frozen=True)
class _Curved:
    """A student on its way, and the surface around it."""

    name: str
    student: Any
    curvatures: Curvatures


def analyse(
    subjects: Sequence[Subject], options: HessianOptions, progress: Progress = silent
) -> Findings:
    """Smallest curvatures at the student, where it settles, split, and beyond.

    Raises:
        ConfigError: If nothing is known by which to judge the network, it is
            convolutional, or it has no such neuron.
    """
    subject = subjects[0]
    student = _student(subject, options)
    risk = judged(
        subject, student, n_samples=options.n_samples, dataset=options.dataset
    )
    with jax.enable_x64(True):
        stages = _stages(student, risk, options, progress)
        table = pl.DataFrame(
            [_row(stage, risk) for stage in stages], infer_schema_length=None
        )
    summary = {
        "smallest curvature of the stored student": table["smallest_curvature"][0],
        "risk of the stored student": table["risk"][0],
        "risk after noise-free descent": table["risk"][1],
    }
    notes = []
    if len(stages) > 2:
        summary["risk after splitting a neuron as well"] = table["risk"][3]
        notes.append("Of one neuron two are made, so that `split` has one more.")
    if depends_on_batch(subject.network):
        notes.append("What the network takes of its batch is constant here.")
    if not isinstance(risk, ExactRisk):
        notes.append(f"The risk is the {risk.label}, without penalty.")
    curvatures = pl.DataFrame(
        [
            {"student": stage.name, "index": index, "curvature": float(value)}
            for stage in stages
            for index, value in enumerate(stage.curvatures.values)
        ]
    )
    return Findings(
        tables={"stages": table, "curvatures": curvatures},
        figures={"curvatures": _figure(stages, subject, risk)},
        summary=summary,
        notes=notes,
    )


def check(subject: Subject, options: HessianOptions) -> None:
    """Refuse a network whose Hessian is not formed, or that nothing judges."""
    student = _student(subject, options)
    judged(subject, student, n_samples=1, dataset=options.dataset)


def _student(subject: Subject, options: HessianOptions) -> Network:
    """The network, of two layers or dense; as it is on its data if it needs a batch."""
    network = subject.network
    if not (isinstance(network, MLP) and len(network.layers) > 1):
        view = subject.neurons()
        if options.neuron is not None:
            split_neuron(view, options.neuron)  # Refused before the long work.
        return subject.function()
    if options.neuron is not None:
        raise ConfigError(
            f"Neurons are split in two-layer networks; this one has "
            f"{len(network.layers)} hidden layers."
        )
    return network


def _is_deep(student: Student) -> bool:
    return isinstance(student, MLP) and len(student.layers) > 1


def _stages(
    student: Any, risk: Risk, options: HessianOptions, progress: Progress
) -> list[_Curved]:
    # A network that is only its skip connection has no neuron to split.
    n_stages = 2 if _is_deep(student) or not neuron_masses(student).size else 4

    def stage(number: int, name: str, at: Any) -> _Curved:
        progress(number, n_stages)
        return _Curved(name, at, smallest_curvatures(at, risk, count=options.count))

    n_steps = options.n_steps
    stored = stage(0, "stored", student)
    settled = settle(student, risk, n_steps=n_steps).network
    stages = [stored, stage(1, "settled", settled)]
    if n_stages == 2:
        return stages
    neuron = options.neuron
    if neuron is None:
        neuron = int(np.argmax(neuron_masses(settled)))
    split = stage(2, "split", split_neuron(settled, neuron))
    direction = split.curvatures.direction
    beyond = escape(split.student, direction, risk, step=options.step, n_steps=n_steps)
    return [*stages, split, stage(3, "beyond", beyond.network)]


def _row(stage: _Curved, risk: Risk) -> dict[str, object]:
    student = stage.student
    # Neurons of the last hidden layer, without inputs that skip it.
    width = (
        student.readout.shape[0] if _is_deep(student) else neuron_masses(student).size
    )
    row: dict[str, object] = {
        "student": stage.name,
        "width": width,
        "risk": risk.value(student),
        "gradient_norm": stage.curvatures.gradient_norm,
        "smallest_curvature": float(stage.curvatures.values[0]),
    }
    if isinstance(risk, ExactRisk):
        row["lost_neurons"] = len(match_neurons(risk.teacher, student).lost)
    if not _is_deep(student):
        row["largest_mass"] = float(neuron_masses(student).max(initial=0.0))
    return row


def _figure(stages: Sequence[_Curved], subject: Subject, risk: Risk) -> Figure:
    caption = f"{subject.title}, Hessian of the {risk.label}"
    figure, axes = panels(width=4.5, height=3.6, caption=caption)
    for index, stage in enumerate(stages):
        values = stage.curvatures.values
        axes[0, 0].plot(
            [index] * len(values), values, "_", markersize=18, color=COLOURS[0]
        )
    axes[0, 0].axhline(0, color="0.5", linestyle=":")
    axes[0, 0].set_yscale("symlog", linthresh=1e-5)
    axes[0, 0].set_xticks(range(len(stages)), [stage.name for stage in stages])
    axes[0, 0].set_xlim(-0.5, len(stages) - 0.5)
    axes[0, 0].set_xlabel("student")
    axes[0, 0].set_ylabel("smallest eigenvalues")
    return figure
