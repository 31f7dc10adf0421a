r"""The square loss of classes: $\mathrm{mean}(F - Y)^2/(2\lambda)$, one-hot $Y$.

With the penalty $\mathrm{mean}(U^2)/2$ of the readout it is the loss of all methods of
arXiv 2504.18208, section 6.2.
"""

import math
from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..errors import ConfigError
from ..networks.network import Network
from .labels import wanted_outputs
from .penalties import L2Penalty


@dataclass(frozen=True)
class ClassSquares:
    r"""$\mathrm{mean}(F - Y)^2/(2\lambda)$ over samples and outputs, with one-hot $Y$.

    Equal penalties make equal (hashable) losses.

    Example:
        ```python
        loss = op.objectives.ClassSquares(1e-3)
        float(loss(jnp.zeros((20, 2)), labels))
        ```
    """

    penalty: float

    def __post_init__(self) -> None:
        check_class_penalty(self.penalty)

    def __call__(
        self, outputs: Float[Array, "batch n_classes"], targets: Array
    ) -> Float[Array, ""]:
        wanted = wanted_outputs(targets, outputs)
        return jnp.mean((outputs - wanted) ** 2) / (2 * self.penalty)


def readout_penalty(network: Network) -> L2Penalty:
    """The penalty term: half the mean square of the readout's entries."""
    return L2Penalty({"readout": 0.5 / network.readout.size})


def check_class_penalty(penalty: float) -> None:
    """The loss is divided by `penalty`.

    Raises:
        ConfigError: If it is not a positive finite number.
    """
    if not (math.isfinite(penalty) and penalty > 0):
        raise ConfigError(
            f"`penalty` must be positive, got {penalty}: the loss is divided by it."
        )
