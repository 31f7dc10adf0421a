"""Teacher, data, student and training rule of a run of `timescales`."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ...analysis.contract import Flow, Teacher
from ...data.source import Batch
from ...data.sources import torus
from ...data.sources.circle import (
    CircleTeacher,
    lattice_inputs,
    uniform_angles,
    unit_vectors,
)
from ...data.train_test import TrainTest
from ...data.whole import Whole
from ...drawing import host_normal, host_uniform
from ...dynamics.projection import Ridge, normalise
from ...dynamics.two_timescale import TwoTimescale
from ...dynamics.varpro import VarPro
from ...errors import ConfigError
from ...keys import purpose_key
from ...memory import check_memory
from ...networks.network import Network
from ...networks.radial import RadialFeatures, wrap
from ...networks.threshold import ThresholdReLU
from ...networks.two_layer import TwoLayer
from ...objectives.losses import half_squared_error
from ...objectives.objective import Objective
from ...readouts.circle.moments import PopulationMoments, SampledMoments
from ...readouts.circle.problem import CircleProblem, prefix_problem
from ...readouts.problem import MakeProblem, blocked_problem
from ...readouts.solvers import Direct, Solver, SpectralConjugate, StaleConjugate
from ...training.plan import Plan, Training
from .config import Timescales


Points = Float[np.ndarray, "n 2"]


WIDE = 512
"""Width from which a dense Gram matrix costs more than conjugate gradients."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What one run trains, on what."""

    config: Timescales
    teacher: Points
    """Teacher features."""
    batch: Any
    """What every step is given: a `Batch`, or the moments of the circle."""
    student: Network
    """The student before training, with a readout of zeros."""

    @staticmethod
    def of(config: Timescales) -> "Problem":
        """Draw teacher, data and student, each from a key of its own."""
        check_memory(*config.arrays)
        teacher = teacher_points(config)
        if config.data == "population":
            circle = CircleTeacher(config.gamma)
            batch: Any = PopulationMoments(circle, dtype=config.precision)
        else:
            x = inputs(config)
            labels = network(config, teacher, readout=1.0)
            y = evaluate(labels, jnp.asarray(x, config.precision))
            if config.uses_moments:
                batch = SampledMoments(x, np.asarray(y)[:, 0], dtype=config.precision)
            else:
                batch = Batch(jnp.asarray(x, config.precision), y)
        return Problem(
            config=config,
            teacher=teacher,
            batch=batch,
            student=network(config, student_points(config), readout=0.0),
        )

    @cached_property
    def dynamics(self) -> VarPro | TwoTimescale:
        """The training rule."""
        config = self.config
        ridge = Ridge(config.penalty, config.centre)
        retract = normalise if config.problem == "circle" else wrap
        if config.dynamics == "two-timescale":
            return TwoTimescale(
                ridge,
                config.time_step,
                config.time_ratio,
                problem=self.make_problem(),
                retract=retract,
                inner=config.inner,
                inner_steps=config.inner_steps,
            )
        return VarPro(
            ridge,
            config.time_step,
            problem=self.make_problem(),
            solver=self.solver,
            retract=retract,
        )

    @property
    def solver(self) -> Solver:
        """How the readout is solved in every step."""
        config = self.config
        if config.solver == "cg":
            return StaleConjugate()
        wide = not config.uses_moments and config.width >= WIDE
        return SpectralConjugate() if wide and config.solver == "auto" else Direct()

    @cached_property
    def start(self) -> Network:
        """The student before training, with its own optimal readout."""
        return self.project(self.student)

    def project(self, network: Network) -> Network:
        """The same features with their own optimal readout."""
        return _project(self.dynamics, network, self.batch)

    def training(self) -> Training:
        """What the loop trains."""
        return Training(
            dynamics=self.dynamics,
            network=self.start,
            source=Whole(self.batch),
            key=purpose_key(self.config.seed, "training"),
            record_start=True,
            keep_steps=self.config.keep_steps,
            keep_as=self.project,
        )

    def plan(self) -> Plan:
        """How long to train and how often to look."""
        return Plan(
            n_steps=self.config.n_steps,
            batch_size=self.config.n_samples,
            record_every=self.config.record_every,
        )

    def make_problem(self) -> MakeProblem:
        """How network and batch make the readout's problem."""
        if not self.config.uses_moments:
            return blocked_problem
        return prefix_problem if self.config.solver == "prefix" else CircleProblem


