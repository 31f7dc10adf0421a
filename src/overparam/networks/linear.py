"""A readout alone, for features that were computed before."""

import equinox as eqx
from jaxtyping import Array, Float

from .network import Network


class LinearReadout(Network):
    r"""$f(\phi) = s \, \phi \, U$: the inputs are the features.

    Attributes:
        readout: Weights $U$, shape `(width, n_outputs)`.
        scale: Output scale $s$.

    Example:
        ```python
        last = op.networks.LinearReadout(readout=network.readout, scale=network.scale)
        assert jnp.allclose(last(network.features(x)), network(x))
        ```
    """

    readout: Float[Array, "width n_outputs"]
    scale: float = eqx.field(static=True, default=1.0)

    def features(self, x: Float[Array, "batch width"]) -> Float[Array, "batch width"]:
        return x
