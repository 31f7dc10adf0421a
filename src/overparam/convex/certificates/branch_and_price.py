r"""The optimum over ReLU networks of any width, with a proof: branch and price.

A network is improved neuron by neuron (`solvers/neurons.py`). Its residual $l$ is a
multiplier, and for a proven bound $s$ of $\sigma(l) = \max_{\|u\| \le 1} |l^T (X u)_+|$
(with a skip connection also $\|X^T l\|$) no network is below $c\,y^T l - \tfrac12 c^2
\|l\|^2$, $c = \min(\beta / s, y^T l / \|l\|^2)$. A search over cones of directions
(`activation.py`) or, in more dimensions, over activation signs (`sign_search.py`) is
asked for no more than the gap needs: the largest s with which this bound is near
enough. A direction that it finds above s is a neuron that the network lacks; it is
added, and all starts again.
"""

import dataclasses
import functools
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ...checks import arrays_by_shape, positive
from ..programs.program import check_data
from ..solvers.bounds import relative_gap
from ..solvers.compiled import control_c
from ..solvers.neurons import UnitNeurons, corrected, improved, no_neurons
from .activation import ConeSearch, Search, SearchLimits, ready
from .bounds import ROUNDING, dual_factor, dual_value, linear_size
from .multipliers import better_multipliers
from .sign_search import SignSearch
from .signed import signed_activation


_FEW_DIMENSIONS = 6
"""Dimensions up to which cones, of which 2^d are roots, are fewer than signs."""
# Inputs of which a node of signs takes no longer than seconds.
_SOME_DIMENSIONS, _MOST_ENTRIES = 12, 20_000
_WIDE_EVERY = 10
# Part of the room for violations that the solver leaves to the search.
_CLOSE = 0.1
# Part of the time that the solver may take before the first search.
_SOLVING = 0.5
_MOST_ROUNDS = 500
# Relative progress between two wide searches below which the solver has stalled.
_STALLED = 1e-12
# Relative distance by which the asked gap is kept.
_REACHED = 1e-9


@arrays_by_shape
@dataclass(frozen=True, eq=False)
class GlobalOptimum:
    """A network and a proven lower bound of the optimum.

    Attributes:
        neurons: The network.
        objective: Its objective, an upper bound of the optimum.
        lower: A lower bound of the optimum over networks of any width.
        dual: The multiplier that proves it.
        size: The proven bound of $\\sigma$ of the multiplier.
        n_nodes: Nodes (cones or sets of signs) that all searches looked at.
        n_open: Nodes that the last one left open.
        proven: Whether the gap that was asked for is proven.
        interrupted: Whether Control-C ended it.
    """

    neurons: UnitNeurons
    objective: float
    lower: float
    dual: Float[np.ndarray, " n"]
    size: float
    n_nodes: int
    n_open: int
    proven: bool
    interrupted: bool = False

    @property
    def gap(self) -> float:
        """Relative distance of `objective` to `lower`."""
        return relative_gap(self.objective, self.lower)

    @property
    def progress(self) -> dict[str, float]:
        """The numbers that a person wants to see live."""
        told = {"best": self.objective, "bound": self.lower}
        # Before a search there are no nodes, which is not that none is open.
        return told | ({"open": self.n_open} if self.n_nodes else {})


Watch = Callable[[GlobalOptimum], object]
"""Called between steps that take seconds; a `KeyboardInterrupt` from it ends all."""


def searchable(x: Float[np.ndarray, "n d"]) -> bool:
    """Whether inputs are few enough for steps of a search that take seconds at most."""
    return x.shape[1] <= _SOME_DIMENSIONS or x.size <= _MOST_ENTRIES


def kind_of_search(x: Float[np.ndarray, "n d"]) -> type[ConeSearch | SignSearch]:
    """The search that needs less time."""
    return ConeSearch if x.shape[1] <= _FEW_DIMENSIONS else SignSearch


