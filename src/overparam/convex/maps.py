r"""From an optimum to a network with the same objective.

A weight vector u of the exact programme is the balanced neuron with input weights
$u / \sqrt{\|u\|}$ and output weight $\sqrt{\|u\|}$; half the sum of squared weights of
the network is the sum of the norms of the programme.
"""

import dataclasses
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.linalg import block_diag

from ..errors import ConfigError
from ..networks.gated import GatedTwoLayer
from ..networks.network import Network
from ..networks.two_layer import TwoLayer
from .programs.groups import Weights
from .programs.patterns import Patterns, patterns_of
from .programs.program import Program
from .solvers.neurons import UnitNeurons
from .solvers.solution import Solution


# The smallest neurons are left out up to this fraction of the sum of all norms.
_NEGLIGIBLE = 1e-12


def to_network(solution: Solution) -> Network:
    """The network of a solution: `TwoLayer` if exact, `GatedTwoLayer` if gated.

    Normalised neurons carry the norms of the training data in their readout, so that
    the prediction for one input does not depend on the others of its batch.

    Raises:
        ConfigError: If the solver did not reach a solution.

    Example:
        ```python
        patterns = op.convex.enumerate_patterns(x)
        program = op.convex.convex_program(x, y[:, 0], patterns=patterns, penalty=1.0)
        net = op.convex.to_network(op.convex.solve(program))
        net(x).shape
        ```
    """
    if not solution.solved:
        raise ConfigError(
            f"a solution with status {solution.status} has no network; solve with more "
            "iterations or another method."
        )
    return network_of(solution.program, solution.weights)


def network_of(program: Program, z: Weights) -> TwoLayer | GatedTwoLayer:
    """The balanced network of any weights of a programme."""
    first = program.n_skip
    neurons, sizes = program.groups.neurons(z)[first:], program.group_norms(z)
    negligible, sizes = _NEGLIGIBLE * sizes.sum(), sizes[first:]
    # All but the smallest, as many as have at most a negligible sum.
    order = np.argsort(sizes)
    kept = np.empty(len(sizes), bool)
    kept[order] = np.cumsum(sizes[order]) > negligible
    roots = np.sqrt(sizes[kept])
    signs = np.ones(len(neurons))
    if program.exact:
        signs[len(neurons) // 2 :] = -1
    weights = (neurons[kept] / roots[:, None]).T
    readout = [signs[kept] * roots]
    if first:
        readout.append(z[0])
    column = jnp.asarray(np.concatenate(readout)[:, None])
    if program.exact:
        return TwoLayer(weights=jnp.asarray(weights), readout=column, skip=bool(first))
    gates = jnp.asarray(program.patterns.gates[kept].T)
    return GatedTwoLayer(
        gates=gates, weights=jnp.asarray(weights), readout=column, skip=bool(first)
    )


def network_of_neurons(neurons: UnitNeurons, *, skip: bool) -> TwoLayer:
    """The balanced network of neurons and their sizes."""
    linear = neurons.signs == 0
    roots = np.sqrt(neurons.sizes[~linear])
    readout = [neurons.signs[~linear] * roots]
    if skip:
        readout.append(neurons.sizes[linear] @ neurons.directions[linear])
    return TwoLayer(
        weights=jnp.asarray((roots[:, None] * neurons.directions[~linear]).T),
        readout=jnp.asarray(np.concatenate(readout)[:, None]),
        skip=skip,
    )


def side_by_side(
    networks: Sequence[TwoLayer | GatedTwoLayer],
) -> TwoLayer | GatedTwoLayer:
    """One network with the outputs of several of one class that have one each.

    Every neuron serves the output that it served.
    """
    first, widths = networks[0], [network.weights.shape[1] for network in networks]
    pairs = list(zip(networks, widths, strict=True))
    hidden = block_diag(*(np.asarray(one.readout[:width]) for one, width in pairs))
    linear = np.hstack([np.asarray(one.readout[width:]) for one, width in pairs])
    names = ["weights", "gates"] if isinstance(first, GatedTwoLayer) else ["weights"]
    parts = {
        name: jnp.concatenate([getattr(one, name) for one in networks], axis=1)
        for name in names
    }
    readout = jnp.concatenate([jnp.asarray(hidden), jnp.asarray(linear)])
    return dataclasses.replace(first, readout=readout, **parts)


def predict(
    solution: Solution, inputs: Float[np.ndarray, "m d"]
) -> Float[np.ndarray, " m"]:
    """Predictions of a solution on new inputs; gated solutions keep their gates."""
    program, neurons = solution.program, solution.neuron_weights
    hidden = inputs @ neurons.T
    if program.exact:
        signs = np.repeat([1.0, -1.0], len(neurons) // 2)
        outputs = np.maximum(hidden, 0) @ signs
    else:
        outputs = (hidden * (inputs @ program.patterns.gates.T >= 0)).sum(axis=1)
    if program.n_skip:
        outputs = outputs + inputs @ solution.weights[0]
    return outputs


def network_objective(
    network: TwoLayer,
    x: Float[np.ndarray, "n d"],
    y: Float[np.ndarray, " n"],
    *,
    penalty: float,
    normalised: bool = False,
) -> float:
    r"""$\tfrac12\|f - y\|^2 + \tfrac\beta2 \sum w^2$ of the balanced network.

    Balancing does not change the predictions and never increases the objective: a
    neuron pays $\beta \|w_j\| |a_j|$, and the skip block $\beta \|w_0\|$. A normalised
    neuron pays $\beta \|(X w_j)_+\| |a_j|$.

    Example:
        ```python
        best = op.convex.solve_global(x, y[:, 0], penalty=1.0)
        found = op.convex.network_objective(network, x, y[:, 0], penalty=1.0)
        assert found >= best.lower
        ```
    """
    weights, readout, skip = _parts(network)
    hidden = np.maximum(x @ weights, 0)
    predictions = hidden @ readout + x @ skip
    sizes = np.linalg.norm(hidden if normalised else weights, axis=0)
    paid = sizes @ np.abs(readout) + np.linalg.norm(skip)
    return float(0.5 * np.sum((predictions - y) ** 2) + penalty * paid)


def network_patterns(network: TwoLayer, x: Float[np.ndarray, "n d"]) -> Patterns:
    """The distinct patterns of the neurons of a network."""
    return patterns_of(x, _parts(network)[0].T)


def _parts(
    network: TwoLayer,
) -> tuple[
    Float[np.ndarray, "d width"], Float[np.ndarray, " width"], Float[np.ndarray, " d"]
]:
    """Input weights, output weights and skip weights in float64."""
    if network.activation != "relu" or network.readout.shape[1] != 1:
        raise ConfigError(
            "the convex programmes need a ReLU network with one output, got "
            f"{network.activation} with {network.readout.shape[1]} outputs."
        )
    weights = np.asarray(network.weights, np.float64)
    column = network.scale * np.asarray(network.readout, np.float64)[:, 0]
    width = weights.shape[1]
    skip = column[width:] if network.skip else np.zeros(len(weights))
    return weights, column[:width], skip
