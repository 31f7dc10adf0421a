"""Initial two-layer networks: the scales of the studies, drawn once from one key."""

import math
from typing import Literal

import jax
from jax.typing import DTypeLike
from jaxtyping import PRNGKeyArray

from ..checks import at_least, one_of
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
    """
    at_least(1, input_dim=input_dim, width=width, n_outputs=n_outputs)
    at_least(0, init_scale=init_scale)
    key_weights, key_readout = jax.random.split(key)
    readout_variance = init_scale / width if scaling == "standard" else init_scale
    return TwoLayer(
        math.sqrt(init_scale / input_dim)
        * jax.random.normal(key_weights, (input_dim, width), dtype),
        math.sqrt(readout_variance)
        * jax.random.normal(key_readout, (width, n_outputs), dtype),
        activation=activation,
        scale=output_scale(scaling, width),
    )
