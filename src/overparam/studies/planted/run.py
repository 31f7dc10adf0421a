"""The runs of the study `planted`: a student on a planted teacher's samples."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...analysis.teacher import describe_teacher
from ...keys import purpose_key
from ...training.loop import train_together
from ...training.plan import Trajectory
from ...training.single import train
from ..planted_teacher import teacher_arrays
from ..study import Context, Outcome
from .config import Planted
from .problem import Problem


THRESHOLDS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
"""Levels of the epoch objective whose first passage is reported."""


def run(config: Planted, context: Context) -> Outcome:
    """Train one student and measure it after every epoch."""
    problem = Problem.of(config)
    watch = context.watch()
    return _outcome(problem, train(problem.training(), problem.plan(), watch=watch))


def run_together(configs: Sequence[Planted], context: Context) -> list[Outcome]:
    """Train students of one teacher on the same samples, which are drawn once.

    Args:
        configs: They differ in none of teacher, seed, samples and epochs.
        context: Common to all.
    """
    problems = [Problem.of(config) for config in configs]
    trainings = [problem.training() for problem in problems]
    same = {"source": trainings[0].source, "data_key": trainings[0].data_key}
    trajectories = train_together(
        [replace(training, **same) for training in trainings],
        problems[0].plan(),
        watch=context.watch(),
    )
    return list(map(_outcome, problems, trajectories))


def _outcome(problem: Problem, trajectory: Trajectory) -> Outcome:
    config = problem.config
    columns = trajectory.columns()
    epochs = (columns["step"] / config.steps_per_epoch).astype(int) - 1
    halvings = epochs // (config.halve_every or config.epochs)
    rates = config.learning_rate * 0.5**halvings
    notes = []
    if config.width < config.teacher_width:
        notes.append(
            f"`width` {config.width} is below `teacher_width` {config.teacher_width}: "
            "zero risk is out of reach."
        )
    if config.init_scale == 0:
        notes.append(
            "`init_scale` 0 is a saddle of the risk: the student stays at zero."
        )
    if trajectory.status == "diverged":
        finite = [r["loss"] for r in trajectory.records if np.isfinite(r["loss"])]
        last = f"{finite[-1]:.4g}" if finite else "none"
        notes.append(
            f"The run diverged in epoch {len(trajectory.records) - 1}; the last finite "
            f"objective is {last}."
        )
    return Outcome(
        status=trajectory.status,
        metrics={"epoch": epochs, "learning_rate": rates} | columns,
        summary=_summary(trajectory, problem),
        arrays=teacher_arrays(problem.teacher),
        network=trajectory.network,
        kept=trajectory.kept,
        notes=notes,
    )


def describe(config: Planted) -> dict[str, Any]:
    """Facts of the data set that are known before training."""
    problem = Problem.of(config)
    problem.plan()  # Refuses what could not be trained.
    key = purpose_key(config.seed, "description")
    report = describe_teacher(problem.stream(), key=key)
    sampled = zip(report.batch_means, report.z_scores, strict=True)
    return {
        "exact mean squared label": report.mean_square,
        "plateau 0: risk of the zero network": report.levels.zero,
        "plateau 1: best linear map": report.levels.linear,
        "plateau 2: best affine map": report.levels.affine,
        "risk of the initial student": problem.risk(problem.student),
    } | {
        f"batch {i}: mean squared label, z-score": (float(mean), float(score))
        for i, (mean, score) in enumerate(sampled)
    }


def _summary(trajectory: Trajectory, problem: Problem) -> dict[str, Any]:
    levels = problem.levels()
    losses = [record["loss"] for record in trajectory.records]
    # The first epoch whose objective is at most a level.
    passed = {
        f"epoch_below_{level:.0e}": next(
            (i for i, loss in enumerate(losses) if loss <= level), None
        )
        for level in THRESHOLDS
    }
    return {
        "epochs_run": len(trajectory.records),
        "objective": trajectory.final("loss"),
        "risk": trajectory.final("risk"),
        "lost_neurons": trajectory.final("lost_neurons"),
        "surplus_mass": trajectory.final("surplus_mass"),
        "plateau_zero": levels.zero,
        "plateau_linear": levels.linear,
        "plateau_affine": levels.affine,
        **passed,
    }
