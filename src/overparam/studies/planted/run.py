"""The runs of the study `planted`: a student on a planted teacher's samples."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ...analysis.balance import measures as balance
from ...analysis.comparison.matching import match_neurons
from ...analysis.teacher import describe_teacher
from ...data.source import Empty
from ...data.sources.planted import PlantedStream, decaying_covariance, teacher
from ...keys import purpose_key
from ...limits import population
from ...memory import check_memory
from ...networks import initialise
from ...networks.activations import HOMOGENEOUS
from ...networks.network import Network
from ...networks.two_layer import TwoLayer
from ...objectives.norms import path_norm
from ...training.loop import train_together
from ...training.plan import Plan, Record, Training, Trajectory, below
from ...training.single import train
from ..study import Context, Outcome
from .config import Planted
from .rule import training_rule


THRESHOLDS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
"""Levels of the epoch objective whose first passage is reported."""


def run(config: Planted, context: Context) -> Outcome:
    """Train one student and measure it after every epoch."""
    problem = Problem.of(config)
    watch = context.watch()
    return _outcome(problem, train(problem.training(), plan(config), watch=watch))


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
        plan(configs[0]),
        watch=context.watch(),
    )
    return list(map(_outcome, problems, trajectories))


def plan(config: Planted) -> Plan:
    """How long to train and how often to look."""
    return Plan(
        n_steps=config.epochs * config.steps_per_epoch,
        batch_size=config.batch_size,
        record_every=config.steps_per_epoch,
    )


def _outcome(problem: "Problem", trajectory: Trajectory) -> Outcome:
    config = problem.config
    return Outcome(
        status=trajectory.status,
        metrics=_metrics(trajectory, config),
        summary=_summary(trajectory, problem),
        arrays={
            "teacher.weights": np.asarray(problem.teacher.weights),
            "teacher.readout": np.asarray(problem.teacher.readout),
        },
        network=trajectory.network,
        kept=trajectory.kept,
        notes=_notes(config, trajectory),
    )


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Teacher, student and samples of one run, each from a key of its own."""

    config: Planted
    teacher: TwoLayer
    student: TwoLayer

    @staticmethod
    def of(config: Planted) -> "Problem":
        """Draw the teacher and the initial student."""
        check_memory(*config.arrays)
        teacher_seed = config.seed
        if config.teacher_seed is not None:
            teacher_seed = config.teacher_seed
        planted = teacher(
            config.input_dim,
            config.teacher_width,
            config.n_outputs,
            activation=config.activation,
            dtype=config.precision,
            key=purpose_key(teacher_seed, "teacher"),
        )
        student = initialise.two_layer(
            config.input_dim,
            config.width,
            config.n_outputs,
            init_scale=config.init_scale,
            activation=config.activation,
            dtype=config.precision,
            key=purpose_key(config.seed, "initialisation"),
        )
        return Problem(config=config, teacher=planted, student=student)

    @cached_property
    def covariance(self) -> Float[np.ndarray, "input_dim input_dim"] | None:
        """Covariance of the inputs; `None` is the identity."""
        return decaying_covariance(self.config.input_dim, self.config.input_decay)

    def stream(self) -> PlantedStream:
        """The samples."""
        mixing = None
        if self.covariance is not None:
            mixing = jnp.asarray(np.sqrt(self.covariance), self.config.precision)
        return PlantedStream(self.teacher, self.config.label_noise or None, mixing)

    def training(self) -> Training:
        """What the loop trains."""
        return Training(
            dynamics=training_rule(self.config, self.teacher, self.student),
            network=self.student,
            source=Empty() if self.config.dynamics == "flow" else self.stream(),
            key=purpose_key(self.config.seed, "training"),
            data_key=purpose_key(self.config.seed, "data"),
            observe=self._observe,
            keep_steps=self.config.keep_steps,
            until=below("loss", self.config.stop_below),
        )

    def risk(self, network: TwoLayer) -> float:
        """The exact risk of a student, label noise included."""
        return population.risk(
            network,
            self.teacher,
            covariance=self.covariance,
            label_noise=self.config.label_noise,
        )

    def levels(self) -> population.PlateauLevels:
        """Risks of the best simple predictors."""
        return population.plateau_levels(
            self.teacher,
            covariance=self.covariance,
            label_noise=self.config.label_noise,
        )

    def _observe(self, step: int, network: Network) -> Record:
        assert isinstance(network, TwoLayer)
        matching = match_neurons(self.teacher, network)
        sizes = _sizes(network, self.student)
        return {
            "risk": self.risk(network),
            **{name: float(value) for name, value in sizes.items()},
            "lost_neurons": float(len(matching.lost)),
            "surplus_mass": matching.surplus_mass,
        }


@eqx.filter_jit
def _sizes(network: TwoLayer, initial: TwoLayer) -> dict[str, Float[Array, ""]]:
    """Norms, and how far gradient flow's invariants have drifted from the start."""
    norms = {
        "weights_norm": jnp.linalg.norm(network.weights),
        "readout_norm": jnp.linalg.norm(network.readout),
    }
    if network.activation not in HOMOGENEOUS:
        return norms
    drift = jnp.abs(balance.conserved(network) - balance.conserved(initial))
    return norms | {"path_norm": path_norm(network), "balance_drift": drift.max()}


def describe(config: Planted) -> dict[str, Any]:
    """Facts of the data set that are known before training."""
    plan(config)  # Refuses what could not be trained.
    problem = Problem.of(config)
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


def _metrics(trajectory: Trajectory, config: Planted) -> dict[str, np.ndarray]:
    columns = trajectory.columns()
    epochs = (columns["step"] / config.steps_per_epoch).astype(int) - 1
    halvings = epochs // (config.halve_every or config.epochs)
    rates = config.learning_rate * 0.5**halvings
    return {"epoch": epochs, "learning_rate": rates} | columns


def _summary(trajectory: Trajectory, problem: Problem) -> dict[str, Any]:
    levels = problem.levels()
    passed = {
        f"epoch_below_{level:.0e}": first_passage(trajectory.records, level)
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


def first_passage(records: Sequence[Record], level: float) -> int | None:
    """The first epoch whose objective is at most `level`; `None` if there is none."""
    hits = (i for i, record in enumerate(records) if record["loss"] <= level)
    return next(hits, None)


def _notes(config: Planted, trajectory: Trajectory) -> list[str]:
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
    return notes
