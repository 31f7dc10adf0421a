"""Arrays, lists and frames as a data set: all is checked, nothing changed unsaid."""

import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from ...checks import in_range, one_of, written
from ...errors import ConfigError, OverparamError
from ...last_resort import brief
from ...memory import Need, check_memory
from ..dataset import Dataset, Split
from ..files.content import DamageError
from ..files.numbers import check_exact, is_number
from ..files.official import Normalisation
from .labels import classes
from .options import Task


FEWEST_PER_CLASS = 2
"""Mean number of samples of a class below which whole numbers are hardly classes."""

_COPIES = 5
"""Copies of the inputs at one time, as read, checked, shuffled and split, with masks:
4.1 to 4.2 measured."""

BLOCK = 2**24
"""Numbers whose moments are taken at once."""


class Part(NamedTuple):
    """Inputs and targets as they came, and what they are called in a sentence."""

    x: Any
    y: Any
    called: str


def dataset(
    x: Any,
    y: Any,
    *,
    test: tuple[Any, Any] | None = None,
    name: str = "mine",
    task: Task | None = None,
    test_fraction: float = 0.2,
    seed: int = 0,
) -> Dataset:
    """A data set of one's own arrays, lists or frames; nothing is stored.

    Inputs stay as they are: floating numbers of 32 or 64 bits, or images of bytes.
    Standardise them by `dataset.standardised()`.

    Args:
        x: Inputs, `(n, features)`, `(n, length)` or images `(n, height, width[,
            channels])`.
        y: Targets, one for each sample. Labels of any kind are mapped to 0, 1, ... in
            their order, and listed in `labels`; numbers become `(n, n_outputs)`.
        test: Inputs and targets of the test part; `None` takes it from `x` and `y`.
        name: What to call it.
        task: `classification` or `regression`; `None` takes floating targets for
            numbers and all others for labels.
        test_fraction: Share of the samples for a test part that is not given, as many
            of every class as it has of the whole.
        seed: Of the order in which they are drawn.

    Raises:
        ConfigError: If something is missing, infinite, no number, of another length or
            too large for the memory.

    Example:
        `op.dataset(x, labels, test_fraction=0.25).train.x.shape`
    """
    parts = [Part(x, y, "x, y")]
    if test is not None:
        if not isinstance(test, tuple | list) or len(test) != 2:
            raise ConfigError("`test` must be a pair of inputs and targets.")
        parts.append(Part(*test, called="test"))
    return made(parts, name, task, test_fraction, seed, refuse=ConfigError)


def made(
    parts: list[Part],
    name: str,
    task: Task | None,
    test_fraction: float,
    seed: int,
    *,
    refuse: type[OverparamError],
) -> Dataset:
    """The data set of one part, which is split, or of two.

    Args:
        parts: Training part, or the whole; and test part.
        name: What to call it.
        task: What targets are; `None` infers it.
        test_fraction: Share of the test part where there is none.
        seed: Of the split.
        refuse: What to raise, with a sentence that names the part.
    """
    one_of(["classification", "regression"], task=task or "regression")
    found = []
    for part in parts:
        with naming(part.called, refuse):
            found.append((_inputs(part.x, parts[0].x), _targets(part.y, parts[0].y)))
            _check_together(*found[-1], *found[0], told=task is not None)
    whole = naming(", ".join(part.called for part in parts), refuse)
    with whole:
        kind = np.result_type(*(x for x, _ in found))
        found = [(x.astype(kind, copy=False), y) for x, y in found]
        x, targets = found[0][0], [y for _, y in found]
        if (x == x[:1]).all():
            raise DamageError("has inputs that are all constant")
        task = task or _inferred(targets[0])
        make = classes if task == "classification" else _numbers
        labels, targets = make(targets)
        splits = [Split(x, y) for (x, _), y in zip(found, targets, strict=True)]
        n_classes = len(labels) if task == "classification" else None
        if len(splits) == 1:
            splits = _split(splits[0], n_classes, test_fraction, seed)
        train, test = splits
    return Dataset(
        name=name,
        train=train,
        test=test,
        n_classes=n_classes,
        normalisation=moments(train.x),
        labels=labels,
    )


@contextmanager
def naming(called: str, refuse: type[OverparamError]) -> Iterator[None]:
    """Put what is wrong with a thing into a sentence that its name begins."""
    try:
        yield
    except DamageError as damage:
        raise refuse(f"`{called}` {damage}.") from damage


def columns_of(frame: Any) -> dict[str, Any] | None:
    """The columns of a frame of any library, by name; `None` if it is no frame.

    Raises:
        DamageError: Two columns have one name.
    """
    if not hasattr(frame, "columns"):
        return None
    names = [str(name) for name in frame.columns]
    check_distinct(names)
    try:
        return {str(name): frame[name] for name in frame.columns}
    except Exception as error:  # Whatever a class of others does.
        raise DamageError(f"is no frame with columns ({brief(error)})") from error


