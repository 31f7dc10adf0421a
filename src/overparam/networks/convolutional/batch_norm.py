r"""Batch normalisation $\gamma (x - \mu)/\sqrt{\sigma^2 + \varepsilon} + \beta$.

Means and variances are taken over batch, height and width. The state is explicit: the
running moments go in, the new ones come out.

Reference: Ioffe and Szegedy, ICML 2015 (arXiv 1502.03167), Algorithms 1 and 2.
"""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from ..network import Network
from ..stateful import Stateful, train_features, with_statistics


EPSILON = 1e-5
r"""$\varepsilon$, as in PyTorch."""
MOMENTUM = 0.1
"""Weight of the batch in the running moments, as in PyTorch."""


class Moments(eqx.Module):
    """Running mean and (unbiased) variance of each channel."""

    mean: Float[Array, " channels"]
    variance: Float[Array, " channels"]


class BatchNorm(eqx.Module):
    r"""Gain $\gamma$ and shift $\beta$ of each channel."""

    gain: Float[Array, " channels"]
    shift: Float[Array, " channels"]

    def apply(
        self, x: Float[Array, "*batch channels"], moments: Moments
    ) -> Float[Array, "*batch channels"]:
        r"""Normalise with given moments.

        One product and one sum per entry: outputs are accurate to $u |\mu| / \sigma$
        (unit roundoff u), as much as rounded inputs let them be.
        """
        factor = self.gain * jax.lax.rsqrt(moments.variance + EPSILON)
        offset = self.shift - moments.mean * factor
        return x * _as(x, factor) + _as(x, offset)


def batch_norm(channels: int, dtype: DTypeLike) -> tuple[BatchNorm, Moments]:
    """A normalisation that does nothing yet: gain 1, shift 0, moments 0 and 1."""
    ones, zeros = jnp.ones(channels, dtype), jnp.zeros(channels, dtype)
    return BatchNorm(ones, zeros), Moments(zeros, ones)


def batch_moments(x: Float[Array, "*batch channels"]) -> Moments:
    """Mean and biased variance of a batch, in two passes."""
    axes = tuple(range(x.ndim - 1))
    mean = jnp.mean(x, axis=axes)
    return Moments(mean, jnp.mean(jnp.square(x - _as(x, mean)), axis=axes))


def running(old: Moments, batch: Moments, *, n_values: int) -> Moments:
    """Running moments after a batch of `n_values` values per channel.

    The variance that is averaged is the unbiased one.
    """
    unbiased = n_values / max(n_values - 1, 1)
    mean, variance = jax.lax.stop_gradient((batch.mean, batch.variance))
    return Moments(
        (1 - MOMENTUM) * old.mean + MOMENTUM * mean,
        (1 - MOMENTUM) * old.variance + (MOMENTUM * unbiased) * variance,
    )


class Normaliser:
    """Applies the normalisations of a network in turn, each with its running moments.

    Attributes:
        moved: The running moments after the batch, of the normalisations applied so
            far; in evaluation they stay empty.
    """

    def __init__(self, statistics: Sequence[Moments], *, training: bool) -> None:
        # In evaluation moments are constants: no training rule may move them.
        self._statistics = iter(jax.lax.stop_gradient(tuple(statistics)))
        self._training = training
        self.moved: list[Moments] = []

    def __call__(
        self, norm: BatchNorm, x: Float[Array, "*batch channels"]
    ) -> Float[Array, "*batch channels"]:
        old = next(self._statistics)
        if not self._training:
            return norm.apply(x, old)
        moments = batch_moments(x)
        n_values = x.size // x.shape[-1]
        self.moved.append(running(old, moments, n_values=n_values))
        return norm.apply(x, moments)


def _as(x: Array, channels: Float[Array, " channels"]) -> Array:
    return channels.reshape((1,) * (x.ndim - 1) + channels.shape)


def settled(network: Network, x: Float[Array, "n height width channels"]) -> Network:
    """The network with the moments of `x` as its running ones; others as they are.

    Those of a start are 0 and 1, whatever its layers give: training never sees them.
    """
    if not isinstance(network, Stateful):
        return network
    zero = jax.tree.map(jnp.zeros_like, network.statistics)
    _, moved = train_features(with_statistics(network, zero), x)
    return with_statistics(network, jax.tree.map(lambda part: part / MOMENTUM, moved))
