"""Image data sets from their official files: MNIST's layout, CIFAR's, and `digits`."""

import functools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int32, UInt8

from ...cores import n_threads
from ..dataset import Dataset, Split
from .cifar import Records, parse_cifar
from .content import DamageError, read_checked
from .download import obtain
from .idx import parse_idx
from .locate import Place
from .official import DIGITS, Official


def load_idx(official: Official, folder: str | Path | None = None) -> Dataset:
    """MNIST or Fashion-MNIST: images `(n, 28, 28, 1)` uint8.

    Raises:
        DataError: A file is missing, truncated, altered or of another shape.
    """
    return _as_last_read(_read_idx, official, obtain(official, folder))


def _read_idx(official: Official, place: Place) -> Dataset:
    height, width, _ = official.shape
    parts = []
    files = iter(place.files())
    for n, images, labels in zip(
        (official.n_train, official.n_test), files, files, strict=True
    ):
        parse_images = partial(parse_idx, shape=(n, height, width))
        x = read_checked(official, *images, parse_images)[..., None]
        y = read_checked(official, *labels, partial(_idx_labels, official, n))
        parts.append(Split(x, y))
    return _dataset(official, *parts)


def load_cifar(official: Official, folder: str | Path | None = None) -> Dataset:
    """CIFAR-10 or CIFAR-100 (its 100 fine classes): images `(n, 32, 32, 3)` uint8.

    Raises:
        DataError: A file is missing, truncated, altered or of another shape.
    """
    return _as_last_read(_read_cifar, official, obtain(official, folder))


def _read_cifar(official: Official, place: Place) -> Dataset:
    files = place.files()
    parse = partial(_cifar_records, official)
    # Digests and copies let go of the interpreter, so that all cores work.
    with ThreadPoolExecutor(n_threads()) as threads:
        checked = partial(read_checked, official, parse=parse)
        *train, test = threads.map(checked, *zip(*files, strict=True))
    return _dataset(official, _split(train), _split([test]))


@functools.cache
def load_digits() -> Dataset:
    """scikit-learn's `digits`: 1797 images `(n, 8, 8, 1)`, pixels 0, ..., 16.

    There is no official split: of every class, each fifth image in file order is for
    testing (355 images), the others are for training (1442).
    """
    from sklearn.datasets import load_digits as from_scikit_learn

    bunch: Any = from_scikit_learn()
    whole = Split(
        bunch["images"].astype(np.uint8)[..., None], bunch["target"].astype(np.int32)
    )
    is_test = whole.rank_in_class() % 5 == 4
    return _dataset(DIGITS, whole.where(~is_test), whole.where(is_test))


_SETTLED = 2.0
"""Seconds after which no clock of a file system takes another change for the last."""

Read = Callable[[Official, Place], Dataset]


def _as_last_read(read: Read, official: Official, place: Place) -> Dataset:
    """A data set, read again only if it is another one or its files have changed."""
    states = tuple(found.state for _, found in place.files())
    if time.time() - max(modified for modified, *_ in states) / 1e9 < _SETTLED:
        return read(official, place)
    return _read_once(read, official, place, states)


@functools.lru_cache(maxsize=1)
def _read_once(read: Read, official: Official, place: Place, states: tuple) -> Dataset:
    """One is kept: the largest has 184 MB, which most runs and analyses share."""
    del states
    return read(official, place)


def _idx_labels(official: Official, n: int, raw: bytes) -> Int32[np.ndarray, " n"]:
    return _checked_labels(parse_idx(raw, (n,)), official)


def _cifar_records(official: Official, raw: bytes) -> Records:
    height, width, channels = official.shape
    n_labels = 1 if official.n_classes == 10 else 2
    records = parse_cifar(raw, (height, width, channels), n_labels=n_labels)
    _checked_labels(records.labels[:, -1], official)
    return records


def _checked_labels(
    labels: UInt8[np.ndarray, " n"], official: Official
) -> Int32[np.ndarray, " n"]:
    if labels.max() >= official.n_classes:
        raise DamageError(
            f"holds the label {labels.max()}, expected 0..{official.n_classes - 1}"
        )
    return labels.astype(np.int32)


def _split(records: list[Records]) -> Split:
    labels = np.concatenate([part.labels[:, -1] for part in records])
    return Split(
        np.concatenate([part.images for part in records]), labels.astype(np.int32)
    )


def _dataset(official: Official, train: Split, test: Split) -> Dataset:
    for part in (train, test):
        part.x.flags.writeable = part.y.flags.writeable = False  # Many may share it.
    return Dataset(
        name=official.name,
        train=train,
        test=test,
        n_classes=official.n_classes,
        normalisation=official.normalisation,
    )
