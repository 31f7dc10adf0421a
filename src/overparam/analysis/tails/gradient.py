"""What the gradient of a batch differs by from the gradient of all samples."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float64, Int, PRNGKeyArray
from numpy import ndarray

from ...data.source import Batch
from ...errors import ConfigError
from ...networks.layers import parameters
from ...networks.network import Network


def gradient_noise(
    network: Network,
    data: Batch,
    *,
    objective: Callable[[Network, Batch], Float[Array, ""]],
    batch_size: int = 100,
    n_batches: int = 10,
    key: PRNGKeyArray,
) -> dict[str, Float64[ndarray, " n"]]:
    r"""Entries of $\nabla \ell_B - \nabla \ell$ for random batches B, by parameter.

    Args:
        network: The network at which gradients are taken.
        data: All training samples.
        objective: Loss of a network on a batch, averaged over it.
        batch_size: Samples of a batch, drawn without replacement.
        n_batches: Number of batches.
        key: Random key of the batches.

    Raises:
        ConfigError: If a batch would hold more samples than there are.
    """
    n = data.x.shape[0]
    if not 1 <= batch_size <= n:
        raise ConfigError(f"`batch_size` must lie in [1, {n}], got {batch_size}.")

    @eqx.filter_jit
    def gradient(chosen: Int[Array, " batch"]) -> Network:
        return eqx.filter_grad(objective)(
            network, Batch(data.x[chosen], data.y[chosen])
        )

    full = parameters(gradient(jnp.arange(n)))
    noise: dict[str, list[np.ndarray]] = {name: [] for name in full}
    for batch_key in jax.random.split(key, n_batches):
        chosen = jax.random.permutation(batch_key, n)[:batch_size]
        for name, leaf in parameters(gradient(chosen)).items():
            noise[name].append(np.asarray(leaf - full[name], np.float64).ravel())
    return {name: np.concatenate(parts) for name, parts in noise.items()}
