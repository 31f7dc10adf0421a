r"""Two-layer ReLU networks trained to optimality, as scikit-learn's estimators."""

import copy
from collections.abc import Sequence
from typing import Any, Literal, Self, cast, get_args

import jax
import numpy as np
from jaxtyping import Float
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    MultiOutputMixin,
    RegressorMixin,
    clone,
)
from sklearn.utils.validation import check_is_fitted

from ..checks import counts, one_of, positive
from ..convex.certificates.activation import SearchLimits
from ..convex.certificates.certificate import NetworkCertificate, certify_network
from ..convex.maps import network_of, side_by_side
from ..convex.programs.patterns import (
    Patterns,
    cutting_directions,
    enumerate_patterns,
    patterns_of,
)
from ..convex.programs.program import (
    Architecture,
    Program,
    Relaxation,
    convex_program,
    with_bias,
)
from ..convex.solvers.admm import solve_admm
from ..convex.solvers.bounds import relative_gap
from ..convex.solvers.column_generation import generate_columns
from ..convex.solvers.interior_point import solve
from ..convex.solvers.local_search import trained_patterns
from ..convex.solvers.path import largest_penalty, regularisation_path
from ..convex.solvers.reference import solve_reference
from ..convex.solvers.solution import Solution
from ..errors import ConfigError
from ..memory import Need, check_memory
from ..networks.biased import Biased
from ..networks.files.serialise import from_arrays
from ..networks.network import Network
from ..networks.two_layer import TwoLayer
from .inputs import (
    classes_of,
    most_likely,
    outputs,
    read,
    read_targets,
    sample_weights,
    seed_of,
    signed,
    stored,
    warn_unfinished,
)


PatternRule = Literal["trained", "sampled", "column-generation", "enumerated"]
Method = Literal["interior-point", "admm", "reference"]


