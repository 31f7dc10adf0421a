"""What is measured at each record: exact risks, distances, snapshots."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ...analysis.density.circle_measure import CircleMeasure
from ...analysis.density.circular import circle_w1, circle_w2
from ...analysis.density.energy import (
    circle_energy,
    torus_energy,
    torus_self_term,
    uniform_floor,
)
from ...data.sources.circle import angles_of
from ...dynamics.two_timescale import TwoTimescale
from ...dynamics.varpro import VarPro
from ...networks.network import Network
from ...readouts.circle.problem import CircleProblem
from ...training.plan import Record, Status
from .limits import Limits
from .problem import Problem


BLOWN_UP = 100.0
"""Growth of the risk over its first value that counts as divergence."""


@dataclass(kw_only=True)
class Observer:
    """Columns of every record."""

    problem: Problem
    limits: Limits
    _self_term: float | None = None
    _target: CircleMeasure | None = None

    def observe(self, step: int, network: Network) -> Record:
        """Risk with the network's own optimal readout, readout and distances."""
        # A program of its own, which is compiled already: the start was made by it.
        own = self.problem.project(network)
        found = _record(self.problem.dynamics, own, network, self.problem.batch)
        points = np.asarray(network.weights.T, np.float64)  # pyright: ignore
        teacher, time = self.problem.teacher, step * self.problem.config.time_step
        if self.problem.config.problem == "torus":
            if self._self_term is None:
                self._self_term = torus_self_term(teacher)
            distance = torus_energy(points, teacher, second_self=self._self_term)
            distances = {"teacher_distance": distance}
        else:
            if self._target is None:
                self._target = CircleMeasure.of(angles_of(teacher))
            angles, target = CircleMeasure.of(angles_of(points)), self._target
            distances = {
                "teacher_distance": circle_energy(angles, target),
                "teacher_w1": circle_w1(angles, target),
                "teacher_w2": circle_w2(angles, target),
                "floor": uniform_floor(len(points)),
            }
        projected = {name: float(value) for name, value in found.items()}
        limits = self.limits.distances(points, time)
        return projected | {"time": time} | distances | limits

    def until(self, records: Sequence[Record]) -> Status | None:
        """Stop when the risk has blown up."""
        blown_up = records[-1]["risk"] > BLOWN_UP * max(records[0]["risk"], 1.0)
        return "diverged" if blown_up else None


@eqx.filter_jit
def _record(
    dynamics: VarPro | TwoTimescale, own: Network, network: Network, batch: Any
) -> dict[str, jax.Array]:
    """Risk of the projected network, its terms, and how far the readout lags behind."""
    penalty, centre = dynamics.ridge.like(own.readout)
    problem = dynamics.problem(network, batch)
    if isinstance(problem, CircleProblem):
        square = problem.exact_mean_square(own.readout)
    else:
        square = problem.mean_square(own.readout)
    data_term = square / (2 * penalty)
    penalty_term = network.scale * jnp.sum((own.readout - centre) ** 2) / 2
    return {
        "risk": data_term + penalty_term,
        "risk_data": data_term,
        "risk_penalty": penalty_term,
        "readout_min": jnp.min(own.readout),
        "readout_max": jnp.max(own.readout),
        "readout_lag": jnp.max(jnp.abs(network.readout - own.readout)),
    }
