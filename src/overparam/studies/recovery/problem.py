"""Data, planted model and activation patterns of one problem."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Float, PRNGKeyArray

from ...analysis.contract import Teacher
from ...convex.programs.patterns import (
    Patterns,
    all_ones_direction,
    enumerate_patterns,
    patterns_of,
    sample_gates,
    with_directions,
)
from ...convex.programs.program import Program, convex_program, with_bias
from ...convex.recovery.planted import PlantedWeights, plant
from ...data.source import Batch, Table
from ...data.sources.designs import design_matrix, draw_alive, generator, label_noise
from ...data.sources.designs import planted_directions as draw_directions
from ...data.train_test import TrainTest
from ...drawing import host_uniform
from ...dynamics.descent import Descent
from ...dynamics.optimisers.sign import sign_descent
from ...errors import ConfigError
from ...keys import purpose_key
from ...memory import check_memory
from ...networks.network import Network
from ...networks.skip_neuron import SkipNeuron
from ...networks.two_layer import NormalisedTwoLayer, TwoLayer
from ...networks.view import two_layer_view
from ...objectives.losses import half_sum_of_squares
from ...objectives.objective import Objective
from ...objectives.penalties import L2Penalty, ReadoutNorm
from ...training.plan import Plan, Training
from .config import Recovery
from .data import Given, load_given


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Everything that is drawn for one run, each from a key of its own."""

    config: Recovery
    x: Float[np.ndarray, "n d"]
    directions: Float[np.ndarray, "k d"]
    """What is planted; without rows in given data."""
    y: Float[np.ndarray, " n"]
    all_ones: Float[np.ndarray, " d"] | None
    """A direction that every sample agrees with, if there is one."""
    given: Given | None = None
    """The data, where they are not drawn."""

    @staticmethod
    def of(config: Recovery) -> "Problem":
        """Draw the data and the planted model, or read the data."""
        check_memory(*config.arrays)
        if config.dataset is not None:
            given = load_given(config)
            return Problem(
                config=config,
                x=given.x,
                directions=np.zeros((0, given.x.shape[1])),
                y=given.y,
                all_ones=all_ones_direction(given.x),
                given=given,
            )
        x = _design(config, "data", config.n_samples)
        key = purpose_key(config.seed, "planted")
        draw = draw_directions if config.network == "skip" else draw_alive
        inputs = x[:, : config.input_dim]
        directions = draw(config.planted, inputs, n_planted=config.n_planted, key=key)
        if config.bias:
            # The planted neurons have no bias.
            directions = np.pad(directions, [(0, 0), (0, 1)])
        noise = label_noise(
            config.n_samples, config.noise, key=purpose_key(config.seed, "noise")
        )
        problem = Problem(
            config=config,
            x=x,
            directions=directions,
            y=noise,
            all_ones=all_ones_direction(x),
        )
        return Problem(**{**vars(problem), "y": problem.target(x) + noise})

    def target(self, inputs: Float[np.ndarray, "m d"]) -> Float[np.ndarray, " m"]:
        """Outputs of the planted model, with its norms on the training data."""
        if self.config.network == "skip":
            return inputs @ self.directions[0]
        hidden = np.maximum(inputs @ self.directions.T, 0)
        if self.config.network == "normalised":
            trained = np.maximum(self.x @ self.directions.T, 0)
            hidden = hidden / np.linalg.norm(trained, axis=0)
        return hidden.sum(axis=1)

    def test(self) -> tuple[Float[np.ndarray, "m d"], Float[np.ndarray, " m"]]:
        """Inputs of the same design, and noiseless targets; or those of the data."""
        if self.given is not None:
            return self.given.x_test, self.given.y_test
        inputs = _design(self.config, "test", self.config.n_test or len(self.x))
        return inputs, self.target(inputs)

    @cached_property
    def patterns(self) -> Patterns:
        """The patterns of the programme: planted ReLU neurons and all-ones included."""
        config = self.config
        if config.patterns == "enumerated":
            return enumerate_patterns(self.x)
        rng = generator(purpose_key(config.seed, "gates"))
        patterns = patterns_of(self.x, sample_gates(self.x, config.n_gates, rng=rng))
        if self.all_ones is not None:
            patterns = with_directions(patterns, self.x, self.all_ones[None])
        if config.network != "skip" and len(self.directions):
            patterns = with_directions(patterns, self.x, self.directions)
        return patterns

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """Samples, and what is planted, to be stored."""
        plants = {"planted": self.directions} if len(self.directions) else {}
        return {"x": self.x, "y": self.y, **plants}

    @property
    def facts(self) -> dict[str, Any]:
        """What every summary says of the samples."""
        return {
            "all_ones_pattern_exists": self.all_ones is not None,
            "samples_per_dimension": self.config.n_samples / self.config.input_dim,
        }

    @property
    def notes(self) -> list[str]:
        """What is said of data in which nothing is planted."""
        if self.given is None:
            return []
        notes = ["There is no planted model in given data: recovery is not asked."]
        if not self.given.has_classes:
            away = np.sqrt(np.mean((self.given.y_test - np.mean(self.y)) ** 2))
            notes.append(
                "`test_error` is the root mean square of what is missed, and that of "
                f"the mean of the training targets is {away:.4g}."
            )
        return notes

    def scores(self, outputs: Float[np.ndarray, " m"]) -> dict[str, float]:
        """The share of test samples on the right side of zero, where given data have
        classes."""
        if self.given is None or not self.given.has_classes:
            return {}
        return {"test_accuracy": float(np.mean((outputs > 0) == (self.test()[1] > 0)))}

    def program(self) -> Program:
        """The convex programme of the config over these patterns."""
        config = self.config
        return convex_program(
            self.x,
            self.y,
            patterns=self.patterns,
            network=config.network,
            relaxation=config.program,
            penalty=config.beta,
        )

    def planted(self, program: Program) -> PlantedWeights | None:
        """The planted model in the coordinates of the programme, if there is one."""
        return plant(program, self.directions) if len(self.directions) else None

    def training(self) -> Training:
        """What the loop trains.

        Raises:
            ConfigError: If the optimum is found by a solver.
        """
        config = self.config
        if config.method != "training":
            raise ConfigError(
                f"The run had no training: it is a convex programme ({config.solver})."
            )
        network = _initial(self, key=purpose_key(config.seed, "initialisation"))
        dtype = network.readout.dtype
        return Training(
            dynamics=_descent(config),
            network=network,
            source=Table(
                jnp.asarray(self.x, dtype), jnp.asarray(self.y[:, None], dtype)
            ),
            key=purpose_key(config.seed, "training"),
            record_start=True,
            keep_steps=config.keep_steps,
            keep_as=self.at_rest,
        )

    def plan(self) -> Plan:
        """How long to train and how often to look."""
        return Plan(
            n_steps=self.config.n_steps,
            batch_size=self.config.batch_size or self.config.n_samples,
            record_every=self.config.record_every,
        )

    def at_rest(self, network: Network) -> TwoLayer:
        """A network under training as ReLU neurons and a linear one."""
        return two_layer_view(network, self.x).plain()


