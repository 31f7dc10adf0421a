"""The sizes of a network that is about to be made."""

from collections.abc import Sequence
from itertools import pairwise

import jax.numpy as jnp
from jax.typing import DTypeLike

from ..checks import counts, positive
from ..memory import Need, check_memory


Size = tuple[str, int]
"""Its name, and the size itself."""


def check_sizes(
    sizes: Sequence[Size], dtype: DTypeLike, *, n_taps: int = 1, n_chains: int = 1
) -> None:
    """Every size is a whole number from 1 on, and the weights between them fit.

    Args:
        sizes: Sizes of consecutive layers.
        dtype: Floating type of the weights.
        n_taps: Weights between two units: 9 for convolutions of 3 x 3.
        n_chains: Number of such chains of layers.

    Raises:
        ConfigError: If a size is none, or the memory cannot hold the weights.
    """
    counts(**dict(sizes))
    itemsize = n_taps * jnp.dtype(dtype).itemsize
    shown = [(f"`{name}`", size) for name, size in sizes]
    check_memory(
        *(Need("weights", pair, itemsize, n_chains) for pair in pairwise(shown))
    )


def multiplied(widths: Sequence[int], multiplier: float) -> list[Size]:
    """Widths times a factor, rounded.

    Raises:
        ConfigError: If the factor is no positive finite number.
    """
    positive(multiplier=multiplier)
    return [(f"{width} x multiplier", round(width * multiplier)) for width in widths]
