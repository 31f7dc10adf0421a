"""The data of a heavy-tails run, on the device, in a fixed order."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from ...data.catalogue import load_data as load_dataset
from ...data.dataset import Split
from ...data.files.ecg import load_ecg5000
from ...data.parts import check_classes, classes_of, take
from ...data.source import Batch
from ...data.sources.mixture import direction, gaussian_mixture
from ...errors import ConfigError
from ...keys import purpose_key
from ...memory import Need, check_memory, itemsize
from ...networks.convolutional.vgg import SMALLEST
from .config import HeavyTails


MIXTURE_DIM = 140
"""Input dimension of `mixture`, that of ecg5000."""
MIXTURE_SIZES = 500, 4500
"""Its training and test samples, those of ecg5000."""


class Data(NamedTuple):
    """Training and test part, and the number of classes."""

    train: Batch
    test: Batch
    n_classes: int

    @property
    def parts(self) -> dict[str, Batch]:
        """Both parts by name."""
        return {"train": self.train, "test": self.test}


def load_data(config: HeavyTails) -> Data:
    """The data of a run, inputs as vectors for mlp and as images for vgg11.

    Raises:
        ConfigError: If more samples are asked for than there are, or a part holds one
            class only.
        DataError: If files are missing or damaged.
    """
    data = _mixture(config) if config.dataset == "mixture" else _from_files(config)
    for part, what in ((data.train, "training"), (data.test, "test")):
        check_classes(Split(np.asarray(part.x), np.asarray(part.y)), what=what)
    n_train = data.train.x.shape[0]
    if config.batch_size is not None and config.batch_size > n_train:
        raise ConfigError(
            f"`batch_size` must be at most the {n_train} training samples, got "
            f"{config.batch_size}."
        )
    return data


def _mixture(config: HeavyTails) -> Data:
    n_train = config.n_train or MIXTURE_SIZES[0]
    n_test = config.n_test or MIXTURE_SIZES[1]
    inputs, size = ("inputs", MIXTURE_DIM), itemsize(config.precision)
    check_memory(
        Need("training samples", (("`n_train`", n_train), inputs), size, 2),
        Need("test samples", (("`n_test`", n_test), inputs), size, 2),
    )
    # One direction for all seeds: they differ in samples, not in the problem.
    mean = direction(
        MIXTURE_DIM, dtype=config.precision, key=purpose_key(0, "mixture direction")
    )
    parts = gaussian_mixture(
        mean,
        n_train,
        n_test,
        key=purpose_key(config.seed, "data"),
    )
    return Data(*parts, n_classes=2)


def _from_files(config: HeavyTails) -> Data:
    if config.dataset == "ecg5000":
        dataset = load_ecg5000(
            labels=config.labels, split=config.split, seed=config.seed
        )
    else:
        dataset = load_dataset(config.dataset)
    n_classes = classes_of(dataset)
    if config.network == "mlp":
        dataset = dataset.flat()
    elif len(dataset.shape) != 3 or min(dataset.shape[:2]) < SMALLEST:
        raise ConfigError(
            f"{config.network} needs images of at least {SMALLEST} x {SMALLEST}, got "
            f"inputs of the shape {dataset.shape}; use `network=mlp`."
        )
    dataset = dataset.standardised() if config.standardised else dataset.scaled()
    train = _part(dataset.train, config.n_train, "n_train", config)
    test = _part(dataset.test, config.n_test, "n_test", config)
    return Data(train, test, n_classes)


def _part(split: Split, n: int | None, name: str, config: HeavyTails) -> Batch:
    if n is not None and n > len(split):
        raise ConfigError(
            f"`{name}` must be at most the {len(split)} samples of {config.dataset}, "
            f"got {n}."
        )
    what = name.replace("n_", "").replace("train", "training")
    chosen = split
    if n is not None:
        chosen = take(split, n, rule=config.subsets, what=what)
    return Batch(jnp.asarray(chosen.x, config.precision), jnp.asarray(chosen.y))
