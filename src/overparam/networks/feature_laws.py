"""Laws of random first layers, by name."""

import math
from typing import Literal

from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from .. import drawing
from ..checks import one_of
from .sizes import check_sizes


FeatureLaw = Literal["truncated", "gaussian", "unit"]
FEATURE_LAWS: tuple[FeatureLaw, ...] = ("truncated", "gaussian", "unit")

# Standard deviation of a standard normal truncated at two standard deviations.
_TRUNCATED_STD = 0.8796256610342398


def truncated_normal(
    shape: tuple[int, int], *, dtype: DTypeLike, key: PRNGKeyArray
) -> Float[Array, "fan_in fan_out"]:
    """Normal entries cut at two standard deviations, of variance 2 / fan-in."""
    std = math.sqrt(2 / shape[0]) / _TRUNCATED_STD
    return std * drawing.truncated_normal(key, shape, dtype, bound=2)


def random_features(
    law: FeatureLaw,
    input_dim: int,
    width: int,
    *,
    dtype: DTypeLike = "float32",
    key: PRNGKeyArray,
) -> Float[Array, "input_dim width"]:
    """A random first layer.

    Args:
        law: `truncated` (normal cut at two standard deviations, variance 2 / input
            dimension), `gaussian` (variance 1 / input dimension) or `unit` (variance
            1, which saturates bounded activations on images).
        input_dim: Input dimension.
        width: Number of columns.
        dtype: Floating type.
        key: Random key.

    Reference: the implementation behind Fang, Dong, Zhang, arXiv 1910.11508
    (`truncated`) and a co-author's second one (`unit`).

    Example:
        ```python
        weights = op.networks.random_features("truncated", 3, 1000, key=key)
        float(weights.var())  # 2/3, up to sampling
        ```
    """
    one_of(FEATURE_LAWS, law=law)
    check_sizes([("input_dim", input_dim), ("width", width)], dtype)
    if law == "truncated":
        return truncated_normal((input_dim, width), dtype=dtype, key=key)
    scale = 1.0 if law == "unit" else 1 / math.sqrt(input_dim)
    return scale * drawing.normal(key, (input_dim, width), dtype)
