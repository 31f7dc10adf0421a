"""Two-layer networks whose hidden neurons are standardised after the activation."""

from dataclasses import replace
from functools import partial
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..checks import at_least
from ..errors import ConfigError
from .activations import activation
from .moments import block_moments, column_moments
from .network import Network
from .two_layer import check_shapes


VARIANCE_FLOOR = 1e-5
r"""$\varepsilon$ in $\sqrt{\sigma^2 + \varepsilon}$, the usual one of batch
normalisation: a constant neuron gives a zero feature."""


class StandardisedTwoLayer(Network):
    r"""$f(x) = s \sum_j u_j (h_j(x) - \mu_j) / \sqrt{\sigma_j^2 + \varepsilon}$.

    Here $h_j(x) = \psi(w_j^\top x)$. In training (`mean` is `None`) the moments are
    those of the batch; `with_moments` stores those of a data set, after which the
    network is an ordinary function of one input, whatever the batch.

    Attributes:
        weights: Input weights $W$, shape `(input_dim, width)`.
        readout: Output weights $U$, shape `(width, n_outputs)`.
        mean: Stored means $\mu$, shape `(width,)`, or `None` for those of the batch.
        std: Stored standard deviations $\sigma$ (biased, without $\varepsilon$).
        activation: Name of $\psi$.
        scale: Output scale $s$.
        stop_gradient_moments: Whether gradients ignore that moments move with $W$.

    Example:
        ```python
        standard = op.networks.StandardisedTwoLayer(network.weights, network.readout)
        assert jnp.allclose(standard.features(x).mean(axis=0), 0, atol=1e-5)
        ```
    """

    constants: ClassVar[tuple[str, ...]] = ("mean", "std")
    weights: Float[Array, "input_dim width"]
    readout: Float[Array, "width n_outputs"]
    mean: Float[Array, " width"] | None = None
    std: Float[Array, " width"] | None = None
    activation: str = eqx.field(static=True, default="tanh")
    scale: float = eqx.field(static=True, default=1.0)
    stop_gradient_moments: bool = eqx.field(static=True, default=False)

    def __check_init__(self) -> None:
        activation(self.activation)
        check_shapes(self.weights, self.readout, skip=False)
        if (self.mean is None) != (self.std is None):
            raise ConfigError("`mean` and `std` must be given together.")
        shapes = [getattr(m, "shape", None) for m in (self.mean, self.std)]
        width = getattr(self.readout, "shape", ())[:-1]
        if width and not {*shapes} <= {None, width}:
            raise ConfigError(
                f"`mean` and `std` must have the shape {width}, got {shapes[0]} and "
                f"{shapes[1]}."
            )

    def hidden(self, x: Float[Array, "batch input_dim"]) -> Float[Array, "batch width"]:
        """Neurons before standardisation, shape `(batch, width)`."""
        return activation(self.activation)(x @ self.weights)

    def features(
        self, x: Float[Array, "batch input_dim"]
    ) -> Float[Array, "batch width"]:
        hidden = self.hidden(x)
        if self.mean is None or self.std is None:
            mean, variance = jnp.mean(hidden, axis=0), jnp.var(hidden, axis=0)
            if self.stop_gradient_moments:
                mean, variance = jax.lax.stop_gradient((mean, variance))
        else:
            mean, variance = self.mean, self.std**2
        factor = jax.lax.rsqrt(variance + VARIANCE_FLOOR)
        return (hidden - mean[None]) * factor[None]


def with_moments(
    network: StandardisedTwoLayer,
    x: Float[Array, "n_samples input_dim"],
    *,
    block_rows: int = 4096,
) -> StandardisedTwoLayer:
    """The network with the exact moments of `x`, in one pass over blocks of rows.

    Args:
        network: Network with or without stored moments.
        x: Inputs whose moments are taken, normally the whole training set.
        block_rows: Rows per block; memory is `block_rows * width` numbers.

    Example:
        ```python
        standard = op.networks.StandardisedTwoLayer(network.weights, network.readout)
        fixed = op.networks.with_moments(standard, x)
        assert jnp.allclose(fixed(x[:1]), standard(x)[:1], atol=1e-5)
        ```
    """
    at_least(1, block_rows=block_rows, n_samples=x.shape[0])
    mean, std = block_moments(partial(_block_moments, network), x, rows=block_rows)
    dtype = network.weights.dtype
    mean, std = (jnp.asarray(moment, dtype) for moment in (mean, std))
    return replace(network, mean=mean, std=std)


@eqx.filter_jit
def _block_moments(
    network: StandardisedTwoLayer, x: Float[Array, "rows input_dim"]
) -> tuple[Float[Array, " width"], Float[Array, " width"]]:
    return column_moments(network.hidden(x))
