r"""Patterns worth solving over: those of a network that is trained first.

Half the sum of squared weights of a neuron is at least the product of their norms, so
that the penalised training of `n_neurons` balanced neurons has the minimum of the exact
programme over their patterns, if they are those of an optimum. L-BFGS finds good
patterns within a fraction of a solver's step; the programme over them then has a
certified optimum, which is never above what the training found.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize

from ...checks import at_least, counts, positive
from ..programs.patterns import Patterns, patterns_of
from ..programs.program import Architecture


_STEPS = 200


def trained_patterns(
    x: Float[np.ndarray, "n d"],
    y: Float[np.ndarray, " n"],
    start: Float[np.ndarray, "neurons d"],
    *,
    penalty: float,
    network: Architecture = "plain",
    n_steps: int = _STEPS,
) -> Patterns:
    r"""The patterns of neurons after a descent of the objective of their network.

    The objective is $\tfrac12 \|f - y\|^2 + \tfrac\beta2 (\sum_j \|w_j\|^2 +
    \|a\|^2)$; of normalised neurons it has $\|(X w_j)_+\|^2$ for $\|w_j\|^2$.

    Args:
        x: Inputs, shape `(n, d)`.
        y: Labels, shape `(n,)`.
        start: Directions of the neurons before, one a row; their outputs have signs in
            turn.
        penalty: $\beta$.
        network: What is trained; a skip connection is one more neuron without ReLU.
        n_steps: Most steps of L-BFGS.

    Returns:
        The distinct patterns, of which there may be fewer than neurons.

    Reference: Denoyelle, Duval, Peyré, Soubies 2019, The sliding Frank-Wolfe algorithm
    (arXiv 1811.06416), whose local descent of all neurons this is.
    """
    positive(penalty=penalty)
    counts(n_neurons=len(start))
    at_least(1, n_steps=n_steps)
    linear = int(network == "skip")
    weights = np.concatenate([np.ones((linear, x.shape[1])), start])
    # Neurons that give outputs of the size of the labels between them.
    outputs = np.linalg.norm(np.maximum(x @ weights.T, 0), axis=0)
    size = np.sqrt(np.linalg.norm(y) / len(weights) / np.where(outputs > 0, outputs, 1))
    weights, readout = weights * size[:, None], size * (-1.0) ** np.arange(len(size))
    descent = _Descent(x, y, penalty, linear, network == "normalised")
    found = minimize(
        descent,
        np.concatenate([weights.ravel(), readout]),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": n_steps},
    )
    trained = found.x[: weights.size].reshape(weights.shape)[linear:]
    # A neuron that the penalty took away has the pattern it began with.
    return patterns_of(x, np.where(trained.any(axis=1, keepdims=True), trained, start))


class _Descent(NamedTuple):
    """Value and gradient of the objective, by all weights in one vector."""

    x: Float[np.ndarray, "n d"]
    y: Float[np.ndarray, " n"]
    penalty: float
    linear: int
    normalised: bool

    def __call__(
        self, flat: Float[np.ndarray, " n_weights"]
    ) -> tuple[float, Float[np.ndarray, " n_weights"]]:
        d = self.x.shape[1]
        weights, readout = np.split(flat, [len(flat) // (d + 1) * d])
        weights = weights.reshape(-1, d)
        hidden = self.x @ weights.T
        off = hidden <= 0
        off[:, : self.linear] = False
        hidden[off] = 0
        residual = hidden @ readout - self.y
        back = residual[:, None] * readout
        paid = hidden if self.normalised else weights
        if self.normalised:
            back += self.penalty * hidden
        back[off] = 0
        slopes = back.T @ self.x
        if not self.normalised:
            slopes += self.penalty * weights
        value = 0.5 * residual @ residual
        value += 0.5 * self.penalty * (np.sum(paid**2) + readout @ readout)
        return float(value), np.append(
            slopes, hidden.T @ residual + self.penalty * readout
        )
