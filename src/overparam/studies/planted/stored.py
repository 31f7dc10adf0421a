"""What analyses of planted runs read from a stored run: student and teacher."""

import jax.numpy as jnp

from ...errors import ConfigError
from ...networks.two_layer import TwoLayer
from ..analyses import Subject


def stored_student(subject: Subject, what: str) -> TwoLayer:
    """The trained student.

    Raises:
        ConfigError: If it is not two-layer; `what` names the analysis.
    """
    network = subject.network
    if not isinstance(network, TwoLayer):
        raise ConfigError(
            f"`{what}` needs a two-layer student, got {type(network).__name__}."
        )
    return network


def stored_teacher(subject: Subject, what: str) -> TwoLayer:
    """The planted teacher.

    Raises:
        ConfigError: If the run has none; `what` names the analysis.
    """
    arrays = subject.run.arrays
    names = ("teacher.weights", "teacher.readout")
    if any(name not in arrays for name in names):
        raise ConfigError(
            f"The run `{subject.run.path}` has no planted teacher; `{what}` looks at "
            "runs of the study planted."
        )
    weights, readout = (jnp.asarray(arrays[name]) for name in names)
    return TwoLayer(weights=weights, readout=readout)
