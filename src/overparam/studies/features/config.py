"""Config of the study `features`."""

from dataclasses import dataclass
from typing import Literal

from ...checks import Count, Natural, NonNegative, Positive, Share
from ...data.own.reference import check_samples, reference
from ...data.subset_rules import SubsetRule, resolved_rule, sorted_by_class
from ...errors import ConfigError
from ...field_values import typed
from ...keeping import LISTED, recorded
from ...spellings import first_stored, takes_first_spellings


@takes_first_spellings
@dataclass(frozen=True, kw_only=True)
class Features:
    """Train a two-layer classifier on images: all of it, or its readout alone.

    Hidden neurons are standardised after the activation. The objective is the mean
    cross-entropy plus `feature_penalty`/width times the sum of squares of the first
    layer plus `readout_penalty`/classes times that of the readout (Fang, Dong, Zhang,
    arXiv 1910.11508). The last images of the training file validate; the test file is
    never used to choose anything. Targets that are numbers are fitted by half the mean
    squared error instead.

    Examples:
      overparam run features
      overparam run features --dataset mnist --width 1000 --train all
      overparam run features --dataset mnist --width 1000 --train readout
      overparam run features --dataset mnist --train features --ridge 1e-3
    """

    dataset: str = "digits"
    """Data set: digits (needs no files), mnist, fashion-mnist, cifar-10, cifar-100,
    ecg5000, or data of your own by name (`overparam data add`) or path."""
    standardise_inputs: bool = False
    """Whether inputs are standardised by moments of the training part, for images of
    each channel; else pixels lie in [0, 1] and other inputs are as they are."""
    width: Count = 1000
    """Number of hidden neurons m."""
    train: Literal["all", "readout", "features"] = "all"
    """Which layers move; `readout` fits the last layer on frozen features, `features`
    moves the first one under a ridge readout that is optimal on the last batches
    (variable projection), and then fits the last one exactly."""
    readout: Literal["logistic", "ridge", "adam", "sgd"] = "logistic"
    """How the readout is fitted: exactly (logistic, ridge) or, with `--train readout`,
    by steps (adam, sgd)."""
    first_all: Natural = 0
    """With `--train readout`: first train all layers for this many epochs."""
    epochs: Natural = 20
    """Epochs of training."""
    epochs_include_first: bool = False
    """Whether `epochs` and `decay` count those of `first_all` too, as published."""
    batch_size: Count = 128
    """Images per step; a last short batch of an epoch is dropped in training."""
    optimiser: Literal["adam", "sgd"] = "adam"
    """Optimiser while the first layer moves."""
    learning_rate: Positive = 1e-3
    """First step size."""
    decay: Share = 1.0
    """Factor of the step size after every epoch."""
    feature_penalty: NonNegative = 1e-3
    """Coefficient c_w of the first layer's sum of squares, divided by the width."""
    readout_penalty: NonNegative = 0.1
    """Coefficient c_u of the sum of squares of the readout, divided by the classes;
    much larger than c_w it makes all neurons equally strong."""
    penalty_form: Literal["loss", "decoupled"] = "loss"
    """Penalties in the loss (Adam rescales their gradient), or as decoupled decay, as
    which that of the first layer always is with `--train features`."""
    ridge: NonNegative | None = None
    """Penalty lambda of an exact readout (half of it with `logistic`); `none` chooses
    on the validation images. `--train features` needs it."""
    activation: Literal["tanh", "relu", "erf", "gelu"] = "tanh"
    """Activation of the hidden neurons."""
    standardise: bool = True
    """Whether neurons are standardised after the activation."""
    stop_gradient_moments: bool = False
    """Whether gradients ignore that the moments of the standardisation move."""
    init: Literal["truncated", "gaussian", "unit"] = first_stored(
        "initial", default="truncated"
    )
    """Law of the initial first layer: variance 2/d cut at two standard deviations, 1/d,
    or 1."""
    scaling: Literal["standard", "mean-field", "ntk"] = "standard"
    """Output scale 1, 1/width or 1/sqrt(width); the initial function is the same."""
    repopulate_every: Natural = 0
    """Epochs after which all neurons are drawn anew from the law of their importance,
    and optimiser and `decay` start again; 0 never does it."""
    jitter: NonNegative = 0.0
    """Standard deviation of the step each copy then gets, relative to the root mean
    square of its weights."""
    keep: str = first_stored(LISTED, default="")
    """Epochs whose networks are kept: `5,10,20`, `every 5`, or a number of evenly
    spaced ones; those of a readout that is trained come after those of all layers. The
    start and the end of training all layers are always kept."""
    n_train: Count | None = None
    """Training images to use; `none` takes all that do not validate."""
    n_validation: Natural | None = None
    """Images for validation; `none` takes a twelfth of the file (5000 of MNIST)."""
    subsets: SubsetRule = "auto"
    """Which samples `n_train` and `n_validation` take: the first of the file
    (validation: the last), or `stratified`, as many of every class as it has of the
    file. `auto` stratifies where a file is sorted by class, as those of ecg5000 are."""
    shuffle_test_labels: bool = False
    """Permute the test labels: a check that nothing leaks (chance is left)."""
    precision: Literal["float32", "float64"] = "float32"
    """Floating type of weights and images."""
    seed: Natural = 0
    """Seed of the weights and of the batches."""

    def __post_init__(self) -> None:
        typed(self)
        object.__setattr__(self, "dataset", reference(self.dataset))
        check_samples(self.dataset, self.n_train, held_out=self.held_out)
        rule = resolved_rule(
            self.subsets,
            is_sorted=sorted_by_class(self.dataset),
            takes_some=self.n_train is not None or self.n_validation != 0,
        )
        object.__setattr__(self, "subsets", rule)
        if self.train != "readout" and self.first_all:
            raise ConfigError(
                "`first_all` is for `--train readout`, whose first epochs it names; "
                f"got {self.first_all} with `--train {self.train}`."
            )
        if self.train == "features" and not (self.exact and self.ridge):
            raise ConfigError(
                "`--train features` has an exact readout with a positive penalty: give "
                f"`--ridge`, and `readout` logistic or ridge; got {self.ridge} and "
                f"{self.readout}."
            )
        if self.epochs_include_first and self.first_all > self.epochs:
            raise ConfigError(
                f"`first_all` must be at most the {self.epochs} `epochs` that include "
                f"it, got {self.first_all}."
            )
        if self.readout == "logistic" and self.ridge == 0 and self.exact:
            raise ConfigError(
                "`ridge` must be positive for a logistic readout: without it the "
                "optimum may not exist."
            )
        if self.ridge is None and self.exact and self.n_validation == 0:
            raise ConfigError(
                "`ridge` is chosen on validation images, and `n_validation` is 0; give "
                "`--ridge`."
            )
        if not self.first_all or self.exact:
            object.__setattr__(self, "epochs_include_first", False)
        _ = self.kept_epochs  # Refuses what could not be kept.

    def held_out(self, n_file: int) -> int:
        """How many of the training samples of a file validate."""
        return n_file // 12 if self.n_validation is None else self.n_validation

    @property
    def data_set(self) -> str:
        """Name of the data set whose files are read."""
        return self.dataset

    @property
    def exact(self) -> bool:
        """Whether the readout is solved and not trained."""
        return self.train != "all" and self.readout in ("logistic", "ridge")

    @property
    def takes_steps(self) -> bool:
        """Whether anything is trained in batches."""
        return self.train != "readout" or self.first_all > 0 or not self.exact

    @property
    def epochs_before_readout(self) -> int:
        """Epochs that count as passed when training of the readout alone begins."""
        return self.first_all if self.epochs_include_first else 0

    @property
    def kept_epochs(self) -> frozenset[int]:
        """The epochs whose networks are kept."""
        last, end = self.epochs_of_all, self.epochs_of_all + self.epochs_of_readout
        found = recorded(self.keep, end, 1) | {last}
        if self.keep.strip().isdecimal():
            # A number is that of epochs of all layers, and as many of the whole.
            found |= recorded(self.keep, last, 1)
        return found

    @property
    def epochs_of_all(self) -> int:
        """Epochs in which the first layer moves."""
        return self.first_all if self.train == "readout" else self.epochs

    @property
    def epochs_of_readout(self) -> int:
        """Epochs in which the readout alone is trained, after those of all layers."""
        if self.train == "all" or self.exact:
            return 0
        return self.epochs - self.epochs_before_readout