def solve_global(
    x: Float[np.ndarray, "n d"],
    y: Float[np.ndarray, " n"],
    *,
    penalty: float,
    skip: bool = False,
    gap: float = 1e-2,
    limits: SearchLimits | None = None,
    watch: Watch = lambda found: None,
    seed: int = 0,
) -> GlobalOptimum:
    r"""Find a network and prove how near it is to the optimum over any width.

    Args:
        x: Inputs, shape `(n, d)`.
        y: Labels, shape `(n,)`.
        penalty: $\beta$ of $\tfrac12 \|f - y\|^2 + \tfrac\beta2 \sum w^2$.
        skip: Whether networks have a linear neuron.
        gap: Relative distance of the objective to the bound that is to be proven.
        limits: When to stop without; `None` takes those of `SearchLimits()`.
        watch: Told the best network and bound of the moment; a `KeyboardInterrupt`,
            from it or of Control-C, ends all with them.
        seed: Of the random starts of the solver.

    Example:
        ```python
        found = op.convex.solve_global(x, y[:, 0], penalty=1.0, gap=1e-2)
        assert found.lower <= found.objective
        ```
    """
    positive(penalty=penalty, gap=gap)
    check_data(x, y)
    return _Pricing(
        x, y, penalty, skip, gap, limits or SearchLimits(), watch, seed
    ).run()


