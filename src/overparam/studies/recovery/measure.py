"""What is measured of a network of the study `recovery`."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ...networks.network import Network
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
    if trained.skip and len(problem.directions):
        skip = np.asarray(trained.readout[trained.weights.shape[1] :, 0], np.float64)
        record["distance"] = float(np.linalg.norm(skip - problem.directions[0]))
    return record
