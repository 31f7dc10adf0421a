"""Config of the study `recovery`."""

from dataclasses import dataclass, fields
from functools import partial
from typing import Annotated, Any, Literal

from ...checks import Count, Natural, Positive, Within, in_range, positive
from ...data.own.reference import check_samples, reference, sizes_of
from ...errors import ConfigError
from ...field_values import typed
from ...keeping import recorded
from ...memory import Need
from ...spellings import first_stored, takes_first_spellings


# Records of a training.
_RECORDS = 100
# Samples above which `auto` takes admm.
_ADMM_ABOVE = 5000
_LEARNING_RATE = 2e-3
_MOST_SECONDS = 3600.0
# Dimensions, or entries of the inputs, in which optima are proven (`searchable`).
_MOST_SEARCHED, _MOST_ENTRIES = 12, 20_000

# Solvers square the labels, and sum the squares.
_LOUDEST = 1e100

_OF_A_PLANT = ("design", "rescale", "planted", "n_planted", "noise")


@takes_first_spellings
@dataclass(frozen=True, kw_only=True)
class Recovery:
    """Plant a simple model, and ask whether the network of least norm is that model.

    Training a two-layer ReLU network with weight decay is a convex group lasso over its
    activation patterns. One run draws data and a planted model, finds the optimum and
    decides by certificates whether it is the planted model (Wang, Hua, Candès and
    Pilanci 2022). A grid over `n_samples` and `input_dim` shows a phase transition.
    With `--dataset` the same is done to given data, in which nothing is planted.

    Examples:
      overparam run recovery --n-samples 40 --input-dim 10
      overparam run recovery --dataset mine.npz --fit penalised
      overparam sweep recovery n_samples=10..40..10 input_dim=5,10 seed=0..4
    """

    n_samples: Count = 60
    """Number of training samples n; with `dataset` that of its samples."""
    input_dim: Count = first_stored("dimension", default=15)
    """Input dimension d; with `dataset` that of its inputs."""
    dataset: str | None = None
    """Data of your own, by name (`overparam data add`) or path, or of the catalogue, in
    the place of a planted model; of two classes the targets are -1 and 1."""
    n_train: Count | None = None
    """Samples of `dataset` to train on; `none` takes all."""
    standardise_inputs: bool = False
    """Whether inputs of `dataset` are standardised by moments of its training part;
    else pixels lie in [0, 1] and other inputs are as they are."""
    network: Literal["plain", "skip", "normalised"] = "skip"
    """ReLU neurons; plus a linear neuron; or neurons of output norm one."""
    program: Literal["gated", "exact"] = "gated"
    """Weights of a pattern free, or held to the pattern's cone (the true ReLU)."""
    fit: Literal["minimum-norm", "penalised"] = "minimum-norm"
    """Fit the labels with the least norm, or trade the squared loss against it."""
    method: Literal[
        "auto", "interior-point", "admm", "reference", "training", "condition", "global"
    ] = "auto"
    """How the optimum is found; `condition` only checks the isometry condition, and
    `global` proves how near the optimum over all networks is, whatever their patterns.

    `auto` takes the interior-point method, and admm above 5000 samples, where the
    former's n x n matrices lose."""
    design: Literal["gaussian", "cubic", "whitened-gaussian", "whitened-cubic"] = (
        "gaussian"
    )
    """Distribution of the inputs."""
    bias: bool = False
    """Append a constant input; its weight is penalised like the others."""
    rescale: bool = False
    """Give the entries of `cubic` inputs variance 1/n."""
    planted: Literal["gaussian", "smallest-singular", "axes", "opposite-pair"] = (
        "gaussian"
    )
    """Direction of the planted neurons (linear for skip networks, else ReLU)."""
    n_planted: Count = 1
    """Number of planted neurons; skip networks have one."""
    noise: Annotated[float, Within(partial(in_range, 0, _LOUDEST))] = 0.0
    """Label noise has entries N(0, noise^2 / n)."""
    penalty: float | None = None
    """Coefficient of the norm in a penalised fit; `none` takes 1e-3 there."""
    patterns: Literal["sampled", "enumerated", "column-generation"] = "sampled"
    """Which activation patterns the programme holds."""
    n_patterns: Count | None = None
    """Number of sampled gates; `none` takes max(n_samples, 50)."""
    decompose: bool = False
    """Turn a gated optimum into a ReLU network with the same outputs on the data."""
    tolerance: Positive | None = None
    """Certified gap at which to stop; `none`: 1e-7 gated, 1e-6 exact, 1e-4 admm, 1e-2
    global."""
    max_iterations: Count | None = None
    """Most iterations of a solver; `none` takes 100 (interior-point), 20000 (admm),
    1000000 (global: nodes of its search)."""
    max_seconds: Positive = _MOST_SECONDS
    """Most seconds of method=global, an hour unless said; at this limit, and on
    Control-C, what is proven by then is stored."""
    n_test: Count | None = first_stored("test_size", default=None)
    """Fresh samples for the test error; `none` takes n_samples, or all of `dataset`."""
    n_steps: Count = 10_000
    """Training: number of full-batch steps."""
    optimiser: Literal["adam", "sgd", "lbfgs"] = "adam"
    """Training: the optimiser; `lbfgs` searches along lines and has no step size."""
    batch_size: Count | None = None
    """Training: samples per step; `none` takes all."""
    learning_rate: Positive = _LEARNING_RATE
    """Training: step size of the optimiser."""
    width: Count | None = None
    """Training: number of neurons; `none` takes n_samples + 1."""
    legacy: bool = False
    """Training: sign steps, no effective penalty, as the published code trains."""
    precision: Literal["float32", "float64"] = "float64"
    """Floating type of training and admm; the interior-point method needs float64."""
    keep: str = ""
    """Steps of training whose networks are kept, those of the nearest records:
    `5,10,20`, `every 5`, or a number of evenly spaced ones; the start always is."""
    seed: Natural = 0
    """Seed of the data, the planted model, the gates and the initial network."""

    def __post_init__(self) -> None:
        typed(self)
        self._find_data()
        self._check_fit()
        self._check_planted()
        self._check_method()
        _ = self.keep_steps  # Refuses what could not be kept.

    @property
    def solver(self) -> str:
        """The method, with `auto` resolved."""
        if self.method != "auto":
            return self.method
        able = self.network != "normalised" and self.patterns != "column-generation"
        large = able and self.n_samples > _ADMM_ABOVE
        return "admm" if large else "interior-point"

    @property
    def beta(self) -> float | None:
        """The penalty of the programme, `None` for the minimum norm."""
        if self.fit == "minimum-norm":
            return None
        return 1e-3 if self.penalty is None else self.penalty

    @property
    def arrays(self) -> list[Need]:
        """The largest arrays of a run."""
        samples, inputs = (
            ("`n_samples`", self.n_samples),
            ("`input_dim`", self.input_dim),
        )
        planted = ("`n_planted`", self.n_planted)
        tests = ("`n_test`", self.n_test or self.n_samples)
        gates = ("`n_patterns`", self.n_gates if self.patterns == "sampled" else 1)
        neurons = ("`width`", self.width or self.n_samples + 1)
        trained = self.method == "training"
        solved = self.solver in ("interior-point", "reference")
        return [
            Need("samples", (samples, inputs), 8, 2),
            Need("test samples", (tests, inputs), 8, 2),
            Need("planted neurons", (planted, inputs), 8),
            Need("planted neurons on the samples", (samples, planted), 8),
            Need("gates", (gates, inputs), 8),
            Need("patterns", (samples, gates), 8),
            Need(
                "the programme",
                (samples, inputs, gates),
                8 * (self.solver == "reference"),
            ),
            Need("blocks of the programme", (gates, inputs, inputs), 8 * solved),
            Need("the Newton system", (samples, samples), 8 * solved, 2),
            Need("trained weights", (inputs, neurons), 8 * trained, 4),
            Need("trained neurons on the samples", (samples, neurons), 8 * trained, 2),
        ]

    @property
    def record_every(self) -> int:
        """Steps of training between two records."""
        return max(1, self.n_steps // _RECORDS)

    @property
    def keep_steps(self) -> frozenset[int]:
        """The steps of training whose networks are kept."""
        return recorded(self.keep, self.n_steps, self.record_every)

    @property
    def n_gates(self) -> int:
        """Number of sampled gates."""
        return self.n_patterns or max(self.n_samples, 50)

    @property
    def data_set(self) -> str | None:
        """Name of the data set whose files are read; a planted model has none."""
        return self.dataset

    def _find_data(self) -> None:
        """Take the sizes of the data where they are at hand."""
        defaults: dict[str, Any] = {f.name: f.default for f in fields(self)}
        if self.dataset is None:
            for name in ("n_train", "standardise_inputs"):
                if getattr(self, name) != defaults[name]:
                    raise ConfigError(f"`{name}` is for data: name a `dataset`.")
            return
        object.__setattr__(self, "dataset", reference(self.dataset))
        for name in _OF_A_PLANT:
            if getattr(self, name) != defaults[name]:
                raise ConfigError(
                    f"`{name}` is of a planted model, and `dataset` has none: leave it "
                    f"at {defaults[name]}."
                )
        if self.method == "condition":
            raise ConfigError(
                "method=condition asks about a planted model, and `dataset` has none."
            )
        found = sizes_of(self.dataset)
        if found is None:
            return
        n_samples, input_dim = found
        check_samples(self.dataset, self.n_train)
        sizes = {"n_samples": self.n_train or n_samples, "input_dim": input_dim}
        for name, size in sizes.items():
            asked = getattr(self, name)
            if asked not in (size, defaults[name]):
                raise ConfigError(
                    f"`{name}` is {size}, that of `dataset`, got {asked}; `n_train` "
                    "takes fewer samples."
                )
            object.__setattr__(self, name, size)

    def _check_fit(self) -> None:
        if self.penalty is None:
            return
        if self.fit == "minimum-norm":
            raise ConfigError(
                "`penalty` has no effect with fit=minimum-norm; remove it or choose "
                "fit=penalised."
            )
        if not self.penalty > 0:
            raise ConfigError(
                f"`penalty` must be positive, got {self.penalty:g}; for the "
                "minimum-norm limit use fit=minimum-norm."
            )
        positive(penalty=self.penalty)

    def _check_planted(self) -> None:
        if self.network == "skip" and self.n_planted != 1:
            raise ConfigError(
                "condition NIC-L needs a linear planted neuron, got "
                f"{self.n_planted} ReLU neurons."
            )
        if self.planted == "axes" and self.n_planted > self.input_dim:
            raise ConfigError(
                f"`n_planted`={self.n_planted} axes do not fit in dimension "
                f"{self.input_dim}."
            )
        if self.planted == "opposite-pair" and self.n_planted != 2:
            raise ConfigError(
                f"`opposite-pair` needs n_planted=2, got {self.n_planted}."
            )
        if self.planted != "smallest-singular":
            return
        if self.design.startswith("whitened"):
            raise ConfigError(
                "the smallest singular vector of whitened data is not defined; choose "
                "planted=gaussian."
            )
        if self.n_planted != 1:
            raise ConfigError(
                f"`smallest-singular` needs n_planted=1, got {self.n_planted}."
            )

    def _check_global(self) -> None:
        penalised = self.fit == "penalised" and self.program == "exact"
        if not penalised or self.network == "normalised":
            raise ConfigError(
                "method=global proves optima of fit=penalised with program=exact and "
                "network=plain or skip."
            )
        dimension = self.input_dim + self.bias
        entries = self.n_samples * dimension
        if dimension > _MOST_SEARCHED and entries > _MOST_ENTRIES:
            raise ConfigError(
                f"method=global searches in up to {_MOST_SEARCHED} dimensions, or "
                f"{_MOST_ENTRIES} entries of the inputs, got {dimension} and "
                f"{entries}; lower `input_dim` or `n_samples`."
            )

    def _check_method(self) -> None:
        if self.precision == "float32" and self.solver == "interior-point":
            raise ConfigError(
                "the interior-point method needs precision=float64; use method=admm "
                "for float32."
            )
        if self.method == "training" and self.fit == "minimum-norm":
            raise ConfigError(
                "method=training minimises a penalised objective; choose fit=penalised."
            )
        if self.method == "global":
            self._check_global()
        elif self.max_seconds != _MOST_SECONDS:
            raise ConfigError(
                "`max_seconds` has an effect with method=global only; got "
                f"{self.max_seconds:g}."
            )
        if self.method == "condition" and self.noise:
            raise ConfigError(
                f"method=condition needs noise=0, got {self.noise:g}; the condition "
                "speaks about noiseless labels."
            )
        if self.patterns == "column-generation" and (self.solver != "interior-point"):
            raise ConfigError(
                "patterns=column-generation needs method=interior-point, got "
                f"{self.method}."
            )
        solved = self.solver in ("interior-point", "admm", "reference")
        gated = self.program == "gated" and self.network != "normalised"
        if self.decompose and not (gated and solved):
            raise ConfigError(
                "`decompose` needs a solver, program=gated and a plain or skip network."
            )
        if self.legacy and self.method != "training":
            raise ConfigError("`legacy` has an effect with method=training only.")
        self._check_optimiser()

    def _check_optimiser(self) -> None:
        if self.optimiser == "adam" and self.batch_size is None:
            return
        if self.method != "training" or self.legacy:
            raise ConfigError(
                "`optimiser` and `batch_size` have an effect with method=training "
                "only, and not with legacy=true."
            )
        if (self.batch_size or 0) > self.n_samples:
            raise ConfigError(
                f"`batch_size` must be at most {self.n_samples}, the samples; got "
                f"{self.batch_size}."
            )
        if self.network == "normalised" and self.batch_size is not None:
            raise ConfigError(
                "a neuron of network=normalised is normalised by its outputs on all "
                f"samples; leave `batch_size` at none, got {self.batch_size}."
            )
        if self.optimiser == "lbfgs" and self.batch_size is not None:
            raise ConfigError(
                "optimiser=lbfgs searches along lines of one objective, that of all "
                f"samples; leave `batch_size` at none, got {self.batch_size}."
            )
        if self.optimiser == "lbfgs" and self.learning_rate != _LEARNING_RATE:
            raise ConfigError(
                "optimiser=lbfgs has no step size; leave `learning_rate` at "
                f"{_LEARNING_RATE:g}, got {self.learning_rate:g}."
            )
