r"""Activation patterns $D_u = \mathrm{diag}(1(X u \ge 0))$: sampled or enumerated.

Every pattern is kept with a *gate*, a direction that produces it: the gate predicts on
new inputs, and it is a point of the cone $S X u \ge 0$.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import linprog

from ...checks import arrays_by_shape, counts, one_of
from ...errors import ConfigError
from .arrangement import (
    THIN,
    cells,
    distinct_lines,
    first_of_each,
    row_space,
    unit_rows,
)


Sampler = Literal["dense", "sparse", "bisector"]

_MAX_ENUMERATED = 1_000_000
# Enumerated gates nearer to a boundary than this many thin margins are moved inside.
_DEEP = 1e3
# Ratio of sizes that a linear programme bears; it drops coefficients below 1e-9.
_SPREAD = 1e3


@arrays_by_shape
@dataclass(frozen=True, eq=False)
class Patterns:
    """Distinct activation patterns with a direction that produces each.

    Attributes:
        masks: One pattern a row, shape `(patterns, n)`.
        gates: One direction a row, shape `(patterns, d)`.
        complete: Whether these are all patterns of the data.

    Example:
        ```python
        patterns = op.convex.patterns_of(x, np.eye(3))
        patterns.masks.shape, patterns.gates.shape  # a row for each pattern
        ```
    """

    masks: Bool[np.ndarray, "patterns n"]
    gates: Float[np.ndarray, "patterns d"]
    complete: bool = False

    @property
    def n_samples(self) -> int:
        """Number of samples the patterns speak about."""
        return self.masks.shape[1]

    def index(self, mask: Bool[np.ndarray, " n"]) -> int | None:
        """The row of a pattern, `None` if it is absent."""
        rows = np.flatnonzero((self.masks == mask).all(axis=1))
        return int(rows[0]) if len(rows) else None

    def without(self, mask: Bool[np.ndarray, " n"]) -> "Patterns":
        """All patterns but one."""
        return self.subset((self.masks != mask).any(axis=1))

    def subset(self, kept: Bool[np.ndarray, " patterns"]) -> "Patterns":
        """The patterns where `kept` is true."""
        return Patterns(self.masks[kept], self.gates[kept], self.complete)


def patterns_of(
    x: Float[np.ndarray, "n d"], directions: Float[np.ndarray, "k d"]
) -> Patterns:
    """The distinct patterns of given directions, in the order of their first one.

    Example:
        ```python
        patterns = op.convex.patterns_of(x, np.eye(3))
        assert (patterns.masks == (np.asarray(x).T >= 0)).all()
        ```
    """
    masks = directions @ x.T >= 0
    first = first_of_each(masks)
    return Patterns(masks[first], directions[first])


def sample_gates(
    x: Float[np.ndarray, "n d"],
    n_gates: int,
    *,
    sampler: Sampler = "dense",
    rng: np.random.Generator,
) -> Float[np.ndarray, "gates d"]:
    """Random directions: Gaussian, Gaussian on a random half of the features, or
    Gaussian combinations of the differences of pairs of samples.
    """
    counts(n_gates=n_gates)
    one_of(["dense", "sparse", "bisector"], sampler=sampler)
    n, d = x.shape
    if sampler == "bisector":
        pairs = rng.integers(n, size=(2, n_gates))
        gates = x[pairs[0]] - x[pairs[1]]
        same = ~gates.any(axis=1)
        gates[same] = x[pairs[0, same]]
        return gates
    gates = rng.standard_normal((n_gates, d))
    if sampler == "sparse":
        order = rng.random((n_gates, d)).argsort(axis=1)
        gates[order >= math.ceil(d / 2)] = 0
    return gates


def cutting_directions(
    x: Float[np.ndarray, "n d"],
    n_directions: int,
    *,
    biased: bool = False,
    rng: np.random.Generator,
) -> Float[np.ndarray, "directions d"]:
    """Random directions that cut through samples, whatever their units and means.

    Args:
        x: Inputs, shape `(n, d)`.
        n_directions: Number of directions.
        biased: Whether the last column is that of a bias: ones, or what every sample
            was multiplied with.
        rng: Generator.
    """
    counts(n_directions=n_directions)
    means = np.zeros(x.shape[1])
    if biased:
        constant = x[:, -1:]
        means[:-1] = constant[:, 0] @ x[:, :-1] / np.sum(constant**2)
        x = x - constant * means
    sizes = np.linalg.norm(x, axis=0)
    directions = rng.standard_normal((n_directions, x.shape[1]))
    directions *= sizes.max() / np.where(sizes > 0, sizes, sizes.max() or 1)
    if biased:
        directions[:, -1] -= directions @ means
    return directions


def all_ones_direction(x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " d"] | None:
    """A direction with $x_k^T u \\ge 1$ for every row that is not zero, or `None`.

    One linear programme decides; rows that are zero belong to every pattern.

    Example:
        ```python
        direction = op.convex.all_ones_direction(np.abs(x))
        assert (np.abs(x) @ direction >= 1 - 1e-9).all()
        ```
    """
    rows = x[np.any(x != 0, axis=1)]
    n, d = rows.shape
    if not n:
        return np.zeros(d)
    sizes = np.abs(rows).max(axis=1, keepdims=True)
    if sizes.max() < _SPREAD * sizes.min():
        sizes = sizes.max()
    found = linprog(
        np.zeros(d),
        A_ub=-rows / sizes,
        b_ub=-np.ones(n),
        bounds=(None, None),
        method="highs",
    )
    return found.x / np.min(sizes) if found.status == 0 else None


def with_directions(
    patterns: Patterns,
    x: Float[np.ndarray, "n d"],
    directions: Float[np.ndarray, "k d"],
) -> Patterns:
    """Put the patterns of `directions` first; none is ever held twice.

    Example:
        ```python
        patterns = op.convex.enumerate_patterns(x)
        same = op.convex.with_directions(patterns, x, np.eye(3))
        assert len(same.masks) == len(patterns.masks)
        ```
    """
    return patterns_of(x, np.concatenate([directions, patterns.gates]))


def interior_gates(x: Float[np.ndarray, "n d"], patterns: Patterns) -> Patterns:
    """The patterns whose cells are not thin, with gates inside them.

    Rows that are zero lie on every boundary and do not count.
    """
    gates, kept = _moved_inside(unit_rows(x), patterns.masks, patterns.gates, THIN)
    return Patterns(patterns.masks, gates, patterns.complete).subset(kept)


def pattern_count(n_samples: int, rank: int) -> int:
    r"""Number of patterns of points in general position, $2\sum_{k<r}\binom{n-1}{k}$.

    Reference: Cover 1965, Geometrical and statistical properties of systems of linear
    inequalities, eq. 2.
    """
    return 2 * sum(math.comb(n_samples - 1, k) for k in range(rank))


def number_of_patterns(x: Float[np.ndarray, "n d"], *, thin: float = THIN) -> int:
    """At least the number of patterns of the samples, equal to it in general position.

    Samples on one line count once, and the dimension is that of the space they span.
    """
    lines = _lines(unit_rows(x), thin)
    return pattern_count(len(lines), len(row_space(lines, thin=thin)))


def _lines(
    units: Float[np.ndarray, "n d"], thin: float
) -> Float[np.ndarray, "lines d"]:
    return distinct_lines(units[units.any(axis=1)], thin=thin)


def enumerate_patterns(x: Float[np.ndarray, "n d"], *, thin: float = THIN) -> Patterns:
    r"""Every pattern that some direction off all boundaries produces.

    A pattern depends on the directions of the samples alone, and equal, opposite and
    collinear samples share a boundary. A direction is off all boundaries if
    $|x_k^T u| > t \|x_k\| \|u\|$ for every sample that is not zero, where t is `thin`.

    Args:
        x: Inputs, shape `(n, d)`.
        thin: Patterns all of whose directions have a smaller margin may be left out.

    Raises:
        ConfigError: If there would be more than a million patterns.

    Example:
        ```python
        patterns = op.convex.enumerate_patterns(x[:5])
        len(patterns.masks)  # 22 in general position
        ```
    """
    units = unit_rows(x)
    lines = _lines(units, thin)
    if not len(lines):
        return Patterns(np.ones((1, len(x)), bool), np.ones((1, x.shape[1])), True)
    basis = row_space(lines, thin=thin)
    count = pattern_count(len(lines), len(basis))
    if count > _MAX_ENUMERATED:
        raise ConfigError(
            f"enumerating about {count:.1e} patterns is too many; use patterns=sampled "
            "or column-generation."
        )
    gates = cells(lines @ basis.T, thin=thin) @ basis
    masks = gates @ units.T >= 0
    gates, kept = _moved_inside(units, masks, gates, _DEEP * thin, thin=thin)
    return Patterns(masks[kept], gates[kept], complete=True)


def _moved_inside(
    units: Float[np.ndarray, "n d"],
    masks: Bool[np.ndarray, "patterns n"],
    gates: Float[np.ndarray, "patterns d"],
    enough: float,
    *,
    thin: float = THIN,
) -> tuple[Float[np.ndarray, "patterns d"], Bool[np.ndarray, " patterns"]]:
    """Gates inside the cells of their patterns, and which cells are not thin.

    Gates with a margin above `enough` stay where they are; others move to where a
    linear programme finds a larger margin.
    """
    counted = units.any(axis=1)
    rows, masks = units[counted], masks[:, counted]
    margins, gates = _margins(masks, rows, gates), gates.copy()
    for i in np.flatnonzero(margins <= enough):
        # A linear programme: the direction of the unit box whose smallest entry of
        # `signed @ direction` is largest.
        signed = np.where(masks[i], 1, -1)[:, None] * rows
        k, d = signed.shape
        found = linprog(
            np.append(np.zeros(d), -1.0),
            A_ub=np.hstack([-signed, np.ones((k, 1))]),
            b_ub=np.zeros(k),
            bounds=[(-1, 1)] * d + [(None, None)],
            method="highs",
        )
        direction = np.zeros(d) if found.x is None else found.x[:d]
        margin = _margins(masks[i : i + 1], rows, direction[None])[0]
        if margin > margins[i]:
            gates[i], margins[i] = direction, margin
    return gates, margins > thin


def _margins(
    masks: Bool[np.ndarray, "patterns k"],
    rows: Float[np.ndarray, "k d"],
    gates: Float[np.ndarray, "patterns d"],
) -> Float[np.ndarray, " patterns"]:
    """Smallest distance of unit gates to the boundaries, negative outside the cell."""
    values, sizes = gates @ rows.T, np.linalg.norm(gates, axis=1)
    np.negative(values, out=values, where=~masks)
    return values.min(axis=1, initial=np.inf) / np.where(sizes > 0, sizes, 1)
