"""The data and the objective that a network of a file is said to be of."""

from collections.abc import Mapping
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from ...data.catalogue import load_data
from ...data.dataset import Dataset, Split
from ...data.source import Batch
from ...data.train_test import TrainTest
from ...errors import ConfigError
from ...objectives.losses import cross_entropy, half_squared_error
from ...objectives.objective import Objective
from .config import Imported


@dataclass(frozen=True)
class Problem:
    """What a network of a file is said to have been trained on."""

    config: Imported
    dataset: Dataset

    @staticmethod
    def of(config: Imported) -> "Problem":
        """The data set of a config, its inputs prepared.

        Raises:
            ConfigError: If none was named.
        """
        if config.dataset is None:
            raise ConfigError(
                "The import names no data set: import the file again with `--dataset`, "
                "or give `--dataset` to the analysis."
            )
        dataset = load_data(config.dataset)
        scaled = config.inputs == "scaled"
        return Problem(config, dataset.scaled() if scaled else dataset.standardised())

    def part(self, split: Split) -> Batch:
        """A part as the network takes it: images, or vectors as in its framework."""
        x = split.x
        if self.config.form == "vectors":
            # PyTorch flattens an image channel by channel.
            if x.ndim == 4 and self.config.convention != "keras":
                x = x.transpose(0, 3, 1, 2)
            x = x.reshape(len(x), -1)
        classes = self.dataset.n_classes is not None
        y = jnp.asarray(split.y, None if classes else self.config.precision)
        return Batch(jnp.asarray(x, self.config.precision), y)


def data(config: Imported, stored: Mapping[str, np.ndarray]) -> TrainTest:
    """The data set as the network takes it."""
    del stored
    problem = Problem.of(config)
    dataset = problem.dataset
    train, test = problem.part(dataset.train), problem.part(dataset.test)
    return TrainTest(train, test, dataset.n_classes)


def objective(config: Imported) -> Objective:
    """The loss that was named, and half the weight decay of every weight."""
    classes = Problem.of(config).dataset.n_classes is not None
    squared = config.loss == "squared" or (config.loss == "auto" and not classes)
    loss = half_squared_error if squared else cross_entropy
    fields = ("weights", "layers", "kernels", "biases", "readout")
    return Objective(
        loss=loss,
        name="squared" if squared else "cross-entropy",
        penalty="l2" if config.penalty else "none",
        penalties=dict.fromkeys(fields, config.penalty / 2) if config.penalty else {},
    )
