"""Config of the study `timescales`."""

import math
from dataclasses import dataclass
from typing import Annotated, Literal

from tyro.conf import arg

from ...checks import (
    MOST_REPETITIONS,
    Count,
    Finite,
    Natural,
    Positive,
    at_least,
    finite,
    in_range,
)
from ...errors import ConfigError
from ...field_values import typed
from ...keeping import EVENLY, nearest_records, recorded
from ...memory import Need
from ...spellings import first_stored, takes_first_spellings


CIRCLE_FEATURES = ("relu", "relu-threshold")
TORUS_FEATURES = ("laplace", "gaussian", "cosine")

PARTICLES_PER_HARMONIC = 30
"""Particles that the projected diffusion needs per harmonic."""

PAPER_STEPS = (0, 100, 1000, 5000, 10000)
"""Steps at which the paper draws densities."""

SLOW_RATIO = 10.0
"""Ratio of the two time scales below which the readout is not fast."""

# Rounding costs about 1e-7/penalty of the risk in float32, 1e-16/penalty in float64.
LEAST_PENALTY = {"float32": 1e-4, "float64": 1e-13}


@takes_first_spellings
@dataclass(frozen=True, kw_only=True)
class Timescales:
    """Train the features of a two-layer network under an (almost) optimal readout.

    A teacher with a known distribution of features on the circle (ReLU) or on the torus
    (radial kernels) labels Gaussian inputs. The student's readout solves its ridge
    problem in every step (`varpro`) or relaxes `ratio` times faster than the features
    (`two-timescale`). On the circle the student is compared with its two limit
    equations at equal physical time (Barboni, Peyré and Vialard 2025, section 6.1).

    Examples:
      overparam run timescales
      overparam run timescales --width 1024 --n-steps 32000 --lambda 1e-4
      overparam run timescales --problem torus --width 128 --n-steps 500
    """

    problem: Literal["circle", "torus"] = "circle"
    """Where features live: unit vectors of the plane, or a torus of side 4."""
    feature: Literal[
        "auto", "relu", "relu-threshold", "laplace", "gaussian", "cosine"
    ] = "auto"
    """Feature map; `auto` is `relu` on the circle and `laplace` on the torus."""
    threshold: Finite = 0.5
    """Threshold of `relu-threshold`, which makes ReLU injective on the circle."""
    width: Annotated[Count, arg(aliases=["--student-width"])] = 128
    """Number of student neurons M; the paper's largest is 1024."""
    n_samples: Annotated[Count, arg(aliases=["-N", "--N"])] = first_stored(
        "samples", default=4096
    )
    """Number of samples N; every step uses all of them."""
    teacher_width: Count = 4096
    """Number of teacher neurons."""
    gamma: float = 100.0
    """Concentration of the teacher's two modes; `inf` gives point masses (torus)."""
    data: Literal["sampled", "lattice", "population"] = "sampled"
    """Drawn, without randomness, or infinitely many samples (ReLU on the circle)."""
    penalty: Annotated[Finite, arg(aliases=["--lambda", "--lmbda"])] = 1e-3
    """Ridge penalty lambda of the readout."""
    centre: Finite = 1.0
    """Readout the penalty prefers: 1 is the paper's `unbiased`, 0 its `biased`."""
    dynamics: Literal["varpro", "two-timescale"] = "varpro"
    """Readout optimal in every step, or `ratio` times faster than the features."""
    ratio: Positive | None = None
    """Ratio of the two time scales; `none` is penalty/time_step, as published."""
    inner: Literal["explicit", "implicit"] = "explicit"
    """Step of the readout with `two-timescale`; `implicit` is always stable."""
    inner_steps: Count = 1
    """Steps of the readout in each step of the features, with `two-timescale`."""
    time_step: Annotated[Positive, arg(aliases=["--time-scale"])] = 2**-10
    """Time step tau; physical time is tau times the steps."""
    n_steps: Annotated[Count, arg(aliases=["--epochs"])] = first_stored(
        "steps", default=8192
    )
    """Number of steps; the paper's is 32000."""
    solver: Literal["auto", "dense", "prefix", "cg", "direct"] = "auto"
    """Readout solver: dense Cholesky, Cholesky of a prefix-sum Gram matrix, conjugate
    gradients, or the O(M) one; `prefix` and `direct` need ReLU on the circle. `auto` is
    `direct` there; elsewhere it is `dense`, and from width 512 on conjugate gradients
    with the largest eigenvalues of some steps before."""
    records: int = 1001
    """Records along the run, the first at step 0."""
    keep: str = first_stored(EVENLY, default="101")
    """Steps whose networks are kept, those of the nearest records: `5,10,20`,
    `every 5`, or a number of evenly spaced ones; the start, the end and those at which
    the paper draws always are."""
    limits: tuple[Literal["ultra-fast", "projected"], ...] = ("ultra-fast", "projected")
    """Limit equations to compare with (`projected` for ReLU on the circle only)."""
    cells: int = 4096
    """Cells of the ultra-fast diffusion: 64 x 64 on the torus."""
    particles: Count = 1024
    """Particles of the projected diffusion."""
    harmonics: Count = 30
    """Highest harmonic of the projected diffusion."""
    projected_until: Positive = 2.0
    """Time up to which the projected diffusion is solved; 30 harmonics serve to 2."""
    seed: Natural = 0
    """Seed of data, teacher and student."""
    precision: Literal["float32", "float64"] = "float64"
    """Floating type of weights and samples."""

    def __post_init__(self) -> None:
        typed(self)
        at_least(2, records=self.records)
        # They are one compiled piece, which nothing interrupts.
        in_range(1, MOST_REPETITIONS, inner_steps=self.inner_steps)
        at_least(8 if self.problem == "circle" else 64, cells=self.cells)
        _ = self.keep_steps  # Refuses what could not be kept.
        if not self.penalty > 0:
            raise ConfigError(
                f"`penalty` must be positive, got {self.penalty}; "
                "the limit penalty -> 0 is the diffusion, see `limits`."
            )
        if self.gamma != math.inf:
            finite(gamma=self.gamma)
        if not self.gamma > 0:
            raise ConfigError(
                f"`gamma` must be positive, got {self.gamma}; "
                "use `gamma=inf` for point masses."
            )
        allowed = CIRCLE_FEATURES if self.problem == "circle" else TORUS_FEATURES
        if self.feature != "auto" and self.feature not in allowed:
            listed = " or ".join(f"`{name}`" for name in allowed)
            raise ConfigError(
                f"`feature` on the {self.problem} must be {listed}, got "
                f"{self.feature!r}."
            )
        if self.problem == "torus" and math.isqrt(self.cells) ** 2 != self.cells:
            raise ConfigError(
                "`cells` on the torus must be the square of a whole number, got "
                f"{self.cells}."
            )
        if math.isinf(self.gamma) and self.problem == "circle" and self.limits:
            raise ConfigError(
                "`gamma` inf has no limit equation on the circle; use a finite `gamma`."
            )
        self._check_solver()
        if "projected" in self.limits:
            needed = PARTICLES_PER_HARMONIC * self.harmonics
            if self.particles < needed:
                raise ConfigError(
                    f"`particles` must be at least {PARTICLES_PER_HARMONIC} x "
                    f"`harmonics` = {needed}, got {self.particles}."
                )

    def _check_solver(self) -> None:
        if self.solver in ("prefix", "direct") and not self.plain_relu:
            raise ConfigError(
                f"`solver={self.solver}` needs bias-free ReLU features on the circle; "
                "use `dense` or `cg`."
            )
        if self.data == "population" and not self.plain_relu:
            raise ConfigError(
                "`data=population` needs bias-free ReLU features on the circle; "
                "use `sampled` or `lattice`."
            )
        if self.data == "population" and self.solver == "dense":
            raise ConfigError(
                "`solver=dense` needs finite data; use `auto` with `data=population`."
            )

    @property
    def arrays(self) -> list[Need]:
        """The largest arrays of a run."""
        width, plane = ("`width`", self.width), ("coordinates", 2)
        records = ("`records`", min(self.records, self.n_steps + 1))
        kept = ("`keep`", len(self.keep_steps))
        projected = "projected" in self.limits and self.plain_relu
        dense = not self.uses_moments
        return [
            Need("samples", (("`n_samples`", self.n_samples), plane), 8, 4),
            Need("the teacher", (("`teacher_width`", self.teacher_width), plane), 8, 4),
            Need(
                "a block of the teacher",
                (("`teacher_width`", self.teacher_width),),
                8 * 256,
            ),
            Need("the Gram matrix", (width, width), 8 * dense, 2),
            Need("features", (width, plane), 8, 4),
            Need("records", (records,), 1024),
            Need("kept networks", (kept, width, ("coordinates and outputs", 3)), 8),
            Need("cells of the ultra-fast limit", (("`cells`", self.cells),), 8 * 64),
            Need("snapshots of a limit", (kept, ("`cells`", self.cells)), 4),
            Need(
                "particles of the projected limit",
                (("`particles`", self.particles), ("`harmonics`", self.harmonics)),
                8 * projected,
                4,
            ),
        ]

    @property
    def plain_relu(self) -> bool:
        """Whether features are bias-free ReLU on the circle."""
        return self.problem == "circle" and self.feature in ("auto", "relu")

    @property
    def uses_moments(self) -> bool:
        """Whether the batch is the moments of the circle, the fast path of its ReLU."""
        return self.plain_relu and self.solver != "dense"

    @property
    def feature_name(self) -> str:
        """The feature map, with `auto` resolved."""
        default = "relu" if self.problem == "circle" else "laplace"
        return default if self.feature == "auto" else self.feature

    @property
    def time_ratio(self) -> float:
        """The ratio of the two time scales."""
        return self.penalty / self.time_step if self.ratio is None else self.ratio

    @property
    def record_every(self) -> int:
        """Steps between two records."""
        return max(1, math.ceil(self.n_steps / (self.records - 1)))

    @property
    def keep_steps(self) -> frozenset[int]:
        """Steps of the records whose networks are kept: those asked for, the paper's,
        the first and the last."""
        last, every = self.n_steps, self.record_every
        paper = [step for step in PAPER_STEPS if step <= last]
        always = nearest_records([*paper, last], last, every)
        return always | recorded(self.keep, last, every)
