"""The lattice data of the timescales study, and runs on it, for its tests."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from overparam.data import (
    Batch,
    CircleTeacher,
    lattice_inputs,
    uniform_angles,
    unit_vectors,
)
from overparam.networks import TwoLayer
from overparam.readouts import SampledMoments


def lattice(n_samples: int = 4096, teacher_width: int = 4096, gamma: float = 100.0):
    """Inputs and targets of the lattice."""
    x = lattice_inputs(n_samples)
    v = unit_vectors(CircleTeacher(gamma).lattice(teacher_width))
    y = np.concatenate([np.maximum(part @ v.T, 0).mean(1) for part in np.split(x, 8)])
    return x, y


def batch(x, y) -> Batch:
    return Batch(jnp.asarray(x), jnp.asarray(y)[:, None])


def moments(x, y) -> SampledMoments:
    return SampledMoments(x, y)


def student(angles, readout=None) -> TwoLayer:
    angles = np.asarray(angles)
    width = len(angles)
    if readout is None:
        readout = np.zeros(width)
    return TwoLayer(
        jnp.asarray(unit_vectors(angles).T),
        jnp.asarray(readout, float)[:, None],
        scale=1 / width,
    )


def even_student(width: int) -> TwoLayer:
    return student(uniform_angles(width))


def trace(dynamics: Any, network: Any, data: Any, n_steps: int):
    """The last state, and the info of every step."""
    state = dynamics.init(network, key=jax.random.key(0))
    return _trace(dynamics, state, data, n_steps)


@eqx.filter_jit
def _trace(dynamics: Any, state: Any, data: Any, n_steps: int):
    dynamic, static = eqx.partition(state, eqx.is_array)

    def body(carry, _):
        state = eqx.combine(carry, static)
        state, info = dynamics.step(state, data, key=jax.random.key(0))
        return eqx.filter(state, eqx.is_array), info

    dynamic, infos = jax.lax.scan(body, dynamic, None, length=n_steps)
    return eqx.combine(dynamic, static), infos
