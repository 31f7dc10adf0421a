"""What a run of planted was about."""

from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np

from ...analysis.subject import Teacher
from ...data.source import Batch
from ...data.sources.planted import PlantedStream, decaying_covariance
from ...data.train_test import TrainTest
from ...keys import purpose_key
from ...networks.two_layer import TwoLayer
from ...objectives.losses import half_squared_error
from ...objectives.objective import Objective
from ...training.plan import Plan, Training
from .config import Planted
from .run import Problem, plan


N_SAMPLES = 10_000
"""Of each part: training sees every sample once, so that fresh ones are as good."""


def data(config: Planted, stored: Mapping[str, np.ndarray]) -> TrainTest:
    """Fresh samples of the stream."""
    planted = teacher(config, stored)
    assert isinstance(planted.network, TwoLayer)
    mixing = None
    if planted.covariance is not None:
        mixing = jnp.asarray(np.sqrt(planted.covariance), config.precision)
    stream = PlantedStream(planted.network, config.label_noise or None, mixing)
    key = purpose_key(config.seed, "samples of an analysis")
    drawn = stream.draw(key, jnp.zeros((), jnp.int32), 2, N_SAMPLES)
    train, test = (Batch(drawn.x[part], drawn.y[part]) for part in range(2))
    return TrainTest(train, test)


def teacher(config: Planted, stored: Mapping[str, np.ndarray]) -> Teacher:
    """The teacher that the run stored, or that of its config."""
    names = ("teacher.weights", "teacher.readout")
    if set(names) <= set(stored):
        weights, readout = (jnp.asarray(stored[name]) for name in names)
        network = TwoLayer(
            weights=weights, readout=readout, activation=config.activation
        )
    else:
        network = Problem.of(config).teacher
    covariance = decaying_covariance(config.input_dim, config.input_decay)
    return Teacher(network=network, covariance=covariance)


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
    return Problem.of(config).training(), plan(config)
