r"""How far a two-layer ReLU network of several outputs is from the optimum.

The problem is $\tfrac12 \|F - Y\|^2 + \tfrac\beta2 \sum w^2$, of which a neuron pays
$\beta \|w_j\| \|a_j\|$ once it is balanced, and skip weights $\beta \|A\|$. With
$\sigma(L) = \max_{\|u\| \le 1} \|L^T (X u)_+\|$ (with a skip connection also
$\|X^T L\|$) every $c \in [0, \beta/\sigma(L)]$ gives the lower bound
$c \langle Y, L \rangle - \tfrac12 c^2 \|L\|^2$ of networks of any width, as for one
output.

Outputs do not separate, because a neuron pays for all of them together. But for an
orthonormal basis $v_k$ of the outputs and any $\lambda \ge 0$ with $\|\lambda\| = 1$,
$\|a\| \ge \sum_k \lambda_k |v_k^T a|$, so that the optimum is at least $\sum_k
\mathrm{opt}(Y v_k, \lambda_k \beta)$, the optima of problems of one output, each with a
proven bound. The basis is that of the singular vectors of Y, and $\lambda_k$ the
singular values. Targets of rank one (as where all outputs but one are zero) are one
problem of one output, and the bound is tight; otherwise it is at least $1 / \sqrt k$
of the optimum where all $\lambda_k$ are equal, as $\mathrm{opt}$ is concave in $\beta$
and at most that of neurons of one output each.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from ...checks import positive
from ...errors import ConfigError, DataError
from ...networks.two_layer import TwoLayer
from ...networks.view import two_layer_view
from ..programs.program import check_data
from .activation import SearchLimits
from .bounds import ROUNDING, dual_value, linear_size
from .branch_and_price import Watch, searchable, solve_global
from .certificate import NetworkCertificate, Proof, tier_of


Inputs = Float[np.ndarray, "n d"]
Targets = Float[np.ndarray, "n n_outputs"]

# Singular values of the targets below this part of the largest are left out.
_FLAT = 1e-13


def certify_outputs(
    network: TwoLayer,
    x: Inputs,
    y: Targets,
    *,
    penalty: float,
    search: SearchLimits | None = None,
    gap: float = 1e-2,
    watch: Watch = lambda found: None,
) -> NetworkCertificate:
    r"""Bound the distance of a network to the global optimum of its problem.

    Args:
        network: A plain or skip ReLU network.
        x: Training inputs, shape `(n, d)`.
        y: Training targets, shape `(n, n_outputs)`.
        penalty: $\beta$.
        search: When to end the searches of all outputs together, which are made where
            dimensions are few; `None` makes none.
        gap: Relative gap that each is asked to prove.
        watch: Told the best bound of the output that is searched.

    Raises:
        ConfigError: If the network is no ReLU network, or shapes differ.
        DataError: If the objective is not finite.
    """
    positive(penalty=penalty, gap=gap)
    if network.activation != "relu" or y.shape != (len(x), network.readout.shape[1]):
        raise ConfigError(
            f"the certificate needs a ReLU network and targets of shape "
            f"{(len(x), network.readout.shape[1])}, got {network.activation} and "
            f"{y.shape}."
        )
    for column in y.T:
        check_data(x, column)
    # No network changes its outputs on samples that are zero.
    idle = ~x.any(axis=1)
    constant = 0.5 * float(np.sum(y[idle] ** 2))
    x, y = x[~idle], y[~idle]
    objective, residual = outputs_objective(network, x, y, penalty=penalty)
    if not np.isfinite(objective):
        raise DataError(
            f"the objective of the network is {objective}; a network that diverged has "
            "no certificate."
        )
    # The zero network is one, too.
    estimate = 0.5 * float(np.sum(y**2))
    lower = max(
        loose_lower_bound(x, y, dual, penalty=penalty, skip=network.skip)
        for dual in (y, residual)
    )
    proof: Proof = "eigenvalue"
    out_of_nodes = False
    if search is not None and np.any(y) and searchable(x):
        found, sum_of_bounds, out_of_nodes = _one_by_one(
            x, y, penalty, network.skip, gap, search, watch
        )
        estimate = min(estimate, found)
        if sum_of_bounds > lower:
            lower, proof = sum_of_bounds, "outputs"
    best_known = min(objective, estimate)
    return NetworkCertificate(
        objective=objective + constant,
        lower=lower + constant,
        tier=tier_of(best_known + constant, lower + constant, gap=gap),
        proof=proof,
        estimate=estimate + constant,
        best_known=best_known + constant,
        n_patterns=0,
        out_of_nodes=out_of_nodes,
    )


def _one_by_one(
    x: Inputs,
    y: Targets,
    penalty: float,
    skip: bool,
    gap: float,
    limits: SearchLimits,
    watch: Watch,
) -> tuple[float, float, bool]:
    """The objective of a network of one output per neuron; the sum of the bounds.

    And whether a search ended by its nodes.
    """
    _, sizes, basis = np.linalg.svd(y, full_matrices=False)
    kept = sizes > _FLAT * sizes.max(initial=0)
    weights, lower = sizes / np.linalg.norm(sizes), 0.0
    directions = basis[kept]
    spread = y - y @ directions.T @ directions
    objective = 0.5 * float(np.sum(spread**2))
    interrupted = out_of_nodes = False
    nodes = None if limits.nodes is None else limits.nodes // len(directions)
    for direction, weight in zip(directions, weights[kept], strict=True):
        seconds = limits.seconds / len(directions)
        found = solve_global(
            x,
            y @ direction,
            penalty=weight * penalty,
            skip=skip,
            gap=gap,
            limits=replace(
                limits,
                seconds=0.0 if interrupted else seconds,
                nodes=nodes,
            ),
            watch=watch,
        )
        interrupted |= found.interrupted
        if nodes is not None and not found.proven:
            out_of_nodes |= found.n_nodes >= nodes
        lower += found.lower
        paid = float(found.neurons.sizes.sum())
        objective += found.objective + (1 - weight) * penalty * paid
    # The basis is orthonormal up to rounding.
    return float(objective), float(lower) * (1 - ROUNDING), out_of_nodes


def loose_lower_bound(
    x: Inputs, y: Targets, dual: Targets, *, penalty: float, skip: bool = False
) -> float:
    """The lower bound that a multiplier proves."""
    size = loose_activation(x, dual)
    if skip:
        size = max(size, linear_size(x, dual))
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
