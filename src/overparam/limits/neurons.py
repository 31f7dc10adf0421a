"""All neurons of one or two networks, and their second moments under Gaussian inputs.

The difference of two networks is a network whose neurons are those of both.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ConfigError
from ..networks.finite import check_finite
from ..networks.two_layer import TwoLayer
from .gaussian import ActivationMoments, moments


# Entries of a block of the kernel in `power`: 64 kB.
_BLOCK_ENTRIES, _LEAST_ROWS = 8192, 16


@dataclass(frozen=True)
class Neurons:
    r"""Neurons of a network, in one array namespace.

    Attributes:
        weights: Input weights $Z$, one column per neuron.
        readout: Output weights $A$ times the output scale, one row per neuron.
        gram: $Z^\top \Sigma Z$.
        activation: Name of the activation.
        xp: `numpy` (float64) or `jax.numpy` (the dtype of the network).
    """

    weights: Any
    readout: Any
    gram: Any
    activation: str
    xp: Any

    @property
    def squares(self) -> Any:
        """Squared norms of the neurons."""
        return self.xp.diagonal(self.gram)

    @property
    def moments(self) -> ActivationMoments:
        """Closed forms of the activation."""
        return moments(self.activation)

    def kernel(self) -> Any:
        r"""$K_{ij} = E[\psi(z_i^\top x)\, \psi(z_j^\top x)]$."""
        return self.moments.covariance(self.gram, self.squares, self.squares, self.xp)

    def power(self) -> Any:
        r"""$E\|f(x)\|^2 = \langle A, K A \rangle$."""
        if self.xp is not np:
            return (self.readout * (self.kernel() @ self.readout)).sum()
        # By blocks of rows up from the diagonal: half the work, and temporary arrays
        # that stay in the cache whatever the width.
        n, squares = len(self.readout), self.squares
        n_rows = max(_LEAST_ROWS, _BLOCK_ENTRIES // n)
        return sum(self._power(s, s + n_rows, squares) for s in range(0, n, n_rows))

    def _power(self, start: int, end: int, squares: Any) -> float:
        """What the rows `start:end` of K and their mirror images contribute."""
        rows = self.readout[start:end]
        kernel = self.moments.covariance(
            self.gram[start:end, start:], squares[start:end], squares[start:], np
        )
        diagonal = kernel[:, : len(rows)] @ rows
        return float((rows * (2 * (kernel @ self.readout[start:]) - diagonal)).sum())


def neurons(network: TwoLayer, *, covariance: Any, xp: Any) -> Neurons:
    """The neurons of one network."""
    _check(network)
    return _build(*_arrays(network, xp), network.activation, covariance, xp)


def difference(
    student: TwoLayer, teacher: TwoLayer, *, covariance: Any, xp: Any
) -> Neurons:
    """The neurons of the network `student - teacher`, those of the student first."""
    _check(student)
    _check(teacher)
    pairs = {
        "input dimension": (student.weights.shape[-2], teacher.weights.shape[-2]),
        "number of outputs": (student.readout.shape[-1], teacher.readout.shape[-1]),
        "activation": (student.activation, teacher.activation),
    }
    for what, (first, second) in pairs.items():
        if first != second:
            raise ConfigError(
                f"Student and teacher must share the {what}, got {first} and {second}."
            )
    weights, readout = _arrays(student, xp)
    planted, target = _arrays(teacher, xp)
    # In JAX the dtype of the student rules: the teacher is data.
    weights = xp.concatenate([weights, planted.astype(weights.dtype)], axis=1)
    readout = xp.concatenate([readout, -target.astype(readout.dtype)], axis=0)
    return _build(weights, readout, student.activation, covariance, xp)


def _arrays(network: TwoLayer, xp: Any) -> tuple[Any, Any]:
    dtype = np.float64 if xp is np else network.readout.dtype
    readout = network.scale * xp.asarray(network.readout, dtype)
    return xp.asarray(network.weights, dtype), readout


def _build(
    weights: Any, readout: Any, activation: str, covariance: Any, xp: Any
) -> Neurons:
    image = weights
    if covariance is not None:
        expected = (weights.shape[0], weights.shape[0])
        if covariance.shape != expected:
            raise ConfigError(
                f"`covariance` must have shape {expected}, got {covariance.shape}."
            )
        image = xp.asarray(covariance, weights.dtype) @ weights
    return Neurons(weights, readout, weights.T @ image, activation, xp)


def _check(network: TwoLayer) -> None:
    if not isinstance(network, TwoLayer) or network.skip:
        kind = type(network).__name__
        raise ConfigError(
            "The population risk needs a `TwoLayer` network without skip connection, "
            f"got {kind}{' with one' if isinstance(network, TwoLayer) else ''}."
        )
    moments(network.activation)
    check_finite(network)
