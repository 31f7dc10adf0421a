r"""Gaussian moments of smooth odd activations without a closed form.

Of $\psi(\sigma z) = \sum_k c_k(\sigma)\, h_k(z)$ in orthonormal Hermite polynomials,
$E[\psi(w_i^\top x)\,\psi(w_j^\top x)] = \sum_k c_k(\sigma_i)\, c_k(\sigma_j)\,
\rho_{ij}^k$ with the neurons' standard deviations $\sigma$ and correlations $\rho$
(Mehler). Each partial sum is a covariance, so that risks are never negative.
"""

import functools
from typing import Any

import numpy as np
from jaxtyping import Float


_ORDERS = np.arange(1, 128, 2)
"""Orders that are summed; the rest is 3e-8 of the power at deviation 2, 6e-6 at 3."""

_END, _STEP = 12.0, 0.02
"""The trapezoidal rule of the coefficients; the Gaussian ends before the interval."""


def tanh_covariance(gram: Any, rows: Any, columns: Any, xp: Any) -> Any:
    r"""$E[\tanh(w_i^\top x)\tanh(w_j^\top x)]$."""
    deviations, others = roots(rows, xp), roots(columns, xp)
    scales = xp.where(deviations > 0, deviations, 1)[:, None]
    scales = scales * xp.where(others > 0, others, 1)[None, :]
    correlations = xp.clip(gram / scales, -1.0, 1.0)
    left, right = _coefficients(deviations, xp), _coefficients(others, xp)
    # From the highest order down, as the powers of a polynomial in rho^2.
    total = xp.zeros_like(correlations)
    for k in range(len(_ORDERS) - 1, -1, -1):
        total = total * correlations**2 + left[:, k, None] * right[None, :, k]
    return total * correlations


def tanh_slope(squares: Any, xp: Any) -> Any:
    r"""$E[\tanh'(w_i^\top x)] = c_1(\sigma_i) / \sigma_i$ by Stein's lemma."""
    deviations = roots(squares, xp)
    alive = deviations > 0
    first = _coefficients(deviations, xp)[:, 0]
    return xp.where(alive, first / xp.where(alive, deviations, 1), 1)


def _coefficients(deviations: Any, xp: Any) -> Any:
    nodes, weights = (xp.asarray(part, deviations.dtype) for part in _rule())
    return xp.tanh(deviations[:, None] * nodes[None, :]) @ weights


@functools.cache
def _rule() -> tuple[Float[np.ndarray, " q"], Float[np.ndarray, "q orders"]]:
    """Nodes, and the orthonormal Hermite polynomials times the Gaussian there."""
    nodes = np.arange(-_END, _END + _STEP / 2, _STEP)
    before = np.exp(-(nodes**2) / 2) * _STEP / np.sqrt(2 * np.pi)
    current, kept = nodes * before, []
    for k in range(1, _ORDERS[-1] + 1):
        if k % 2:
            kept.append(current)
        following = (nodes * current - np.sqrt(k) * before) / np.sqrt(k + 1)
        before, current = current, following
    return nodes, np.stack(kept, axis=1)


def roots(squares: Any, xp: Any) -> Any:
    """Square roots with derivative 0 at 0, as for a neuron without weights."""
    # The inner `where` keeps the derivative finite.
    positive = squares > 0
    return xp.where(positive, xp.sqrt(xp.where(positive, squares, 1)), 0)
