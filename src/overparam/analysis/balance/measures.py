r"""Balance: the freedom of ReLU networks to shift weight between their layers.

Neuron j has output weights $u_j$ (norm $a_j$) and input weights $v_j$ (norm $b_j$), and
$f$ does not change under $(s_j u_j, v_j / s_j)$ with $s_j > 0$. Penalties choose among
these networks, gradient flow conserves where it started.
"""

import dataclasses

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ...errors import ConfigError
from ...networks.deep import MLP
from ...networks.finite import check_finite
from ...networks.gated import GatedTwoLayer
from ...networks.network import Network
from ...networks.skip_neuron import SkipNeuron
from ...networks.two_layer import TwoLayer, check_homogeneous
from ...networks.view import two_layer_view
from ...objectives.norms import neuron_norms, safe_norm
from ...objectives.power_penalties import PowerPenalty


class BalanceResidual(eqx.Module):
    """How far a network is from the best rescaling of itself."""

    per_neuron: Float[Array, " width"]
    """Relative gap of the two sides of the balance equation; 0 for a zero neuron."""
    maximum: Float[Array, ""]
    """Largest of them: 0 at every stationary point of a penalised loss."""


def rescale(network: TwoLayer, factors: Float[Array, " width"]) -> TwoLayer:
    r"""$(s_j u_j, v_j / s_j)$ for positive factors $s_j$: the same function.

    Hence the minimisers of a loss without penalty are unbounded.

    Example:
        ```python
        same = op.analysis.rescale(network, jnp.full(8, 10.0))
        assert jnp.allclose(same(x), network(x), atol=1e-5)
        ```
    """
    check_homogeneous(network, "rescale")
    return dataclasses.replace(
        network,
        readout=network.readout * factors[:, None],
        weights=network.weights / factors[None, :],
    )


def rebalance(network: TwoLayer, penalty: PowerPenalty) -> TwoLayer:
    r"""The network that computes the same function with the least penalty.

    All neurons get the same ratio $a_j / b_j = t^2 / C$, where $t^{p+q} =
    \frac{\nu q}{\mu p} C^q$ is the best norm of the readout. A neuron with $a_j = 0$ or
    $b_j = 0$ carries no function: both are set to 0.

    Args:
        network: A two-layer network with a positively homogeneous activation.
        penalty: `L2()`, `Unbalanced()` or any `PowerPenalty`.

    Raises:
        ConfigError: If the activation is not homogeneous or weights are not finite.

    Example:
        ```python
        penalty = op.objectives.L2()
        balanced = op.analysis.rebalance(network, penalty)
        assert jnp.allclose(balanced(x), network(x), atol=1e-5)
        assert penalty(balanced) <= penalty(network)
        ```
    """
    check_homogeneous(network, "balance")
    check_finite(network)
    readout, weights = neuron_norms(network)
    alive = (readout > 0) & (weights > 0)
    a, b = (jnp.where(alive, norms, 1) for norms in (readout, weights))
    # Roots one by one: the product of two norms may underflow where neither does.
    factors = jnp.sqrt(_best_ratio(readout, weights, penalty)) * jnp.sqrt(b / a)
    moved = rescale(network, factors)
    return dataclasses.replace(
        moved,
        readout=jnp.where(alive[:, None], moved.readout, 0),
        weights=jnp.where(alive[None, :], moved.weights, 0),
    )


def balance_residual(network: TwoLayer, penalty: PowerPenalty) -> BalanceResidual:
    r"""How far a network is from stationary under rescaling of its neurons.

    Per neuron the gap of $\mu p \|U\|^{p-2} a_j^2$ and $\nu q \|V\|^{q-2} b_j^2$
    divided by their sum, a number in [0, 1]. It is 0 at any stationary point of a loss
    plus this penalty, kinks included, because rescaling is smooth even there.

    Raises:
        ConfigError: If the activation is not homogeneous.

    Example:
        ```python
        balanced = op.analysis.rebalance(network, op.objectives.L2())
        op.analysis.balance_residual(balanced, op.objectives.L2()).maximum  # nearly 0
        ```
    """
    check_homogeneous(network, "balance_residual")
    readout, weights = neuron_norms(network)
    size, shares = _parts(readout)
    other, others = _parts(weights)
    # Powers of norms may leave the range of their type: only their ratio matters.
    ratio = penalty.mu * penalty.p / (penalty.nu * penalty.q)
    excess = penalty.p * size - penalty.q * other + jnp.log(ratio)
    left = jnp.exp(jnp.minimum(excess, 0)) * shares
    right = jnp.exp(jnp.minimum(-excess, 0)) * others
    total = left + right
    gaps = jnp.abs(left - right) / jnp.where(total > 0, total, 1)
    return BalanceResidual(gaps, jnp.max(gaps, initial=0))


def conserved(network: TwoLayer) -> Float[Array, " width"]:
    r"""$a_j^2 - b_j^2$, which gradient flow without a penalty conserves.

    Gradient descent with step h drifts by O(h); with an L2 penalty of strength
    $\lambda$ it decays like $e^{-2 \lambda t}$.

    Reference: Du, Hu and Lee, NeurIPS 2018 (arXiv 1806.00900), Theorem 2.1.

    Example:
        ```python
        balanced = op.analysis.rebalance(network, op.objectives.L2())
        assert np.allclose(op.analysis.conserved(balanced), 0, atol=1e-5)
        ```
    """
    check_homogeneous(network, "conserved")
    readout = jnp.sum(network.readout**2, axis=1)
    return readout - jnp.sum(network.weights**2, axis=0)


def homogeneous_neurons(network: Network, what: str) -> TwoLayer:
    """The neurons of a two-layer network alone, biases as weights of an input of ones.

    Gated neurons are linear where their gate is open: they may be rescaled, too.

    Raises:
        ConfigError: If neurons cannot be rescaled; `what` names who asks.
    """
    if isinstance(network, GatedTwoLayer):
        width = network.weights.shape[1]
        return TwoLayer(
            weights=network.weights,
            readout=network.readout[:width],
            activation="linear",
            scale=network.scale,
        )
    if isinstance(network, MLP | SkipNeuron) or (
        isinstance(network, TwoLayer) and network.skip
    ):
        return check_homogeneous(two_layer_view(network).alone.plain(), what)
    if not isinstance(network, TwoLayer):
        raise ConfigError(
            f"`{what}` rescales neurons, which changes the function of a "
            f"{type(network).__name__}."
        )
    return check_homogeneous(network, what)


def _best_ratio(
    readout: Float[Array, " width"],
    weights: Float[Array, " width"],
    penalty: PowerPenalty,
) -> Float[Array, ""]:
    r"""$t^2 / C$, the ratio $a_j / b_j$ of every neuron at the least penalty."""
    total = jnp.sum(readout * weights)
    total = jnp.where(total > 0, total, 1)
    power = 2 / (penalty.p + penalty.q)
    factor = (penalty.nu * penalty.q / (penalty.mu * penalty.p)) ** power
    return factor * total ** (penalty.q * power - 1)


def _parts(
    norms: Float[Array, " width"],
) -> tuple[Float[Array, ""], Float[Array, " width"]]:
    """Logarithm of the norm of `norms`, 0 without one, and shares of its square."""
    whole = safe_norm(norms[None], 1)[0]
    whole = jnp.where(whole > 0, whole, 1)
    return jnp.log(whole), (norms / whole) ** 2
