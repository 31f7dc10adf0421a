"""Data, network and dynamics of a run of `images`, each from a key of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import jax.numpy as jnp
import numpy as np
import optax

from ...data.catalogue import load_data
from ...data.dataset import Split
from ...data.files.official import Normalisation
from ...data.own.reference import is_own
from ...data.parallel import over_devices
from ...data.parts import classes_of
from ...data.source import Batch
from ...data.sources.augment import RESNET_NORMALISATION, ImageSource
from ...data.train_test import TrainTest
from ...dynamics.descent import Descent
from ...dynamics.optimisers.schedules import Tail
from ...dynamics.optimisers.shampoo import Shampoo
from ...dynamics.stochastic_varpro import StochasticVarPro
from ...errors import ConfigError
from ...keys import purpose_key
from ...memory import Need, check_memory, itemsize
from ...networks.convolutional.resnet import ResNet, resnet
from ...objectives.batch_loss import BatchLoss
from ...objectives.class_loss import ClassSquares, readout_penalty
from ...objectives.objective import Objective
from ...readouts.rules import EpochMean, Gram, ReadoutRule, Running
from ...training.plan import Plan, Training
from .config import Images


DEPTHS = {"resnet8": 8, "resnet20": 20, "resnet32": 32}


@dataclass(frozen=True)
class ImageParts:
    """The images of a run: training, validation and test part."""

    train: Split
    validation: Split
    test: Split
    n_classes: int
    normalisation: Normalisation


def load_parts(config: Images) -> ImageParts:
    """The images of a run, with those asked for per class.

    Raises:
        ConfigError: If the batch is larger than the training part.
        DataError: If files are missing or damaged.
    """
    data = load_data(config.dataset)
    n_classes = classes_of(data)
    if data.train.x.dtype != np.uint8 or len(data.shape) != 3:
        raise ConfigError(
            f"`images` needs pictures of bytes, height x width x channels, and "
            f"{data.name} has inputs of the shape {data.shape} and type "
            f"{data.train.x.dtype}."
        )
    train, validation = data.train.hold_out_per_class(config.validation_per_class)
    test = data.test
    if config.train_per_class is not None:
        train = train.subset_per_class(config.train_per_class)
    if config.test_per_class is not None:
        test = test.subset_per_class(config.test_per_class)
    if config.batch_size > len(train):
        raise ConfigError(
            f"`batch_size` {config.batch_size} is larger than the {len(train)} "
            "training images; lower it."
        )
    normalisation = RESNET_NORMALISATION
    if is_own(config.dataset):
        n_channels = data.shape[2]
        normalisation = Normalisation(mean=(0.0,) * n_channels, std=(1.0,) * n_channels)
        if config.standardise_inputs:
            normalisation = data.normalisation
    return ImageParts(train, validation, test, n_classes, normalisation)


@dataclass(frozen=True)
class Problem:
    """Everything that a run trains and looks at."""

    config: Images
    parts: ImageParts

    @staticmethod
    def of(config: Images) -> "Problem":
        """The images; the network is made when it is asked for."""
        return Problem(config, load_parts(config))

    @cached_property
    def network(self) -> ResNet:
        """The initial network."""
        config = self.config
        check_memory(*_arrays(config))
        return resnet(
            DEPTHS[config.network],
            n_outputs=self.parts.n_classes,
            channels=self.parts.train.x.shape[3],
            multiplier=config.multiplier,
            dtype=config.precision,
            key=purpose_key(config.seed, "initialisation"),
        )

    @cached_property
    def images(self) -> ImageSource:
        """The training images."""
        config = self.config
        return ImageSource(
            self.parts.train,
            self.parts.normalisation,
            augment=config.augment,
            dtype=config.precision,
        )

    @property
    def steps_per_epoch(self) -> int:
        """Full batches of one pass."""
        return self.images.table.steps_per_epoch(self.config.batch_size)

    def step_size(self) -> Tail:
        """Step size of every step: width times time scale, lower in the end."""
        config = self.config
        first = config.time_scale * self.network.readout.shape[0]
        n_steps = config.epochs * self.steps_per_epoch
        return Tail(
            first, config.final_factor, n_steps, cosine=config.schedule == "cosine"
        )

    def dynamics(self) -> Descent | StochasticVarPro:
        """How the weights move."""
        config = self.config
        settings = {
            "learning_rate": self.step_size(),
            "momentum": config.weight_momentum,
        }
        if config.dynamics == "varpro":
            rule: ReadoutRule = EpochMean(self.steps_per_epoch)
            if config.readout == "gram":
                rule = Gram(config.readout_window)
            elif config.readout == "running":
                rule = Running(config.readout_average)
            return StochasticVarPro(config.penalty, rule, **settings)
        shampoo = Shampoo(config.shampoo, update_every=config.update_every)
        return Descent(
            BatchLoss(ClassSquares(config.penalty)),
            shampoo if config.dynamics == "shampoo" else optax.sgd,
            penalty=readout_penalty(self.network),
            **settings,
        )

    def training(self) -> Training:
        """What the loop trains."""
        config = self.config
        return Training(
            dynamics=self.dynamics(),
            network=self.network,
            source=over_devices(self.images, batch_size=config.batch_size),
            key=purpose_key(config.seed, "training"),
            data_key=purpose_key(config.seed, "batches"),
            record_start=True,
            keep_steps=[epoch * self.steps_per_epoch for epoch in config.kept_epochs],
        )

    def plan(self) -> Plan:
        """How long to train and how often to look."""
        return Plan(
            n_steps=self.config.total_epochs * self.steps_per_epoch,
            batch_size=self.config.batch_size,
            record_every=self.steps_per_epoch,
        )


def _arrays(config: Images) -> list[Need]:
    """The largest arrays of a run besides its images."""
    size, depth = itemsize(config.precision), DEPTHS[config.network]
    widest = ("64 x `multiplier`", round(64 * config.multiplier))
    first = ("16 x `multiplier`", round(16 * config.multiplier))
    pixels = ("32 x 32 pixels", 1024)
    # Each of the three stages has a third of the layers; the first one is the largest.
    layers = ("layers of a stage", depth // 3)
    return [
        Need("filters", (("3 x 3", 9), widest, widest, layers), size, 2),
        Need(
            "channels on a batch",
            (("`batch_size`", config.batch_size), pixels, first, layers),
            size,
        ),
    ]


def data(config: Images, stored: Mapping[str, np.ndarray]) -> TrainTest:
    """The images as the network takes them, not augmented."""
    del stored
    problem = Problem.of(config)
    pixels, parts = problem.images.pixels, problem.parts
    train, test = (
        Batch(pixels.normalised(jnp.asarray(part.x)), jnp.asarray(part.y))
        for part in (parts.train, parts.test)
    )
    return TrainTest(train, test, parts.n_classes)


def objective(config: Images) -> Objective:
    """Squares of classes over the penalty, and half the mean square of the readout."""
    return Objective(loss=ClassSquares(config.penalty), name="squared", penalty="ridge")


def training(config: Images) -> tuple[Training, Plan]:
    """The network's training."""
    problem = Problem.of(config)
    return problem.training(), problem.plan()
