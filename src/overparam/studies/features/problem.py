"""Images and initial network of one run of the study `features`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ...data.catalogue import load_data
from ...data.dataset import Dataset, Split
from ...data.parts import check_classes, classes_of, hold_out, take
from ...data.source import Batch
from ...data.train_test import TrainTest
from ...errors import ConfigError
from ...keys import purpose_key
from ...memory import Need, check_memory, itemsize
from ...networks.feature_laws import random_features, truncated_normal
from ...networks.initialise import output_scale
from ...networks.network import Network
from ...networks.standardised import StandardisedTwoLayer, with_moments
from ...networks.two_layer import TwoLayer
from ...objectives.losses import cross_entropy
from ...objectives.objective import Objective
from .config import Features


class Labelled(eqx.Module):
    """Images as vectors in [0, 1], with their classes."""

    x: Float[Array, "n input_dim"]
    y: Int[Array, " n"]


@dataclass(frozen=True)
class Problem:
    """The three splits of the images of a config, and the network before training."""

    config: Features
    train: Labelled
    validation: Labelled
    test: Labelled
    n_classes: int

    @staticmethod
    def of(config: Features) -> "Problem":
        """Load and split the images of a config.

        Raises:
            ConfigError: If more images are asked for than there are, or a part holds
                one class only.
            DataError: If the files are missing or damaged.
        """
        dataset = load_data(config.dataset).flat()
        n_classes = classes_of(dataset)
        dataset = (
            dataset.standardised() if config.standardise_inputs else dataset.scaled()
        )
        train, validation = _split(config, dataset)
        test = dataset.test
        check_classes(test, what="test")
        if config.shuffle_test_labels:
            key = purpose_key(config.seed, "shuffled test labels")
            test = replace(test, y=np.asarray(jax.random.permutation(key, test.y)))
        parts = [
            Labelled(jnp.asarray(split.x, config.precision), jnp.asarray(split.y))
            for split in (train, validation, test)
        ]
        return Problem(config, *parts, n_classes=n_classes)

    @property
    def input_dim(self) -> int:
        """Number of inputs."""
        return self.train.x.shape[1]

    @property
    def steps_per_epoch(self) -> int:
        """Full batches of one pass."""
        return len(self.train.y) // self.config.batch_size

    def splits(self) -> dict[str, Labelled]:
        """The splits that hold anything, by name."""
        splits = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: split for name, split in splits.items() if len(split.y)}

    def initial_network(self) -> Network:
        """The network before training, its readout drawn so that all scalings agree.

        Raises:
            ConfigError: If training it needs more memory than there is.
        """
        config, n_classes = self.config, self.n_classes
        check_memory(*_arrays(config, self.input_dim, n_classes))
        weights = random_features(
            config.init,
            self.input_dim,
            config.width,
            dtype=config.precision,
            key=purpose_key(config.seed, "first layer"),
        )
        scale = output_scale(config.scaling, config.width)
        readout = truncated_normal(
            (config.width, n_classes),
            dtype=config.precision,
            key=purpose_key(config.seed, "readout"),
        )
        if not config.standardise:
            return TwoLayer(
                weights=weights,
                readout=readout / scale,
                activation=config.activation,
                scale=scale,
            )
        return StandardisedTwoLayer(
            weights=weights,
            readout=readout / scale,
            activation=config.activation,
            scale=scale,
            stop_gradient_moments=config.stop_gradient_moments,
        )


def data(config: Features, stored: Mapping[str, np.ndarray]) -> TrainTest:
    """The images; labels that were permuted as a check are as they were."""
    del stored
    found = Problem.of(replace(config, shuffle_test_labels=False))
    train, test = (Batch(part.x, part.y) for part in (found.train, found.test))
    return TrainTest(train, test, found.n_classes)


def objective(config: Features) -> Objective:
    """Cross-entropy, and the penalties of the layers that move."""
    scale = output_scale(config.scaling, config.width)
    n_classes = Problem.of(config).n_classes
    penalties = {
        "weights": config.feature_penalty / config.width,
        "readout": config.readout_penalty * scale**2 / n_classes,
    }
    if config.exact:
        penalties = {"readout": (config.ridge or 0) * scale**2 / 2}
    return Objective(
        loss=cross_entropy, name="cross-entropy", penalty="l2", penalties=penalties
    )


def _arrays(config: Features, input_dim: int, n_classes: int) -> list[Need]:
    """The largest arrays of a run besides the images."""
    size, width = itemsize(config.precision), ("`width`", config.width)
    steps = config.train == "all" or config.first_all or not config.exact
    gram = config.train == "readout" and config.readout == "ridge"
    return [
        Need("weights and their gradient", (("inputs", input_dim), width), size, 2),
        Need("the readout", (width, ("classes", n_classes)), size, 2),
        Need(
            "hidden neurons on a batch",
            (("`batch_size`", config.batch_size), width),
            size * bool(steps),
            2,
        ),
        Need("the Gram matrix", (width, width), size * gram),
    ]


def frozen(network: Network, x: Float[Array, "n input_dim"]) -> Network:
    """The network as a function of one image: with the exact moments of `x`."""
    if isinstance(network, StandardisedTwoLayer):
        return with_moments(network, x)
    return network


def _split(config: Features, dataset: Dataset) -> tuple[Split, Split]:
    n_file = len(dataset.train)
    n_validation = config.n_validation
    if n_validation is None:
        n_validation = n_file // 12
    rule = config.subsets
    train, validation = hold_out(
        dataset.train, n_validation, rule=rule, what="training and validation"
    )
    if config.n_train is not None:
        if config.n_train > len(train):
            raise ConfigError(
                f"`n_train` must be at most {len(train)}, the images of "
                f"{config.dataset} that do not validate; got {config.n_train}."
            )
        train = take(train, config.n_train, rule=rule, what="training")
    if config.batch_size > len(train):
        raise ConfigError(
            f"`batch_size` must be at most {len(train)}, the training images; got "
            f"{config.batch_size}."
        )
    return train, validation
