"""Config of the study `lazy`."""

import re
from dataclasses import dataclass
from typing import Literal

from ...checks import (
    MOST_LAYERS,
    Count,
    Natural,
    NonNegative,
    Positive,
    in_range,
    written,
)
from ...data.files.official import OFFICIAL
from ...data.own.reference import check_classes, check_samples, reference, sizes_of
from ...errors import ConfigError
from ...field_values import typed
from ...keeping import recorded


_N_TRAIN = 500


@dataclass(frozen=True, kw_only=True)
class Lazy:
    """Train a network beside what it would be if it learned no features.

    A network is trained by gradient descent on the squared error; so is the network
    linearised at its start, on the same batches, and the predictor of infinite width
    and random features with an exact readout are computed. Recorded are how far the
    tangent kernel, the weights and the active neurons moved, and all errors. Width,
    parametrisation and output scale lead from rich to lazy (Jacot et al. 2018; Lee et
    al. 2019; Chizat, Oyallon, Bach 2019).

    Examples:
      overparam run lazy --width 1000
      overparam run lazy --scale 10 --zero-start --n-steps 2000
      overparam run lazy --dataset digits --scaling standard --depth 3
    """

    dataset: str = "planted"
    """Data set: planted (Gaussian inputs, a teacher of few neurons) or digits, which
    need no files, mnist, fashion-mnist, cifar-10, cifar-100, ecg5000, or data of your
    own by name (`overparam data add`) or path. Classes are fitted as unit vectors."""
    classes: str = ""
    """The classes that are kept of a data set, such as `0,1`; empty for all."""
    standardise_inputs: bool = False
    """Whether inputs of a data set are standardised by moments of the training part,
    for images of each channel; else pixels lie in [0, 1]."""
    input_dim: Count = 20
    """Input dimension of planted data."""
    n_outputs: Count = 1
    """Number of outputs of planted data."""
    teacher_width: Count = 3
    """Number of planted neurons."""
    n_train: Count = _N_TRAIN
    """Number of training samples; of a smaller data set all, unless said."""
    n_test: Count = 1000
    """Most test samples."""
    width: Count = 200
    """Number of neurons of each hidden layer."""
    depth: int = 2
    """Number of weight matrices: hidden layers + 1."""
    activation: Literal["relu", "leaky-relu", "erf", "tanh", "gelu"] = "relu"
    """Activation of the hidden layers, and of a teacher."""
    scaling: Literal["standard", "mean-field", "ntk"] = "ntk"
    """Output scale 1, 1/width or 1/sqrt(width) with a readout of variance 1/width, 1 or
    1; deeper networks than two layers are standard, of variances 2/fan-in."""
    scale: Positive = 1.0
    """Further factor of the output; large ones are lazy. The step size undoes what it
    does to the gradient, as a loss divided by its square would."""
    zero_start: bool = False
    """Whether neurons come in pairs of equal inputs and opposite readouts, so that the
    network starts at 0; `width` counts both."""
    train: Literal["all", "readout", "features"] = "all"
    """Which weights move."""
    learning_rate: Positive = 0.5
    """Step size in units of n_train / (largest eigenvalue of the tangent kernel at the
    start, estimated on at most 500 samples): below 2 a lazy network is stable."""
    batch_size: Count | None = None
    """Samples per step; `none` takes all."""
    n_steps: Count = 1000
    """Most gradient steps."""
    stop_below: NonNegative = 0.0
    """Stop once the training loss (half squared error) is at most this."""
    evaluate_every: Count = 100
    """Steps between two records."""
    n_kernel: Count = 100
    """Most training samples at which kernels are compared."""
    linearise: bool = True
    """Whether to train the linearised network too; it takes two to three times the
    training."""
    infinite_width: bool = True
    """Whether to compute the predictor of infinite width too: an eigendecomposition of
    the kernel of all training samples."""
    precision: Literal["float32", "float64"] = "float32"
    """Floating type of weights and samples."""
    seed: Natural = 0
    """Seed of weights, samples and batches, each by a key of its own."""
    teacher_seed: Natural | None = None
    """Seed of teacher and planted samples; `none` takes `seed`."""
    keep: str = ""
    """Steps whose networks are kept, those of the nearest records: `5,10,20`,
    `every 5`, or a number of evenly spaced ones; the start is always kept."""

    def __post_init__(self) -> None:
        typed(self)
        found = reference(self.dataset, built_in=("planted", *OFFICIAL))
        object.__setattr__(self, "dataset", found)
        sizes = sizes_of(found)
        if sizes is not None and self.n_train == _N_TRAIN:
            object.__setattr__(self, "n_train", min(_N_TRAIN, sizes[0]))
        check_samples(found, self.n_train)
        in_range(2, MOST_LAYERS, depth=self.depth)
        if self.depth > 2 and self.scaling != "standard":
            raise ConfigError(
                f"`scaling` {self.scaling} needs a two-layer network, got depth "
                f"{self.depth}; deeper ones take `scaling` standard."
            )
        if self.zero_start and self.depth > 2:
            raise ConfigError(
                "`zero_start` makes pairs of neurons of two-layer networks, got depth "
                f"{self.depth}."
            )
        if self.zero_start and self.width % 2:
            raise ConfigError(
                "`zero_start` makes pairs of neurons and needs an even `width`, got "
                f"{self.width}."
            )
        if self.batch_size is not None and self.batch_size > self.n_train:
            raise ConfigError(
                f"`batch_size` must be at most `n_train`, got {self.batch_size} and "
                f"{self.n_train}."
            )
        if self.dataset == "planted" and (self.classes or self.standardise_inputs):
            raise ConfigError(
                "`classes` and `standardise_inputs` have no effect on planted data."
            )
        if not re.fullmatch(r"|\d{1,9}(,\d{1,9})+", self.classes):
            raise ConfigError(
                "`classes` must be several numbers of classes, such as `0,1`, got "
                f"{written(self.classes)}."
            )
        _ = self.keep_steps  # Refuses what could not be kept.
        check_classes(self.dataset, self.kept_classes)

    @property
    def kept_classes(self) -> list[int]:
        """The classes that are kept; empty for all."""
        return sorted({int(part) for part in self.classes.split(",") if part})

    @property
    def data_set(self) -> str | None:
        """Name of the data set whose files are read; planted data are drawn."""
        return None if self.dataset == "planted" else self.dataset

    @property
    def record_every(self) -> int:
        """Steps between two records."""
        return min(self.evaluate_every, self.n_steps)

    @property
    def keep_steps(self) -> frozenset[int]:
        """The steps whose networks are kept."""
        return recorded(self.keep, self.n_steps, self.record_every)

    @property
    def trained(self) -> tuple[str, ...]:
        """Fields of the network whose weights move; empty for all."""
        hidden = "weights" if self.depth == 2 else "layers"
        return {"all": (), "readout": ("readout",), "features": (hidden,)}[self.train]
