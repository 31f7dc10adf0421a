"""A labelled data set in two parts, as its files hold it, and how it is normalised."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Shaped

from ..checks import seeds
from ..errors import ConfigError
from .files.official import Normalisation


ORDER_ONE = 0.1, 10.0
"""Root mean squares of inputs for which the usual initial weights are drawn."""

MANY_CLASSES, FEW_OF_A_CLASS = 20, 10
"""More classes, each with fewer samples, are likely numbers."""


@dataclass(frozen=True, eq=False)
class Split:
    """Inputs with their classes or numbers, in file order.

    Attributes:
        x: Inputs `(n, *input)`, uint8 as in the files or floating; channels last.
        y: Classes 0, 1, ... int32, shape `(n,)`, or floating targets `(n, n_outputs)`.

    Example:
        ```python
        part = op.data.Split(np.asarray(x), np.asarray(labels))
        rest, held_out = part.hold_out(5)
        ```
    """

    x: Shaped[np.ndarray, "n *input"]
    y: Shaped[np.ndarray, "n *target"]

    def __len__(self) -> int:
        return len(self.y)

    def __repr__(self) -> str:
        return f"Split({len(self)} samples of shape {self.x.shape[1:]})"

    @property
    def has_classes(self) -> bool:
        """Whether the targets are classes and no numbers."""
        return self.y.dtype.kind != "f"

    def subset(self, n: int) -> "Split":
        """The first `n` samples."""
        self._has(n)
        return Split(self.x[:n], self.y[:n])

    def hold_out(self, n: int) -> tuple["Split", "Split"]:
        """All but the last `n` samples, and those: training and validation part."""
        self._has(n)
        kept = len(self) - n
        return self.subset(kept), Split(self.x[kept:], self.y[kept:])

    def stratified(self, n: int) -> "Split":
        """`n` samples in file order, of every class its first ones in its share.

        Those of n samples are among those of n + 1, and of n at least the number of
        classes every class has one.
        """
        self._has(n)
        return self.where(self._spread(self.rank_in_class()) < n)

    def hold_out_stratified(self, n: int) -> tuple["Split", "Split"]:
        """All samples but `n`, and those: of every class its last ones in its share.

        The first sample of a class is held out after those of all classes that are
        not.
        """
        self._has(n)
        rank = self.rank_in_class(from_the_end=True)
        last = self._spread(rank, late=self.rank_in_class() == 0) < n
        return self.where(~last), self.where(last)

    def subset_per_class(self, n: int) -> "Split":
        """The first `n` samples of every class, in file order."""
        return self.where(self.rank_in_class() < n)

    def hold_out_per_class(self, n: int) -> tuple["Split", "Split"]:
        """All but the last `n` samples of every class, and those."""
        last = self.rank_in_class(from_the_end=True) < n
        return self.where(~last), self.where(last)

    def where(self, chosen: np.ndarray) -> "Split":
        return Split(self.x[chosen], self.y[chosen])

    def shuffled(self, seed: int) -> "Split":
        """The samples in an order that the seed gives, for ever the same.

        It is that of the raw words of a bit generator, whose stream NumPy promises
        never to change, unlike that of its `permutation`.
        """
        seeds(seed=seed)
        words = np.random.PCG64(seed).random_raw(len(self))
        return self.where(np.argsort(words, kind="stable"))

    def rank_in_class(self, *, from_the_end: bool = False) -> np.ndarray:
        y = self.y[::-1] if from_the_end else self.y
        order = np.argsort(y, kind="stable")
        starts = np.searchsorted(y[order], y[order])
        rank = np.empty(len(y), np.int64)
        rank[order] = np.arange(len(y)) - starts
        return rank[::-1] if from_the_end else rank

    def _spread(self, rank: np.ndarray, late: np.ndarray | bool = False) -> np.ndarray:
        """The place of each sample when all classes are spread over the whole evenly.

        A class with c samples has them at rank/c; of equal places the larger class
        comes first, and `late` samples come last.
        """
        counts = np.bincount(self.y)[self.y] if len(self) else np.zeros(0)
        order = np.lexsort(
            (
                np.arange(len(self)),
                -counts,
                rank / counts,
                np.broadcast_to(late, rank.shape),
            )
        )
        place = np.empty(len(self), np.int64)
        place[order] = np.arange(len(self))
        return place

    def _has(self, n: int) -> None:
        if not 0 <= n <= len(self):
            raise ConfigError(
                f"There are {len(self)} samples to take from, and {n} are asked for."
            )


@dataclass(frozen=True, eq=False, kw_only=True)
class Dataset:
    """A data set: its training and test part.

    `scaled`, `standardised` and `flat` give changed copies, so that
    `load("mnist").scaled().flat()` has inputs in [0, 1] of shape `(n, 784)`.

    Attributes:
        name: As given to `load`.
        train: Training part.
        test: Test part.
        n_classes: Labels are 0, ..., n_classes - 1; `None` where targets are numbers.
        normalisation: Constants of `scaled` and `standardised`.
        labels: How the labels of one's own data were written, by class.

    Example:
        ```python
        digits = op.load_data("digits").standardised().subset(100, 50)
        digits.train.x.shape, digits.test.x.shape
        ```
    """

    name: str
    train: Split
    test: Split
    n_classes: int | None
    normalisation: Normalisation
    labels: tuple[str, ...] = ()

    def __repr__(self) -> str:
        sizes = f"{len(self.train)} + {len(self.test)} samples of shape {self.shape}"
        if self.n_classes is None:
            targets = f"targets of shape {self.train.y.shape[1:]}"
        else:
            targets = f"{self.n_classes} classes"
        return f"Dataset({self.name}: {sizes}, {targets})"

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one input."""
        return self.train.x.shape[1:]

    @property
    def constant(self) -> str:
        """What is to be said of features that never change; empty if all do."""
        numbers = np.flatnonzero(np.asarray(self.normalisation.std) == 0)
        if not len(numbers):
            return ""
        return (
            f"{len(numbers)} of the {len(self.normalisation.std)} features of "
            f"{self.name} never change, the first of them number {numbers[0] + 1}"
        )

    def scaled(self) -> "Dataset":
        """Inputs divided by their largest possible value: float32 pixels in [0, 1].

        Floating inputs, such as the z-normalised series of ECG5000, stay as they are.
        """
        return self._changed(self._scaled)

    def standardised(self) -> "Dataset":
        """Inputs (x / maximum - mean) / std, per channel or, of own data, per feature.

        ECG5000 stays as it is.

        Raises:
            ConfigError: If a feature is constant.
        """
        mean, std = self.normalisation.mean, self.normalisation.std
        if self.constant:
            raise ConfigError(
                f"{self.constant}, and cannot be standardised: remove them, or leave "
                "inputs as they are given."
            )

        def standardise(x: np.ndarray) -> np.ndarray:
            vectors = self._scaled(x).reshape(len(x), -1)
            # Ten times as fast as broadcasting over an axis of three channels.
            n_pixels = vectors.shape[1] // len(mean)
            vectors -= np.tile(np.asarray(mean, vectors.dtype), n_pixels)
            vectors /= np.tile(np.asarray(std, vectors.dtype), n_pixels)
            return vectors.reshape(x.shape)

        return self._changed(standardise)

    def flat(self) -> "Dataset":
        """Inputs as vectors, row by row, channels last; no copy."""
        return self._changed(lambda x: x.reshape(len(x), -1))

    def subset(self, n_train: int, n_test: int) -> "Dataset":
        """The first `n_train` training and `n_test` test samples."""
        train, test = self.train.subset(n_train), self.test.subset(n_test)
        return replace(self, train=train, test=test)

    def _scaled(self, x: np.ndarray) -> np.ndarray:
        maximum = self.normalisation.maximum
        if x.dtype != np.uint8 and maximum != 1:
            raise ConfigError(
                f"The inputs of {self.name} are normalised already; call `scaled` or "
                "`standardised` once, on what `load` gives."
            )
        dtype = x.dtype if x.dtype.kind == "f" else np.float32
        return np.divide(x, np.float32(maximum), dtype=dtype)

    def _changed(self, change: Callable[[np.ndarray], np.ndarray]) -> "Dataset":
        return replace(
            self,
            train=Split(change(self.train.x), self.train.y),
            test=Split(change(self.test.x), self.test.y),
        )