class _ConvexReLU(BaseEstimator):
    """What the regressor and the classifier share: the programmes of their outputs."""

    def __init__(
        self,
        *,
        penalty: float = 1.0,
        network: Architecture = "plain",
        relaxation: Relaxation = "exact",
        patterns: PatternRule = "trained",
        n_patterns: int = 20,
        fit_intercept: bool = True,
        method: Method = "interior-point",
        tolerance: float | None = None,
        random_state: Any = None,
    ) -> None:
        self.penalty = penalty
        self.network: Architecture = network
        self.relaxation: Relaxation = relaxation
        self.patterns = patterns
        self.n_patterns = n_patterns
        self.fit_intercept = fit_intercept
        self.method = method
        self.tolerance = tolerance
        self.random_state = random_state

    @property
    def network_(self) -> Network:
        """The fitted network, in the precision that JAX has where it is asked for."""
        check_is_fitted(self)
        return from_arrays(*self._network)

    def path(
        self, X: Any, y: Any, *, n_penalties: int = 20, smallest: float = 1e-3
    ) -> list[Self]:
        r"""Fitted copies of this estimator, one for each penalty of a path.

        The patterns are those of a fit with `penalty`; over them the programme is
        solved from $\beta_{\max}$, from which on the network is zero, downwards, each
        from the solution before.

        Args:
            X: Inputs, shape `(n, d)`.
            y: Targets.
            n_penalties: Number of penalties, on a logarithmic grid.
            smallest: The last penalty as a fraction of the first.
        """
        template: Any = clone(self)
        inputs, targets, weights = template._read(X, y, None)
        programs = template._programs(inputs, targets, weights)
        top = max(largest_penalty(program) for program in programs)
        if not top:
            raise ConfigError("a path needs targets that are not all zero.")
        paths = [
            regularisation_path(
                program,
                n_penalties=n_penalties,
                smallest=smallest,
                largest=top,
                tolerance=template.tolerance,
            )
            for program in programs
        ]
        fitted = []
        for solutions in zip(*paths, strict=True):
            one = copy.copy(template)
            one.set_params(penalty=solutions[0].program.penalty)
            fitted.append(one._keep(solutions))
        return fitted

    def certificate(
        self, *, gap: float = 1e-2, seconds: float = 60.0
    ) -> NetworkCertificate:
        """How far the network is from the optimum over networks of any width.

        It speaks of the training data and of the objective of this estimator; of
        several outputs, whose objective is a sum, it is the sum. `gap_` is smaller, for
        it speaks of the patterns at hand.

        Args:
            gap: Relative gap that is to be proven, for each output.
            seconds: Most seconds of the search of each output.

        Raises:
            ConfigError: If the fit is gated, which is no ReLU network.
        """
        check_is_fitted(self)
        if self.relaxation == "gated":
            raise ConfigError(
                "a gated fit is no ReLU network and has no certificate among them; fit "
                "with relaxation='exact'."
            )
        with jax.enable_x64(True):
            found = [
                certify_network(
                    cast(TwoLayer, from_arrays(*part)),
                    self._x,
                    y,
                    penalty=self._penalty,
                    normalised=self.network == "normalised",
                    search=SearchLimits(seconds=seconds),
                    gap=gap,
                )
                for part, y in zip(self._parts, self._targets.T.copy(), strict=True)
            ]
        if len(found) == 1:
            return found[0]
        certified = all(one.tier == "certified" for one in found)
        return NetworkCertificate(
            objective=sum(one.objective for one in found),
            lower=sum(one.lower for one in found),
            tier="certified" if certified else "bounded",
            proof=found[0].proof,
            estimate=sum(one.estimate for one in found),
            best_known=sum(one.best_known for one in found),
            n_patterns=sum(one.n_patterns for one in found),
        )

    def _fit(self, X: Any, y: Any, sample_weight: Any) -> Self:
        programs = self._programs(*self._read(X, y, sample_weight))
        with jax.enable_x64(True):
            return self._keep([self._solve(program) for program in programs])

    def _read(self, X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
        """Inputs, targets (one column per output) and weights of the samples."""
        raise NotImplementedError

    def _programs(
        self,
        x: Float[np.ndarray, "n d"],
        targets: Float[np.ndarray, "n k"],
        weights: Float[np.ndarray, " n"],
    ) -> list[Program]:
        """One programme per output."""
        one_of(get_args(PatternRule), patterns=self.patterns)
        one_of(get_args(Method), method=self.method)
        counts(n_patterns=self.n_patterns)
        positive(penalty=self.penalty, tolerance=self.tolerance)
        if self.patterns == "column-generation" and self.method != "interior-point":
            raise ConfigError(
                "patterns='column-generation' needs method='interior-point', got "
                f"{self.method!r}."
            )
        # A neuron is positively homogeneous, so that the weight of a sample may as well
        # multiply its inputs.
        root = np.sqrt(weights[weights > 0])[:, None]
        x, targets = x[weights > 0], root * targets[weights > 0]
        x = root * (with_bias(x) if self.fit_intercept else x)
        (n, d), k = x.shape, self.n_patterns
        check_memory(*_needs(n, d, k))
        rng = np.random.default_rng(seed_of(self.random_state))
        return [
            convex_program(
                x,
                y,
                patterns=self._patterns(x, y, rng),
                network=self.network,
                relaxation=self.relaxation,
                penalty=float(self.penalty),
            )
            for y in targets.T.copy()
        ]

    def _patterns(
        self,
        x: Float[np.ndarray, "n d"],
        y: Float[np.ndarray, " n"],
        rng: np.random.Generator,
    ) -> Patterns:
        if self.patterns == "enumerated":
            return enumerate_patterns(x)
        gates = cutting_directions(
            x, self.n_patterns, biased=self.fit_intercept, rng=rng
        )
        if self.patterns != "trained":
            return patterns_of(x, gates)
        return trained_patterns(
            x, y, gates, penalty=float(self.penalty), network=self.network
        )

    def _solve(self, program: Program) -> Solution:
        if self.patterns == "column-generation":
            rng = np.random.default_rng(seed_of(self.random_state))
            found = generate_columns(program, tolerance=self.tolerance, rng=rng)
            return found.solution
        if self.method == "interior-point":
            return solve(program, tolerance=self.tolerance)
        solver = solve_admm if self.method == "admm" else solve_reference
        options: dict[str, Any] = {"tolerance": self.tolerance}
        return solver(program, **(options if self.tolerance else {}))

    def _keep(self, solutions: Sequence[Solution]) -> Self:
        """The fitted attributes, from one solution per output."""
        with jax.enable_x64(True):
            parts = [network_of(one.program, one.weights) for one in solutions]
            network = side_by_side(parts)
            self.n_neurons_ = network.weights.shape[1]
            self._network = stored(Biased(network) if self.fit_intercept else network)
            self._parts = [stored(part) for part in parts]
        self._x = solutions[0].program.groups.x
        self._targets = np.stack([one.program.y for one in solutions], axis=1)
        self._penalty = float(self.penalty)
        self.objective_ = float(sum(one.primal for one in solutions))
        self.lower_bound_ = float(sum(one.lower for one in solutions))
        self.gap_ = float(relative_gap(self.objective_, self.lower_bound_))
        self.n_iter_ = sum(one.iterations for one in solutions)
        self.status_ = max((one.status for one in solutions), key=_WORSE.index)
        if self.status_ not in ("optimal", "inaccurate"):
            warn_unfinished(
                f"its objective is within {self.gap_:.1e} of the optimum over its "
                "patterns; raise `tolerance`, or scale the inputs"
            )
        return self

    def _outputs(self, X: Any) -> Float[np.ndarray, "n k"]:
        check_is_fitted(self)
        return outputs(self._network, read(self, X, reset=False))


class ConvexReLURegressor(MultiOutputMixin, RegressorMixin, _ConvexReLU):
    r"""The two-layer ReLU network of least penalised squared error.

    $\min \tfrac12 \|f - y\|^2 + \tfrac\beta2 \sum_j (\|w_j\|^2 + a_j^2)$ over networks
    $f(x) = \sum_j a_j (x^\top w_j)_+$ of any width is a convex programme over their
    activation patterns. It is solved to a certified gap over the patterns at hand.

    Several outputs are several such problems: each neuron serves one output, and the
    objective is the sum. Weights of samples multiply their squared errors. Scale the
    inputs first, for example by `StandardScaler`.

    Args:
        penalty: $\beta > 0$.
        network: `plain`; `skip` adds a linear part $x^\top w_0$, which pays $\beta
            \|w_0\|$; of `normalised` neurons $\|(X w_j)_+\|$ is paid for $\|w_j\|$.
        relaxation: `exact`, the ReLU network; `gated` leaves the cones of the patterns
            out, which is faster: neurons $1(x^\top g_j \ge 0)\, x^\top w_j$.
        patterns: `trained` takes those of `n_patterns` neurons after a short descent,
            `sampled` those of as many random directions, `column-generation` begins
            with these and adds what lowers the objective; `enumerated` takes all, of
            which there are few in low dimension alone.
        n_patterns: Number of directions; the network has at most twice as many neurons.
        fit_intercept: Whether the inputs get a constant one, whose weights (biases of
            the neurons, and of a skip connection) are penalised like the others.
        method: Solver: `interior-point`, `admm` (many samples, small accuracy) or
            `reference` (CVXPY, extra `convex`).
        tolerance: Relative gap at which to stop; `None` takes that of the solver.
        random_state: Seed of the directions.

    Attributes:
        network_: The network as a `Network`, whose outputs are the predictions.
        n_neurons_: Number of its hidden neurons.
        objective_: Its objective.
        lower_bound_: A lower bound of the objective over the patterns at hand.
        gap_: Relative distance of both. Of other patterns `certificate()` speaks.
        status_: `optimal` (the gap is within the tolerance), `inaccurate` (below 1e-5)
            or `max_iterations`; the optimum is that over the patterns at hand.
        n_iter_: Iterations of the solver, those of all outputs together.

    Reference: Pilanci, Ergen 2020 (arXiv 2002.10553); Mishkin, Sahiner, Pilanci 2022
    (arXiv 2202.01331).
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Solve the programme of inputs `(n, d)` and targets `(n,)` or `(n, k)`."""
        return self._fit(X, y, sample_weight)

    def predict(self, X: Any) -> np.ndarray:
        """Outputs of the network, of the shape that the targets had."""
        found = self._outputs(X)
        return found if self._several else found[:, 0]

    def _read(self, X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
        x, targets, self._several = read_targets(self, X, y)
        return x, targets, sample_weights(sample_weight, x)


class ConvexReLUClassifier(ClassifierMixin, _ConvexReLU):
    r"""The two-layer ReLU network of least penalised squared error on classes.

    Two classes are the labels -1 and 1 of one output. Of more classes each has an
    output of its own, with the label 1 for its samples and -1 for all others; no neuron
    serves two outputs, so that the optimum is that of one problem per class, and the
    objective is the sum. The class of the largest output is predicted. Outputs are fits
    of labels and no probabilities.

    Parameters and attributes are those of `ConvexReLURegressor`.

    Attributes:
        classes_: The classes, in the order of the outputs.
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Solve the programmes of inputs `(n, d)` and classes `(n,)`."""
        return self._fit(X, y, sample_weight)

    def decision_function(self, X: Any) -> np.ndarray:
        """Outputs, of shape `(n,)` for two classes and `(n, n_classes)` for more."""
        found = self._outputs(X)
        return found[:, 0] if found.shape[1] == 1 else found

    def predict(self, X: Any) -> np.ndarray:
        """The class of the largest output."""
        return most_likely(self.decision_function(X), self.classes_)

    def _read(self, X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
        x, y = read(self, X, y)
        weights = sample_weights(sample_weight, x)
        self.classes_, labels = classes_of(y, weights)
        return x, signed(labels, len(self.classes_)), weights


_WORSE = ("optimal", "non-unique", "inaccurate", "infeasible", "max_iterations")


def _needs(n: int, d: int, k: int) -> list[Need]:
    """The largest arrays of a fit."""
    samples, inputs, patterns = ("samples", n), ("inputs", d), ("`n_patterns`", k)
    return [
        Need("patterns", (samples, patterns), 8, 2),
        Need("the Newton system", (samples, samples), 8, 2),
        Need("blocks of the programme", (patterns, inputs, inputs), 8, 2),
    ]
