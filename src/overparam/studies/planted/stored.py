"""What analyses of planted runs read from a stored run: student and teacher."""

import dataclasses

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ...data.sources.planted import decaying_covariance
from ...errors import ConfigError
from ...networks.two_layer import TwoLayer
from ..analyses import Subject


def stored_student(subject: Subject, what: str) -> TwoLayer:
    """The trained student.

    Raises:
        ConfigError: If it is none of the study planted; `what` names the analysis.
    """
    subject.must_be_of("planted", what)
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
    subject.must_be_of("planted", what)
    arrays = subject.run.arrays
    names = ("teacher.weights", "teacher.readout")
    if any(name not in arrays for name in names):
        raise ConfigError(f"The run `{subject.run.path}` has no planted teacher.")
    weights, readout = (jnp.asarray(arrays[name]) for name in names)
    activation = subject.run.config.get("activation", "relu")
    return TwoLayer(weights=weights, readout=readout, activation=activation)


def stored_covariance(subject: Subject) -> Float[np.ndarray, "n n"] | None:
    """Covariance of the inputs that the run was trained on; `None` is the identity."""
    config = subject.run.config
    return decaying_covariance(config["input_dim"], config.get("input_decay", 0.0))


def kept_students(subject: Subject, what: str) -> dict[int, TwoLayer]:
    """The students kept along the run, by the number of epochs trained.

    The last one is always among them.
    """
    run, last = subject.run, stored_student(subject, what)
    found = {}
    if "snapshot.steps" in run.arrays:
        per_epoch = run.config["samples_per_epoch"] // run.config["batch_size"]
        names = ("snapshot.steps", "snapshot.weights", "snapshot.readout")
        kept = zip(*(run.arrays[name] for name in names), strict=True)
        for step, weights, readout in kept:
            parts = {"weights": jnp.asarray(weights), "readout": jnp.asarray(readout)}
            found[int(step) // per_epoch] = dataclasses.replace(last, **parts)
    return found | {run.metrics.height: last}
