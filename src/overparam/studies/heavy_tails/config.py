"""Config of the study `heavy-tails`."""

from dataclasses import dataclass, fields
from typing import Any, Literal

from ...checks import (
    MOST_LAYERS,
    Count,
    Finite,
    Natural,
    NonNegative,
    Positive,
    Share,
    in_range,
    written,
)
from ...data.files.official import OFFICIAL
from ...data.own.reference import check_samples, is_own, reference
from ...data.subset_rules import SubsetRule, resolved_rule, sorted_by_class
from ...errors import ConfigError
from ...field_values import typed
from ...keeping import recorded
from ...noise.ranges import check_exponent, check_kind, check_level
from ...spellings import first_stored, takes_first_spellings


NOISE_FIELDS = (
    "alpha",
    "sigma",
    "noise_unit",
    "noise_layers",
    "rescale_noise",
    "isotropic_scale",
    "noise_when",
)
"""Fields without effect when `noise` is none."""


@takes_first_spellings
@dataclass(frozen=True, kw_only=True)
class HeavyTails:
    """Train a classifier by SGD with alpha-stable noise on its hidden weights.

    After every step each hidden neuron gets a random vector with an infinite variance.
    Afterwards the neurons of smallest norm are removed, and the accuracies before and
    after are compared (Wan, Barsbey, Zaidi, Simsekli 2024).

    Examples:
      overparam run heavy-tails --noise isotropic --alpha 1.75
      overparam run heavy-tails --dataset ecg5000 --width 500 --noise none
      overparam run heavy-tails --dataset cifar-10 --network vgg11 --batch-size 100
    """

    dataset: str = "mixture"
    """Data set: mixture (two Gaussian classes) or digits, which need no files, mnist,
    fashion-mnist, cifar-10, cifar-100, ecg5000, or data of your own by name (`overparam
    data add`) or path."""
    standardise_inputs: bool | None = None
    """Whether inputs are standardised, as published or by moments of the training part;
    `none` does so but for data of your own."""
    labels: Literal["normal-vs-rest", "five"] = "normal-vs-rest"
    """Classes of ecg5000."""
    split: Literal["official", "shuffled"] = "official"
    """Parts of ecg5000: as published, or pooled and permuted by the seed."""
    n_train: Count | None = None
    """Number of training samples; `none` takes all (500 for mixture)."""
    n_test: Count | None = None
    """Number of test samples; `none` takes all (4500 for mixture)."""
    subsets: SubsetRule = "auto"
    """Which samples `n_train` and `n_test` take: the first of the file, or
    `stratified`, as many of every class as it has of the file. `auto` stratifies where
    a file is sorted by class, as those of ecg5000 are."""
    network: Literal["mlp", "vgg11", "vgg11-wide"] = "mlp"
    """Fully connected network, or VGG11 with 64 to 512 (wide: 128 to 1024) filters."""
    multiplier: Positive = 1.0
    """Further factor of the filters of vgg11."""
    width: Count = 2000
    """Number of neurons of each hidden layer of mlp."""
    depth: int = 2
    """Number of weight matrices of mlp: hidden layers + 1."""
    activation: Literal["relu", "sigmoid", "tanh", "gelu"] = "relu"
    """Activation of the hidden layers."""
    bias: bool = False
    """Whether hidden layers have biases (never noised, never pruned)."""
    init: Literal["uniform", "he", "lecun"] = "uniform"
    """Law of the initial weights; uniform is U(-1/sqrt(fan_in), 1/sqrt(fan_in))."""
    parametrisation: Literal["standard", "mean-field"] = "standard"
    """Output scale 1 and all layers trained; or 1/width, gradient steps times width,
    and a fixed Gaussian readout (the theorem's algorithm, two layers only)."""
    loss: Literal["cross-entropy", "hinge"] = "cross-entropy"
    """Training loss; hinge is the multi-class hinge of Crammer and Singer."""
    learning_rate: Positive = 0.01
    """Step size eta."""
    decay_exponent: Finite = 0.0
    """p of eta (i + 1/g)^(-p), g = (eta/width)^(1/(1-p)); 0 is a constant step."""
    momentum: Share = 0.0
    """Momentum of SGD."""
    penalty: NonNegative = first_stored("weight_decay", default=0.0)
    """Added to the gradient times the weights."""
    batch_size: Count | None = None
    """Samples per step; `none` takes all training samples."""
    n_steps: Count = first_stored("max_steps", default=1000)
    """Most gradient steps."""
    evaluate_every: Count = 10
    """Steps between two evaluations of both parts, stop rule included."""
    stop_when: Literal["target", "interpolation", "never"] = "target"
    """Stop at the target below, at loss < 5e-5 and accuracy 1, or after all steps."""
    target_train_accuracy: Finite = 0.95
    """Training accuracy to stop at, a fraction."""
    max_train_loss: Positive | None = None
    """The training loss must also be below this to stop; `none` asks nothing."""
    consecutive: Count = 1
    """Number of evaluations in a row that must meet the stop rule."""
    patience: Count | None = None
    """Steps after which a run at chance level is stopped; `none` never."""
    noise: Literal["none", "shared", "entrywise", "isotropic"] = "shared"
    """Noise on the incoming weights of a neuron: one number for all of them, one for
    each, or a rotation-invariant vector (types 0 to 3 of the paper)."""
    alpha: float = 1.75
    """Tail index of the noise in (0, 2]; 2 is Gaussian."""
    sigma: float = 0.02
    """Noise level: one step adds noise of scale sigma * eta^(1/alpha)."""
    noise_unit: Literal["filter", "kernel"] = "filter"
    """Unit of shared and isotropic noise on convolutions: all weights of an output
    channel, or each (in, out) pair."""
    noise_layers: str = ""
    """Patterns of the noised parameters, separated by commas; empty for every hidden
    weight layer."""
    rescale_noise: bool = True
    """Whether the noise has the factor eta^(1/alpha)."""
    isotropic_scale: Literal["standard", "reference"] = "standard"
    """Isotropic noise sqrt(2A) G, or sqrt(A) G as in the published code."""
    noise_when: Literal["training", "after"] = "training"
    """Noise in every step; or train without, then add one draw of the scale that the
    steps would have accumulated (a control)."""
    precision: Literal["float32", "float64"] = "float32"
    """Floating type of weights, data and noise."""
    keep_outputs: bool = False
    """Whether the outputs on both parts are stored, in data order, with labels."""
    keep: str = ""
    """Steps whose networks are kept, those of the nearest records: `5,10,20`,
    `every 5`, or a number of evenly spaced ones; the start is always kept."""
    seed: Natural = 0
    """Seed of data, initial weights, batches and noise, each by a key of its own."""

    def __post_init__(self) -> None:
        if isinstance(self.noise, str):
            check_kind(self.noise)  # It translates the published names.
        typed(self)
        self._find_data()
        rule = resolved_rule(
            self.subsets,
            is_sorted=self.split == "official" and sorted_by_class(self.dataset),
            takes_some=self.dataset != "mixture"
            and (self.n_train is not None or self.n_test is not None),
        )
        object.__setattr__(self, "subsets", rule)
        if self.noise == "none":
            # Runs without noise are one run, whatever the noise would have been.
            defaults: dict[str, Any] = {f.name: f.default for f in fields(self)}
            for name in NOISE_FIELDS:
                object.__setattr__(self, name, defaults[name])
        if self.depth < 2:
            raise ConfigError(
                "`depth` counts weight matrices and must be at least 2, got "
                f"{written(self.depth)}."
            )
        in_range(2, MOST_LAYERS, depth=self.depth)
        if self.parametrisation == "mean-field" and self.depth != 2:
            raise ConfigError(
                "`parametrisation` mean-field needs a two-layer network, got depth "
                f"{self.depth}."
            )
        if self.parametrisation == "mean-field" and (
            self.bias or self.init != "uniform"
        ):
            raise ConfigError(
                "`parametrisation` mean-field has Gaussian initial weights and no "
                "biases; leave `init` and `bias` at their defaults."
            )
        self._check_convolutions()
        self._check_training()
        check_exponent(2, precision=self.precision, alpha=self.alpha)
        check_level(self.sigma)

    def _find_data(self) -> None:
        found = reference(self.dataset, built_in=("mixture", *OFFICIAL))
        object.__setattr__(self, "dataset", found)
        if is_own(found):  # Parts of the others may be drawn anew, by `split`.
            check_samples(found, self.n_train)
        if self.dataset == "mixture" and self.standardise_inputs is not None:
            raise ConfigError("`standardise_inputs` has no effect on `mixture`.")
        if self.standardise_inputs == self._standardises:
            object.__setattr__(self, "standardise_inputs", None)

    @property
    def _standardises(self) -> bool:
        """What `none` does."""
        return not is_own(self.dataset)

    @property
    def standardised(self) -> bool:
        """Whether inputs are standardised, with `none` resolved."""
        given = self.standardise_inputs
        return self._standardises if given is None else given

    def _check_convolutions(self) -> None:
        if self.network == "mlp":
            if self.noise_unit != "filter":
                raise ConfigError(
                    "`noise_unit` applies to convolutions; the network mlp has none."
                )
            return
        if self.parametrisation == "mean-field":
            raise ConfigError(
                "`parametrisation` mean-field needs a two-layer network, got "
                f"{self.network}."
            )
        if self.dataset not in ("cifar-10", "cifar-100") and not is_own(self.dataset):
            raise ConfigError(
                f"{self.network} needs images of at least 32 x 32, got "
                f"{self.dataset}; use `network=mlp`."
            )

    def _check_training(self) -> None:
        _ = self.keep_steps  # Refuses what could not be kept.
        if not 0 <= self.decay_exponent < 1:
            raise ConfigError(
                f"`decay_exponent` must be in [0, 1), got {self.decay_exponent:g}."
            )
        target = self.target_train_accuracy
        if not 0 <= target <= 1:
            remedy = f"; write {target / 100:g}" if 1 < target <= 100 else ""
            raise ConfigError(
                "`target_train_accuracy` is a fraction between 0 and 1, got "
                f"{target:g}{remedy}."
            )

    @property
    def data_set(self) -> str | None:
        """Name of the data set whose files are read; `mixture` is drawn."""
        return None if self.dataset == "mixture" else self.dataset

    @property
    def record_every(self) -> int:
        """Steps between two records."""
        return min(self.evaluate_every, self.n_steps)

    @property
    def keep_steps(self) -> frozenset[int]:
        """The steps whose networks are kept."""
        return recorded(self.keep, self.n_steps, self.record_every)

    @property
    def patterns(self) -> tuple[str, ...]:
        """The patterns of `noise_layers`."""
        return tuple(p.strip() for p in self.noise_layers.split(",") if p.strip())
