r"""Exact risk of a two-layer student and a teacher under Gaussian inputs.

With all input weights $Z$ of student and teacher, all scaled readouts $A$ (the
teacher's negated) and $K_{ij} = E[\psi(z_i^\top x)\, \psi(z_j^\top x)]$,

$$R = \tfrac12 E\|f(x) - f_0(x)\|^2 = \tfrac12 \langle A, K A \rangle .$$

Values are float64 NumPy whatever JAX's precision flag, because the risk is a small
difference of large numbers; `population_loss` is the same formula in JAX.
"""

import math
from dataclasses import dataclass

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..checks import arrays_by_shape, at_least
from ..data.source import Batch
from ..errors import ConfigError
from ..networks.network import Network
from ..networks.two_layer import TwoLayer
from .neurons import difference, neurons


Covariance = Float[Array, "input_dim input_dim"] | Float[np.ndarray, "input_dim _"]


@dataclass(frozen=True, kw_only=True)
class PlateauLevels:
    """Risks at which training pauses: what the best simple predictors reach."""

    zero: float
    """$L_0$, the risk of the zero network."""
    linear: float
    """$L_1$, the risk of the best linear map."""
    affine: float
    """$L_2$, the risk of the best affine map."""


@arrays_by_shape
@dataclass(frozen=True, kw_only=True)
class RiskGradient:
    """Gradient of the population risk in the weights of the student."""

    weights: Float[np.ndarray, "input_dim width"]
    """Derivative in the input weights."""
    readout: Float[np.ndarray, "width n_outputs"]
    """Derivative in the readout."""


def risk(
    student: TwoLayer,
    teacher: TwoLayer,
    *,
    covariance: Covariance | None = None,
    label_noise: float = 0.0,
) -> float:
    r"""Population risk $\frac12 E\|y - f(x)\|^2$, exact to float64 rounding.

    That is rounding of the powers of both networks, of which it is a difference: about
    1e-15 of them, whatever the risk.

    Args:
        student: The network $f$.
        teacher: The network that labels; any width.
        covariance: Covariance of the Gaussian inputs; `None` is the identity.
        label_noise: Standard deviation of the label noise, per output.

    Raises:
        ConfigError: If shapes or activations differ, weights are not finite, or the
            activation has no closed form.

    Example:
        ```python
        teacher = op.data.teacher(3, 2, 1, key=key)
        assert op.limits.risk(teacher, teacher) < 1e-12
        op.limits.risk(network, teacher)
        ```
    """
    both = difference(student, teacher, covariance=covariance, xp=np)
    # Rounding can leave a difference of equal networks just below zero.
    return max(float(both.power()) / 2, 0.0) + _noise_risk(teacher, label_noise)


def population_loss(
    student: TwoLayer,
    teacher: TwoLayer,
    *,
    covariance: Covariance | None = None,
    label_noise: float = 0.0,
) -> Float[Array, ""]:
    """`risk` in JAX and in the dtype of the student, twice differentiable everywhere.

    Its floor is the rounding of the signal power: 1e-15 in float64, but 1e-7 to 1e-6 in
    float32.

    Example:
        ```python
        teacher = op.data.teacher(3, 2, 1, key=key)
        gradient = jax.grad(op.limits.population_loss)(network, teacher)
        ```
    """
    both = difference(student, teacher, covariance=covariance, xp=jnp)
    return both.power() / 2 + _noise_risk(teacher, label_noise)


class PopulationRisk(eqx.Module):
    """`population_loss` as the objective of a descent: no batch, no noise.

    Attributes:
        teacher: The network that labels.
        covariance: Covariance of the Gaussian inputs; `None` is the identity.
        label_noise: Standard deviation of the label noise, per output.

    Example:
        ```python
        teacher = op.data.teacher(3, 2, 1, key=key)
        objective = op.limits.PopulationRisk(teacher, covariance=None, label_noise=0.0)
        objective(network, None)
        ```
    """

    teacher: TwoLayer
    covariance: Covariance | None
    label_noise: float = eqx.field(static=True)

    def __call__(self, network: Network, batch: Batch) -> Float[Array, ""]:
        del batch
        if not isinstance(network, TwoLayer):
            raise ConfigError(
                "The exact risk is that of a TwoLayer network, got "
                f"{type(network).__name__}."
            )
        return population_loss(
            network,
            self.teacher,
            covariance=self.covariance,
            label_noise=self.label_noise,
        )


