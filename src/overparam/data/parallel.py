"""Batches spread over all devices; the compiler does the rest."""

from typing import Any

import equinox as eqx
import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Int, PRNGKeyArray

from .source import Batch, Source


class DataParallel(eqx.Module):
    """A source whose batches lie in equal parts on the devices of a mesh.

    Weights stay whole on every device; sums over the batch (gradients, moments of
    batch normalisation, Gram matrices) become sums over devices, so that the numbers
    are those of one device up to rounding.

    Attributes:
        source: The source of the batches.
        mesh: One axis, `data`.
    """

    source: Source
    mesh: Mesh = eqx.field(static=True)

    def steps_per_draw(self, batch_size: int) -> int:
        return self.source.steps_per_draw(batch_size)

    def draw(
        self, key: PRNGKeyArray, step: Int[Array, ""], n_steps: int, batch_size: int
    ) -> Any:
        return self.source.draw(key, step, n_steps, batch_size)

    def batch(self, drawn: Any) -> Batch:
        sharding = NamedSharding(self.mesh, PartitionSpec("data"))
        x, y = self.source.batch(drawn)
        spread = jax.lax.with_sharding_constraint
        return Batch(spread(x, sharding), spread(y, sharding))


def over_devices(source: Source, *, batch_size: int) -> Source:
    """The source spread over as many devices as divide the batch, if more than one."""
    devices = jax.devices()
    n_devices = max(n for n in range(1, len(devices) + 1) if batch_size % n == 0)
    if n_devices == 1:
        return source
    return DataParallel(source, Mesh(devices[:n_devices], ("data",)))
