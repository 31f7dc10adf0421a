"""What a run of images was about."""

from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np

from ...data.source import Batch
from ...data.train_test import TrainTest
from ...objectives.class_loss import ClassSquares
from ...objectives.objective import Objective
from .config import Images
from .setup import Setup, load_parts


def data(config: Images, stored: Mapping[str, np.ndarray]) -> TrainTest:
    """The images as the network takes them, not augmented."""
    del stored
    parts = load_parts(config)
    pixels = Setup(config, parts).images.pixels
    train, test = (
        Batch(pixels.normalised(jnp.asarray(part.x)), jnp.asarray(part.y))
        for part in (parts.train, parts.test)
    )
    return TrainTest(train, test, parts.n_classes)


def objective(config: Images) -> Objective:
    """Squares of classes over the penalty, and half the mean square of the readout."""
    return Objective(loss=ClassSquares(config.penalty), name="squared", penalty="ridge")
