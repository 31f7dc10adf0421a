"""What convex estimators share: the problems of their outputs, solved and proven."""

import copy
from dataclasses import dataclass
from typing import Any, Literal, Self, cast, get_args

import jax
import numpy as np
from jaxtyping import Float
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from ..checks import counts, one_of, positive
from ..convex.certificates.activation import SearchLimits
from ..convex.certificates.branch_and_price import solve_global
from ..convex.certificates.certificate import (
    NetworkCertificate,
    certify_network,
    sum_of,
)
from ..convex.maps import network_of, network_of_neurons, side_by_side
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
from ..networks.gated import GatedTwoLayer
from ..networks.network import Network
from ..networks.two_layer import TwoLayer
from .inputs import (
    outputs,
    read,
    seed_of,
    stored,
    warn_unfinished,
)


PatternRule = Literal["trained", "sampled", "column-generation", "enumerated"]
Method = Literal["interior-point", "admm", "reference", "global"]

_GLOBAL_GAP, _MOST_CONES = 1e-2, 1_000_000
"""Gap that `global` is asked for, and most cones of its search: no clock unless one is
asked for, so that equal data give equal networks."""


@dataclass(frozen=True)
class _Fit:
    """The network of one output, and what is proven of it."""

    network: TwoLayer | GatedTwoLayer
    primal: float
    lower: float
    status: str
    iterations: int
    interrupted: bool = False