class _Pricing:
    """A problem, the best bound of it so far, and what is left of the limits."""

    def __init__(self, x, y, penalty, skip, gap, limits, watch, seed) -> None:
        # No network changes its output on samples that are zero.
        self.live = x.any(axis=1)
        self.x, self.y, self.idle = x[self.live], y[self.live], y[~self.live]
        self.constant = 0.5 * float(self.idle @ self.idle)
        self.penalty, self.skip, self.gap = penalty, skip, gap
        self.limits, self.watch = limits, watch
        self.start, self.rng = time.monotonic(), np.random.default_rng(seed)
        nothing = not np.any(self.y)
        self.best = GlobalOptimum(
            neurons=no_neurons(x.shape[1]),
            objective=self.constant + 0.5 * float(self.y @ self.y),
            lower=self.constant,
            dual=y,
            size=0.0 if nothing else np.inf,
            n_nodes=0,
            n_open=0,
            proven=nothing,
        )

    def run(self) -> GlobalOptimum:
        try:
            with control_c():
                _compile_solver()
                self.start = time.monotonic()
                self._learn(self.y, signed_activation(self.x, self.y))
                while not self.best.proven and self._left() > 0 and self._round():
                    pass
        except KeyboardInterrupt:
            return dataclasses.replace(self.best, interrupted=True)
        return self.best

    def _round(self) -> bool:
        """Solve, then search; whether it found a neuron that lowers the objective."""
        neurons = self._solved(self.best.neurons)
        dual = neurons.residual(self.x, self.y)
        self._learn(dual, signed_activation(self.x, dual))
        if not (self.best.proven or self.best.n_nodes):
            self._learn_undivided()
        target = self._needed(dual)
        if self.best.proven or target is None or not searchable(self.x):
            return False
        before = self.best.n_nodes

        def told(search: Search) -> None:
            n_nodes, n_open = before + search.n_nodes, search.n_open
            self.best = dataclasses.replace(self.best, n_nodes=n_nodes, n_open=n_open)
            self._learn(dual, search.upper)
            self.watch(self.best)

        kind = kind_of_search(self.x)
        self.start += ready(kind)
        search = kind(self.x, dual, target=target)

        def run() -> bool:
            """Whether a neuron that lowers the objective was found on the way."""
            search.run(self._limits(before), told)
            told(search)
            if not search.best > target:
                return False
            met, sign = self.best.objective, np.array([float(search.sign)])
            larger = neurons.with_more(search.direction[None], sign)
            self._meet(corrected(larger, self.x, self.y, self.penalty))
            return self.best.objective < met * (1 - _STALLED)

        more = run()
        if search.violated and not more:
            # By rounding alone. What the multiplier proves all the same is still open.
            search.tolerance = self.gap
            more = run()
        spent = self.limits.nodes is not None and self.best.n_nodes >= self.limits.nodes
        return more and not spent

    def _limits(self, before: int) -> SearchLimits:
        """What is left for a search that comes after so many nodes."""
        nodes = self.limits.nodes
        return SearchLimits(
            seconds=max(0.0, self._left()),
            nodes=None if nodes is None else max(0, nodes - before),
        )

    def _learn_undivided(self) -> None:
        """The best bound without a search, or what the time leaves of it."""
        dual, network = self.y, "skip" if self.skip else "plain"
        for better in better_multipliers(
            self.x, self.y, penalty=self.penalty, network=network
        ):
            dual = better
            self.watch(self.best)
            if self._left() <= 0:
                break
        self._learn(dual, signed_activation(self.x, dual))

    def _left(self) -> float:
        """Seconds that are left."""
        return self.limits.seconds - (time.monotonic() - self.start)

    def _solved(self, neurons: UnitNeurons) -> UnitNeurons:
        """Rounds until a wide search finds no violation that matters, or time ends."""
        until, last = _SOLVING * self._left(), np.inf
        for step in range(_MOST_ROUNDS):
            self.watch(self.best)
            wide = step % _WIDE_EVERY == 0
            better, worst = improved(
                neurons,
                self.x,
                self.y,
                self.penalty,
                skip=self.skip,
                wide=wide,
                rng=self.rng,
            )
            needed = self._needed(neurons.residual(self.x, self.y))
            room = None if needed is None else needed / self.penalty - 1
            near = room is not None and worst <= self.penalty * (1 + _CLOSE * room)
            stalled = self.best.objective >= last * (1 - _STALLED)
            if (wide and (near or stalled)) or self._left() < until:
                break
            last = self.best.objective if wide else last
            neurons = better
            self._meet(neurons)
        return neurons

    def _meet(self, neurons: UnitNeurons) -> None:
        objective = neurons.objective(self.x, self.y, self.penalty) + self.constant
        if objective < self.best.objective:
            self.best = dataclasses.replace(
                self.best, neurons=neurons, objective=objective
            )

    def _needed(self, dual: Float[np.ndarray, " n"]) -> float | None:
        r"""The largest $\sigma$ with which a multiplier proves the gap, if any does."""
        least = self.best.objective / (1 + self.gap) * (1 + _REACHED) - self.constant
        linear, square = float(self.y @ dual), float(dual @ dual)
        if not min(linear, least) > 0:
            return None
        inside = 1 - 2 * (square / linear) * (least / linear)
        if not inside >= 0:
            return None
        # The smaller root c of c y.l - c^2 |l|^2 / 2 = least, and sigma = penalty / c.
        return self.penalty * (linear / least) * (1 + float(np.sqrt(inside))) / 2

    def _learn(self, dual: Float[np.ndarray, " n"], size: float) -> None:
        """What a proven bound of a multiplier says."""
        if self.skip:
            size = max(size, linear_size(self.x, dual))
        most = (1 + ROUNDING) * size / self.penalty
        lower = dual_value(self.y, dual, size=most) + self.constant
        if lower > self.best.lower:
            # The multiple that proves it has the labels of samples that are zero.
            full = np.empty(len(self.live))
            full[self.live] = dual
            full[~self.live] = self.idle / dual_factor(self.y, dual, size=most)
            self.best = dataclasses.replace(
                self.best, lower=lower, dual=full, size=size
            )
        proven = bool(self.best.gap <= self.gap)
        self.best = dataclasses.replace(self.best, proven=proven)


@functools.cache
def _compile_solver() -> None:
    """Compile what comes before a search, which counts for no limit either."""
    x, y = np.eye(2), np.array([1.0, -1.0])
    signed_activation(x, y)
    rng = np.random.default_rng(0)
    improved(no_neurons(2), x, y, 1.0, skip=False, wide=False, rng=rng)