@eqx.filter_jit
def _project(dynamics: VarPro | TwoTimescale, network: Network, batch: Any) -> Network:
    return dynamics.project(network, batch)


def teacher_points(config: Timescales) -> Points:
    """The teacher's features."""
    key = purpose_key(config.seed, "teacher")
    n, lattice = config.teacher_width, config.data == "lattice"
    if config.problem == "torus":
        if lattice:
            return torus.lattice_teacher(n, gamma=config.gamma)
        return torus.sample_teacher(n, gamma=config.gamma, key=key)
    nu = CircleTeacher(config.gamma)
    return unit_vectors(nu.lattice(n) if lattice else nu.sample(n, key=key))


def student_points(config: Timescales) -> Points:
    """The student's features at the start, uniform."""
    key = purpose_key(config.seed, "initialisation")
    n, lattice = config.width, config.data == "lattice"
    if config.problem == "torus":
        return torus.lattice_student(n) if lattice else torus.sample_student(n, key=key)
    if lattice:
        return unit_vectors(uniform_angles(n))
    turns = host_uniform(key, (n,))
    return unit_vectors(2 * np.pi * turns - np.pi)


def inputs(config: Timescales) -> Points:
    """Gaussian inputs, or their lattice."""
    if config.data == "lattice":
        return lattice_inputs(config.n_samples)
    key = purpose_key(config.seed, "data")
    return host_normal(key, (config.n_samples, 2))


def network(config: Timescales, points: Points, *, readout: float) -> Network:
    """A mean-field network with these features and one readout for all."""
    dtype = config.precision
    weights = jnp.asarray(points.T, dtype)
    values = jnp.full((len(points), 1), readout, dtype)
    common = {"weights": weights, "readout": values, "scale": 1 / len(points)}
    name = config.feature_name
    if name == "relu":
        return TwoLayer(**common)
    if name == "relu-threshold":
        return ThresholdReLU(**common, threshold=config.threshold)
    return RadialFeatures(**common, kernel=name)


def evaluate(
    network: Network, x: Float[Array, "n dim"], *, chunk: int = 256
) -> Float[Array, "n k"]:
    """Outputs of a wide network at many inputs, in blocks."""
    pieces = [network(x[start : start + chunk]) for start in range(0, len(x), chunk)]
    return jnp.concatenate(pieces)


def data(config: Timescales, stored: Mapping[str, np.ndarray]) -> TrainTest:
    """The samples, labelled by the teacher; of a population, as many drawn ones."""
    x = jnp.asarray(inputs(config), config.precision)
    points = stored.get("teacher", teacher_points(config))
    return TrainTest(Batch(x, evaluate(network(config, points, readout=1.0), x)))


def teacher(config: Timescales, stored: Mapping[str, np.ndarray]) -> Teacher:
    """The teacher; on the circle under standard normal inputs."""
    points = stored.get("teacher", teacher_points(config))
    planted = network(config, points, readout=1.0)
    circle = config.problem == "circle"
    known = circle and math.isfinite(config.gamma)
    density = CircleTeacher(config.gamma).density if known else None
    return Teacher(network=planted, gaussian=circle, density=density)


def limit(config: Timescales, stored: Mapping[str, np.ndarray]) -> list[Flow]:
    """The limit equations that the run solved, at its kept steps.

    Raises:
        ConfigError: If it solved none.
    """
    flows = []
    if "limit.ultra_fast" in stored:
        cells = stored["limit.angles" if config.problem == "circle" else "limit.points"]
        densities = stored["limit.ultra_fast"]
        flows.append(Flow(name="ultra-fast", places=cells, densities=densities))
    if "limit.projected" in stored:
        flows.append(Flow(name="projected", places=stored["limit.projected"]))
    if not flows:
        raise ConfigError("The run solved no limit equation: see `limits`.")
    return flows


def objective(config: Timescales) -> Objective:
    """The mean square over twice the penalty, and half that of readout less centre."""
    return Objective(
        loss=half_squared_error,
        name="squared",
        factor=1 / config.penalty,
        penalty="ridge",
        penalties={"readout": 1 / (2 * config.width)},
    )


def training(config: Timescales) -> tuple[Training, Plan]:
    """The student's training."""
    problem = Problem.of(config)
    return problem.training(), problem.plan()
