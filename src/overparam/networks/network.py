"""What is trained: every network is features followed by a linear readout."""

import abc
from types import MappingProxyType

import equinox as eqx
from jaxtyping import Array, Float

from .product import product


LATER = MappingProxyType({"later": True})
"""Metadata of a field that stored networks of earlier versions lack."""


class Network(eqx.Module):
    r"""A network $f(x) = s \, \phi(x) \, U$: features $\phi$, readout $U$, scale $s$.

    Because every network has `features` and `readout`, variable projection, exact
    readouts, resampling and pruning are written once and serve them all. Batches come
    first, so that the work is one matrix product and never a `vmap` over samples.

    Attributes:
        readout: Output weights $U$, shape `(width, n_outputs)`.
        scale: Output scale $s$: 1 (standard), 1/width (mean-field) or
            1/sqrt(width) (NTK).
    """

    readout: eqx.AbstractVar[Float[Array, "width n_outputs"]]
    scale: eqx.AbstractVar[float]

    @abc.abstractmethod
    def features(self, x: Float[Array, "batch *input"]) -> Float[Array, "batch width"]:
        """Features of a batch of inputs, shape `(batch, width)`."""

    def __call__(
        self, x: Float[Array, "batch *input"]
    ) -> Float[Array, "batch n_outputs"]:
        """Outputs of a batch of inputs, shape `(batch, n_outputs)`."""
        return self.scale * product(self.features(x), self.readout)
