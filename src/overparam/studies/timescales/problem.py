"""What a run of timescales was about."""

from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np

from ...analysis.subject import Teacher
from ...data.source import Batch
from ...data.train_test import TrainTest
from ...objectives.losses import half_squared_error
from ...objectives.objective import Objective
from .config import Timescales
from .setup import evaluate, inputs, network, teacher_points


def data(config: Timescales, stored: Mapping[str, np.ndarray]) -> TrainTest:
    """The samples, labelled by the teacher; of a population, as many drawn ones."""
    x = jnp.asarray(inputs(config), config.precision)
    points = stored.get("teacher", teacher_points(config))
    return TrainTest(Batch(x, evaluate(network(config, points, readout=1.0), x)))


def teacher(config: Timescales, stored: Mapping[str, np.ndarray]) -> Teacher:
    """The teacher; on the circle under standard normal inputs."""
    points = stored.get("teacher", teacher_points(config))
    planted = network(config, points, readout=1.0)
    return Teacher(network=planted, gaussian=config.problem == "circle")


def objective(config: Timescales) -> Objective:
    """The mean square over twice the penalty, and half that of readout less centre."""
    return Objective(
        loss=half_squared_error,
        name="squared",
        factor=1 / config.penalty,
        penalty="ridge",
        penalties={"readout": 1 / (2 * config.width)},
    )