def _columns_like(frame: Any, first: Any) -> dict[str, Any] | None:
    """The columns of a frame in the order of those of the training part.

    Raises:
        DamageError: They have other names.
    """
    columns, wanted = columns_of(frame), columns_of(first)
    if columns is None or wanted is None:
        return columns
    if strange := sorted(columns.keys() ^ wanted.keys()):
        raise DamageError(
            f"has other columns than the training part: {written(strange[0])} is in "
            "one of them alone"
        )
    return {name: columns[name] for name in wanted}


def check_distinct(names: list[str]) -> None:
    """No name is given twice.

    Raises:
        DamageError: One is.
    """
    twice, times = max(Counter(names).items(), key=itemgetter(1), default=("", 0))
    if times > 1:
        raise DamageError(f"has two columns named {written(twice)}; rename one")


def _inputs(given: Any, first: Any) -> np.ndarray:
    columns = _columns_like(given, first)
    if columns is None:
        x = _array(given)
    else:
        arrays = {name: _array(column) for name, column in columns.items()}
        for name, array in arrays.items():
            _check_numeric(array, f"column {written(name)}")
            if array.ndim > 1:
                raise DamageError(
                    f"has several numbers in each row of the column {written(name)}: "
                    "give each of them a column"
                )
        x = np.column_stack(list(arrays.values())) if arrays else np.zeros((0, 0))
    if not x.size:
        raise DamageError(f"is empty: its inputs have the shape {x.shape}")
    if x.ndim < 2:
        raise DamageError(
            f"has inputs of the shape {x.shape}: give a row for each sample, such as "
            "`x[:, None]` for a single feature"
        )
    _check_numeric(x, "inputs")
    images = x.dtype == np.uint8 and x.ndim > 2
    small = (x.dtype.itemsize <= 4 and x.dtype.kind == "f") or x.dtype.itemsize == 1
    dtype = np.dtype(np.uint8 if images else np.float32 if small else np.float64)
    sizes = (("samples", len(x)), ("features", math.prod(x.shape[1:])))
    check_memory(Need("inputs", sizes, dtype.itemsize, _COPIES))
    _check_finite(x, list(columns or ()))
    check_exact(x, "inputs")
    if images:
        return x[..., None] if x.ndim == 3 else x
    return x.astype(dtype)


def _targets(given: Any, first: Any) -> np.ndarray:
    columns = columns_of(given)
    # One column is the target, however either part calls it.
    if columns is None or len(columns) > 1:
        columns = _columns_like(given, first)
    if columns is not None:
        arrays = [_array(column) for column in columns.values()]
        y = np.column_stack(arrays) if arrays else np.zeros(0)
    else:
        y = _array(given)
    if not y.size:
        raise DamageError("is empty: it has no targets")
    if y.dtype.kind == "O" and any(value is None for value in y.flat):
        raise DamageError("misses a target: drop such rows")
    if y.dtype.kind not in "buifU":
        raise DamageError(f"has targets of type {y.dtype}: give numbers or text")
    if y.dtype.kind == "f":
        _check_finite(y.reshape(len(y), -1), [], what="target")
    return y.reshape(-1) if y.ndim == 2 and len(y) == y.size else y


def _array(given: Any) -> np.ndarray:
    """An array of one type; text in an array of objects becomes an array of text."""
    try:
        given = given.to_numpy() if hasattr(given, "to_numpy") else given
    except Exception as error:  # Whatever a class of others does.
        raise DamageError(f"is no array ({brief(error)})") from error
    if np.ma.is_masked(given):
        raise DamageError(
            "misses values (they are masked): fill them, or drop such rows"
        )
    try:
        array = np.asarray(given)
    except ValueError:
        raise DamageError("has rows of different lengths") from None
    except (TypeError, RuntimeError) as error:
        raise DamageError(f"is no array ({brief(error)})") from None
    if not array.ndim:
        kind = type(given).__name__
        raise DamageError(f"has a {kind} for an array: give a row for each sample")
    if array.dtype.kind == "O" and all(isinstance(v, str) for v in array.flat):
        return array.astype(str)
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        with np.errstate(over="ignore"):
            return array.astype(np.float64)
    return array


def _check_numeric(array: np.ndarray, what: str) -> None:
    if array.dtype.kind in "buif":
        return
    if array.dtype.kind in "US":
        texts = ((i[0], str(v)) for i, v in np.ndenumerate(array) if not is_number(v))
        row, text = next(texts, (0, ""))
        if not text:
            first = written(str(array.flat[0]))
            raise DamageError(
                f"holds numbers that are written as text ({first} in row 1, {what}): "
                "make them numbers, without blanks"
            )
        raise DamageError(
            f"holds text ({written(text)} in row {row + 1}, {what}) where numbers are "
            "needed: encode it, or leave it out"
        )
    if array.dtype.kind == "O" and any(value is None for value in array.flat):
        raise DamageError(f"misses values ({what}): fill them, or drop such rows")
    raise DamageError(
        f"holds values of type {array.dtype} ({what}) where numbers are needed"
    )


