"""ECG5000: heartbeats of length 140 from the archive's text files or from .npy files.

Reference: Dau et al., The UCR time series classification archive (2018).
"""

from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from ...checks import one_of, seeds
from ...errors import DataError
from ...store.npy import array_of
from ..dataset import Dataset, Split
from .content import DamageError, Found, read_checked
from .download import obtain
from .locate import Place
from .numbers import numbers_of
from .official import ECG5000, Content, Official


Labels = Literal["normal-vs-rest", "five"]
Partition = Literal["official", "shuffled"]


def load_ecg5000(
    folder: str | Path | None = None,
    *,
    labels: Labels = "normal-vs-rest",
    split: Partition = "official",
    seed: int = 0,
    official: Official = ECG5000,
) -> Dataset:
    """ECG5000: series `(n, 140)` float32, z-normalised each, as in the files.

    Files: `ECG5000_TRAIN` and `ECG5000_TEST`, as `.txt` or `.tsv`, or inside
    `ECG5000.zip`; else `X_train.npy`, `y_train.npy`, `X_test.npy`, `y_test.npy` with
    labels 0, 1, ... and no pickled objects.

    Args:
        folder: Where the files are; see `overparam.data.files.locate`.
        labels: "five" keeps the classes (0, ..., 4); "normal-vs-rest" makes the first
            one 0 and all others 1: our reading of "binary" in arXiv 2306.08125.
        split: "official" (500 training, 4500 test series) or "shuffled": pooled,
            permuted by `seed`, and cut into parts of the same sizes.
        seed: Of the permutation.
        official: What the files must be.

    Raises:
        ConfigError: `labels` or `split` is no such choice, or `seed` no seed.
        DataError: A file is missing, truncated, altered or of another shape.
    """
    one_of(["normal-vs-rest", "five"], labels=labels)
    one_of(["official", "shuffled"], split=split)
    seeds(seed=seed)
    place = obtain(official, folder)
    is_npy = place.contents[0].name.endswith(".npy")
    train, test = (_from_npy if is_npy else _from_text)(official, place)
    if split == "shuffled":  # Both parts pooled, permuted, and cut again.
        x = np.concatenate([train.x, test.x])
        y = np.concatenate([train.y, test.y])
        train, test = Split(x, y).shuffled(seed).hold_out(len(test))
    n_classes = official.n_classes
    if labels == "normal-vs-rest":
        n_classes = 2
        train, test = (
            Split(part.x, (part.y > 0).astype(np.int32)) for part in (train, test)
        )
    return Dataset(
        name=official.name,
        train=train,
        test=test,
        n_classes=n_classes,
        normalisation=official.normalisation,
    )


def parse_series(raw: bytes, *, n: int, length: int, n_classes: int) -> Split:
    """The `n` series in a text: per line a label 1, 2, ... and `length` values.

    Raises:
        DamageError: Not numbers, not finite, or other counts or labels than these.
    """
    table = numbers_of(raw)
    if table.shape != (n, 1 + length):
        rows, columns = table.shape
        raise DamageError(
            f"has {rows} rows of {columns} numbers, expected {n} of {1 + length}"
        )
    return Split(
        _series(table[:, 1:], length), _labels(table[:, 0], n_classes, first=1)
    )


def _from_text(official: Official, place: Place) -> tuple[Split, Split]:
    parse = partial(
        parse_series, length=official.shape[0], n_classes=official.n_classes
    )
    train, test = place.files()
    return (
        read_checked(official, *train, partial(parse, n=official.n_train)),
        read_checked(official, *test, partial(parse, n=official.n_test)),
    )


def _from_npy(official: Official, place: Place) -> tuple[Split, Split]:
    def series(raw: bytes) -> np.ndarray:
        return _series(_npy(raw), official.shape[0])

    def labels(raw: bytes) -> np.ndarray:
        return _labels(_npy(raw), official.n_classes)

    parts = []
    files = iter(place.files())
    for inputs, targets in zip(files, files, strict=True):
        x = read_checked(official, *inputs, series)
        y = read_checked(official, *targets, labels)
        if len(x) != len(y):
            raise DataError(
                f"`{inputs[1]}` has {len(x)} series but `{targets[1]}` has {len(y)} "
                "labels; give as many of both."
            )
        parts.append(Split(x, y))
    train, test = parts
    return train, test


NPY_LABELS = ("y_train.npy", "y_test.npy")
"""Files whose lengths are the numbers of series."""


def n_labels(official: Official, content: Content, found: Found) -> int | None:
    """The number of labels in a .npy file; `None` if it is not to be read."""
    try:
        return len(read_checked(official, content, found, _npy))
    except (DataError, TypeError):
        return None


def _npy(raw: bytes) -> np.ndarray:
    try:
        return array_of(raw)
    except ValueError as error:
        raise DamageError(f"is no whole .npy file without pickles ({error})") from error


def _series(x: np.ndarray, length: int) -> np.ndarray:
    if x.ndim != 2 or x.shape[1] != length:
        columns = x.shape[1] if x.ndim == 2 else f"{x.ndim} axes"
        raise DamageError(f"must have {length} columns, got {columns}")
    if x.dtype.kind not in "fiu" or not np.isfinite(x).all():
        raise DamageError("holds values that are not finite numbers")
    return x.astype(np.float32)


def _labels(y: np.ndarray, n_classes: int, *, first: int = 0) -> np.ndarray:
    last = first + n_classes - 1
    other = y[~np.isin(y, np.arange(first, last + 1))]
    if y.ndim != 1 or other.size:
        got = f"got {other[0]}" if other.size else f"they have {y.ndim} axes"
        raise DamageError(f"must hold a row of labels from {first} to {last}, {got}")
    return y.astype(np.int32) - first
