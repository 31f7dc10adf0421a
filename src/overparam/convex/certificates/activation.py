r"""Proven upper bounds of $\max_{\|u\| \le 1} |l^T (X u)_+|$ by branch and bound.

Directions are divided into cones (`cones.py`), those with the largest bounds first.
Each open cone keeps its bound, so that the largest one holds whenever the search ends.
The order does not depend on time or on the number of threads: cones are explored in
batches of one size.
"""

import functools
import heapq
import itertools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from ...checks import at_least
from ...cores import n_threads
from ..solvers.ascent import ascend, signed_rows
from ..solvers.compiled import control_c
from .cones import LEAF, explore, record


Watch = Callable[["Search"], object]
"""Called between batches; a `KeyboardInterrupt` from it ends the search, not more."""

# Cones that are explored between two looks at the clock, and nodes of each.
_BATCH = 8
_NODES = 1000
# Directions with singular values below this part of the largest are left out.
_FLAT = 1e-13
# Rows below this part of all are left out: their squares would underflow.
_TINY = 1e-60
_EPS = float(np.finfo(float).eps)
_STARTS = 40


@dataclass(frozen=True, kw_only=True)
class SearchLimits:
    """When a search ends before its proof is complete.

    Example:
        ```python
        limits = op.convex.SearchLimits(seconds=10)
        op.convex.solve_global(x, y[:, 0], penalty=1.0, limits=limits).gap
        ```
    """

    seconds: float = 60.0
    """Most seconds."""
    nodes: int | None = None
    """Most nodes, and what their last batch has more; `None` sets no limit."""

    def __post_init__(self) -> None:
        # No clock is a limit, too: infinitely many seconds.
        finite = None if self.seconds == np.inf else self.seconds
        at_least(0, seconds=finite, nodes=self.nodes)


class Cone(NamedTuple):
    """An open cone: its rows span it, `drift` is the rounding of its vertices."""

    rows: Float[np.ndarray, "k k"]
    drift: float
    bound: float


class Side:
    """One sign of a multiplier, in units where the sizes of all rows sum to about 1.

    Rows are written in an orthonormal basis of the space that they span; what rounding
    and flat directions leave outside is added to every bound. `LEAF` stands in a tree
    that is written for a node that is not divided.
    """

    LEAF: ClassVar[int]

    def __init__(self, x: Float[np.ndarray, "n d"], dual: Float[np.ndarray, " n"]):
        rows, self.n_plus = signed_rows(x, dual)
        _, singular, right = np.linalg.svd(rows, full_matrices=False)
        self.basis = right[singular > _FLAT * singular.max(initial=0)]
        self.rows = np.ascontiguousarray(rows @ self.basis.T)
        n, d = rows.shape
        outside = np.linalg.norm(rows - self.rows @ self.basis, axis=1).sum()
        mass = 1.01 * float(np.linalg.norm(rows, axis=1).sum())
        gamma = (4 * n + 16 * d + 64) * _EPS
        self.rounding = np.array([gamma * mass + outside, mass])
        self.kappa = 1.01 * np.sqrt(self.dimension)

    @property
    def dimension(self) -> int:
        return len(self.basis)

    def roots(self) -> list[Any]:
        """Nodes that hold all directions; the last field of a node is its bound."""
        raise NotImplementedError

    def explore(
        self, node: Any, target: float
    ) -> tuple[int, float, list[Any], float, Float[np.ndarray, " k"]]:
        """Nodes looked at, the largest bound of those done, open ones, the best."""
        raise NotImplementedError


class ConeSide(Side):
    """A sign that is searched over cones."""

    LEAF = LEAF

    def roots(self) -> list[Cone]:
        """The orthants."""
        signs = itertools.product([1.0, -1.0], repeat=self.dimension)
        return [Cone(np.diag(s), 0.0, np.inf) for s in signs]

    def explore(self, node: Cone, target: float):
        """Explore a cone."""
        budget = _NODES if np.isfinite(node.bound) else 1
        nodes, proven, *parts, best, at = explore(
            self.rows, self.n_plus, node.rows, node.drift, node.bound,
            self.kappa, self.rounding, target, budget,
        )  # fmt: skip
        return (
            nodes,
            proven,
            [Cone(*part) for part in zip(*parts, strict=True)],
            best,
            at,
        )

    def tree(self, cone: Cone, target: float, budget: int):
        """The parts of a cone that are bounded by `target`, as `record` writes them."""
        return record(
            self.rows, self.n_plus, cone.rows, self.kappa, self.rounding, target, budget
        )


def in_units(
    x: Float[np.ndarray, "n d"], dual: Float[np.ndarray, " n"]
) -> tuple[
    Bool[np.ndarray, " n"],
    Float[np.ndarray, "used d"],
    Float[np.ndarray, " used"],
    float,
    int,
]:
    r"""Inputs and multipliers by powers of two: $\sum |l_i| \|x_i\|$ becomes about 1.

    Of samples that are not too small to count, which come first; then what the others
    add, and the exponent that leads back.
    """
    largest = [np.abs(values).max(initial=0) for values in (x, dual)]
    inputs, multipliers = (int(np.frexp(size)[1]) for size in largest)
    x, dual = np.ldexp(x, -inputs), np.ldexp(dual, -multipliers)
    sizes = np.abs(dual) * np.linalg.norm(x, axis=1)
    fit = int(np.frexp(sizes.sum())[1])
    used = sizes > _TINY * sizes.sum()
    rest = float(np.ldexp(sizes[~used].sum(), -fit))
    return used, x[used], np.ldexp(dual[used], -fit), rest, inputs + multipliers + fit


