"""The power-law exponent of a weight matrix's eigenvalues: not a tail index."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64
from numpy import ndarray

from ..errors import ConfigError


MIN_TAIL = 10
"""Fewest eigenvalues that a fit may use."""


@dataclass(frozen=True, kw_only=True)
class SpectrumFit:
    r"""A power law $p(\lambda) \propto \lambda^{-c}$ of the largest eigenvalues."""

    exponent: float
    """Exponent c of the density (called alpha elsewhere, and no tail index)."""
    smallest: float
    """Smallest eigenvalue of the fit."""
    distance: float
    """Kolmogorov-Smirnov distance of the fit."""
    n_tail: int
    """Number of eigenvalues of the fit."""


def spectrum_exponent(weights: Float[ndarray, "*shape"]) -> SpectrumFit:
    r"""Power-law fit of the eigenvalue density of $W^\top W$.

    Args:
        weights: A matrix, or a kernel whose last axis is the output.

    Reference: Clauset, Shalizi, Newman, SIAM Review 51 (2009), eqs. 3.1 and 3.9.
    """
    matrix = np.asarray(weights, np.float64)
    matrix = matrix.reshape(-1, matrix.shape[-1])
    return power_law(np.linalg.svd(matrix, compute_uv=False) ** 2)


def power_law(values: Float[ndarray, " n"]) -> SpectrumFit:
    """Maximum-likelihood power law of the largest values, from the best start.

    The start is the value with the smallest Kolmogorov-Smirnov distance between the
    values above it and their fit.

    Raises:
        ConfigError: If fewer than ten values are positive and finite.
    """
    ordered = np.sort(np.asarray(values, np.float64))
    ordered = ordered[np.isfinite(ordered) & (ordered > 0)]
    if ordered.size < MIN_TAIL:
        raise ConfigError(
            f"A power law needs at least {MIN_TAIL} positive values, got "
            f"{ordered.size}."
        )
    fits = [_fit(ordered[start:]) for start in range(ordered.size - MIN_TAIL + 1)]
    return min(fits, key=lambda fit: fit.distance)


def _fit(tail: Float64[ndarray, " n"]) -> SpectrumFit:
    logs = np.log(tail / tail[0])
    mean = float(logs.mean())
    exponent = 1 + 1 / mean if mean > 0 else np.inf
    expected = 1 - np.exp(-(exponent - 1) * logs) if mean > 0 else np.ones(tail.size)
    empirical = np.arange(tail.size) / tail.size
    distance = np.maximum(
        np.abs(expected - empirical), np.abs(expected - empirical - 1 / tail.size)
    )
    return SpectrumFit(
        exponent=float(exponent),
        smallest=float(tail[0]),
        distance=float(distance.max()),
        n_tail=tail.size,
    )
