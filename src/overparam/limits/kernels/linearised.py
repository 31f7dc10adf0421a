"""A network linearised in its weights, which trains like any other network."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Float, PyTree

from ...errors import ConfigError
from ...networks.network import LATER, Network, check_network
from ...networks.stateful import train_outputs


class Linearised(Network):
    r"""$f_{lin}(x; p) = f(x; p_0) + Df(x; p_0)\,(p - p_0)$, what a lazy network is.

    Every gradient dynamics trains it: names of its weights are those of the network,
    so that rates, penalties and noise by name mean the same. It has no features before
    a readout: exact readouts and variable projection refuse it.

    Attributes:
        moving: The network with the weights $p$, which train.
        fixed: The network with the weights $p_0$, which do not.
        in_training: Whether $f$ is the network as in training: one with running moments
            takes those of its batch there, and they move with the weights.
    """

    moving: Network
    fixed: Network
    in_training: bool = eqx.field(static=True, default=False, metadata=LATER)

    def __init__(
        self, *, moving: Network, fixed: Network, in_training: bool = False
    ) -> None:
        self.moving, self.fixed, self.in_training = moving, fixed, in_training

    @property
    def readout(  # pyright: ignore[reportIncompatibleVariableOverride]
        self,
    ) -> Float[Array, "width n_outputs"]:
        """The readout among the weights that train."""
        return self.moving.readout

    @property
    def scale(  # pyright: ignore[reportIncompatibleVariableOverride]
        self,
    ) -> float:
        """Output scale of the network."""
        return self.moving.scale

    def features(self, x: Float[Array, "batch *input"]) -> Float[Array, "batch width"]:
        raise ConfigError(
            "A linearised network has no features before its readout, because it is "
            "linear in all weights together: train it by a gradient method."
        )

    def __call__(
        self, x: Float[Array, "batch *input"]
    ) -> Float[Array, "batch n_outputs"]:
        """Outputs of a batch of inputs, shape `(batch, n_outputs)`."""
        return self.linear(
            lambda network: (
                train_outputs(network, x)[0] if self.in_training else network(x)
            )
        )

    def linear(self, function: Callable[[Network], Array]) -> Array:
        r"""$g(p_0) + Dg(p_0)\,(p - p_0)$ of any function g of the network."""
        moving, _ = eqx.partition(self.moving, eqx.is_inexact_array)
        centre, static = eqx.partition(self.fixed, eqx.is_inexact_array)
        # No gradient may reach these: they would count as weights that train.
        centre = jax.lax.stop_gradient(centre)
        found, change = derivative(
            lambda weights: function(eqx.combine(weights, static)),
            centre,
            jax.tree.map(lambda p, p0: p - p0, moving, centre),
        )
        return found + change


def linearised(network: Network, *, in_training: bool = False) -> Linearised:
    r"""$f_{\theta_0} + \partial_\theta f_{\theta_0} (\theta - \theta_0)$, a network.

    The network linearised at its own weights $\theta_0$.

    Args:
        network: Any network.
        in_training: Linearise what trains: batch normalisation with the moments of the
            batch, which move with the weights, in the place of the running ones.

    Example:
        ```python
        linear = op.linearised(network)
        assert jnp.allclose(linear(x), network(x), atol=1e-5)  # at its own weights
        ```
    """
    check_network(network)
    return Linearised(moving=network, fixed=network, in_training=in_training)


def derivative(
    function: Callable[[PyTree[Array]], Array], at: PyTree[Array], along: PyTree[Array]
) -> tuple[Array, Array]:
    """A function of weights, and its derivative along a direction.

    By transposing its reverse mode: convolutions have a rule of their own for that mode
    alone.
    """
    outputs, pull_back = jax.vjp(function, at)
    push: Any = jax.linear_transpose(lambda cotangent: pull_back(cotangent)[0], outputs)
    return outputs, push(along)[0]
