"""The power-law exponent of a weight matrix's eigenvalues: not a tail index."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64
from numpy import ndarray

from ...errors import ConfigError


MIN_TAIL = 10
"""Fewest eigenvalues that a fit may use."""
_MARGIN = 4.0
"""Multiple of the largest effect of rounding that counts as noise."""


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

    Singular values that rounding of the entries (in the type they come in) can make are
    left out: they are those of the zeros of a matrix of lower rank.

    Args:
        weights: A matrix, or a kernel whose last axis is the output.

    Raises:
        ConfigError: If fewer than ten singular values are left, or weights are not
            finite.

    Reference: Clauset, Shalizi, Newman, SIAM Review 51 (2009), eqs. 3.1 and 3.9.
    """
    entries = np.asarray(weights)
    resolution = np.finfo(entries.dtype if entries.dtype.kind == "f" else float).eps
    matrix = np.asarray(entries, np.float64)
    if not matrix.size:
        raise ConfigError(f"A spectrum needs a matrix, got shape {matrix.shape}.")
    _check_finite(matrix)
    sizes = np.linalg.svd(matrix.reshape(-1, matrix.shape[-1]), compute_uv=False)
    # The Frobenius norm of the rounding errors is at most half a unit of the whole.
    noise = _MARGIN * float(resolution) * float(np.linalg.norm(sizes))
    return power_law(sizes[sizes > noise] ** 2)


def power_law(values: Float[ndarray, " n"]) -> SpectrumFit:
    """Maximum-likelihood power law of the largest values, from the best start.

    The start is the value with the smallest Kolmogorov-Smirnov distance between the
    values above it and their fit.

    Raises:
        ConfigError: If fewer than ten values are positive, all are equal, or one is not
            finite.
    """
    ordered = np.sort(np.asarray(values, np.float64))
    _check_finite(ordered)
    ordered = ordered[ordered > 0]
    if ordered.size < MIN_TAIL:
        raise ConfigError(
            f"A power law needs at least {MIN_TAIL} positive values, got "
            f"{ordered.size}."
        )
    if ordered[0] == ordered[-1]:
        raise ConfigError(
            f"A power law needs values that differ, got {ordered[0]:g} throughout."
        )
    fits = [_fit(ordered[start:]) for start in range(ordered.size - MIN_TAIL + 1)]
    return min(fits, key=lambda fit: fit.distance)


def _check_finite(values: Float64[ndarray, "*shape"]) -> None:
    bad = int(np.sum(~np.isfinite(values)))
    if bad:
        raise ConfigError(f"A power law needs finite values, got {bad} that are not.")


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
