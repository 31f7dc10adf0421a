r"""How much can be removed at which error: whole curves from one sort.

A layer is cut into parts (columns, kernels, entries or singular values) whose squared
sizes add up to its squared Frobenius norm. Removing the k smallest parts makes the
relative squared error $S_k / S_n$, and every question is answered from the cumulative
sums $S$.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from jaxtyping import Float64, Int
from numpy import ndarray

from ...checks import arrays_by_shape, in_range, one_of
from ...errors import ConfigError


Metric = Literal["squared", "plain"]
Scope = Literal["layer", "global", "global-normalised"]

ERROR_SLACK = 1e-12
"""Relative slack of an allowed error: .29 of 100 equal columns removes 29."""
COUNT_SLACK = 1e-9
"""Slack of a fraction times a count before it is rounded down."""


@arrays_by_shape
@dataclass(frozen=True)
class PruningCurve:
    """The parts of one layer in the order of removal, smallest first.

    Attributes:
        squared_sizes: Squared size of every part in its own place, in float64.
    """

    squared_sizes: Float64[ndarray, " n"]

    def __post_init__(self) -> None:
        sizes = self.squared_sizes
        if sizes.ndim != 1 or sizes.size == 0:
            raise ConfigError(
                f"`squared_sizes` must be a non-empty vector, got shape {sizes.shape}."
            )
        if not (np.all(np.isfinite(sizes)) and np.all(sizes >= 0)):
            raise ConfigError("`squared_sizes` must be finite and at least 0.")

    @cached_property
    def order(self) -> Int[ndarray, " n"]:
        """Parts from the smallest; of equal ones the lowest index first."""
        return np.argsort(self.squared_sizes, kind="stable")

    @cached_property
    def cumulative(self) -> Float64[ndarray, " n"]:
        """$S_1, ..., S_n$: squared size of the k smallest parts together."""
        return np.cumsum(self.squared_sizes[self.order].astype(np.float64))

    def __len__(self) -> int:
        return self.squared_sizes.size

    def error(self, k: int, *, metric: Metric = "squared") -> float:
        """Relative error of removing the k smallest parts."""
        total = self.cumulative[-1]
        squared = float(self.cumulative[k - 1] / total) if k and total else 0.0
        return squared if metric == "squared" else math.sqrt(squared)

    def count_for_error(self, eps: float, *, metric: Metric = "squared") -> int:
        r"""The largest k with $S_k \le \epsilon S_n$ (`plain`: $\epsilon^2 S_n$).

        An error of 0 removes exactly the zero parts; a layer of zeros loses all.

        Raises:
            ConfigError: If `eps` is not in [0, 1).
        """
        check_error(eps)
        one_of(["squared", "plain"], metric=metric)
        allowed = (eps if metric == "squared" else eps**2) * self.cumulative[-1]
        bound = allowed * (1 + ERROR_SLACK)
        return int(np.searchsorted(self.cumulative, bound, side="right"))

    def count_for_ratio(self, ratio: float) -> int:
        """`floor(n * ratio)` parts."""
        in_range(0, 1, ratio=ratio)
        return math.floor(len(self) * ratio + COUNT_SLACK)

    def removed(self, k: int) -> Int[ndarray, " k"]:
        """Indices of the k smallest parts, ascending."""
        return np.sort(self.order[:k])


def counts_for_error(
    curves: Mapping[str, PruningCurve],
    eps: float,
    *,
    metric: Metric = "squared",
    scope: Scope = "layer",
) -> dict[str, int]:
    """How many parts each layer loses at a relative error `eps`.

    Args:
        curves: Curve of every prunable layer.
        eps: Allowed relative error in [0, 1).
        metric: `squared` compares squared norms, `plain` norms.
        scope: The error of each `layer`, or of all layers together in one sort:
            `global`, or `global-normalised` by the Frobenius norm of each layer.

    Returns:
        Number of parts to remove, by layer.
    """
    if scope == "layer":
        return {
            name: curve.count_for_error(eps, metric=metric)
            for name, curve in curves.items()
        }
    joint = _joint(curves, scope)
    return _split(curves, joint, joint.count_for_error(eps, metric=metric))


def counts_for_ratio(
    curves: Mapping[str, PruningCurve], ratio: float, *, scope: Scope = "layer"
) -> dict[str, int]:
    """How many parts each layer loses when a fraction `ratio` of them is removed.

    Example:
        ```python
        curves = op.analysis.pruning_curves(network)
        assert op.analysis.counts_for_ratio(curves, 0.5) == {"weights": 4}
        ```
    """
    if scope == "layer":
        return {name: curve.count_for_ratio(ratio) for name, curve in curves.items()}
    joint = _joint(curves, scope)
    return _split(curves, joint, joint.count_for_ratio(ratio))


def check_error(eps: float) -> None:
    """`eps` lies in [0, 1)."""
    if not 0 <= eps < 1:
        raise ConfigError(
            f"`eps` must be in [0, 1), got {eps:g}; to remove all columns use "
            "parameter-ratio 1."
        )


def _joint(curves: Mapping[str, PruningCurve], scope: Scope) -> PruningCurve:
    one_of(["layer", "global", "global-normalised"], scope=scope)
    sizes = [curve.squared_sizes for curve in curves.values()]
    if scope == "global-normalised":
        sizes = [s / s.sum() if s.sum() > 0 else s for s in sizes]
    return PruningCurve(np.concatenate(sizes))


def _split(
    curves: Mapping[str, PruningCurve], joint: PruningCurve, k: int
) -> dict[str, int]:
    # One stable sort keeps the order within a layer: its removed parts are its own
    # smallest ones, so that a count says which they are.
    ends = np.cumsum([len(curve) for curve in curves.values()])
    owner = np.searchsorted(ends, joint.order[:k], side="right")
    counts = np.bincount(owner, minlength=len(curves))
    return dict(zip(curves, counts.tolist(), strict=True))
