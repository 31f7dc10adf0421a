"""ReLU features with a fixed threshold: injective on the circle, unlike plain ReLU."""

import equinox as eqx
import jax
from jaxtyping import Array, Float

from .network import Network
from .two_layer import check_shapes


class ThresholdReLU(Network):
    r"""$f(x) = s \sum_j u_j\, (w_j \cdot x + b)_+$ with a fixed threshold $b$.

    Attributes:
        weights: Input weights, shape `(input_dim, width)`; column j is neuron j.
        readout: Output weights, shape `(width, n_outputs)`.
        threshold: The constant $b$; it is not trained.
        scale: Output scale $s$.

    Example:
        ```python
        net = op.networks.ThresholdReLU(network.weights, network.readout, threshold=0.5)
        assert jnp.allclose(net.features(x), jax.nn.relu(x @ network.weights + 0.5))
        ```
    """

    weights: Float[Array, "input_dim width"]
    readout: Float[Array, "width n_outputs"]
    threshold: float = eqx.field(static=True, default=0.5)
    scale: float = eqx.field(static=True, default=1.0)

    def __check_init__(self) -> None:
        check_shapes(self.weights, self.readout, skip=False)

    def features(
        self, x: Float[Array, "batch input_dim"]
    ) -> Float[Array, "batch width"]:
        return jax.nn.relu(x @ self.weights + self.threshold)
