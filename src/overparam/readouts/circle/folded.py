r"""ReLU features on the circle, folded to half turns: every sum by sorting.

A neuron $w$ at angle $\theta$ is active on the open half circle around it. Modulo $\pi$
the two ends of that half circle are one angle $\beta = \theta + \pi/2 \bmod \pi$, so
that one sort of the M folded angles orders all 2M ends: those in $[-\pi, 0)$ are
$\beta - \pi$, those in $[0, \pi)$ are $\beta$. Between two ends the network is linear.
"""

import math

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from .moments import CircleMoments, Rows


class Folded(eqx.Module):
    r"""Neurons sorted by $\beta$, and the data's moments up to their ends.

    Attributes:
        order: Neuron number of each sorted place.
        weights: Sorted $w$, shape `(width, 2)`.
        sign: +1 where the half circle of $w$ starts at $\beta - \pi$ and ends at
            $\beta$; -1 where it is the other half, across the angle $\pi$.
        low: Moments below $\beta - \pi$.
        high: Moments below $\beta$.
        total: Moments of the whole circle, one row.
    """

    order: Int[Array, " width"]
    weights: Float[Array, "width 2"]
    sign: Float[Array, "width 1"]
    low: Rows
    high: Rows
    total: Float[Array, "1 5"]

    def __init__(self, weights: Float[Array, "2 width"], data: CircleMoments) -> None:
        theta = jnp.arctan2(weights[1], weights[0])
        upright = (theta >= -math.pi / 2) & (theta < math.pi / 2)
        beta = jnp.mod(theta + math.pi / 2, math.pi)
        self.order = jnp.argsort(beta).astype(jnp.int32)
        ends = beta[self.order]
        self.weights = weights.T[self.order]
        one = jnp.ones((), weights.dtype)
        self.sign = jnp.where(upright, one, -one)[self.order][:, None]
        self.low = data.below(ends - math.pi)
        self.high = data.below(ends)
        self.total = data.total

    def over_half_circles(
        self, low: Float[Array, "width k"], high: Float[Array, "width k"], total: Array
    ) -> Float[Array, "width k"]:
        """Sums over each active half circle, from sums up to both ends."""
        return self.sign * (high - low) + jnp.where(self.sign < 0, total, 0)

    def cross(self) -> Float[Array, "width 2"]:
        r"""$\mathbb{E}[x\,y\,1\{w_j \cdot x > 0\}]$."""
        return self.over_half_circles(
            self.low[:, 3:], self.high[:, 3:], self.total[:, 3:]
        )

    def second(self, charges: Float[Array, "width 2"]) -> Float[Array, "width 2"]:
        r"""$\sum_k S_{jk} q_k$ with $S_{jk}$ the second moment on both half circles.

        $\sum_k q_k 1\{w_k \cdot x > 0\}$ is constant between two ends; its
        products with the moments there are summed along the circle.
        """
        jumps = self.sign * charges
        passed = jnp.cumsum(jumps, axis=0)
        start = jnp.sum(jnp.where(self.sign < 0, charges, 0), axis=0, keepdims=True)
        after_low, after_high = start + passed, start + passed[-1:] - passed
        low, high, total = self.low[:, :3], self.high[:, :3], self.total[:, :3]
        steps = jnp.concatenate(
            [
                times(jnp.concatenate([low[1:], high[:1]]) - low, after_low),
                times(jnp.concatenate([high[1:], total]) - high, after_high),
            ],
            axis=1,
        )
        sums = jnp.cumsum(steps, axis=0)
        before = jnp.concatenate([jnp.zeros_like(sums[:1]), sums[:-1]])
        first = times(low[:1], start)
        middle = first + sums[-1:, :2]
        return self.over_half_circles(
            first + before[:, :2], middle + before[:, 2:], middle + sums[-1:, 2:]
        )

    def unsort(self, values: Float[Array, "width k"]) -> Float[Array, "width k"]:
        """Values of sorted neurons, in the order of the network."""
        return jnp.zeros_like(values).at[self.order].set(values, unique_indices=True)


def times(
    moments: Float[Array, "n 3"], vectors: Float[Array, "n 2"]
) -> Float[Array, "n 2"]:
    """Symmetric 2 x 2 matrices, stored as (11, 12, 22), times vectors."""
    a, b, c = moments[:, 0], moments[:, 1], moments[:, 2]
    x, y = vectors[:, 0], vectors[:, 1]
    return jnp.stack([a * x + b * y, b * x + c * y], axis=1)
