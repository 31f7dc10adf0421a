"""The data of one training as its network takes them."""

from dataclasses import dataclass

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
