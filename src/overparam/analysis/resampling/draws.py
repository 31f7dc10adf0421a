r"""Laws for drawing k of m neurons, the draws, and the exact error of an average draw.

A wide network is $f = s \sum_j u_j \phi_j$; a draw of k neurons with probabilities p
and readout $u_j / (k p_j)$ is an unbiased estimate of it.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ...checks import arrays_by_shape, one_of, positive
from ...errors import ConfigError
from ...networks.view import TwoLayerView
from ..shallow import Shallow, feature_moments, readout_norms, select_neurons, shallow
from .laws import Probabilities, custom_law


Method = Literal["with-replacement", "without-replacement", "systematic", "top-k"]
METHODS: tuple[Method, ...] = get_args(Method)


@arrays_by_shape
@dataclass(frozen=True, kw_only=True)
class Draw:
    """Neurons drawn from a network; each comes once, with its multiplicity."""

    indices: Int[np.ndarray, " drawn"]
    """Distinct neurons, ascending (`top-k`: by decreasing probability)."""
    multiplicities: Int[np.ndarray, " drawn"]
    """How often each was drawn; they sum to k."""
    probabilities: Probabilities
    """The law of the draw."""
    method: Method
    """How it was drawn."""

    @property
    def k(self) -> int:
        """Number of neurons drawn, repetitions included."""
        return int(self.multiplicities.sum())

    @property
    def n_duplicates(self) -> int:
        """Neurons drawn in vain because they had been drawn before."""
        return self.k - len(self.indices)


def draw(
    law: Probabilities,
    k: int,
    *,
    method: Method = "with-replacement",
    key: PRNGKeyArray,
) -> Draw:
    """Draw k neurons.

    Args:
        law: Probabilities of the neurons.
        k: How many.
        method: `with-replacement` (independent draws), `without-replacement`
            (successive draws among those left), `systematic` (equal steps along the
            cumulative law from one random start) or `top-k` (the k largest).
        key: Random key; `top-k` uses none.

    Raises:
        ConfigError: If k is below 1, or exceeds the neurons that can be drawn.
    """
    one_of(METHODS, method=method)
    law = custom_law(law)
    available = int(np.count_nonzero(law))
    distinct = method in ("without-replacement", "top-k")
    if k < 1 or (distinct and k > available):
        limit = f"the width {len(law)}" if available == len(law) else f"{available}"
        raise ConfigError(
            f"`k` must be between 1 and {limit} when drawing without replacement, "
            f"got {k}."
            if distinct
            else f"`k` must be at least 1, got {k}."
        )
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)).ravel())
    indices = _DRAWS[method](rng, law, k)
    if method == "top-k":
        return _draw(indices, np.ones(k, int), law, method)
    return _draw(*np.unique(indices, return_counts=True), law, method)


def corrected(network: Shallow, drawn: Draw) -> Shallow:
    r"""The drawn network with readout $n_j u_j / (k p_j)$: the wide one on average.

    Raises:
        ConfigError: If the draw is not one whose expectation is known.
    """
    if drawn.method not in ("with-replacement", "systematic"):
        raise ConfigError(
            "The importance-corrected readout needs a draw `with-replacement` or "
            f"`systematic`, got {drawn.method!r}; refit the readout instead."
        )
    source = shallow(network)
    expected = drawn.k * drawn.probabilities[drawn.indices]
    factors = (drawn.multiplicities / expected).astype(source.readout.dtype)
    rows = np.asarray(source.readout)[drawn.indices] * factors[:, None]
    return select_neurons(source, drawn.indices, readout=jax.numpy.asarray(rows))


def predicted_error(
    network: Shallow,
    law: Probabilities,
    k: int,
    *,
    data: Float[Array, "n input_dim"],
) -> float:
    r"""$E\|\hat f_k - f\|^2$ of k draws with replacement, without refit, over `data`.

    $$\frac1k \Big( \sum_j \frac{\|u_j\|^2 E\phi_j^2}{p_j} - E\|f\|^2 \Big) s^2$$

    Args:
        network: A two-layer network.
        law: Probabilities of its neurons.
        k: Number of draws.
        data: Inputs over which expectations are taken.
    """
    positive(k=k)
    source = shallow(network)
    # Nothing of what all neurons have in common is drawn.
    alone = source
    if isinstance(source, TwoLayerView):
        alone = source.alone
    outputs = np.asarray(alone(data), np.float64)
    power = np.mean(np.sum(outputs**2, axis=1))
    return float(error_shares(network, law, data=data).sum() - power) / k


def error_shares(
    network: Shallow, law: Probabilities, *, data: Float[Array, "n input_dim"]
) -> Float[np.ndarray, " width"]:
    r"""What each neuron adds to $k E\|\hat f_k\|^2$: $s^2 \|u_j\|^2 E\phi_j^2 / p_j$.

    It is infinite for a neuron that is never drawn, unless its output is within the
    rounding of theirs together: it is no loss.
    """
    source = shallow(network)
    needed = float(source.scale) ** 2 * readout_norms(source) ** 2
    needed = needed * feature_moments(source, data).rms ** 2
    law = custom_law(law)
    rounding = float(jnp.finfo(source.readout.dtype).eps)
    never = np.where(needed > rounding**2 * needed.sum(), np.inf, 0.0)
    return np.divide(needed, law, out=never, where=law > 0)


def _draw(
    indices: np.ndarray, counts: np.ndarray, law: np.ndarray, how: Method
) -> Draw:
    return Draw(indices=indices, multiplicities=counts, probabilities=law, method=how)


def _with_replacement(
    rng: np.random.Generator, law: Probabilities, k: int
) -> Int[np.ndarray, " k"]:
    return rng.choice(len(law), size=k, p=law)


def _without_replacement(
    rng: np.random.Generator, law: Probabilities, k: int
) -> Int[np.ndarray, " k"]:
    # The k smallest exponential arrival times are k successive draws (Efraimidis and
    # Spirakis 2006).
    times = np.full(len(law), np.inf)
    np.divide(rng.exponential(size=len(law)), law, out=times, where=law > 0)
    return np.argsort(times)[:k]


def _systematic(
    rng: np.random.Generator, law: Probabilities, k: int
) -> Int[np.ndarray, " k"]:
    points = (rng.random() + np.arange(k)) / k
    cumulative = np.cumsum(law)
    return np.searchsorted(cumulative / cumulative[-1], points, side="right")


def _top(rng: np.random.Generator, law: Probabilities, k: int) -> Int[np.ndarray, " k"]:
    del rng
    return np.argsort(-law, kind="stable")[:k]


_DRAWS = {
    "with-replacement": _with_replacement,
    "without-replacement": _without_replacement,
    "systematic": _systematic,
    "top-k": _top,
}
