"""What is measured of a network of the study `recovery`."""

import jax.numpy as jnp
import numpy as np

from ...networks.network import Network
from ...training.plan import Record
from .problem import Problem


def measure(problem: Problem, network: Network) -> Record:
    """Errors of a network on fresh samples, and its distance to a planted one."""
    trained = problem.at_rest(network)
    inputs, targets = problem.test()
    outputs = np.asarray(
        trained(jnp.asarray(inputs, trained.readout.dtype))[:, 0], np.float64
    )
    norm = float(np.linalg.norm(outputs - targets))
    record = {"rms_test_error": norm / np.sqrt(len(inputs))}
    if trained.skip and len(problem.directions):
        skip = np.asarray(trained.readout[trained.weights.shape[1] :, 0], np.float64)
        record["distance"] = float(np.linalg.norm(skip - problem.directions[0]))
    return record
