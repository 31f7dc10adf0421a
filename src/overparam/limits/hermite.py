r"""Gaussian moments of an activation without a closed form, by its Hermite series.

Of $\psi(\sigma z) = \sum_k c_k(\sigma)\, h_k(z)$ in orthonormal Hermite polynomials,
$E[\psi(w_i^\top x)\,\psi(w_j^\top x)] = \sum_k c_k(\sigma_i)\, c_k(\sigma_j)\,
\rho_{ij}^k$ with the neurons' standard deviations $\sigma$ and correlations $\rho$
(Mehler). What the orders below K leave of the power, $r_i = E\psi(\sigma_i z)^2 -
\sum_{k<K} c_k(\sigma_i)^2$, is added as $\sqrt{r_i r_j}\, \rho_{ij}^K$. So the diagonal
is exact, every sum is a covariance (risks are never negative), and the error is at most
$2 \sqrt{r_i r_j}\, |\rho_{ij}|^K$.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float


N_ORDERS = 128
"""Orders that are summed; of tanh they leave 3e-8 of the power at deviation 2."""

_N_STEPS, _STEP = 600, 0.02
"""The trapezoidal rule of the coefficients; the Gaussian ends before the interval."""
_OTHER = 990, 0.02 / math.sqrt(2)
"""A rule that it is compared with: it goes further, and has no period in common."""

Parity = Literal["odd", "even", "none"]


@dataclass(frozen=True)
class Series:
    r"""The Hermite series of a function of one Gaussian variable.

    Attributes:
        function: $\psi$, of an array and its namespace.
        parity: Of $\psi$: orders of the other one are left out.
    """

    function: Callable[[Any, Any], Any]
    parity: Parity = "none"

    def covariance(self, gram: Any, rows: Any, columns: Any, xp: Any) -> Any:
        r"""$E[\psi(a_i)\,\psi(b_j)]$ of variables with these squared deviations."""
        deviations, others = roots(rows, xp), roots(columns, xp)
        scales = xp.where(deviations > 0, deviations, 1)[:, None]
        scales = scales * xp.where(others > 0, others, 1)[None, :]
        correlations = xp.clip(gram / scales, -1.0, 1.0)
        left, right = self._terms(deviations, xp), self._terms(others, xp)
        # From the highest order down, as the powers of a polynomial.
        step = correlations if self.parity == "none" else correlations**2
        total = xp.zeros_like(correlations)
        for k in range(left.shape[1] - 1, -1, -1):
            total = total * step + left[:, k, None] * right[None, :, k]
        return total * correlations if self.parity == "odd" else total

    def power(self, squares: Any, xp: Any) -> Any:
        r"""$E\psi(a_i)^2$."""
        values, nodes, _ = self._values(roots(squares, xp), xp)
        return values**2 @ _density(nodes, xp)

    def coefficients(self, squares: Any, xp: Any) -> Any:
        """The coefficients of the series, a row for each squared deviation."""
        values, _, weights = self._values(roots(squares, xp), xp)
        return values @ weights

    def error(self, squares: Float[np.ndarray, " n"]) -> float:
        r"""Bound of the error of any covariance of such variables.

        What the series leaves out, $2 \max_i r_i$, and what the rule of coefficients
        misses of powers and of products of coefficients. That is measured as the
        difference which two or four times fewer nodes make: a kink between two nodes
        can be where one of them makes none. And as that to another rule: what repeats
        itself from node to node, or grows until the interval ends, is seen there alone.
        """
        values, nodes, weights = self._values(roots(squares, np), np)
        found, power = values @ weights, values**2 @ _density(nodes, np)
        left_out = np.maximum(power - (found**2).sum(axis=1), 0)
        apart, missed = np.zeros(weights.shape[1]), 0.0
        for stride in (2, 4):
            part = slice(None, None, stride)
            coarse = stride * (values[:, part] @ weights[part])
            powers = values[:, part] ** 2 @ _density(nodes[part], np)
            apart = np.maximum(apart, np.abs(found - coarse).max(axis=0))
            missed = max(missed, np.abs(power - powers).max())
        with np.errstate(over="ignore", invalid="ignore"):
            values, nodes, weights = self._values(roots(squares, np), np, rule=_OTHER)
            coarse, powers = values @ weights, values**2 @ _density(nodes, np)
        # Twice: it may see no more than half of what lies beyond the interval.
        apart = np.maximum(apart, 2 * np.abs(found - coarse).max(axis=0))
        missed = np.maximum(missed, 2 * np.abs(power - powers).max())
        # Once of a product with either factor, and so of the squares left out.
        products = 4 * float(np.abs(found).max(axis=0) @ apart)
        bound = float(2 * left_out.max() + missed + products)
        return bound if math.isfinite(bound) else math.inf

    def _terms(self, deviations: Any, xp: Any) -> Any:
        """Coefficients, and what they leave of the power as that of one more order."""
        values, nodes, weights = self._values(deviations, xp)
        found = values @ weights
        left_out = values**2 @ _density(nodes, xp) - (found**2).sum(axis=1)
        return xp.concatenate([found, roots(left_out, xp)[:, None]], axis=1)

    def _values(
        self, deviations: Any, xp: Any, *, rule: tuple[int, float] = (_N_STEPS, _STEP)
    ) -> tuple[Any, Any, Any]:
        """The function at the nodes of the rule, the nodes and the polynomials."""
        nodes, weights = (
            xp.asarray(part, deviations.dtype) for part in _rule(self.parity, *rule)
        )
        values = self.function(deviations[:, None] * nodes[None, :], xp)
        return xp.asarray(values, deviations.dtype), nodes, weights


TANH = Series(lambda z, xp: xp.tanh(z), "odd")
"""The series of tanh."""


def tanh_covariance(gram: Any, rows: Any, columns: Any, xp: Any) -> Any:
    r"""$E[\tanh(w_i^\top x)\tanh(w_j^\top x)]$.

    Example:
        ```python
        w = np.random.default_rng(0).normal(size=(3, 5))  # three neurons
        gram, squares = w @ w.T, (w**2).sum(axis=1)
        op.limits.tanh_covariance(gram, squares, squares, np).shape  # (3, 3)
        ```
    """
    return TANH.covariance(gram, rows, columns, xp)


def tanh_slope(squares: Any, xp: Any) -> Any:
    r"""$E[\tanh'(w_i^\top x)] = c_1(\sigma_i) / \sigma_i$ by Stein's lemma."""
    deviations = roots(squares, xp)
    alive = deviations > 0
    first = TANH.coefficients(squares, xp)[:, 0]
    return xp.where(alive, first / xp.where(alive, deviations, 1), 1)


@functools.cache
def _rule(
    parity: Parity, n_steps: int, step: float
) -> tuple[Float[np.ndarray, " q"], Float[np.ndarray, "q k"]]:
    """Nodes, and the orthonormal Hermite polynomials times the Gaussian there."""
    nodes = np.arange(-n_steps, n_steps + 1) * step
    current = _density(nodes, np)
    before, kept = np.zeros_like(nodes), [current]
    for k in range(N_ORDERS - 1):
        following = (nodes * current - np.sqrt(k) * before) / np.sqrt(k + 1)
        before, current = current, following
        kept.append(current)
    orders = {"odd": slice(1, None, 2), "even": slice(0, None, 2), "none": slice(None)}
    return nodes, np.stack(kept[orders[parity]], axis=1)


def _density(nodes: Any, xp: Any) -> Any:
    """The Gaussian density at the nodes, times their distance."""
    step = nodes[-1] * 2 / (len(nodes) - 1)
    return xp.exp(-(nodes**2) / 2) * step / math.sqrt(2 * math.pi)


def roots(squares: Any, xp: Any) -> Any:
    """Square roots with derivative 0 at 0, as for a neuron without weights."""
    # The inner `where` keeps the derivative finite.
    positive = squares > 0
    return xp.where(positive, xp.sqrt(xp.where(positive, squares, 1)), 0)