def _design(config: Recovery, purpose: str, n: int) -> Float[np.ndarray, "n d"]:
    x = design_matrix(
        config.design,
        n_samples=n,
        dimension=config.input_dim,
        rescale=config.rescale,
        key=purpose_key(config.seed, purpose),
    )
    return with_bias(x) if config.bias else x


def data(config: Recovery, stored: Mapping[str, np.ndarray]) -> TrainTest:
    """The samples that the run stored, and fresh ones without noise."""
    problem = Problem.of(config)
    x, y = (stored.get(name, getattr(problem, name)) for name in ("x", "y"))
    train, test = (
        Batch(
            jnp.asarray(inputs, config.precision),
            jnp.asarray(labels.reshape(-1, 1), config.precision),
        )
        for inputs, labels in ((x, y), problem.test())
    )
    return TrainTest(train, test)


def teacher(config: Recovery, stored: Mapping[str, np.ndarray]) -> Teacher:
    """The planted neurons, under Gaussian inputs of variance 1/n.

    Raises:
        ConfigError: If the data were given.
    """
    if config.dataset is not None:
        raise ConfigError(f"Nothing is planted in the data {config.dataset}.")
    problem = Problem.of(config)
    directions = np.asarray(stored.get("planted", problem.directions)).T
    readout = np.ones((directions.shape[1], 1))
    if config.network == "normalised":
        hidden = np.maximum(problem.x @ directions, 0)
        readout = 1 / np.linalg.norm(hidden, axis=0)[:, None]
    if config.network == "skip":
        directions, readout = np.zeros((len(directions), 0)), directions
    return Teacher(
        network=TwoLayer(
            weights=jnp.asarray(directions, config.precision),
            readout=jnp.asarray(readout, config.precision),
            skip=config.network == "skip",
        ),
        covariance=np.eye(problem.x.shape[1]) / config.n_samples,
        gaussian=config.design == "gaussian" and not config.bias,
    )


