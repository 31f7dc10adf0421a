"""Means and deviations over a data set, block by block, in two passes over blocks."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


def block_moments(
    moments: Callable[[Array], Any], x: Float[Array, "n *input"], *, rows: int
) -> tuple[Float[np.ndarray, " width"], Float[np.ndarray, " width"]]:
    r"""Mean and (biased) standard deviation over `x`, in float64 over blocks of rows.

    Variances of blocks and squared distances of their means are added, and no squares
    are subtracted: from blocks of unit roundoff u the variance is accurate to
    $u \mu / \sigma$, and to its square where the means of the blocks agree.

    Args:
        moments: Mean and variance of a block of inputs.
        x: All inputs.
        rows: Rows of a block.
    """
    starts = range(0, len(x), rows)
    found = [moments(x[start : start + rows]) for start in starts]
    shares = [min(rows, len(x) - start) / len(x) for start in starts]
    means, variances = np.asarray(found, np.float64).swapaxes(0, 1)
    mean = sum(share * part for share, part in zip(shares, means, strict=True))
    mean = np.where(np.ptp(means, axis=0) > 0, mean, means[0])
    parts = zip(shares, means, variances, strict=True)
    variance = sum(share * (own + (part - mean) ** 2) for share, part, own in parts)
    return np.asarray(mean), np.sqrt(np.asarray(variance))


def column_moments(
    values: Float[Array, "rows width"],
) -> tuple[Float[Array, " width"], Float[Array, " width"]]:
    """Mean and (biased) variance of every column, of equal values exactly these and 0.

    Rounding of the mean would make such a column one that varies.
    """
    varies = jnp.max(values, axis=0) > jnp.min(values, axis=0)
    mean = jnp.where(varies, jnp.mean(values, axis=0), values[0])
    return mean, jnp.where(varies, jnp.var(values, axis=0), 0)