def _check_finite(
    array: np.ndarray, columns: list[str], *, what: str = "column"
) -> None:
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return
    row, *rest = np.argwhere(~np.isfinite(array))[0].tolist()
    number = int(np.ravel_multi_index(rest, array.shape[1:])) + 1
    where = f"row {row + 1}, {what} {written(columns[rest[0]]) if columns else number}"
    if np.isnan(array[(row, *rest)]):
        raise DamageError(f"misses a value ({where}): fill it, or drop such rows")
    raise DamageError(f"holds an infinity ({where})")


def _check_together(
    x: np.ndarray,
    y: np.ndarray,
    first_x: np.ndarray,
    first_y: np.ndarray,
    *,
    told: bool,
) -> None:
    if len(x) != len(y):
        raise DamageError(
            f"has {len(x)} inputs and {len(y)} targets: give as many of both"
        )
    if (x.dtype == np.uint8) != (first_x.dtype == np.uint8):
        # Bytes are brought to [0, 1], and numbers stay.
        raise DamageError(
            "and the training part are not both pictures of bytes: give both in bytes, "
            "or both in numbers"
        )
    if x.shape[1:] != first_x.shape[1:] or y.shape[1:] != first_y.shape[1:]:
        raise DamageError(
            f"has inputs of the shape {x.shape[1:]} and targets of {y.shape[1:]}, the "
            f"training part {first_x.shape[1:]} and {first_y.shape[1:]}"
        )
    if (y.dtype.kind == "U") != (first_y.dtype.kind == "U"):
        raise DamageError("has targets of another kind than the training part")
    counted = first_y.dtype.kind in "biu"
    if not told and counted and y.dtype.kind == "f" and (y % 1 != 0).any():
        raise DamageError(
            "has targets that are no whole numbers, and those of the training part "
            "are: say `--task regression` or `--task classification`"
        )


def _inferred(y: np.ndarray) -> Task:
    if y.dtype.kind == "f":
        return "regression"
    n_labels = len(np.unique(y))
    if y.dtype.kind in "ui" and len(y) < FEWEST_PER_CLASS * n_labels:
        raise DamageError(
            f"has {n_labels} different whole numbers as {len(y)} targets: say "
            "`--task regression` or `--task classification`"
        )
    return "classification"


def _numbers(targets: list[np.ndarray]) -> tuple[tuple[str, ...], list[np.ndarray]]:
    for y in targets:
        if y.dtype.kind == "U":
            raise DamageError(
                f"holds text as targets ({written(str(y.flat[0]))}), and regression "
                "needs numbers; give `task` classification if they are labels"
            )
        if y.ndim > 2:
            raise DamageError(f"has targets of the shape {y.shape}: give a row each")
        check_exact(y, "targets")
    together = np.result_type(*targets)
    small = together.itemsize <= 2 or together == np.float32
    dtype = np.float32 if small else np.float64
    return (), [y.reshape(len(y), -1).astype(dtype) for y in targets]


def _split(
    whole: Split, n_classes: int | None, test_fraction: float, seed: int
) -> list[Split]:
    in_range(0, 1, test_fraction=test_fraction)
    mixed, n = whole.shuffled(seed), max(1, round(test_fraction * len(whole)))
    cut = mixed.hold_out if n_classes is None else mixed.hold_out_stratified
    train, test = cut(min(n, len(whole)))
    enough = 1 if n_classes is None else 2
    if any(len(np.unique(part.y)) < enough for part in (train, test)):
        raise DamageError(
            f"has {len(whole)} samples, of which {test_fraction:g} make no test part "
            "with all it needs: give a test part, or another `test_fraction`"
        )
    return [train, test]


def moments(x: np.ndarray) -> Normalisation:
    """Moments of the training part: of each channel of images, else of each feature."""
    maximum = 255.0 if x.dtype == np.uint8 else 1.0
    columns = x.reshape(-1, x.shape[-1] if x.ndim == 4 else math.prod(x.shape[1:]))
    mean = np.asarray(np.mean(columns, axis=0, dtype=np.float64)).reshape(-1)
    # In blocks: the differences of all would take eight times the memory of bytes.
    squares = np.zeros_like(mean)
    for block in np.array_split(columns, 1 + columns.size // BLOCK):
        squares += np.sum((block - mean) ** 2, axis=0)
    std = np.sqrt(squares / len(columns))
    std[columns.min(axis=0) == columns.max(axis=0)] = 0  # But for rounding.
    return Normalisation(
        maximum=maximum,
        mean=tuple((mean / maximum).tolist()),
        std=tuple((std / maximum).tolist()),
    )
