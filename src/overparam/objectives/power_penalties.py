r"""Penalties $\mu \|U\|_F^p + \nu \|V\|_F^q$ and what they are worth at their best.

A ReLU network computes the same function when a neuron's output weights are multiplied
by $s > 0$ and its input weights divided by it. These are the closed forms of the least
penalty over all such rescalings; it depends on the network through its path norm
$C = \sum_j \|u_j\| \|v_j\|$ alone.
"""

import math
from dataclasses import dataclass

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..checks import at_least, positive
from ..errors import ConfigError
from ..networks.two_layer import TwoLayer


class PowerPenalty(eqx.Module):
    r"""$\mu \|U\|_F^p + \nu \|V\|_F^q$ with readout $U$ and input weights $V$.

    It is a function of the network, so that it can be trained with.

    Attributes:
        p: Power of the norm of the readout.
        q: Power of the norm of the input weights.
        mu: Coefficient of the readout.
        nu: Coefficient of the input weights.

    Example:
        ```python
        penalty = op.objectives.PowerPenalty(p=1, q=2, mu=0.5, nu=0.5)
        assert jnp.isclose(penalty(network), op.objectives.Unbalanced()(network))
        ```
    """

    p: float
    q: float
    mu: float = 1.0
    nu: float = 1.0

    def __check_init__(self) -> None:
        values = {"p": self.p, "q": self.q, "mu": self.mu, "nu": self.nu}
        for name, value in values.items():
            # Arrays are left alone: transformations put placeholders in their place.
            if isinstance(value, int | float) and not 0 < value < math.inf:
                raise ConfigError(f"`{name}` must be positive, got {value:g}.")

    def __call__(self, network: TwoLayer) -> Float[Array, ""]:
        readout = self.mu * _norm_power(network.readout, self.p)
        return readout + self.nu * _norm_power(network.weights, self.q)


def L2(strength: float = 1.0) -> PowerPenalty:  # noqa: N802 (a constructor)
    r"""$\frac{\lambda}{2} (\|U\|_F^2 + \|V\|_F^2)$.

    Example:
        ```python
        squares = (network.weights**2).sum() + (network.readout**2).sum()
        assert jnp.isclose(op.objectives.L2(0.1)(network), 0.05 * squares)
        ```
    """
    positive(strength=strength)
    return PowerPenalty(p=2.0, q=2.0, mu=strength / 2, nu=strength / 2)


def Unbalanced(strength: float = 1.0) -> PowerPenalty:  # noqa: N802 (a constructor)
    r"""$\frac{\lambda}{2} (\|U\|_F + \|V\|_F^2)$, whose minimisers are unbalanced.

    Example:
        ```python
        penalty = op.objectives.Unbalanced(0.1)
        penalty.p, penalty.q
        ```
    """
    positive(strength=strength)
    return PowerPenalty(p=1.0, q=2.0, mu=strength / 2, nu=strength / 2)


@dataclass(frozen=True, kw_only=True)
class Norms:
    """Frobenius norms of the two layers."""

    readout: float
    r"""$\|U\|_F$."""
    weights: float
    r"""$\|V\|_F$."""


def optimal_norms(path_norm: float, penalty: PowerPenalty) -> Norms:
    r"""The norms of the rescaling with the least penalty.

    With $t = \|U\|_F$: $t^{p+q} = \frac{\nu q}{\mu p} C^q$ and $\|V\|_F = C / t$.

    Args:
        path_norm: $C$, which rescaling leaves alone.
        penalty: What is minimised.

    Example:
        ```python
        norms = op.objectives.optimal_norms(9.0, op.objectives.L2())
        norms  # 3 and 3: balanced
        ```
    """
    at_least(0, path_norm=path_norm)
    if path_norm == 0:
        return Norms(readout=0.0, weights=0.0)
    readout, weights = _log_norms(path_norm, penalty)
    return Norms(readout=_exp(readout), weights=_exp(weights))


