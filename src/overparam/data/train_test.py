"""The data of one training as its network takes them."""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jax.typing import DTypeLike

from ..checks import arrays_by_shape
from ..errors import ConfigError
from .dataset import Dataset, Split
from .parts import hold_out
from .source import Batch


@arrays_by_shape
@dataclass(frozen=True, eq=False)
class TrainTest:
    """Training and test part, inputs as the network takes them.

    Attributes:
        train: What was trained on; without targets they have no columns.
        test: What was kept away from training, if anything.
        n_classes: Number of classes; `None` where targets are numbers.

    Example:
        ```python
        data = op.TrainTest(train=op.Batch(x, y), test=None)
        op.analyse(network, "prune", data=data).summary
        ```
    """

    train: Batch
    test: Batch | None = None
    n_classes: int | None = None

    @property
    def parts(self) -> dict[str, Batch]:
        """The parts that there are, by name."""
        parts = {"train": self.train, "test": self.test}
        return {name: part for name, part in parts.items() if part is not None}


def train_test_of(dataset: Dataset, dtype: str, *, flat: bool) -> TrainTest:
    """A data set, pixels in [0, 1], with a twelfth of its training part left out.

    Args:
        dataset: As it was loaded.
        dtype: Floating type of the inputs, and of targets that are numbers.
        flat: Whether inputs are vectors.
    """
    dataset = dataset.scaled().flat() if flat else dataset.scaled()
    train, _ = hold_out(dataset.train, len(dataset.train) // 12, what="training")
    parts = [batch_of(part, dtype) for part in (train, dataset.test)]
    return TrainTest(*parts, n_classes=dataset.n_classes)


def batch_of(part: Split | Batch, dtype: DTypeLike) -> Batch:
    """A part in JAX: inputs, and targets that are numbers, of a floating type.

    Raises:
        ConfigError: If its inputs are whole numbers, as in the files.
    """
    check_floating(part)
    classes = part.y.ndim == 1 and jnp.issubdtype(part.y.dtype, jnp.integer)
    return Batch(
        jnp.asarray(part.x, dtype), jnp.asarray(part.y, None if classes else dtype)
    )


def check_floating(part: Split | Batch) -> None:
    """The inputs of a part are numbers as a network takes them.

    Raises:
        ConfigError: If they are whole numbers, as in the files.
    """
    if not jnp.issubdtype(part.x.dtype, jnp.floating):
        raise ConfigError(
            f"The inputs of `data` are of type {part.x.dtype}; give `data.scaled()`, "
            "or floating numbers."
        )


def check_given(data: Any) -> None:
    """Data that a program gives are some, and a network can be scored with them.

    Raises:
        ConfigError: If they are not.
    """
    if not isinstance(data, Dataset | TrainTest):
        raise ConfigError(
            "`data` must be a `Dataset` or a `TrainTest`, got "
            f"{type(data).__name__}: `overparam.dataset(x, y)` makes one of arrays, "
            "`overparam.load_data(NAME)` reads one."
        )
    if not len(data.train.x):
        raise ConfigError("`data` has no training sample; give some.")
    for part in (data.train, data.test):
        if part is None:
            continue
        check_floating(part)
        if len(part.x) != len(part.y):
            raise ConfigError(
                f"`data` has {len(part.x)} inputs and {len(part.y)} targets in one "
                "part; give as many of both."
            )
        if not all(bool(jnp.isfinite(array).all()) for array in (part.x, part.y)):
            raise ConfigError("`data` holds NaN or infinity; leave such samples out.")
