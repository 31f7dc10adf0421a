"""The data of one training as its network takes them."""

from dataclasses import dataclass

import jax.numpy as jnp

from .dataset import Dataset
from .parts import hold_out
from .source import Batch


@dataclass(frozen=True, eq=False)
class TrainTest:
    """Training and test part, inputs as the network takes them.

    Attributes:
        train: What was trained on; without targets they have no columns.
        test: What was kept away from training, if anything.
        n_classes: Number of classes; `None` where targets are numbers.
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
    parts = [
        Batch(
            jnp.asarray(part.x, dtype),
            jnp.asarray(part.y, None if part.has_classes else dtype),
        )
        for part in (train, dataset.test)
    ]
    return TrainTest(*parts, n_classes=dataset.n_classes)
