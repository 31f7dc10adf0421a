"""Fully connected networks of any depth."""

import math
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from ..checks import one_of
from ..drawing import normal, uniform
from ..errors import ConfigError
from .activations import activation
from .network import Network
from .sizes import check_sizes


Initialisation = Literal["uniform", "he", "lecun"]


class MLP(Network):
    r"""$f(x) = s\, \psi(\cdots \psi(x W_1 + b_1) \cdots W_{L-1} + b_{L-1})\, U$.

    Inputs of any shape are flattened. An output bias is the weight of a last feature
    that is 1, so that every exact readout serves it too.

    Attributes:
        layers: Hidden weights $W_l$, shape `(fan_in, width)`; column j is neuron j.
        readout: Output weights $U$, shape `(width, n_outputs)`, or `(width + 1,
            n_outputs)`, whose last row is the output bias.
        biases: Hidden biases $b_l$, shape `(width,)`; empty for none.
        activation: Name of $\psi$ (see `overparam.networks.ACTIVATIONS`).
        scale: Output scale $s$.

    Example:
        ```python
        net = op.networks.MLP(layers=(jnp.ones((3, 8)),), readout=jnp.ones((8, 1)))
        assert jnp.allclose(net(x), 8 * jax.nn.relu(x.sum(axis=1, keepdims=True)))
        ```
    """

    layers: tuple[Float[Array, "fan_in width"], ...]
    readout: Float[Array, "width n_outputs"]
    biases: tuple[Float[Array, " width"], ...] = ()
    activation: str = eqx.field(static=True, default="relu")
    scale: float = eqx.field(static=True, default=1.0)

    def __check_init__(self) -> None:
        activation(self.activation)
        weights = (*self.layers, self.readout)
        # Transformations rebuild modules around placeholders that are not arrays.
        if not all(hasattr(array, "shape") for array in (*weights, *self.biases)):
            return
        if not self.layers:
            message = "`layers` must hold at least one hidden matrix, got none."
            raise ConfigError(message)
        check_chain(weights, name="an MLP")
        expected = [w.shape[:-2] + w.shape[-1:] for w in self.layers]
        shapes = [b.shape for b in self.biases]
        if shapes not in ([], expected):
            raise ConfigError(
                "`biases` must be empty or one for each hidden layer, of shapes "
                f"{expected}, got {shapes}."
            )

    def features(self, x: Float[Array, "batch *input"]) -> Float[Array, "batch width"]:
        hidden = x.reshape(x.shape[0], -1)
        nonlinear = activation(self.activation)
        for index, weights in enumerate(self.layers):
            hidden = hidden @ weights
            if self.biases:
                hidden = hidden + self.biases[index][None]
            hidden = nonlinear(hidden)
        return with_one(hidden, self.readout)


def mlp(
    sizes: tuple[int, ...],
    *,
    activation: str = "relu",
    init: Initialisation = "uniform",
    bias: bool = False,
    dtype: DTypeLike = "float32",
    key: PRNGKeyArray,
) -> MLP:
    r"""An MLP with random weights.

    `uniform` draws every weight (and bias) from $U(-1/\sqrt{d}, 1/\sqrt{d})$ with $d$
    the fan-in, PyTorch's default and that of Wan et al. 2024; `he` and `lecun` draw
    weights from $N(0, 2/d)$ and $N(0, 1/d)$ and start biases at 0.

    Args:
        sizes: Input dimension, hidden widths, number of outputs: (784, 5000, 10).
        activation: Name of the activation.
        init: Law of the initial weights, readout included.
        bias: Whether hidden layers have biases.
        dtype: Floating type of the weights.
        key: Random key.

    Raises:
        ConfigError: If there is no hidden layer, or a size is below 1 or too large.

    Example:
        ```python
        net = op.networks.mlp((3, 16, 16, 1), bias=True, key=key)
        net(x).shape, net.readout.shape  # its last row is the output bias
        ```
    """
    if len(sizes) < 3:
        raise ConfigError(
            "`depth` counts weight matrices and must be at least 2, got "
            f"{len(sizes) - 1}."
        )
    check_sizes([(f"sizes[{i}]", size) for i, size in enumerate(sizes)], dtype)
    one_of(["uniform", "he", "lecun"], init=init)
    weights, biases = _draw_all(tuple(sizes), init, bias, jnp.dtype(dtype), key)
    return MLP(
        layers=weights[:-1], readout=weights[-1], biases=biases, activation=activation
    )


@partial(jax.jit, static_argnums=(0, 1, 2, 3))
def _draw_all(
    sizes: tuple[int, ...],
    init: Initialisation,
    bias: bool,
    dtype: jnp.dtype,
    key: PRNGKeyArray,
) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    pairs = list(pairwise(sizes))
    keys = jax.random.split(key, (2, len(pairs)))
    weights = [
        _draw(init, pair, pair[0], dtype, keys[0, i]) for i, pair in enumerate(pairs)
    ]
    biases = [
        _draw(init, (width,), fan_in, dtype, keys[1, i])
        for i, (fan_in, width) in enumerate(pairs[:-1])
        if bias
    ]
    return tuple(weights), tuple(biases)


def _draw(
    init: Initialisation,
    shape: tuple[int, ...],
    fan_in: int,
    dtype: DTypeLike,
    key: PRNGKeyArray,
) -> Float[Array, "*shape"]:
    if init == "uniform":
        bound = 1 / math.sqrt(fan_in)
        return uniform(key, shape, dtype, bound=bound)
    variance = 0.0 if len(shape) == 1 else (2 if init == "he" else 1) / fan_in
    return math.sqrt(variance) * normal(key, shape, dtype)


def has_output_bias(before: int, readout: Array) -> bool:
    """Whether a readout has a row more than there are features: the output bias."""
    return readout.shape[-2] == before + 1


def with_one(
    features: Float[Array, "batch width"], readout: Array
) -> Float[Array, "batch _"]:
    """The features of a readout: with a last one that is 1, if it has a bias."""
    if not has_output_bias(features.shape[1], readout):
        return features
    return jnp.concatenate([features, jnp.ones_like(features[:, :1])], axis=1)


def check_chain(weights: Sequence[Array], *, name: str) -> None:
    """Matrices or kernels of which each takes as many inputs as the last one gives.

    The last one may have a row more: the output bias.
    """
    shapes = [w.shape for w in weights]
    for index, (before, after) in enumerate(pairwise(shapes), start=2):
        most = int(index == len(shapes))
        fit = len(before) > 1 < len(after) and 0 <= after[-2] - before[-1] <= most
        if not fit:
            raise ConfigError(
                f"The weights of {name} must fit each other, got shapes {shapes}."
            )
