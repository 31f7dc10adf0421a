r"""Neural isometry conditions: when the planted model must be the minimum-norm one.

For planted groups s with unit weights $q_s$, let $\lambda$ be the least-norm solution
of $A_s^T \lambda = q_s$ for all s. If $\|A_g^T \lambda\| < 1$ for every other group,
$\lambda$ proves that the planted weights are optimal; if moreover the planted blocks
are independent, they are the only optimum.

| network | planted | condition | $A_s$ |
|---|---|---|---|
| skip | one linear neuron | NIC-L | $X$ |
| plain | k ReLU neurons | NIC-1, NIC-k | $D_s X$ |
| normalised | k ReLU neurons | NNIC-1, NNIC-k | $U_s$ |

Reference: Wang et al. 2022 (arXiv 2209.15265), sections 3 to 5; the probability of an
all-ones pattern: Wendel 1962, A problem in geometric probability.
"""

import math

import equinox as eqx
import numpy as np
from jaxtyping import Float
from scipy.stats import norm

from ..programs.groups import Samples
from ..programs.program import Program
from .planted import PlantedWeights


# Singular values of the planted blocks below this fraction of the largest are zero.
_RANK_TOLERANCE = 1e-8
# Residual up to which the planted equations count as solved.
_SOLVED = 1e-9
STRICT = 1e-9
"""Distance from one that counts as strictly below one."""


class Isometry(eqx.Module):
    r"""What the condition found.

    Attributes:
        multiplier: $\lambda$.
        cone_dual: Multipliers of the cones that go with it, if any.
        largest: $\max_g \|A_g^T \lambda\|$ over the groups that are not planted.
        solvable: Whether $\lambda$ solves the planted equations.
        independent: Whether the planted blocks are linearly independent.
    """

    multiplier: Samples
    cone_dual: Float[np.ndarray, "cones n"] | None
    largest: float
    solvable: bool
    independent: bool

    @property
    def holds(self) -> bool:
        """Whether the planted weights are proven to be the only optimum."""
        return self.solvable and self.independent and self.largest < 1 - STRICT


def neural_isometry(
    program: Program,
    planted: PlantedWeights,
    *,
    near: Samples | None = None,
    cone_dual: Float[np.ndarray, "cones n"] | None = None,
) -> Isometry:
    r"""The isometry condition of a programme, over the patterns it holds.

    Args:
        program: A minimum-norm programme, gated or exact.
        planted: The planted neurons in its coordinates.
        near: Take the solution $\lambda$ of the planted equations that is nearest to
            this one instead of the least-norm solution. With a dual optimum the
            condition is then necessary too, up to numerical accuracy.
        cone_dual: Multipliers of the cones of an exact programme to go with `near`.

    Example:
        ```python
        patterns = op.convex.patterns_of(x, rng.normal(size=(30, 3)))
        program = op.convex.convex_program(
            x, x @ np.ones(3), patterns=patterns, network="skip"
        )
        planted = op.convex.plant(program, np.ones((1, 3)))
        op.convex.neural_isometry(program, planted).holds
        ```
    """
    chosen = np.flatnonzero(planted.groups)
    some = program.groups.select(chosen)
    units = np.eye(some.dimension)[:, None].repeat(len(chosen), axis=1)
    columns = np.stack([some.outputs(unit) for unit in units], axis=1)
    weights = planted.weights[chosen]
    directions = weights / np.linalg.norm(weights, axis=1, keepdims=True)
    blocks, target = columns.reshape(-1, columns.shape[-1]).T, directions.ravel()
    start = np.zeros(len(program.y)) if near is None else near
    rank, multiplier = _nearest(blocks, target, start)
    lengths = np.linalg.norm(blocks, axis=0)
    used = lengths > 0
    if rank < used.sum():
        # The same equations in units that make their columns comparable.
        some, right = blocks[:, used] / lengths[used], target[used] / lengths[used]
        rank, multiplier = _nearest(some, right, start)
    residual = np.linalg.norm(blocks.T @ multiplier - target)
    if cone_dual is not None:
        # A planted neuron is inside its cone, whose multipliers must vanish.
        cone_dual = np.where(planted.groups[program.n_skip :, None], 0, cone_dual)
    sizes_of = program.group_norms(program.dual_blocks(multiplier, cone_dual))
    return Isometry(
        multiplier=multiplier,
        cone_dual=cone_dual,
        largest=float(sizes_of[~planted.groups].max(initial=0)),
        solvable=bool(residual <= _SOLVED * np.linalg.norm(target)),
        independent=bool(rank == used.sum()),
    )


def _nearest(
    blocks: Float[np.ndarray, "n columns"],
    target: Float[np.ndarray, " columns"],
    start: Samples,
) -> tuple[int, Samples]:
    r"""The rank of $B^T \lambda = q$, and its solution nearest to a start."""
    left, sizes, right = np.linalg.svd(blocks, full_matrices=False)
    kept = sizes > _RANK_TOLERANCE * sizes.max(initial=0)
    missing = (right @ (target - blocks.T @ start))[kept] / sizes[kept]
    return int(kept.sum()), start + left[:, kept] @ missing


def wendel_probability(n_samples: int, dimension: int) -> float:
    r"""Probability that some $u \ne 0$ has $X u \ge 0$ for random symmetric rows.

    $2^{-(n-1)} \sum_{k<d} \binom{n-1}{k}$, which is 1/2 at $n = 2d$. There the gated
    programme has an all-ones pattern, and the planted linear neuron is not its only
    optimum.

    Reference: Wendel 1962, eq. 1.
    """
    terms = sum(math.comb(n_samples - 1, k) for k in range(dimension))
    return float(terms / 2 ** (n_samples - 1))


def cluster_probability(
    direction: Float[np.ndarray, " d"],
    centres: Float[np.ndarray, "2 d"],
    *,
    sharpness: float,
    n_samples: int,
) -> float:
    r"""Probability that a direction separates two Gaussian clusters.

    Samples are $\mu_c + g/\sigma$ with standard Gaussian $g$ and half of them in each
    cluster: $P = \Phi(\sigma \mu_1^T \hat u)^{n/2}\, \Phi(-\sigma \mu_2^T \hat
    u)^{n/2}$.
    """
    margins = sharpness * (centres @ direction) / np.linalg.norm(direction)
    logs = norm.logcdf(margins[0]) + norm.logcdf(-margins[1])
    return float(np.exp(n_samples / 2 * logs))
