"""What is known of a network of a file."""

from dataclasses import dataclass
from typing import Literal

from ...checks import NonNegative
from ...data.own.reference import reference
from ...field_values import typed


@dataclass(frozen=True, kw_only=True)
class Imported:
    """A network of a file; where the file lies is no part of it."""

    digest: str
    """SHA-256 of the content of the file."""
    start_digest: str = ""
    """The same of the file of the network before training; empty for none."""
    name: str = ""
    """What it is called."""
    activation: str = ""
    """Activation of the hidden layers; empty where the file says it, or for relu."""
    convention: Literal["auto", "torch", "keras"] = "auto"
    """How matrices lie: (outputs, inputs) or (inputs, outputs)."""
    pools: str = ""
    """Convolutions that a 2 x 2 maximum follows, by number from 0, or `none`."""
    order: str = ""
    """Names of the layers from the inputs on."""
    dataset: str | None = None
    """Data set that the network was trained on: a name of `overparam data list`, or a
    path to data of your own."""
    inputs: Literal["scaled", "standardised"] = "scaled"
    """How the inputs were prepared: pixels in [0, 1], or standardised by channel."""
    loss: Literal["auto", "cross-entropy", "squared"] = "auto"
    """Loss that was minimised; `auto` is cross-entropy for classes."""
    penalty: NonNegative = 0.0
    """Weight decay: what was minimised is the mean loss of a sample (squared: half the
    squared error, summed over outputs) and half of this times the sum of squares of all
    weights; of a sum over n samples give the decay divided by n."""
    form: Literal["vectors", "images"] = "vectors"
    """What the network takes."""
    precision: Literal["float32", "float64"] = "float32"
    """Floating type of the weights."""

    def __post_init__(self) -> None:
        typed(self)
        if self.dataset is not None:
            object.__setattr__(self, "dataset", reference(self.dataset))

    @property
    def data_set(self) -> str | None:
        """Name of the data set whose files are read."""
        return self.dataset