def minimal_penalty(path_norm: float, penalty: PowerPenalty) -> float:
    r"""The least penalty over all rescalings: $\mu t^p + \nu (C / t)^q$.

    For `L2` it is $\lambda C$; for `Unbalanced` $\frac{3\lambda}{2} (C/2)^{2/3}$.

    Example:
        ```python
        penalty = op.objectives.L2(0.1)
        assert np.isclose(op.objectives.minimal_penalty(3.0, penalty), 0.3)
        ```
    """
    at_least(0, path_norm=path_norm)
    if path_norm == 0:
        return 0.0
    readout, weights = _log_norms(path_norm, penalty)
    paid = penalty.mu * _exp(penalty.p * readout)
    return paid + penalty.nu * _exp(penalty.q * weights)


def optimal_common_scale(norms: Norms, penalty: PowerPenalty) -> float:
    r"""The $\alpha$ with the least penalty of $(\alpha U, V / \alpha)$.

    $\alpha^{p+q} = \frac{\nu q \|V\|^q}{\mu p \|U\|^p}$; for `L2` $\alpha^4 = \|V\|^2 /
    \|U\|^2$, for `Unbalanced` $\alpha^3 = 2 \|V\|^2 / \|U\|$.

    Example:
        ```python
        penalty = op.objectives.L2()
        balanced = op.objectives.optimal_norms(3.0, penalty)
        assert np.isclose(op.objectives.optimal_common_scale(balanced, penalty), 1)
        ```
    """
    positive(readout=norms.readout, weights=norms.weights)
    apart = penalty.q * math.log(norms.weights) - penalty.p * math.log(norms.readout)
    return _exp((_log_ratio(penalty) + apart) / (penalty.p + penalty.q))


def balanced_path_norm(penalty: PowerPenalty) -> float:
    r"""The one path norm at which the best rescaling has $\|U\|_F = \|V\|_F$.

    Both norms are then $(\nu q / \mu p)^{1/(p-q)}$; for `Unbalanced` 1/2 each.

    Raises:
        ConfigError: If p = q, where either all path norms are balanced or none.

    Example:
        ```python
        norm = op.objectives.balanced_path_norm(op.objectives.Unbalanced())
        op.objectives.optimal_norms(norm, op.objectives.Unbalanced())  # 1/2 each
        ```
    """
    if penalty.p == penalty.q:
        raise ConfigError(
            f"`p` and `q` must differ for a single balanced scale, got {penalty.p:g}."
        )
    return _exp(2 * _log_ratio(penalty) / (penalty.p - penalty.q))


def largest_squared_norm(zero_loss: float, strength: float) -> float:
    r"""Bound on $\|U\|_F^2 + \|V\|_F^2$ at a minimiser of the L2-penalised loss.

    $\frac{2}{\lambda} L(0)$ with the loss $L(0) \ge 0$ of the zero network: the zero
    network would do better otherwise.

    Example:
        ```python
        zero_loss = float((y**2).mean() / 2)
        op.objectives.largest_squared_norm(zero_loss, strength=0.1)
        ```
    """
    at_least(0, zero_loss=zero_loss)
    positive(strength=strength)
    return 2 * zero_loss / strength


def _log_norms(path_norm: float, penalty: PowerPenalty) -> tuple[float, float]:
    """Logarithms of the best norms: their powers, on the way, may leave float64."""
    whole = math.log(path_norm)
    readout = (_log_ratio(penalty) + penalty.q * whole) / (penalty.p + penalty.q)
    return readout, whole - readout


def _log_ratio(penalty: PowerPenalty) -> float:
    r"""$\log \frac{\nu q}{\mu p}$."""
    above, below = math.log(penalty.nu) + math.log(penalty.q), math.log(penalty.mu)
    return above - below - math.log(penalty.p)


def _exp(logarithm: float) -> float:
    with np.errstate(over="ignore", under="ignore"):
        return float(np.exp(logarithm))


def _norm_power(array: Float[Array, "_ _"], power: float) -> Float[Array, ""]:
    squares = jnp.sum(array**2)
    # The derivative of a small power of a zero norm is infinite: take 0.
    safe = jnp.where(squares > 0, squares, 1)
    return jnp.where(squares > 0, safe ** (power / 2), 0)