class Search:
    r"""The search for one multiplier, both signs.

    Args:
        x: Inputs, shape `(n, d)`.
        dual: $l$, shape `(n,)`.
        target: The bound that is to be proven.
        tolerance: Where the maximum is above `target`, the relative distance to it that
            is to be proven instead; `None` ends the search at a direction above. What
            rounding adds to a bound is added to both.

    Attributes:
        best: The largest value that was found, a lower bound of the maximum.
        direction: Where, a unit vector; `sign` says for which sign of l.
        n_nodes: Cones that were looked at.
    """

    kind: ClassVar[type[Side]] = Side

    def __init__(
        self,
        x: Float[np.ndarray, "n d"],
        dual: Float[np.ndarray, " n"],
        *,
        target: float = 0.0,
        tolerance: float | None = None,
    ) -> None:
        self.used, x, dual, self._left_out, self.exponent = in_units(x, dual)
        self.sides = (self.kind(x, dual), self.kind(x, -dual))
        self.tolerance = tolerance
        self.target = float(np.ldexp(target, -self.exponent)) - self._left_out
        self._best, self._proven, self.n_nodes = 0.0, 0.0, 0
        self.sign, self.direction = 1, np.zeros(x.shape[1])
        self._order = itertools.count()
        self._heap: list[tuple[float, int, int, Cone]] = []
        for which, side in enumerate(self.sides):
            if side.dimension:
                for cone in side.roots():
                    self._push(self._heap, which, cone)
                rng = np.random.default_rng(0)
                starts = rng.standard_normal((_STARTS, side.dimension))
                found, values = ascend(side.rows, side.n_plus, starts)
                top = int(values.argmax())
                self._meet(which, values[top], found[top])

    def _push(self, heap: list[Any], which: int, cone: Cone) -> None:
        heapq.heappush(heap, (-cone.bound, next(self._order), which, cone))

    def _meet(self, which: int, value: float, at: Float[np.ndarray, " k"]) -> None:
        # Rounding of the value must not end a search for the maximum early.
        if value > self._best:
            self._best, self.sign = float(value), 1 - 2 * which
            self.direction = at @ self.sides[which].basis

    @property
    def best(self) -> float:
        return float(np.ldexp(self._best, self.exponent))

    @property
    def upper(self) -> float:
        """A proven upper bound of the maximum."""
        top = max(self._proven, -self._heap[0][0] if self._heap else 0.0)
        largest = max(float(side.rounding[1]) for side in self.sides)
        return float(np.ldexp(min(top, largest) + self._left_out, self.exponent))

    @property
    def n_open(self) -> int:
        """Cones whose bound is above what is to be proven."""
        return sum(-bound > self._aim for bound, *_ in self._heap)

    @property
    def violated(self) -> bool:
        """Whether no bound can be as low as the target, which ends the search."""
        return self.tolerance is None and self._least > self.target

    @property
    def finished(self) -> bool:
        """Whether the proof is complete, or impossible."""
        return self.violated or not self._heap or -self._heap[0][0] <= self._aim

    @property
    def _aim(self) -> float:
        if self.tolerance is None:
            return self.target
        return max(self.target, self._best * self.tolerance + self._least)

    @property
    def _least(self) -> float:
        """What no bound is below: cones with the best value would be cut forever."""
        rounding = max(float(side.kappa * side.rounding[0]) for side in self.sides)
        return self._best + 2 * rounding if self._best else 0.0

    def advance(self, pool: ThreadPoolExecutor) -> None:
        """Explore the cones with the largest bounds, one batch."""
        aim, heap = self._aim, self._heap.copy()
        batch = [heapq.heappop(heap) for _ in range(min(_BATCH, len(heap)))]
        work = [(self.sides[which], cone, aim) for _, _, which, cone in batch]
        results = list(pool.map(lambda args: args[0].explore(*args[1:]), work))
        for (_, _, which, _), result in zip(batch, results, strict=True):
            nodes, proven, cones, best, at = result
            self.n_nodes += nodes
            self._proven = max(self._proven, proven)
            for cone in cones:
                self._push(heap, which, cone)
            if best > self._best:
                self._meet(which, best, at / np.linalg.norm(at))
        # At once: Control-C may come anywhere before, and no open cone is lost.
        self._heap = heap

    def run(self, limits: SearchLimits, watch: Watch = lambda search: None) -> None:
        """Go on until the search is finished or a limit is reached."""
        ready(type(self))
        end = time.monotonic() + limits.seconds
        with control_c(), ThreadPoolExecutor(n_threads()) as pool:
            while not self.finished and time.monotonic() < end:
                if limits.nodes is not None and self.n_nodes >= limits.nodes:
                    return
                self.advance(pool)
                try:
                    watch(self)
                except KeyboardInterrupt:
                    return


def ready(kind: type[Search]) -> float:
    """Compile a kind of search; the seconds that it took, which count for no limit.

    Once on a machine that takes longer than most searches.
    """
    start = time.monotonic()
    _compile(kind)
    return time.monotonic() - start


@functools.cache
def _compile(kind: type[Search]) -> None:
    search = kind(
        np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), np.array([1.0, 1, -1])
    )
    with ThreadPoolExecutor(1) as pool:
        search.advance(pool)


class ConeSearch(Search):
    """The search over cones of directions."""

    kind = ConeSide
    sides: tuple[ConeSide, ConeSide]
