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

from ..checks import at_least, one_of
from ..errors import ConfigError


Sampler = Literal["dense", "sparse", "bisector"]

_MAX_ENUMERATED = 1_000_000


@dataclass(frozen=True, eq=False)
class Patterns:
    """Distinct activation patterns with a direction that produces each.

    Attributes:
        masks: One pattern a row, shape `(patterns, n)`.
        gates: One direction a row, shape `(patterns, d)`.
        complete: Whether these are all patterns of the data.
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
    """The distinct patterns of given directions, in the order of their first one."""
    masks = directions @ x.T >= 0
    packed = np.packbits(masks, axis=1)
    _, first = np.unique(packed, axis=0, return_index=True)
    first.sort()
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
    at_least(1, n_gates=n_gates)
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


def all_ones_direction(x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " d"] | None:
    """A direction with $x_k^T u \\ge 1$ for every row that is not zero, or `None`.

    One linear programme decides; rows that are zero belong to every pattern.
    """
    rows = x[np.any(x != 0, axis=1)]
    scale = np.abs(rows).max(initial=0)
    if scale == 0:
        return np.zeros(x.shape[1])
    n, d = rows.shape
    found = linprog(
        np.zeros(d),
        A_ub=-rows / scale,
        b_ub=-np.ones(n),
        bounds=(None, None),
        method="highs",
    )
    return found.x / scale if found.status == 0 else None


def with_directions(
    patterns: Patterns,
    x: Float[np.ndarray, "n d"],
    directions: Float[np.ndarray, "k d"],
) -> Patterns:
    """Put the patterns of `directions` first; none is ever held twice."""
    return patterns_of(x, np.concatenate([directions, patterns.gates]))


def interior_gates(x: Float[np.ndarray, "n d"], patterns: Patterns) -> Patterns:
    """The patterns that an open set of directions produces, with gates inside it."""
    signs = 2.0 * patterns.masks - 1.0
    margins = (signs * (patterns.gates @ x.T)).min(axis=1)
    kept, gates = margins > 0, patterns.gates.copy()
    for i in np.flatnonzero(~kept):
        inside = _interior(signs[i][:, None] * x)
        if inside is not None:
            gates[i], kept[i] = inside, True
    return Patterns(patterns.masks, gates, patterns.complete).subset(kept)


def pattern_count(n_samples: int, rank: int) -> int:
    r"""Number of patterns of points in general position, $2\sum_{k<r}\binom{n-1}{k}$.

    Reference: Cover 1965, Geometrical and statistical properties of systems of linear
    inequalities, eq. 2.
    """
    return 2 * sum(math.comb(n_samples - 1, k) for k in range(rank))


def enumerate_patterns(x: Float[np.ndarray, "n d"]) -> Patterns:
    """Every pattern that some direction off all boundaries produces.

    In two dimensions by a sweep of the boundary angles, else by adding the samples one
    after the other and keeping the sign vectors that a linear programme can realise.

    Raises:
        ConfigError: If there would be more than a million patterns.
    """
    n, d = x.shape
    count = pattern_count(n, min(n, d))
    if count > _MAX_ENUMERATED:
        raise ConfigError(
            f"enumerating about {count:.1e} patterns is too many; use patterns=sampled "
            "or column-generation."
        )
    gates = _sweep(x) if d == 2 else _grow(x)
    found = patterns_of(x, gates)
    return Patterns(found.masks, found.gates, complete=True)


def _sweep(x: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "cells 2"]:
    angles = np.arctan2(x[:, 1], x[:, 0])[np.any(x != 0, axis=1)]
    boundaries = np.concatenate([angles + np.pi / 2, angles - np.pi / 2])
    boundaries = np.unique(np.mod(boundaries, 2 * np.pi))
    following = np.append(boundaries[1:], boundaries[0] + 2 * np.pi)
    middle = (boundaries + following) / 2
    return np.stack([np.cos(middle), np.sin(middle)], axis=1)


def _grow(x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "cells d"]:
    rows = x[np.any(x != 0, axis=1)]
    if not len(rows):
        return np.ones((1, x.shape[1]))
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cells = np.stack([rows[0], -rows[0]])
    for k in range(1, len(rows)):
        cells = np.concatenate([_split(rows[: k + 1], gate) for gate in cells])
    return cells


def _split(
    rows: Float[np.ndarray, "k d"], gate: Float[np.ndarray, " d"]
) -> Float[np.ndarray, "cells d"]:
    """The one or two cells that the last row makes of the cell of `gate`."""
    signs = np.where(rows[:-1] @ gate >= 0, 1.0, -1.0)
    found = []
    for last in (1.0, -1.0):
        direction = _interior(np.append(signs, last)[:, None] * rows)
        if direction is not None:
            found.append(direction)
    return np.stack(found)


def _interior(
    signed: Float[np.ndarray, "k d"], *, margin: float = 1e-9
) -> Float[np.ndarray, " d"] | None:
    """The direction of the unit box that maximises the smallest entry of `signed u`."""
    k, d = signed.shape
    found = linprog(
        np.append(np.zeros(d), -1.0),
        A_ub=np.hstack([-signed, np.ones((k, 1))]),
        b_ub=np.zeros(k),
        bounds=[(-1, 1)] * d + [(None, None)],
        method="highs",
    )
    return found.x[:d] if found.status == 0 and found.x[d] > margin else None
