"""The teacher that runs of `planted` and of `lazy` plant, and store."""

from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np

from ..data.sources.planted import teacher
from ..keys import purpose_key
from ..networks.two_layer import TwoLayer
from .lazy.config import Lazy
from .planted.config import Planted


def planted_teacher(config: Planted | Lazy) -> TwoLayer:
    """Drawn by `teacher_seed`, which is `seed` unless it is given."""
    return teacher(
        config.input_dim,
        config.teacher_width,
        config.n_outputs,
        activation=config.activation,
        dtype=config.precision,
        key=purpose_key(teacher_seed(config), "teacher"),
    )


def teacher_seed(config: Planted | Lazy) -> int:
    """The seed of the teacher."""
    return config.seed if config.teacher_seed is None else config.teacher_seed


def teacher_arrays(planted: TwoLayer) -> dict[str, np.ndarray]:
    """What a run stores of its teacher."""
    return {
        "teacher.weights": np.asarray(planted.weights),
        "teacher.readout": np.asarray(planted.readout),
    }


def stored_teacher(
    config: Planted | Lazy, stored: Mapping[str, np.ndarray]
) -> TwoLayer:
    """The teacher that a run stored, or that of its config."""
    names = ("teacher.weights", "teacher.readout")
    if not set(names) <= set(stored):
        return planted_teacher(config)
    weights, readout = (jnp.asarray(stored[name]) for name in names)
    return TwoLayer(weights=weights, readout=readout, activation=config.activation)
