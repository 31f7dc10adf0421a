"""Config of the study `images`."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from tyro.conf import arg

from ...checks import Count, Finite, Natural, NonNegative, Positive
from ...data.files.official import CIFAR
from ...data.own.reference import is_own, reference
from ...errors import ConfigError
from ...field_values import typed
from ...keeping import recorded
from ...spellings import First, first_stored, takes_first_spellings


TIME_SCALES = {"varpro": 1e-3, "descent": 1e-3, "shampoo": 1e-2}
"""Published time scale of each method."""
MOMENTA = {"varpro": 0.0, "descent": 0.9, "shampoo": 0.0}
"""Published momentum of each method."""


def _named(first: Any) -> Any:
    """What a data set is called everywhere, of its first spelling here."""
    return CIFAR.get(first, first) if isinstance(first, str) else first


def _stored(name: Any) -> Any:
    """Under what a data set is stored: ids stay."""
    return next((first for first, named in CIFAR.items() if named == name), name)


@takes_first_spellings
@dataclass(frozen=True, kw_only=True)
class Images:
    """Train a residual network on CIFAR: variable projection, SGD or Shampoo.

    The readout of a ResNet is the ridge solution on every mini-batch, averaged over
    time, and only the features take a step (`varpro`); or all weights do (`descent`,
    `shampoo`), on the same square loss (Barboni, Peyré and Vialard 2025, section 6.2).
    After every epoch the network is evaluated with its own readout and with the exact
    one for its features.

    Examples:
      overparam run images
      overparam run images --dynamics descent --batch-size 256
      overparam run images --readout running --readout-average 0.5
    """

    dataset: Literal["cifar-10", "cifar-100"] | str = first_stored(
        First("problem", read=_named, write=_stored), default="cifar-10"
    )
    """Data set: cifar-10, cifar-100, or pictures of your own by name (`overparam data
    add`) or path; their pixels lie in [0, 1]."""
    standardise_inputs: bool = False
    """Whether each channel of pictures of your own is standardised by moments of the
    training part; those of CIFAR are as published."""
    network: Literal["resnet8", "resnet20", "resnet32"] = "resnet20"
    """Network."""
    multiplier: Positive = 1.0
    """Factor of all widths; 1 gives 16, 32, 64 channels."""
    dynamics: Literal["varpro", "descent", "shampoo"] = "varpro"
    """Variable projection, SGD (with momentum), or Shampoo."""
    readout: Literal["gram", "running", "epoch-mean"] = "gram"
    """Readout of `varpro`: optimum of averaged second moments, running average of the
    batches' optima, or those and their mean at the end of an epoch."""
    readout_average: Finite = 0.5
    """Weight m of the old readout with `running`; 0 takes the optimum of each batch."""
    readout_window: NonNegative = 4096.0
    """Samples over which `gram` averages."""
    penalty: Annotated[Finite, arg(aliases=["--lambda", "--lmbda"])] = 1e-3
    """Ridge penalty lambda of the readout."""
    time_step: Annotated[Positive | None, arg(aliases=["--time-scale"])] = None
    """Time scale: the step size divided by the width 64; `none` takes the published
    one, 1e-3 (varpro, descent) or 1e-2 (shampoo)."""
    momentum: NonNegative | None = None
    """Momentum of the weights; `none` takes 0.9 for descent and 0 for the others."""
    shampoo: Literal["paper", "torch-optimizer"] = "paper"
    """Shampoo as in its paper, or as in the code behind the published curves."""
    update_every: Count = 1
    """Steps between two preconditioners of Shampoo."""
    batch_size: Count = 128
    """Images per step; a last short batch of an epoch is dropped."""
    epochs: Count = 5
    """Epochs at the full step."""
    final_epochs: Natural = 0
    """Further epochs at the step times `final_factor`; published are 100 and 10."""
    final_factor: Positive = 0.5
    """Factor of the step in the final epochs."""
    schedule: Literal["constant", "cosine"] = "constant"
    """Step during `epochs`: constant, or falling to 0 like a cosine."""
    augment: bool = True
    """Whether training images are cropped (padding 4) and flipped at random."""
    train_per_class: Count | None = 200
    """First training images of each class; `none` takes all 5000."""
    test_per_class: Count | None = 100
    """First test images of each class; `none` takes all 1000."""
    validation_per_class: Natural = 0
    """Last training images of each class, held out for tuning; 500 for real tuning."""
    resolve_images: Count = 5000
    """Most training images (without augmentation) for the exact readout."""
    precision: Literal["float32", "float64"] = "float32"
    """Floating type of weights and images."""
    keep: str = ""
    """Epochs whose networks are kept: `5,10,20`, `every 5`, or a number of evenly
    spaced ones; the start is always kept."""
    seed: Natural = 0
    """Seed of initial weights, order and augmentation."""

    def __post_init__(self) -> None:
        typed(self)
        named = _named(self.dataset)
        if named not in CIFAR.values():
            named = reference(named, built_in=tuple(CIFAR.values()))
        object.__setattr__(self, "dataset", named)
        if self.standardise_inputs and not is_own(named):
            raise ConfigError(
                "`standardise_inputs` is for pictures of your own; those of CIFAR are "
                "standardised as published."
            )
        _ = self.kept_epochs  # Refuses what could not be kept.
        if not self.penalty > 0:
            raise ConfigError(
                f"`penalty` must be positive, got {self.penalty}: the loss is divided "
                "by it."
            )
        if not 0 <= self.readout_average < 1:
            raise ConfigError(
                f"`readout_average` must be in [0, 1), got {self.readout_average}."
            )

    @property
    def data_set(self) -> str:
        """Name of the data set whose files are read."""
        return self.dataset

    @property
    def kept_epochs(self) -> frozenset[int]:
        """The epochs whose networks are kept."""
        return recorded(self.keep, self.total_epochs, 1)

    @property
    def total_epochs(self) -> int:
        """All epochs."""
        return self.epochs + self.final_epochs

    @property
    def time_scale(self) -> float:
        """The time scale, with `none` resolved."""
        given = self.time_step
        return TIME_SCALES[self.dynamics] if given is None else given

    @property
    def weight_momentum(self) -> float:
        """The momentum, with `none` resolved."""
        return MOMENTA[self.dynamics] if self.momentum is None else self.momentum
