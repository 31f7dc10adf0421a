"""The search over activation signs: few, dear nodes, in any dimension (`signs.py`)."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int8

from ..solvers.sign_relaxation import first_theta
from .activation import Search, Side
from .signs import explore


_NODES = 50


class SignNode(NamedTuple):
    """An open node, and where the search of its parent's bound ended."""

    signs: Int8[np.ndarray, " positive"]
    theta: Float[np.ndarray, " positive"]
    weights: Float[np.ndarray, " n"]
    bound: float


class _SignSide(Side):
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


class SignSearch(Search):
    """The search over signs of samples with positive multipliers."""

    kind = _SignSide