def objective(config: Recovery) -> Objective:
    """Half the sum of squares, and half the penalty times that of all weights."""
    beta = config.beta or 0.0
    fields = ("weights", "readout", "skip_weights")
    normalised = config.network == "normalised"
    return Objective(
        loss=half_sum_of_squares,
        name="squared",
        sums=True,
        penalty="none" if not beta else "output-norms" if normalised else "l2",
        # Normalised neurons pay the size of their outputs.
        penalties={"readout": beta} if normalised else dict.fromkeys(fields, beta / 2),
    )


def training(config: Recovery) -> tuple[Training, Plan]:
    """The network's training."""
    problem = Problem.of(config)
    return problem.training(), problem.plan()


def _initial(problem: Problem, *, key: PRNGKeyArray) -> Network:
    """PyTorch's default: uniform weights in +-1/sqrt(fan in)."""
    config, dtype = problem.config, jnp.dtype(problem.config.precision)
    width, dimension = config.width or config.n_samples + 1, problem.x.shape[1]
    shapes = {
        "weights": (dimension, width),
        "readout": (width, 1),
        "skip_weights": (dimension, 1),
        "skip_readout": (1, 1),
    }
    drawn = {
        name: jnp.asarray(host_uniform(part, shape, -1, 1) / math.sqrt(shape[0]), dtype)
        for part, (name, shape) in zip(
            jax.random.split(key, 4), shapes.items(), strict=True
        )
    }
    if config.network == "skip":
        readout = jnp.concatenate([drawn["readout"], drawn["skip_readout"]])
        return SkipNeuron(
            weights=drawn["weights"],
            skip_weights=drawn["skip_weights"],
            readout=readout,
        )
    kind = NormalisedTwoLayer if config.network == "normalised" else TwoLayer
    return kind(weights=drawn["weights"], readout=drawn["readout"])


def _descent(config: Recovery) -> Descent:
    loss, rate = "half-sum-of-squares", config.learning_rate
    if config.legacy:
        return Descent(loss, sign_descent, learning_rate=rate)
    # A batch has its share of the samples, and with it of the objective.
    share = (config.batch_size or config.n_samples) / config.n_samples
    beta = share * (config.beta or 0.0)
    parts = ["weights", "readout"]
    if config.network == "skip":
        parts.append("skip_weights")
    penalty: Any = L2Penalty(dict.fromkeys(parts, beta / 2))
    if config.network == "normalised":
        # Input weights are not penalised, because their scale has no effect.
        penalty = ReadoutNorm(beta)
    if config.optimiser == "lbfgs":
        return Descent(loss, optax.lbfgs, penalty=penalty)
    optimiser = {"adam": optax.adam, "sgd": optax.sgd}[config.optimiser]
    return Descent(loss, optimiser, penalty=penalty, learning_rate=rate)
