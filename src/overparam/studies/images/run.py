"""The runs of the study `images`: a residual network on CIFAR."""

from dataclasses import replace
from typing import Any

import jax
import numpy as np

from ...progress import duration
from ...training.single import train
from ..study import Context, Outcome
from .config import Images
from .evaluate import measure
from .problem import Problem


LAST = 10
"""Epochs over which the summary averages accuracies; their maximum is not reported."""
SECONDS_PER_IMAGE = 5.6e-3
"""A training step of ResNet-20 on two CPU cores, divided by its images."""


def run(config: Images, context: Context) -> Outcome:
    """Train one network and evaluate it after every epoch."""
    problem = Problem.of(config)
    training = replace(
        problem.training(), observe=lambda step, network: measure(problem, network)
    )
    trajectory = train(training, problem.plan(), watch=context.watch())
    columns = _with_whole_loss(trajectory.columns())
    columns["epoch"] = columns["step"] / problem.steps_per_epoch
    notes = []
    if trajectory.status == "diverged":
        epoch = trajectory.records[-1]["step"] / problem.steps_per_epoch
        notes.append(f"The run diverged by epoch {epoch:g}.")
    if config.dynamics == "varpro":
        notes.append(
            "`loss` is that of each batch at the readout fitted to it; compare methods "
            "by `fixed_loss`, on fixed training images."
        )
    names = ("test_accuracy", "test_accuracy_full", "fixed_loss", "fixed_loss_full")
    last = {name: trajectory.final(name) for name in names}
    means = {
        f"{name}_mean": float(np.mean(columns[name][1:][-LAST:]))
        for name in names[:2]
        if last[name] is not None and len(columns[name]) > 1
    }
    return Outcome(
        status=trajectory.status,
        metrics=columns,
        summary={
            "epochs": float(columns["epoch"][-1]),
            **last,
            **means,
            "validation_accuracy": trajectory.final("validation_accuracy"),
            "time_scale": config.time_scale,
            "weight_momentum": config.weight_momentum,
            "devices": jax.device_count(),
        },
        network=trajectory.network,
        kept=trajectory.kept,
        notes=notes,
    )


def _with_whole_loss(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """`loss` with both of its terms: descent tells the penalty term apart."""
    if "penalty" not in columns:
        return columns
    data_term, penalty_term = columns.pop("loss"), columns.pop("penalty")
    terms = {"data_term": data_term, "penalty_term": penalty_term}
    return columns | {"loss": data_term + penalty_term} | terms


def describe(config: Images) -> dict[str, Any]:
    """Facts known before training."""
    problem = Problem.of(config)
    problem.plan()  # Refuses what could not be trained.
    images = config.total_epochs * len(problem.parts.train)
    return {
        "training, validation and test images": (
            len(problem.parts.train),
            len(problem.parts.validation),
            len(problem.parts.test),
        ),
        "steps per epoch": problem.steps_per_epoch,
        "first step size": config.time_scale * problem.network.readout.shape[0],
        "time on two CPU cores, roughly": duration(images * SECONDS_PER_IMAGE),
    }