def class_notes(n_classes: int, n_samples: int) -> list[str]:
    """What is to be said of classes so many that they may be numbers."""
    if n_classes <= MANY_CLASSES or n_samples >= FEW_OF_A_CLASS * n_classes:
        return []
    return [
        f"There are {n_classes} classes for {n_samples} samples: if the targets are "
        "numbers, add the data with `--task regression`."
    ]


def target_notes(
    y: Float[np.ndarray, "n n_outputs"], *, loss: str, least: float
) -> list[str]:
    """What is to be said of targets that are numbers far from order one.

    Args:
        y: The targets.
        loss: Name of the loss.
        least: The loss of the best constant.
    """
    size = float(np.sqrt(np.mean(np.square(y, dtype=np.float64))))
    if ORDER_ONE[0] <= size <= ORDER_ONE[1]:
        return []
    return [
        f"The targets have a mean of {np.mean(y):.3g} and a standard deviation of "
        f"{np.std(y):.3g}, and outputs begin at order 1: bring them to order 1 before "
        f"adding the data. The loss is `{loss}`, and the best constant has {least:.4g}."
    ]


def scale_notes(x: Shaped[np.ndarray, "n *input"]) -> list[str]:
    """What is to be said of inputs that are far from order one."""
    size = float(np.sqrt(np.mean(np.square(x, dtype=np.float64))))
    if ORDER_ONE[0] <= size <= ORDER_ONE[1]:
        return []
    return [
        f"The inputs have a root mean square of {size:.3g}, and weights are drawn for "
        "inputs of order 1: standardise_inputs=true standardises them."
    ]
