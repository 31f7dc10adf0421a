"""The network of a gated programme: gates decide, weights predict."""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..errors import ConfigError
from .network import Network
from .two_layer import check_shapes


class GatedTwoLayer(Network):
    r"""$f(x) = s\,[1(x g_j \ge 0)\, x w_j\,; x \text{ if skip}]\, U$.

    A gated optimum is not a ReLU network, because its weights need not lie in the cones
    of their patterns: it must keep its gates and predict with them.

    Attributes:
        gates: Directions $g_j$, shape `(input_dim, width)`; not trained.
        weights: Weights $w_j$, shape `(input_dim, width)`.
        readout: Output weights, shape `(width, n_outputs)`, with `skip`
            `(width + input_dim, n_outputs)`.
        scale: Output scale.
        skip: Whether the inputs are features too.

    Example:
        ```python
        w = network.weights
        net = op.networks.GatedTwoLayer(gates=w, weights=w, readout=network.readout)
        assert jnp.allclose(net(x), network(x))  # gates that agree with the weights
        ```
    """

    constants: ClassVar[tuple[str, ...]] = ("gates",)
    gates: Float[Array, "input_dim width"]
    weights: Float[Array, "input_dim width"]
    readout: Float[Array, "n_features n_outputs"]
    scale: float = eqx.field(static=True, default=1.0)
    skip: bool = eqx.field(static=True, default=False)

    def __check_init__(self) -> None:
        shapes = [getattr(a, "shape", None) for a in (self.gates, self.weights)]
        if shapes[0] != shapes[1]:
            raise ConfigError(
                f"`gates` and `weights` must have one shape, got {shapes[0]} and "
                f"{shapes[1]}."
            )
        check_shapes(self.weights, self.readout, skip=self.skip)

    def features(self, x: Float[Array, "batch input_dim"]) -> Float[Array, "batch _"]:
        hidden = jnp.where(x @ self.gates >= 0, x @ self.weights, 0)
        return jnp.concatenate([hidden, x], axis=1) if self.skip else hidden
