"""Image data sets from their official files: MNIST's layout, CIFAR's, and `digits`."""

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
from .official import DIGITS, Official


def load_idx(official: Official, folder: str | Path | None = None) -> Dataset:
    """MNIST or Fashion-MNIST: images `(n, 28, 28, 1)` uint8.

    Raises:
        DataError: A file is missing, truncated, altered or of another shape.
    """
    height, width, _ = official.shape
    parts = []
    files = iter(obtain(official, folder).files())
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
    files = obtain(official, folder).files()
    parse = partial(_cifar_records, official)
    # Digests and copies let go of the interpreter, so that all cores work.
    with ThreadPoolExecutor(n_threads()) as threads:
        checked = partial(read_checked, official, parse=parse)
        *train, test = threads.map(checked, *zip(*files, strict=True))
    return _dataset(official, _split(train), _split([test]))


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
    return Dataset(
        name=official.name,
        train=train,
        test=test,
        n_classes=official.n_classes,
        normalisation=official.normalisation,
    )