def risk_gradient(
    student: TwoLayer, teacher: TwoLayer, *, covariance: Covariance | None = None
) -> RiskGradient:
    r"""Gradient of the risk of ReLU networks in the student's weights, closed form.

    With $P = A A^\top$, angles $\theta$ and norms $\nu$ of the neurons of both,
    $\partial R/\partial A = K A$ and $\partial R/\partial z_i = \frac{1}{2\pi} \Sigma
    \sum_k P_{ik} [\frac{\nu_k}{\nu_i} \sin\theta_{ik} z_i + (\pi - \theta_{ik}) z_k]$.

    Raises:
        ConfigError: As `risk`; also if the activation is not relu.

    Example:
        ```python
        teacher = op.data.teacher(3, 2, 1, key=key)
        gradient = op.limits.risk_gradient(network, teacher)
        ```
    """
    if student.activation != "relu":
        raise ConfigError(
            f"`risk_gradient` needs relu networks, got {student.activation}; "
            "differentiate `population_loss` instead."
        )
    both = difference(student, teacher, covariance=covariance, xp=np)
    width = student.weights.shape[-1]
    readout = float(student.scale) * (both.kernel() @ both.readout)
    # The kernel's derivative splits: a part along each neuron, and parts along others.
    norms = np.sqrt(both.squares)
    alive = norms > 0
    inverse = np.divide(1.0, norms, where=alive, out=np.zeros_like(norms))
    cosines = np.clip(both.gram * inverse[:, None] * inverse, -1, 1)
    # A zero neuron has psi'(0) = 0 on either side of the kernel.
    pairs = (both.readout @ both.readout.T) * (alive[:, None] & alive)
    sines = np.sqrt((1 - cosines) * (1 + cosines))
    own = inverse * ((pairs * sines) @ norms)
    others = both.weights @ (pairs * (math.pi - np.arccos(cosines)))
    weights = (both.weights * own + others) / (2 * math.pi)
    if covariance is not None:
        weights = np.asarray(covariance, np.float64) @ weights
    return RiskGradient(weights=weights[:, :width], readout=readout[:width])


def signal_power(network: TwoLayer, *, covariance: Covariance | None = None) -> float:
    r"""$E\|f(x)\|^2$ under Gaussian inputs.

    Example:
        ```python
        zero = op.TwoLayer(jnp.zeros((3, 1)), jnp.zeros((1, 1)))
        power = op.limits.signal_power(network)
        assert np.isclose(op.limits.risk(network, zero), power / 2)
        ```
    """
    return float(neurons(network, covariance=covariance, xp=np).power())


def mean_output(
    network: TwoLayer, *, covariance: Covariance | None = None
) -> Float[np.ndarray, " n_outputs"]:
    r"""$E[f(x)]$; for ReLU $U^\top \nu / \sqrt{2\pi}$ with the neurons' norms $\nu$.

    Example:
        ```python
        norms = jnp.linalg.norm(network.weights, axis=0)
        mean = network.readout.T @ norms / np.sqrt(2 * np.pi)
        assert np.allclose(op.limits.mean_output(network), mean, atol=1e-6)
        ```
    """
    all_neurons = neurons(network, covariance=covariance, xp=np)
    return all_neurons.moments.mean(all_neurons.squares, np) @ all_neurons.readout


def linear_part(
    network: TwoLayer, *, covariance: Covariance | None = None
) -> Float[np.ndarray, "input_dim n_outputs"]:
    r"""The best linear map $B$ in $f(x) \approx B^\top x$; for ReLU $V U / 2$.

    By Stein's lemma $E[x f(x)^\top] = \Sigma B$.

    Example:
        ```python
        linear = op.limits.linear_part(network)
        assert np.allclose(linear, network.weights @ network.readout / 2, atol=1e-6)
        ```
    """
    all_neurons = neurons(network, covariance=covariance, xp=np)
    slopes = all_neurons.moments.slope(all_neurons.squares, np)
    return all_neurons.weights @ (slopes[:, None] * all_neurons.readout)


def plateau_levels(
    teacher: TwoLayer,
    *,
    covariance: Covariance | None = None,
    label_noise: float = 0.0,
) -> PlateauLevels:
    r"""$\min_g \frac12 E\|y - g(x)\|^2$ over $g = 0$, linear and affine $g$.

    The risks of the best such predictors of a teacher's labels $y$.

    Example:
        ```python
        teacher = op.data.teacher(3, 2, 1, key=key)
        op.limits.plateau_levels(teacher)  # risks: zero, best linear, best affine
        ```
    """
    best = linear_part(teacher, covariance=covariance)
    image = best if covariance is None else np.asarray(covariance, np.float64) @ best
    mean = mean_output(teacher, covariance=covariance)
    zero = signal_power(teacher, covariance=covariance) / 2
    zero += _noise_risk(teacher, label_noise)
    linear = zero - float((best * image).sum()) / 2
    affine = linear - float(mean @ mean) / 2
    return PlateauLevels(zero=zero, linear=linear, affine=affine)


def _noise_risk(teacher: TwoLayer, label_noise: float) -> float:
    at_least(0, label_noise=label_noise)
    # A power that overflows raises, a product is infinite.
    return teacher.readout.shape[-1] * (label_noise * label_noise) / 2
