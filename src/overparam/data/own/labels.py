"""Labels of any kind as classes, and what is no label."""

import unicodedata
from typing import Any

import numpy as np

from ...checks import written
from ..files.content import DamageError
from ..files.numbers import check_exact, is_number


_MISSING = ("nan", "na", "n/a", "#n/a", "null", "none", "nil", "?", "-", ".")
"""What tables write for a value that is not there."""


def classes(targets: list[np.ndarray]) -> tuple[tuple[str, ...], list[np.ndarray]]:
    """How the labels are written, class by class, and the classes of each part.

    Raises:
        DamageError: One is missing, all are of one class, or two look alike.
    """
    if targets[0].ndim != 1:
        raise DamageError(
            f"has labels of the shape {targets[0].shape}: give one for each sample"
        )
    together = np.concatenate(targets)
    for y in targets if together.dtype.kind == "f" else ():
        check_exact(y, "labels")
    values, codes = np.unique(together, return_inverse=True)
    _check_written([str(value) for value in values])
    if len(np.unique(targets[0])) < 2:
        raise DamageError(
            f"has one class ({_label(targets[0][0])}) for training, and a classifier "
            "needs two; give `task` regression if its targets are numbers"
        )
    parts = np.split(codes.astype(np.int32), [len(targets[0])])
    return tuple(_label(value) for value in values), parts[: len(targets)]


def _label(value: Any) -> str:
    """A label as a person writes it: the float 3.0 is 3."""
    if isinstance(value, np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _check_written(labels: list[str]) -> None:
    """Refuse what stands for no label, and labels that a reader takes for one.

    Raises:
        DamageError: One of these is there.
    """
    left = [label for label in labels if label.strip().lower() not in _MISSING]
    # `none` may be a class among words, and is none among numbers.
    numbers = bool(left) and all(map(is_number, left))
    for label in labels:
        if not label.strip() or label == "nan" or (numbers and label not in left):
            raise DamageError(
                f"misses a label ({written(label)}): drop such rows, or write a word "
                "that says what they are"
            )
    found: dict[str, str] = {}
    for label in labels:
        plain = unicodedata.normalize("NFC", label.strip())
        if plain in found:
            raise DamageError(
                f"has the labels {found[plain]!a} and {label!a}, which look "
                "alike: write them the same"
            )
        found[plain] = label
