r"""Homogeneous networks of any depth: hidden units may shift weight between layers.

A unit's incoming weights (its bias among them) may be divided by $s > 0$ and its
outgoing weights multiplied by it. The sum of squares over all such rescalings is convex
in the logarithms of the factors, and each layer's best factors given the others are a
closed form: descent by layers finds the minimum.

Reference: Stock, Graham, Gribonval and Jégou, Equi-normalization of neural networks,
ICLR 2019 (arXiv 1902.10416).
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ...errors import ConfigError
from ...networks.activations import traits
from ...networks.convolutional.vgg import VGG
from ...networks.deep import MLP
from ...networks.finite import check_finite
from ...networks.network import Network


_MOST_SWEEPS = 1000
_TOLERANCE = 1e-12
"""Largest logarithm of a factor of a sweep at which descent ends."""

Sizes = Float[np.ndarray, "_ _"]


@dataclass(frozen=True)
class HiddenLayer:
    """Norms on both sides of the units of one hidden layer."""

    name: str
    """Name of the incoming weights."""
    incoming: Float[np.ndarray, " width"]
    """Norms of the incoming weights, biases included."""
    outgoing: Float[np.ndarray, " width"]
    """Norms of the outgoing weights."""

    def residual(self, ratio: float = 1.0) -> Float[np.ndarray, " width"]:
        """Relative gap of the squared norms, the outgoing ones times `ratio`."""
        out, into = ratio * self.outgoing**2, self.incoming**2
        total = out + into
        return np.abs(out - into) / np.where(total > 0, total, 1)


def hidden_layers_of(network: Network) -> list[HiddenLayer]:
    """Both sides of every hidden layer.

    Under gradient flow without penalty the difference of their squares is conserved
    (Du, Hu and Lee 2018, Theorem 2.1 and its form for convolutions).

    Raises:
        ConfigError: If units of the network cannot be rescaled.
    """
    names, squares, biases = _chain(network)
    return [
        HiddenLayer(
            name=names[i],
            incoming=np.sqrt(squares[i].sum(axis=0) + biases[i]),
            outgoing=np.sqrt(squares[i + 1].sum(axis=1)),
        )
        for i in range(len(biases))
    ]


def balanced(network: Network, *, mu: float = 0.5, nu: float = 0.5) -> Network:
    r"""The same function with the least $\mu \|U\|^2 + \nu \sum_l (\|W_l\|^2 + b_l^2)$.

    Units without incoming or outgoing weights carry no function and are set to 0.

    Args:
        network: A homogeneous MLP or VGG.
        mu: Coefficient of the readout.
        nu: Coefficient of all other weights.

    Raises:
        ConfigError: If units of the network cannot be rescaled, or weights are not
            finite.
    """
    check_finite(network)
    _, squares, biases = _chain(network)
    alive = _alive(squares, biases)
    # Squared, of every hidden layer; 0 for units that carry nothing.
    factors = [unit.astype(float) for unit in alive]
    for _ in range(_MOST_SWEEPS):
        change = 0.0
        for i, unit in enumerate(alive):
            before = factors[i - 1] if i else np.ones(len(squares[0]))
            into = before @ squares[i] + biases[i]
            if i + 1 < len(alive):
                out = squares[i + 1] @ _divided(1.0, factors[i + 1])
            else:
                out = mu / nu * squares[-1].sum(axis=1)
            # The minimum over t of into / t + out t.
            best = np.where(unit, np.sqrt(_divided(into, np.where(unit, out, 0))), 0)
            ratios = _divided(best, factors[i])[unit]
            change = max(change, np.abs(np.log(ratios)).max(initial=0))
            factors[i] = best
        if change <= _TOLERANCE:
            break
    return _rescaled(network, factors)


def deep_penalty(network: Network, *, mu: float = 0.5, nu: float = 0.5) -> float:
    """What `balanced` minimises."""
    _, squares, biases = _chain(network)
    hidden = sum(float(part.sum()) for part in (*squares[:-1], *biases))
    return mu * float(squares[-1].sum()) + nu * hidden


def _chain(network: Network) -> tuple[list[str], list[Sizes], list[np.ndarray]]:
    """Names of all weights, their squares by (unit before, unit after), and biases'."""
    if isinstance(network, VGG):
        field, hidden, biases = "kernels", network.kernels, network.biases
    elif isinstance(network, MLP) and traits(network.activation).homogeneous:
        field, hidden, biases = "layers", network.layers, network.biases
    else:
        what = getattr(network, "activation", "its layers")
        raise ConfigError(
            f"Units of {type(network).__name__} ({what}) cannot be rescaled without "
            "changing the function."
        )
    squares = [
        (np.asarray(w, np.float64) ** 2).sum(axis=tuple(range(w.ndim - 2)))
        for w in (*hidden, network.readout[: hidden[-1].shape[-1]])
    ]
    own = [np.asarray(b, np.float64) ** 2 for b in biases]
    zeros = [np.zeros(part.shape[1]) for part in squares[:-1]]
    return [f"{field}.{i}" for i in range(len(hidden))], squares, own or zeros


def _divided(above: np.ndarray | float, below: np.ndarray) -> np.ndarray:
    """The quotient, 0 where it would be divided by 0."""
    return np.where(below > 0, above / np.where(below > 0, below, 1), 0)


def _alive(squares: Sequence[Sizes], biases: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Which units a signal reaches, and from which one leaves."""
    alive = []
    reached = np.ones(len(squares[0]), bool)
    for square, bias in zip(squares[:-1], biases, strict=True):
        reached = (square[reached].sum(axis=0) > 0) | (bias > 0)
        alive.append(reached)
    leaves = np.ones(squares[-1].shape[1], bool)
    for i in range(len(alive) - 1, -1, -1):
        leaves = squares[i + 1][:, leaves].sum(axis=1) > 0
        alive[i] = alive[i] & leaves
    return alive


def _rescaled(network: Network, factors: Sequence[np.ndarray]) -> Network:
    assert isinstance(network, MLP | VGG)
    roots = [np.sqrt(factor) for factor in factors]
    hidden = network.layers if isinstance(network, MLP) else network.kernels

    def scaled(weights: Array, before: np.ndarray | None, after: np.ndarray | None):
        values = np.asarray(weights, np.float64)
        if before is not None:
            # An output bias, the last row of a readout, is of no unit.
            rest = np.ones(values.shape[-2] - len(before))
            values = values * np.concatenate([before, rest])[:, None]
        if after is not None:
            values = _divided(values, np.broadcast_to(after, values.shape))
        return jnp.asarray(values, weights.dtype)

    moved = tuple(
        scaled(w, roots[i - 1] if i else None, roots[i]) for i, w in enumerate(hidden)
    )
    biases = tuple(
        scaled(b, None, root) for b, root in zip(network.biases, roots, strict=False)
    )
    changed: dict[str, Any] = {
        "kernels" if isinstance(network, VGG) else "layers": moved,
        "biases": biases,
        "readout": scaled(network.readout, roots[-1], None),
    }
    return dataclasses.replace(network, **changed)
