"""What is measured at each record: exact risks, distances, snapshots."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ...analysis.density.circular import circle_w1, circle_w2
from ...analysis.density.energy import (
    circle_energy,
    torus_energy,
    torus_self_term,
    uniform_floor,
)
from ...dynamics.two_timescale import TwoTimescale
from ...dynamics.varpro import VarPro
from ...networks.network import Network
from ...readouts.circle.problem import CircleProblem
from ...training.kept import Kept
from ...training.plan import Record, Status
from .limits import Limits
from .setup import Setup


BLOWN_UP = 100.0
"""Growth of the risk over its first value that counts as divergence."""


@dataclass(kw_only=True)
class Observer:
    """Columns of every record.

    The loop shows the network to `measure` and the finished record to `until`; what
    depends on the time is therefore added in `until`, which sees both.
    """

    setup: Setup
    dynamics: VarPro | TwoTimescale
    limits: Limits
    snapshot_steps: frozenset[int]
    snapshots: Kept
    _network: Network | None = None
    _self_term: float | None = None

    def measure(self, network: Network) -> Record:
        """Risk with the network's own optimal readout, and what the readout is like."""
        self._network = network
        found = _projected_record(self.dynamics, network, self.setup.batch)
        return {name: float(value) for name, value in found.items()}

    def until(self, records: Sequence[Record]) -> Status | None:
        """Complete the last record; stop when the risk has blown up."""
        record = records[-1]
        assert self._network is not None
        points = np.asarray(self._network.weights.T, np.float64)  # pyright: ignore
        step = round(record["step"])
        time = step * self.setup.config.time_step
        record |= {"time": time} | self._distances(points, time)
        if step in self.snapshot_steps:
            self.snapshots.keep(step, {"weights": points})
        if record["risk"] > BLOWN_UP * max(records[0]["risk"], 1.0):
            return "diverged"
        return None

    def stored_snapshots(self) -> tuple[np.ndarray, np.ndarray]:
        """Steps and features of all snapshots, also of those before a resumption."""
        found = self.snapshots.all()
        points = [each["weights"] for each in found.values()]
        return np.array(list(found), np.int64), np.array(points, np.float32)

    def _distances(self, points: np.ndarray, time: float) -> dict[str, float]:
        teacher = self.setup.teacher
        if self.setup.config.problem == "torus":
            if self._self_term is None:
                self._self_term = torus_self_term(teacher)
            return {
                "teacher_distance": torus_energy(
                    points, teacher, second_self=self._self_term
                )
            } | self.limits.distances(points, time)
        angles = np.arctan2(points[:, 1], points[:, 0])
        target = np.arctan2(teacher[:, 1], teacher[:, 0])
        return {
            "teacher_distance": circle_energy(angles, target),
            "teacher_w1": circle_w1(angles, target),
            "teacher_w2": circle_w2(angles, target),
            "floor": uniform_floor(len(angles)),
        } | self.limits.distances(points, time)


@eqx.filter_jit
def _projected_record(
    dynamics: VarPro | TwoTimescale, network: Network, batch: Any
) -> dict[str, jax.Array]:
    """Risk, its terms from the residuals, and how far the readout lags behind."""
    own = dynamics.project(network, batch)
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
