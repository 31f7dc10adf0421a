"""Initial two-layer networks: the scales of the studies, drawn once from one key."""

import functools
import itertools
import math
from typing import Literal

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from ..checks import at_least, one_of
from ..drawing import normal
from .sizes import check_sizes
from .two_layer import TwoLayer


Scaling = Literal["standard", "mean-field", "ntk"]


def output_scale(scaling: Scaling, width: int) -> float:
    """Output scale: 1 (standard), 1/width (mean-field), 1/sqrt(width) (NTK)."""
    one_of(["standard", "mean-field", "ntk"], scaling=scaling)
    scales = {"standard": 1.0, "mean-field": 1 / width, "ntk": 1 / math.sqrt(width)}
    return scales[scaling]


def two_layer(
    input_dim: int,
    width: int,
    n_outputs: int,
    *,
    scaling: Scaling = "standard",
    init_scale: float = 1.0,
    activation: str = "relu",
    dtype: DTypeLike = "float32",
    key: PRNGKeyArray,
) -> TwoLayer:
    r"""A two-layer network with Gaussian weights.

    Input weights have entries $N(0, s/d)$. The readout has entries $N(0, s/m)$ with
    output scale 1 for `standard`, and $N(0, s)$ with output scale $1/m$ or
    $1/\sqrt{m}$ for `mean-field` and `ntk`.

    Args:
        input_dim: Input dimension $d$.
        width: Number of hidden neurons $m$.
        n_outputs: Number of outputs.
        scaling: Parametrisation.
        init_scale: Factor $s$ of the *variances*.
        activation: Name of the activation.
        dtype: Floating type of the weights.
        key: Random key.

    Raises:
        ConfigError: If a size is no whole number from 1 on, or too large for the
            memory, or another value is out of range.

    Example:
        ```python
        wide = op.two_layer(3, 1000, 1, scaling="ntk", key=key)
        assert np.isclose(wide.scale, 1 / np.sqrt(1000))
        ```
    """
    sizes = [("input_dim", input_dim), ("width", width), ("n_outputs", n_outputs)]
    check_sizes(sizes, dtype)
    at_least(0, init_scale=init_scale)
    readout_variance = init_scale / width if scaling == "standard" else init_scale
    weights, readout = _gaussian(
        key,
        ((input_dim, width), (width, n_outputs)),
        (math.sqrt(init_scale / input_dim), math.sqrt(readout_variance)),
        jnp.dtype(dtype),
    )
    return TwoLayer(
        weights=weights,
        readout=readout,
        activation=activation,
        scale=output_scale(scaling, width),
    )


@functools.partial(jax.jit, static_argnums=(1, 3))
def _gaussian(
    key: PRNGKeyArray,
    shapes: tuple[tuple[int, ...], ...],
    deviations: tuple[float, ...],
    dtype: DTypeLike,
) -> list[Float[Array, "..."]]:
    """Gaussian matrices from one draw: one program, because each compiles for long."""
    sizes = [math.prod(shape) for shape in shapes]
    flat = normal(key, (sum(sizes),), dtype)
    pieces = jnp.split(flat, list(itertools.accumulate(sizes))[:-1])
    return [
        jnp.asarray(deviation, dtype) * piece.reshape(shape)
        for piece, shape, deviation in zip(pieces, shapes, deviations, strict=True)
    ]
