"""Neural feature repopulation: neurons drawn anew from their own law, or split."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int, PRNGKeyArray

from ...checks import at_least
from ...drawing import normal
from ...errors import ConfigError
from ...networks.network import Network
from ..shallow import Shallow, select_neurons, shallow
from .draws import draw


def repopulate(
    network: Network,
    law: Float[np.ndarray, " width"],
    *,
    jitter: float = 0.0,
    key: PRNGKeyArray,
) -> Shallow:
    r"""Draw all m neurons anew by a law, with readouts $u_j / (m p_j)$ per copy.

    Without jitter the expected function is the old one. With it every copy gets its
    own Gaussian step, so that two copies of one neuron differ.

    Args:
        network: A two-layer network; stored moments go with their neurons.
        law: Probabilities of the neurons.
        jitter: Standard deviation of the step of a copy relative to the root mean
            square of its input weights.
        key: Random key.
    """
    at_least(0, jitter=jitter)
    source = shallow(network)
    width = len(law)
    key_draw, key_jitter = jax.random.split(key)
    drawn = draw(law, width, key=key_draw)
    indices = np.repeat(drawn.indices, drawn.multiplicities)
    factors = 1 / (width * drawn.probabilities[indices])
    rows = source.readout[indices] * jnp.asarray(factors, source.readout.dtype)[:, None]
    moved = select_neurons(source, indices, readout=rows)
    if jitter == 0:
        return moved
    rms = jnp.sqrt(jnp.mean(moved.weights**2, axis=0, keepdims=True))
    noise = normal(key_jitter, moved.weights.shape, moved.weights.dtype)
    return eqx.tree_at(lambda n: n.weights, moved, moved.weights + jitter * rms * noise)


def split(network: Network, counts: Int[np.ndarray, " width"]) -> Shallow:
    r"""Replace neuron j by $n_j$ copies with readout $u_j / n_j$: the same function.

    The penalty $\sum_j n_j \|u_j / n_j\|^2$ is smallest, for a given number of copies,
    when $n_j$ is proportional to $\|u_j\|$; then all copies are equally strong.

    Args:
        network: A two-layer network.
        counts: Copies of each neuron, at least one.

    Raises:
        ConfigError: If a count is below 1 or there is not one for every neuron.
    """
    source = shallow(network)
    counts = np.asarray(counts)
    width = source.weights.shape[1]
    if counts.shape != (width,) or not np.all(counts >= 1):
        raise ConfigError(
            f"`counts` must hold one number of copies, at least 1, for each of the "
            f"{width} neurons."
        )
    indices = np.repeat(np.arange(width), counts)
    shares = jnp.asarray(1 / counts[indices], source.readout.dtype)
    return select_neurons(
        source, indices, readout=source.readout[indices] * shares[:, None]
    )