class ConvexReLU(BaseEstimator):
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
        max_seconds: float | None = None,
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
        self.max_seconds = max_seconds
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
        if self.method == "global":
            raise ConfigError(
                "a path is one over the patterns at hand; give another `method` than "
                "'global'."
            )
        data = template._weighted(X, y, None)
        programs = template._programs(*data)
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
        with jax.enable_x64(True):
            for solutions in zip(*paths, strict=True):
                one = copy.copy(template)
                one.set_params(penalty=solutions[0].program.penalty)
                fitted.append(one._keep(data, *map(_fit_of, solutions)))
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
        if not isinstance(from_arrays(*self._parts[0]), TwoLayer):
            raise ConfigError(
                "a gated fit is no ReLU network and has no certificate among them; fit "
                "with relaxation='exact'."
            )
        with jax.enable_x64(True):
            found: list[NetworkCertificate] = []
            for part, y in zip(self._parts, self._targets.T.copy(), strict=True):
                # Control-C ends the searches of all outputs.
                ended = any(one.found and one.found.interrupted for one in found)
                found.append(
                    certify_network(
                        cast(TwoLayer, from_arrays(*part)),
                        self._x,
                        y,
                        penalty=self._penalty,
                        normalised=self._architecture == "normalised",
                        search=SearchLimits(seconds=0.0 if ended else seconds),
                        gap=gap,
                    )
                )
        return found[0] if len(found) == 1 else sum_of(found, gap=gap)

    def _fit(self, X: Any, y: Any, sample_weight: Any) -> Self:
        data = x, targets = self._weighted(X, y, sample_weight)
        with jax.enable_x64(True):
            if self.method == "global":
                fits = list[_Fit]()
                for y in targets.T.copy():
                    # Control-C ends the searches of all outputs.
                    ended = any(fit.interrupted for fit in fits)
                    seconds = 0.0 if ended else self.max_seconds or np.inf
                    fits.append(self._optimum(x, y, seconds))
            else:
                programs = self._programs(x, targets)
                fits = [_fit_of(self._solve(program)) for program in programs]
            return self._keep(data, *fits)

    def _read(self, X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
        """Inputs, targets (one column per output) and weights of the samples."""
        raise NotImplementedError

    def _weighted(self, X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any]:
        """Inputs and targets of the problem: weighted, with the input that is one."""
        x, targets, weights = self._read(X, y, sample_weight)
        one_of(get_args(PatternRule), patterns=self.patterns)
        one_of(get_args(Method), method=self.method)
        counts(n_patterns=self.n_patterns)
        positive(
            penalty=self.penalty, tolerance=self.tolerance, max_seconds=self.max_seconds
        )
        if self.max_seconds is not None and self.method != "global":
            raise ConfigError(
                "`max_seconds` has an effect with method='global' only, got "
                f"{self.max_seconds:g} with {self.method!r}."
            )
        if self.patterns == "column-generation" and self.method != "interior-point":
            raise ConfigError(
                "patterns='column-generation' needs method='interior-point', got "
                f"{self.method!r}."
            )
        # A neuron is positively homogeneous, so that the weight of a sample may as well
        # multiply its inputs.
        root = np.sqrt(weights[weights > 0])[:, None]
        x, targets = x[weights > 0], root * targets[weights > 0]
        return root * (with_bias(x) if self.fit_intercept else x), targets

    def _programs(
        self, x: Float[np.ndarray, "n d"], targets: Float[np.ndarray, "n k"]
    ) -> list[Program]:
        """One programme per output."""
        (n, d), k = x.shape, self.n_patterns
        samples, inputs, patterns = ("samples", n), ("inputs", d), ("`n_patterns`", k)
        check_memory(
            Need("patterns", (samples, patterns), 8, 2),
            Need("the Newton system", (samples, samples), 8, 2),
            Need("blocks of the programme", (patterns, inputs, inputs), 8, 2),
        )
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

    def _optimum(
        self,
        x: Float[np.ndarray, "n d"],
        y: Float[np.ndarray, " n"],
        seconds: float,
    ) -> _Fit:
        """The network of an output, against those of any width.

        Raises:
            ConfigError: If the network is normalised or gated.
        """
        if self.network == "normalised" or self.relaxation == "gated":
            raise ConfigError(
                "method='global' needs network='plain' or 'skip' and "
                f"relaxation='exact', got {self.network!r} and {self.relaxation!r}."
            )
        skip = self.network == "skip"
        found = solve_global(
            x,
            y,
            penalty=float(self.penalty),
            skip=skip,
            gap=self.tolerance or _GLOBAL_GAP,
            limits=SearchLimits(seconds=seconds, nodes=_MOST_CONES),
            seed=seed_of(self.random_state),
        )
        return _Fit(
            network_of_neurons(found.neurons, skip=skip),
            found.objective,
            found.lower,
            "optimal" if found.proven else "max_iterations",
            found.n_nodes,
            found.interrupted,
        )

    def _keep(self, data: tuple[Any, Any], *fits: _Fit) -> Self:
        """The fitted attributes, from the problem and one network per output."""
        with jax.enable_x64(True):
            parts = [fit.network for fit in fits]
            network = side_by_side(parts)
            self.n_neurons_ = network.weights.shape[1]
            self._network = stored(Biased(network) if self.fit_intercept else network)
            self._parts = [stored(part) for part in parts]
        # What was fitted; parameters may be set to others afterwards.
        self._x, self._targets = data
        self._penalty, self._architecture = float(self.penalty), self.network
        self.objective_ = float(sum(fit.primal for fit in fits))
        self.lower_bound_ = float(sum(fit.lower for fit in fits))
        self.gap_ = float(relative_gap(self.objective_, self.lower_bound_))
        self.n_iter_ = sum(fit.iterations for fit in fits)
        self.status_ = max((fit.status for fit in fits), key=_WORSE.index)
        if self.status_ not in ("optimal", "inaccurate"):
            remedy = "`max_seconds`, `tolerance`" if self.max_seconds else "`tolerance`"
            warn_unfinished(
                f"its objective is within {self.gap_:.1e} of the optimum; raise "
                f"{remedy}, or scale the inputs"
            )
        return self

    def _outputs(self, X: Any) -> Float[np.ndarray, "n k"]:
        check_is_fitted(self)
        return outputs(self._network, read(self, X, reset=False))


def _fit_of(solution: Solution) -> _Fit:
    return _Fit(
        network_of(solution.program, solution.weights),
        solution.primal,
        solution.lower,
        solution.status,
        solution.iterations,
    )


_WORSE = ("optimal", "non-unique", "inaccurate", "infeasible", "max_iterations")
