"""The power-law exponent of a weight matrix's eigenvalues: not a tail index.

Two searches for the smallest value of the fit: ours, with the Kolmogorov-Smirnov
distance, and that of WeightWatcher, whose distance is one-sided.
"""

import math
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Float64
from numpy import ndarray

from ...errors import ConfigError


MIN_TAIL = 10
"""Fewest eigenvalues that a fit may use."""
WEIGHTWATCHER_LEAST = 1e-5
"""WeightWatcher leaves out eigenvalues up to this one."""
WEIGHTWATCHER_FEWEST = 20
"""Of fewer eigenvalues WeightWatcher makes another fit."""
_MARGIN = 4.0
"""Multiple of the effect of rounding that counts as noise."""


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

    Singular values that rounding of the entries can make are left out: they are those
    of the zeros of a matrix of lower rank. Entries count as rounded to the narrowest
    floating type that holds them all, whatever type they come in: files of 16 bits are
    read as float32. A matrix of such errors, which are as good as independent, has a
    norm of about its largest row and column together.

    Args:
        weights: A matrix, or a kernel whose last axis is the output.

    Raises:
        ConfigError: If fewer than ten singular values are left, or weights are not
            finite.

    Reference: Clauset, Shalizi, Newman, SIAM Review 51 (2009), eqs. 3.1 and 3.9;
    Bandeira, van Handel, Annals of Probability 44 (2016), theorem 1.1 (the norm).
    """
    entries = np.asarray(weights, np.float64)
    if not entries.size:
        raise ConfigError(f"A spectrum needs a matrix, got shape {entries.shape}.")
    _check_finite(entries)
    matrix = entries.reshape(-1, entries.shape[-1])
    sizes = np.linalg.svd(matrix, compute_uv=False)
    largest = sum(np.linalg.norm(matrix, axis=axis).max() for axis in (0, 1))
    # The standard deviation of an error is that of a unit in the last place.
    rounded = _resolution(matrix) / math.sqrt(12) * largest
    decomposed = np.finfo(float).eps * np.linalg.norm(sizes)
    return power_law(sizes[sizes > _MARGIN * max(rounded, decomposed)] ** 2)


def _resolution(matrix: Float64[ndarray, "m n"]) -> float:
    """Relative distance of neighbours in the narrowest type that holds the entries."""
    with np.errstate(over="ignore"):
        for kind in (jnp.bfloat16, np.float16, np.float32):
            if np.array_equal(matrix.astype(kind).astype(float), matrix):
                return float(jnp.finfo(kind).eps)
    return float(np.finfo(float).eps)


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


def weightwatcher_alpha(weights: Float[ndarray, "*shape"]) -> float:
    r"""WeightWatcher's alpha: the same exponent, found by another search.

    The fit starts at the eigenvalue $\lambda_i$ with the least one-sided distance
    $\max_{j \ge i} |F_i(\lambda_j) - (j - i) / n_i|$ of all but the largest, where
    $F_i$ is the fitted law of the $n_i$ values from $\lambda_i$ on. Eigenvalues are
    those of a matrix, or of every slice of a kernel.

    Args:
        weights: A matrix, or a kernel whose last axes are inputs and outputs.

    Raises:
        ConfigError: If fewer than 20 eigenvalues are above 1e-5, or weights are not
            finite or no matrix.

    Reference: WeightWatcher 0.7.7, `fit="PL"`; Martin, Peng, Mahoney, Nature
    Communications 12 (2021), the exponent alpha.
    """
    matrices = np.asarray(weights, np.float64)
    if matrices.ndim < 2:
        raise ConfigError(
            f"WeightWatcher's alpha needs a matrix, got shape {matrices.shape}."
        )
    _check_finite(matrices)
    found = np.linalg.svd(matrices, compute_uv=False).ravel() ** 2
    values = np.sort(found[found > WEIGHTWATCHER_LEAST])
    if values.size < WEIGHTWATCHER_FEWEST:
        raise ConfigError(
            f"WeightWatcher's alpha needs at least {WEIGHTWATCHER_FEWEST} eigenvalues "
            f"above {WEIGHTWATCHER_LEAST:g}, got {values.size}."
        )
    best, alpha = np.inf, np.nan
    for start in range(values.size - 1):
        logs = np.log(values[start:] / values[start])
        if not logs[-1] > 0:
            continue
        decay = 1 / logs.mean()
        below = np.arange(logs.size) / logs.size
        distance = np.abs(1 - np.exp(-decay * logs) - below).max()
        if distance < best:
            best, alpha = distance, 1 + decay
    if np.isinf(best):
        raise ConfigError(
            f"A power law needs values that differ, got {values[0]:g} throughout."
        )
    return float(alpha)


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
