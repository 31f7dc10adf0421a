"""The search over activation signs: few, dear nodes, in any dimension (`signs.py`)."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Int8

from ..solvers.sign_relaxation import first_theta
from .activation import Search, Side
from .signs import explore, next_sign, node_bound


_NODES = 50
# Least part of delta_0, largest logarithm, and steps in 1, as they are written: few
# digits take little room, and what they lose of r does not depend on the size of m.
_LEAST, _MOST_THETA, _STEPS = 1e-9, 200.0, 2.0**22


class SignNode(NamedTuple):
    """An open node, and where the search of its parent's bound ended."""

    signs: Int8[np.ndarray, " positive"]
    theta: Float[np.ndarray, " positive"]
    weights: Float[np.ndarray, " n"]
    bound: float


class SignSide(Side):
    """A sign of the multiplier that is searched over signs of samples."""

    LEAF = -1

    def roots(self) -> list[SignNode]:
        """One node without signs."""
        free = 0.5 * self.rows[: self.n_plus]
        weights = np.full(len(self.rows), 0.5, np.float32)
        signs = np.zeros(self.n_plus, np.int8)
        return [SignNode(signs, first_theta(free).astype(np.float32), weights, np.inf)]

    def explore(self, node: SignNode, target: float):
        """Fix more signs."""
        budget = _NODES if np.isfinite(node.bound) else 1
        nodes, proven, signs, theta, weights, bounds, best, at = explore(
            self.rows, self.n_plus, node.signs, node.theta.astype(float),
            node.weights.astype(float), node.bound, target, budget, self.rounding[0],
        )  # fmt: skip
        parts = signs, theta.astype(np.float32), weights.astype(np.float32), bounds
        left = [SignNode(*part) for part in zip(*parts, strict=True)]
        return nodes, proven, left, best, at

    def tree(
        self, target: float, budget: int
    ) -> tuple[Int[np.ndarray, " nodes"], Float[np.ndarray, "leaves n_and_one"]]:
        r"""The tree whose leaves are bounded by `target`, in preorder.

        Returns:
            Per node the row whose sign is fixed, first to plus, or `LEAF`; per leaf
            $\log \delta_0$ and for every row $\log \delta$ where it is free, m where it
            is fixed, $\alpha$ where $l_i < 0$. Both are empty where `budget` nodes do
            not suffice.
        """
        (root,), slack = self.roots(), self.rounding[0]
        fixed, leaves = [], []
        stack = [(root.signs, root.theta.astype(float), root.weights.astype(float))]
        while stack and len(fixed) < budget:
            signs, theta, weights = stack.pop()
            direction = np.empty(self.dimension)
            upper = node_bound(
                self.rows, self.n_plus, signs, theta, weights, target - slack,
                not fixed, direction,
            )  # fmt: skip
            pick = next_sign(self.rows, signs, direction)
            if upper + slack <= target or pick < 0:
                fixed.append(self.LEAF)
                first = upper**2 - np.exp(theta[signs == 0]).sum()
                leaves.append(leaf_of(first, signs, theta, weights))
                continue
            fixed.append(pick)
            for sign in (-1, 1):
                child = signs.copy(), theta.copy(), weights.copy()
                child[0][pick], child[2][pick] = sign, 0
                stack.append(child)
        if stack:
            fixed = leaves = []
        columns = 1 + len(self.rows)
        return np.array(fixed, np.int32), np.reshape(leaves, (-1, columns))


def leaf_of(
    first: float,
    signs: Int8[np.ndarray, " positive"],
    theta: Float[np.ndarray, " positive"],
    weights: Float[np.ndarray, " n"],
) -> Float[np.ndarray, " n_and_one"]:
    r"""A leaf as it is written, of $\delta_0$ and what its search ended with."""
    written, free = weights.copy(), np.flatnonzero(signs == 0)
    written[free] = np.clip(theta[free], -_MOST_THETA, _MOST_THETA)
    least = _LEAST * np.exp(theta[free]).sum() + np.exp(-_MOST_THETA)
    leaf = np.append(np.log(max(first, least)), written)
    return np.rint(leaf * _STEPS) / _STEPS


class SignSearch(Search):
    """The search over signs of samples with positive multipliers."""

    kind = SignSide
    sides: tuple[SignSide, SignSide]
