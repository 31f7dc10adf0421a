"""What is measured of a network of the study `recovery`."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from ...networks.network import Network
from ...networks.two_layer import TwoLayer
from ...training.plan import Record
from .problem import Problem


def test_outputs(problem: Problem, network: Network) -> Float[np.ndarray, " m"]:
    """Outputs of a network at rest on fresh samples."""
    inputs = jnp.asarray(problem.test()[0], network.readout.dtype)
    return np.asarray(network(inputs)[:, 0], np.float64)


def measure(problem: Problem, network: Network) -> Record:
    """Errors of a network on fresh samples, and its distance to a planted one."""
    trained = problem.at_rest(network)
    missed = test_outputs(problem, trained) - problem.test()[1]
    norm = float(np.linalg.norm(missed))
    record = {"rms_test_error": norm / np.sqrt(len(missed))}
    if len(problem.directions):
        record["distance"] = _distance(problem, trained)
    return record


def _distance(problem: Problem, trained: TwoLayer) -> float:
    r"""$\sqrt{\sum_g \|z_g - \hat z_g\|^2}$ over the planted groups g of a programme.

    A neuron is of the group whose pattern differs from its own on the fewest samples.
    Weights of normalised neurons are outputs: the columns of a group are orthonormal.
    """
    readout = np.asarray(trained.readout, np.float64)[:, 0]
    neurons, planted = np.asarray(trained.weights, np.float64), problem.directions.T
    if trained.skip:
        return float(np.linalg.norm(readout[neurons.shape[1] :] - planted[:, 0]))
    group, planted_group = (_groups(problem, each) for each in (neurons, planted))
    if problem.config.network == "normalised":
        neurons, planted = (np.maximum(problem.x @ w, 0) for w in (neurons, planted))
        planted = planted / np.linalg.norm(planted, axis=0)
    missed = [
        (neurons * readout)[:, group == g].sum(axis=1)
        - planted[:, planted_group == g].sum(axis=1)
        for g in np.unique(planted_group)
    ]
    return float(np.linalg.norm(missed))


def _groups(
    problem: Problem, weights: Float[np.ndarray, "d m"]
) -> Int[np.ndarray, " m"]:
    """The pattern of the programme that is nearest to that of each neuron."""
    active = np.where(problem.x @ weights >= 0, 1, -1)
    return np.argmax(np.where(problem.patterns.masks, 1, -1) @ active, axis=0)
