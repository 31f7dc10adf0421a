"""Config of the study `planted`."""

from dataclasses import dataclass
from typing import Literal

from ...checks import Count, Finite, Natural, NonNegative, Positive, finite
from ...errors import ConfigError
from ...field_values import typed
from ...keeping import EVERY, recorded
from ...memory import Need, itemsize
from ...spellings import first_stored, takes_first_spellings


@takes_first_spellings
@dataclass(frozen=True, kw_only=True)
class Planted:
    """Train a student on fresh samples that a narrow planted teacher labels.

    A teacher of `teacher_width` neurons labels Gaussian inputs; the student of `width`
    neurons is trained on them, by plain SGD unless asked otherwise. There is no test
    set: the only question is optimisation (Livni, Shalev-Shwartz and Shamir 2014,
    Figure 1).

    Examples:
      overparam run planted
      overparam run planted --width 240 --epochs 120 --seed 3
    """

    input_dim: Count = 150
    """Input dimension D."""
    n_outputs: Count = 10
    """Number of outputs."""
    teacher_width: Count = 60
    """Number of planted neurons."""
    width: Count = 120
    """Number of student neurons; over-parameterised when above `teacher_width`."""
    activation: Literal["relu", "leaky-relu", "erf", "tanh"] = "relu"
    """Activation of teacher and student."""
    learning_rate: Positive = 0.1
    """First step size."""
    batch_size: Count = 10
    """Samples per step."""
    samples_per_epoch: Count = 10_000
    """Fresh samples between two records; a multiple of `batch_size`."""
    epochs: Count = 100
    """Most epochs to train."""
    init_scale: NonNegative = 0.1
    """Factor of the variances of the student's initial weights; 0 is a saddle."""
    halve_every: int | None = 50
    """Epochs after which the step size is halved, again and again; `none` never."""
    stop_below: NonNegative = 1e-6
    """Stop once the epoch objective (half squared error) is at most this."""
    label_noise: NonNegative = 0.0
    """Standard deviation of the noise on each label."""
    input_decay: NonNegative = 0.0
    """Exponent a of the inputs' variances: proportional to k^-a, with mean 1."""
    train: Literal["all", "readout", "features"] = "all"
    """Which weights move."""
    readout_rate: NonNegative = 1.0
    """Factor of the readout's step size."""
    penalty: NonNegative = 0.0
    """Coefficient of the penalty added to the objective."""
    penalty_form: Literal["l2", "path-norm"] = "l2"
    """Half the squared norm of all weights, or the path norm: equal once balanced."""
    balance_every: Count | None = None
    """Epochs after which neurons are rescaled to the least L2 norm; `none` never."""
    optimiser: Literal["sgd", "adam"] = "sgd"
    """How a gradient becomes a step."""
    momentum: Finite = 0.0
    """Share of the step before that is repeated (sgd only)."""
    dynamics: Literal["sgd", "flow"] = "sgd"
    """Descent on sampled batches, or on the exact population risk (no noise)."""
    precision: Literal["float32", "float64"] = "float32"
    """Floating type of weights and samples."""
    seed: Natural = 0
    """Seed of the student and of the samples."""
    teacher_seed: Natural | None = None
    """Seed of the teacher; `none` takes `seed`."""
    keep: str = first_stored(EVERY, default="")
    """Epochs whose students are kept: `5,10,20`, `every 5`, or a number of evenly
    spaced ones; the start is always kept."""

    def __post_init__(self) -> None:
        typed(self)
        finite(halve_every=self.halve_every)
        if self.halve_every is not None and self.halve_every < 1:
            raise ConfigError(
                f"`halve_every` must be at least 1 epoch, got {self.halve_every}; use "
                "`none` for a constant step."
            )
        if self.batch_size > self.samples_per_epoch:
            raise ConfigError(
                "`batch_size` must be at most `samples_per_epoch`, got "
                f"{self.batch_size} and {self.samples_per_epoch}."
            )
        lower = self.steps_per_epoch * self.batch_size
        if lower != self.samples_per_epoch:
            raise ConfigError(
                "`samples_per_epoch` must be a multiple of `batch_size`, got "
                f"{self.samples_per_epoch} and {self.batch_size}; nearest are {lower} "
                f"and {lower + self.batch_size}."
            )
        if not 0 <= self.momentum < 1:
            raise ConfigError(f"`momentum` must lie in [0, 1), got {self.momentum}.")
        if self.momentum and self.optimiser != "sgd":
            raise ConfigError(
                f"`momentum` is a setting of sgd, got optimiser {self.optimiser}."
            )
        if self.balance_every is not None and self.train != "all":
            raise ConfigError(
                "`balance_every` moves all weights and needs `train` all, got "
                f"{self.train}."
            )
        _ = self.keep_steps  # Refuses what could not be kept.

    @property
    def arrays(self) -> list[Need]:
        """The largest arrays of a run."""
        size = itemsize(self.precision)
        inputs, width = ("`input_dim`", self.input_dim), ("`width`", self.width)
        teacher = ("`teacher_width`", self.teacher_width)
        outputs, batch = (
            ("`n_outputs`", self.n_outputs),
            ("`batch_size`", self.batch_size),
        )
        both = ("`width` + `teacher_width`", self.width + self.teacher_width)
        return [
            Need("weights and their gradient", (inputs, width), size, 2),
            Need("the readout and its gradient", (width, outputs), size, 2),
            Need("the teacher's weights", (inputs, teacher), size),
            Need("the teacher's readout", (teacher, outputs), size),
            Need("a batch", (batch, inputs), size),
            Need("hidden neurons on a batch", (batch, both), size),
            Need("the exact risk", (both, both), 8, 2),
            Need("the covariance", (inputs, inputs), 8 * (self.input_decay > 0)),
        ]

    @property
    def steps_per_epoch(self) -> int:
        """Number of steps between two records."""
        return self.samples_per_epoch // self.batch_size

    @property
    def keep_steps(self) -> frozenset[int]:
        """The steps whose students are kept."""
        epochs = recorded(self.keep, self.epochs, 1)
        return frozenset(epoch * self.steps_per_epoch for epoch in epochs)
