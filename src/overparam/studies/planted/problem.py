"""Teacher, student and samples of a run of planted, and how the student moves."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from ...analysis.balance import measures as balance
from ...analysis.comparison.matching import match_neurons
from ...analysis.contract import Teacher
from ...data.source import Batch, Empty
from ...data.sources.planted import PlantedStream, decaying_covariance
from ...data.train_test import TrainTest
from ...dynamics.descent import Descent
from ...dynamics.optimisers.schedules import StepDecay
from ...dynamics.periodic import Periodic
from ...keys import purpose_key
from ...limits import population
from ...limits.population import PopulationRisk
from ...memory import check_memory
from ...networks import initialise
from ...networks.activations import traits
from ...networks.network import Network
from ...networks.two_layer import TwoLayer, check_homogeneous
from ...objectives.batch_loss import BatchObjective
from ...objectives.losses import half_squared_error
from ...objectives.norms import path_norm
from ...objectives.objective import Objective
from ...objectives.penalties import L2Penalty, PathNorm
from ...objectives.power_penalties import L2
from ...training.plan import MOST_STEPS, Plan, Record, Training, below
from ..planted_teacher import planted_teacher, stored_teacher
from .config import Planted


N_SAMPLES = 10_000
"""Of each part: training sees every sample once, so that fresh ones are as good."""


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
        student = initialise.two_layer(
            config.input_dim,
            config.width,
            config.n_outputs,
            init_scale=config.init_scale,
            activation=config.activation,
            dtype=config.precision,
            key=purpose_key(config.seed, "initialisation"),
        )
        return Problem(config=config, teacher=planted_teacher(config), student=student)

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

    def dynamics(self) -> Descent | Periodic:
        """How the student moves.

        Raises:
            ConfigError: If it is to be balanced and its activation is not homogeneous.
        """
        config = self.config
        objective: BatchObjective | str = "half-squared-error"
        if config.dynamics == "flow":
            covariance = self.covariance
            if covariance is not None:
                covariance = jnp.asarray(covariance, config.precision)
            objective = PopulationRisk(self.teacher, covariance, config.label_noise)
        penalty = None
        if config.penalty and config.penalty_form == "path-norm":
            penalty = PathNorm(config.penalty)
        elif config.penalty:
            penalty = L2Penalty(
                dict.fromkeys(("weights", "readout"), config.penalty / 2)
            )
        factor = 1.0 if config.halve_every is None else 0.5
        epochs = config.halve_every or config.epochs
        # The steps of a training are counted in 32 bits.
        steps = min(epochs * config.steps_per_epoch, MOST_STEPS)
        settings: dict[str, Any] = {
            "learning_rate": StepDecay(config.learning_rate, factor, steps)
        }
        if config.momentum:
            settings["momentum"] = config.momentum
        parts = {"all": (), "readout": ("readout",), "features": ("weights",)}
        descent = Descent(
            objective,
            {"sgd": optax.sgd, "adam": optax.adam}[config.optimiser],
            penalty=penalty,
            rates={"readout": config.readout_rate} if config.readout_rate != 1 else {},
            trained=parts[config.train],
            **settings,
        )
        if config.balance_every is None:
            return descent
        check_homogeneous(self.student, "balance")
        steps = min(config.balance_every * config.steps_per_epoch, MOST_STEPS)
        return Periodic(descent, BalancedForL2(), steps)

    def training(self) -> Training:
        """What the loop trains."""
        return Training(
            dynamics=self.dynamics(),
            network=self.student,
            source=Empty() if self.config.dynamics == "flow" else self.stream(),
            key=purpose_key(self.config.seed, "training"),
            data_key=purpose_key(self.config.seed, "data"),
            observe=self._observe,
            keep_steps=self.config.keep_steps,
            until=below("loss", self.config.stop_below),
        )

    def plan(self) -> Plan:
        """How long to train and how often to look."""
        return Plan(
            n_steps=self.config.epochs * self.config.steps_per_epoch,
            batch_size=self.config.batch_size,
            record_every=self.config.steps_per_epoch,
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
    if not traits(network.activation).homogeneous:
        return norms
    drift = jnp.abs(balance.conserved(network) - balance.conserved(initial))
    return norms | {"path_norm": path_norm(network), "balance_drift": drift.max()}


class BalancedForL2(eqx.Module):
    """The same function with the least squared norm of all weights."""

    def __call__(self, network: TwoLayer) -> TwoLayer:
        return balance.rebalance(network, L2())


def data(config: Planted, stored: Mapping[str, np.ndarray]) -> TrainTest:
    """Fresh samples of the stream."""
    problem = replace(Problem.of(config), teacher=stored_teacher(config, stored))
    key = purpose_key(config.seed, "samples of an analysis")
    drawn = problem.stream().draw(key, jnp.zeros((), jnp.int32), 2, N_SAMPLES)
    train, test = (Batch(drawn.x[part], drawn.y[part]) for part in range(2))
    return TrainTest(train, test)


def teacher(config: Planted, stored: Mapping[str, np.ndarray]) -> Teacher:
    """The teacher that the run stored, or that of its config."""
    covariance = decaying_covariance(config.input_dim, config.input_decay)
    return Teacher(network=stored_teacher(config, stored), covariance=covariance)


def objective(config: Planted) -> Objective:
    """Half the squared error, and the penalty on all weights."""
    parts: dict[str, float]
    parts = dict.fromkeys(("weights", "readout"), config.penalty / 2)
    return Objective(
        loss=half_squared_error,
        name="squared",
        penalty=config.penalty_form if config.penalty else "none",
        # The path norm is what squares amount to once neurons are balanced.
        penalties=parts if config.penalty else {},
    )


def training(config: Planted) -> tuple[Training, Plan]:
    """The student's training."""
    problem = Problem.of(config)
    return problem.training(), problem.plan()
