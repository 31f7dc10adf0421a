r"""How far a trained two-layer ReLU network is from the optimum of its own problem.

The problem is $\tfrac12 \|f - y\|^2 + \tfrac\beta2 \sum w^2$. For any $l$ and
$\sigma(l) = \max_{\|u\| \le 1} |l^T (X u)_+|$ (with a skip connection also
$\|X^T l\|$), every $c \in [0, \beta/\sigma(l)]$ gives the lower bound
$c\,y^T l - \tfrac12 c^2 \|l\|^2$ of the optimum over networks of any width. Normalised
networks pay $\beta$ for every unit of output instead, and $\sigma(l) = \max_u |l^T (X
u)_+| / \|(X u)_+\|$. Three tiers say how $\sigma$ was bounded:

* `certified`: the convex programme over *all* activation patterns, which holds the
  exact optimum (low dimension only);
* `certified-loose`: a bound of $\sigma$ in any dimension (an eigenvalue; normalised:
  $\max(\|l_+\|, \|l_-\|)$, because outputs are nonnegative);
* `estimate`: the optimum over sampled patterns, which is no bound for the network.
"""

from typing import Literal

import equinox as eqx
import numpy as np
from jaxtyping import Float

from ..checks import positive
from ..errors import ConfigError
from ..networks.two_layer import TwoLayer
from .bounds import relative_gap
from .interior_point import solve
from .maps import network_objective, network_patterns
from .patterns import Patterns, enumerate_patterns, pattern_count, with_directions
from .programs import Architecture, check_data, convex_program


Tier = Literal["certified", "certified-loose", "estimate"]

MOST_ENUMERATED = 4000
"""Most activation patterns for which the certified tier is computed."""
_SCALING_STEPS = 60


class NetworkCertificate(eqx.Module):
    """Bounds of the optimum of a network's problem.

    Attributes:
        objective: Objective of the balanced network, an upper bound of the optimum.
        lower: Lower bound of the optimum over networks of any width.
        tier: How `lower` is known: `certified` or `certified-loose`.
        estimate: Optimum over the patterns at hand; not a bound unless `certified`.
        best_known: The smallest objective of any network found on the way.
        n_patterns: Number of patterns at hand.
    """

    objective: float
    lower: float
    tier: Tier
    estimate: float
    best_known: float
    n_patterns: int

    @property
    def gap(self) -> float:
        """Relative distance of `objective` to `lower`."""
        return relative_gap(self.objective, self.lower)

    @property
    def estimated_gap(self) -> float:
        """Relative distance of `objective` to the best known objective."""
        return relative_gap(self.objective, self.best_known)


def certify_network(
    network: TwoLayer,
    x: Float[np.ndarray, "n d"],
    y: Float[np.ndarray, " n"],
    *,
    penalty: float,
    patterns: Patterns | None = None,
    normalised: bool = False,
) -> NetworkCertificate:
    r"""Bound the distance of a network to the global optimum of its problem.

    Args:
        network: A plain or skip ReLU network with one output.
        x: Training inputs, shape `(n, d)`.
        y: Training labels, shape `(n,)`.
        penalty: $\beta$.
        patterns: Patterns to solve over besides those of the network where they cannot
            all be enumerated.
        normalised: Whether neurons pay for their outputs on the data, not for weights.

    Reference: Wang et al. 2022 (arXiv 2209.15265), the dual in section 2.
    """
    positive(penalty=penalty)
    check_data(x, y)
    if normalised and network.skip:
        raise ConfigError("a normalised network has no skip connection.")
    objective = network_objective(network, x, y, penalty=penalty, normalised=normalised)
    own = network_patterns(network, x)
    if pattern_count(len(x), min(x.shape)) <= MOST_ENUMERATED:
        own = enumerate_patterns(x)
    elif patterns is not None:
        own = with_directions(own, x, patterns.gates)
    architecture: Architecture = "skip" if network.skip else "plain"
    if normalised:
        architecture = "normalised"
    program = convex_program(
        x,
        y,
        patterns=own,
        network=architecture,
        relaxation="exact",
        penalty=penalty,
    )
    solution = solve(program)
    tier, lower = "certified", solution.lower
    if not own.complete:
        # Any multiplier gives a bound; the best of two is taken.
        residual = y - solution.predictions
        tier = "certified-loose"
        lower = max(
            loose_bound(x, y, dual, penalty=penalty, network=architecture)
            for dual in (solution.dual, residual, y)
        )
    best = min(objective, solution.primal)
    return NetworkCertificate(
        objective, lower, tier, solution.primal, best, len(own.masks)
    )


def loose_bound(
    x: Float[np.ndarray, "n d"],
    y: Float[np.ndarray, " n"],
    dual: Float[np.ndarray, " n"],
    *,
    penalty: float,
    network: Architecture,
) -> float:
    """The lower bound that a multiplier proves by a bound of its activation."""
    if network == "normalised":
        parts = np.maximum(dual, 0), np.maximum(-dual, 0)
        size = max(float(np.linalg.norm(part)) for part in parts)
    else:
        size = loose_activation(x, dual)
    if network == "skip":
        size = max(size, float(np.linalg.norm(x.T @ dual)))
    square, linear = float(dual @ dual), float(y @ dual)
    if not square or not size:
        return 0.0
    factor = max(0.0, min(linear / square, penalty / size))
    return factor * linear - 0.5 * factor**2 * square


def loose_activation(
    x: Float[np.ndarray, "n d"], dual: Float[np.ndarray, " n"]
) -> float:
    r"""An upper bound of $\max_{\|u\| \le 1} |l^T (X u)_+|$ in any dimension.

    $(t)_+ = (t + |t|)/2$ gives $\tfrac12 \|X^T l\| + \tfrac12 \max_{s \in \{-1,1\}^n}
    \|X^T \mathrm{diag}(l) s\|$, and for every positive diagonal $\Delta$ the maximum
    is at most $\sqrt{\mathrm{tr}\Delta\; \lambda_{\max}(\Delta^{-1/2} Q
    \Delta^{-1/2})}$ with $Q = \mathrm{diag}(l) X X^T \mathrm{diag}(l)$.
    """
    rows = dual[:, None] * x
    rows = rows[np.any(rows != 0, axis=1)]
    if not len(rows):
        return 0.0
    scale = np.linalg.norm(rows, axis=1)
    best = np.inf
    for step in range(_SCALING_STEPS):
        left, sizes, _ = np.linalg.svd(rows / np.sqrt(scale)[:, None])
        best = min(best, float(np.sqrt(scale.sum()) * sizes[0]))
        # At the minimum the leading eigenvector has weights proportional to the scale.
        share = left[:, 0] ** 2 / (scale / scale.sum())
        scale = scale * (1e-3 + share) ** (1 / (2 + step))
    return 0.5 * float(np.linalg.norm(x.T @ dual)) + 0.5 * best
