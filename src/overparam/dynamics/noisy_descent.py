"""Gradient descent whose weights are shaken between the steps, never at a record."""

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree

from ..data.source import Batch
from ..networks.network import Network
from ..noise.heavy_tailed import HeavyTailNoise, Scalar, add_noise
from .descent import Descent, DescentInfo, DescentState
from .dynamics import State


class NoisyState(State):
    """The network before its next noise, optimiser state, number of steps."""

    network: Network
    optimiser: PyTree
    count: Int[Array, ""]


class NoisyDescent(eqx.Module):
    r"""$\theta_k = \theta'_k + s_k \xi_k$, $\theta'_{k+1} = \theta_k - \text{step}$.

    The state holds $\theta'$: gradients are taken at noised weights, while records,
    stop rules and the stored network see weights to which no noise was added since the
    last gradient step, as in the published code. The first gradient is taken at the
    initial weights. The iterates are those of `heavy_tail_noise` chained last in the
    optimiser, less their newest noise: after K steps K - 1 noises have been added.

    Attributes:
        descent: The gradient step; its momentum and penalties never see the noise.
        noise: The law of the noise.
        learning_rate: The $\eta$ of the noise's scale $\sigma\, \eta^{1/\alpha}$.
        key: Key of the noise alone.

    Example:
        ```python
        descent = op.Descent("half-squared-error", learning_rate=1e-2)
        noise = op.noise.HeavyTailNoise("shared", alpha=1.9, sigma=1e-3)
        rule = op.dynamics.NoisyDescent(descent, noise, learning_rate=1e-2, key=key)
        state = rule.init(network, key=key)
        ```
    """

    descent: Descent
    noise: HeavyTailNoise
    learning_rate: Scalar
    key: PRNGKeyArray

    def init(self, network: Network, *, key: PRNGKeyArray) -> NoisyState:
        state = self.descent.init(network, key=key)
        return NoisyState(network, state.optimiser, jnp.zeros((), jnp.int32))

    def step(
        self, state: NoisyState, batch: Batch, *, key: PRNGKeyArray
    ) -> tuple[NoisyState, DescentInfo]:
        drawn = self.noise.draw(
            state.network,
            learning_rate=self.learning_rate,
            step=state.count - 1,
            key=self.key,
        )
        first = state.count == 0
        drawn = jax.tree.map(
            lambda noise: jnp.where(first, jnp.zeros_like(noise), noise), drawn
        )
        noised = add_noise(state.network, drawn)
        moved, info = self.descent.step(
            DescentState(noised, state.optimiser), batch, key=key
        )
        return NoisyState(moved.network, moved.optimiser, state.count + 1), info


class PowerDecay(eqx.Module):
    r"""$\eta_t = \eta_0\, (t + 1/g)^{-p}$ with $g = (\eta_0/n)^{1/(1-p)}$.

    The decay of the code published with Wan et al. 2024, which makes its sum over time
    scale with the width. Multiplying by `rate_factor` afterwards serves the
    mean-field algorithm.

    Attributes:
        initial: Step size $\eta_0$.
        exponent: Decay exponent $p$ in [0, 1).
        width: Width $n$.

    Example:
        ```python
        rate = op.dynamics.PowerDecay(0.1, 0.5, width=100)
        assert rate(jnp.asarray(10)) < rate(jnp.asarray(0))
        ```
    """

    initial: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    exponent: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    width: int = eqx.field(static=True)

    def __call__(self, count: Int[Array, ""]) -> Float[Array, ""]:
        inverse = (self.initial / self.width) ** (-1 / (1 - self.exponent))
        time = count.astype(self.initial.dtype) + inverse
        return self.initial * time**-self.exponent


def torch_sgd(
    learning_rate: Scalar,
    momentum: Float[Array, ""] | None = None,
    weight_decay: Float[Array, ""] | None = None,
) -> optax.GradientTransformation:
    r"""$v \leftarrow \mu v + g + c\,\theta$, $\theta \leftarrow \theta - \eta v$.

    That is SGD as PyTorch has it: the decay joins the gradient before the momentum.

    Example:
        ```python
        rule = op.Descent(
            "half-squared-error",
            op.dynamics.torch_sgd,
            learning_rate=0.1,
            momentum=0.9,
            weight_decay=1e-4,
        )
        state = rule.init(network, key=key)
        ```
    """
    steps = [] if weight_decay is None else [optax.add_decayed_weights(weight_decay)]
    return optax.chain(*steps, optax.sgd(learning_rate, momentum))
