r"""How far a two-layer ReLU network of several outputs is from the optimum.

The problem is $\tfrac12 \|F - Y\|^2 + \tfrac\beta2 \sum w^2$, of which a neuron pays
$\beta \|w_j\| \|a_j\|$ once it is balanced, and skip weights $\beta \|A\|$. With
$\sigma(L) = \max_{\|u\| \le 1} \|L^T (X u)_+\|$ (with a skip connection also
$\|X^T L\|$) every $c \in [0, \beta/\sigma(L)]$ gives the lower bound
$c \langle Y, L \rangle - \tfrac12 c^2 \|L\|^2$ of networks of any width, as for one
output. Outputs do not separate, because a neuron pays for all of them together; no
search is made, and the bound is `bounded`, that of an eigenvalue.
"""

import numpy as np
from jaxtyping import Float

from ...checks import positive
from ...errors import ConfigError, DataError
from ...networks.two_layer import TwoLayer
from ...networks.view import two_layer_view
from .bounds import dual_value
from .certificate import NetworkCertificate


Inputs = Float[np.ndarray, "n d"]
Targets = Float[np.ndarray, "n n_outputs"]


def certify_outputs(
    network: TwoLayer, x: Inputs, y: Targets, *, penalty: float
) -> NetworkCertificate:
    r"""Bound the distance of a network to the global optimum of its problem.

    Args:
        network: A plain or skip ReLU network.
        x: Training inputs, shape `(n, d)`.
        y: Training targets, shape `(n, n_outputs)`.
        penalty: $\beta$.

    Raises:
        ConfigError: If the network is no ReLU network, or shapes differ.
        DataError: If the objective is not finite.
    """
    positive(penalty=penalty)
    if network.activation != "relu" or y.shape != (len(x), network.readout.shape[1]):
        raise ConfigError(
            f"the certificate needs a ReLU network and targets of shape "
            f"{(len(x), network.readout.shape[1])}, got {network.activation} and "
            f"{y.shape}."
        )
    objective, residual = outputs_objective(network, x, y, penalty=penalty)
    if not np.isfinite(objective):
        raise DataError(
            f"the objective of the network is {objective}; a network that diverged has "
            "no certificate."
        )
    # The zero network is one, too.
    nothing = 0.5 * float(np.sum(y**2))
    bounds = [
        loose_lower_bound(x, y, dual, penalty=penalty, skip=network.skip)
        for dual in (y, residual)
    ]
    return NetworkCertificate(
        objective=objective,
        lower=max(bounds),
        tier="bounded",
        proof="eigenvalue",
        estimate=nothing,
        best_known=min(objective, nothing),
        n_patterns=0,
    )


def loose_lower_bound(
    x: Inputs, y: Targets, dual: Targets, *, penalty: float, skip: bool = False
) -> float:
    """The lower bound that a multiplier proves."""
    size = loose_activation(x, dual)
    if skip:
        size = max(size, float(np.linalg.norm(x.T @ dual)))
    return dual_value(y.ravel(), dual.ravel(), size=size / penalty)


def loose_activation(x: Inputs, dual: Targets) -> float:
    r"""An upper bound of $\max_{\|u\| \le 1} \|L^T (X u)_+\|$ in any dimension.

    $(t)_+ = (t + |t|)/2$ gives $\tfrac12 \|X^T L\|_2$ and half of $\max_{u, v} \sum_i
    |l_i^T v| |x_i^T u|$, which for every positive diagonal $\Delta$ is at most
    $\|\Delta^{-1/2} L\|_2 \|\Delta^{1/2} X\|_2$.
    """
    used = x.any(axis=1) & dual.any(axis=1)
    rows, duals = x[used], dual[used]
    if not len(rows):
        return 0.0
    ratio = np.linalg.norm(duals, axis=1) / np.linalg.norm(rows, axis=1)
    root = np.sqrt(ratio)[:, None]
    both = np.linalg.norm(duals / root, 2) * np.linalg.norm(root * rows, 2)
    # Norms and products carry rounding of a few units in the last place.
    return 0.5 * float(np.linalg.norm(rows.T @ duals, 2) + both) * (1 + 1e-11)


def outputs_objective(
    network: TwoLayer, x: Inputs, y: Targets, *, penalty: float
) -> tuple[float, Targets]:
    """Objective of the balanced network, and what its outputs lack."""
    view = two_layer_view(network)
    weights = np.asarray(view.weights, np.float64)
    readout = network.scale * np.asarray(view.readout, np.float64)
    outputs = np.maximum(x @ weights, 0) @ readout
    paid = float(np.linalg.norm(weights, axis=0) @ np.linalg.norm(readout, axis=1))
    if view.skip is not None:
        skip = network.scale * np.asarray(view.skip, np.float64)
        outputs = outputs + x @ skip
        paid += float(np.linalg.norm(skip))
    return 0.5 * float(np.sum((outputs - y) ** 2)) + penalty * paid, y - outputs
