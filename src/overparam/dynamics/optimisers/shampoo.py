r"""Shampoo: gradients preconditioned along every axis of every tensor.

optax has no Shampoo, and its published JAX package does not run on current JAX.
"""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, PyTree

from ...checks import at_least, one_of, positive


Variant = Literal["paper", "torch-optimizer"]

# The published code keeps kernels as (out, in, height, width), matrices transposed.
REFERENCE_AXES = {4: (3, 2, 0, 1), 2: (1, 0)}


class ShampooState(NamedTuple):
    """Steps taken; statistics and their powers per tensor and axis; momentum."""

    step: Int[Array, ""]
    statistics: tuple[tuple[Array, ...], ...]
    powers: tuple[tuple[Array, ...], ...]
    momentum: PyTree


@dataclass(frozen=True)
class Shampoo:
    r"""A factory of Shampoo transformations, for `Descent` or any optax loop.

    For a tensor $G$ with axes $i = 1..k$ the statistics $H_i$ start at $\varepsilon I$.
    `paper`: $H_i \mathrel{+}= G_{(i)} G_{(i)}^\top$ with the unfoldings of the
    gradient, and the update is $G \times_1 H_1^{-1/2k} \cdots \times_k H_k^{-1/2k}$.
    `torch-optimizer`, the code behind the curves of arXiv 2504.18208: axis by axis,
    $H_i \mathrel{+}= G_{(i)} G_{(i)}^\top$ and $G \leftarrow G \times_i H_i^{-1/k}$
    with the $G$ that the axes before have preconditioned already.

    Attributes:
        variant: Which of the two.
        epsilon: $\varepsilon$; eigenvalues are clipped below at it. Those below $u$
            times the largest (unit roundoff u of the weights) are rounding of it.
        update_every: Steps between two computations of the powers.

    Reference: Gupta, Koren, Singer, ICML 2018 (arXiv 1802.09568), Algorithm 2.

    Example:
        ```python
        shampoo = op.dynamics.Shampoo(epsilon=1e-3)
        rule = op.Descent("half-squared-error", shampoo, learning_rate=1e-2)
        ```
    """

    variant: Variant = "paper"
    epsilon: float = 1e-4
    update_every: int = 1

    def __post_init__(self) -> None:
        one_of(["paper", "torch-optimizer"], shampoo=self.variant)
        positive(epsilon=self.epsilon)
        at_least(1, update_every=self.update_every)

    def __call__(
        self,
        learning_rate: Any,
        momentum: float | Float[Array, ""] = 0.0,
    ) -> optax.GradientTransformation:
        r"""The transformation.

        Args:
            learning_rate: Step size, a number or a schedule.
            momentum: $v \leftarrow \mu v + g$, applied before preconditioning.
        """

        def update(
            updates: PyTree, state: Any, params: PyTree = None
        ) -> tuple[PyTree, ShampooState]:
            del params
            velocity = jax.tree.map(
                lambda v, g: jnp.asarray(momentum, g.dtype) * v + g,
                state.momentum,
                updates,
            )
            leaves, structure = jax.tree.flatten(velocity)
            fresh = state.step % self.update_every == 0
            rule = self._paper if self.variant == "paper" else self._reference
            moved = [
                rule(leaf, statistics, powers, fresh)
                for leaf, statistics, powers in zip(
                    leaves, state.statistics, state.powers, strict=True
                )
            ]
            updates = jax.tree.unflatten(structure, [m.update for m in moved])
            statistics = tuple(m.statistics for m in moved)
            powers = tuple(m.powers for m in moved)
            return updates, ShampooState(state.step + 1, statistics, powers, velocity)

        return optax.chain(
            optax.GradientTransformation(self._init, update),
            optax.scale_by_learning_rate(learning_rate),
        )

    def _init(self, params: PyTree) -> ShampooState:
        leaves = jax.tree.leaves(params)
        start = tuple(
            tuple(self.epsilon * jnp.eye(n, dtype=leaf.dtype) for n in leaf.shape)
            for leaf in leaves
        )
        zeros = jax.tree.map(jnp.zeros_like, params)
        return ShampooState(jnp.zeros((), jnp.int32), start, start, zeros)

    def _paper(
        self, G: Array, statistics: tuple, powers: tuple, fresh: Array
    ) -> "_Moved":
        statistics = tuple(H + _outer(G, i) for i, H in enumerate(statistics))
        exponent = -1 / (2 * max(G.ndim, 1))
        powers = tuple(
            self._power(H, exponent, old, fresh)
            for H, old in zip(statistics, powers, strict=True)
        )
        update = G
        for axis, power in enumerate(powers):
            update = _along(update, power, axis)
        return _Moved(update, statistics, powers)

    def _reference(
        self, G: Array, statistics: tuple, powers: tuple, fresh: Array
    ) -> "_Moved":
        new_statistics, new_powers = list(statistics), list(powers)
        for axis in REFERENCE_AXES.get(G.ndim, range(G.ndim)):
            new_statistics[axis] = statistics[axis] + _outer(G, axis)
            new_powers[axis] = self._power(
                new_statistics[axis], -1 / G.ndim, powers[axis], fresh
            )
            G = _along(G, new_powers[axis], axis)
        return _Moved(G, tuple(new_statistics), tuple(new_powers))

    def _power(self, H: Array, exponent: float, old: Array, fresh: Array) -> Array:
        def compute() -> Array:
            values, vectors = jnp.linalg.eigh(H)
            clipped = jnp.maximum(values, jnp.asarray(self.epsilon, H.dtype))
            return (vectors * (clipped**exponent)[None]) @ vectors.T

        return jax.lax.cond(fresh, compute, lambda: old)


class _Moved(NamedTuple):
    update: Array
    statistics: tuple[Array, ...]
    powers: tuple[Array, ...]


def _outer(G: Array, axis: int) -> Array:
    """The Gram matrix of the unfolding along an axis."""
    unfolded = jnp.moveaxis(G, axis, 0).reshape(G.shape[axis], -1)
    return unfolded @ unfolded.T


def _along(G: Array, matrix: Array, axis: int) -> Array:
    """The product of a tensor with a symmetric matrix along an axis."""
    return jnp.moveaxis(jnp.tensordot(matrix, G, axes=(1, axis)), 0, axis)
