"""Variable projection: the readout is optimal in every step, and the features move."""

from typing import Any

import equinox as eqx
from jaxtyping import Array, Float, PRNGKeyArray

from ..checks import in_range, positive
from ..networks.network import Network
from ..readouts.problem import DenseProblem, MakeProblem
from ..readouts.solvers import Direct, Solver
from .projection import (
    ProjectionInfo,
    ProjectionState,
    Retraction,
    Ridge,
    as_leaf,
    move,
    stay,
    with_readout,
)


class VarPro(eqx.Module):
    r"""$\theta \leftarrow \mathrm{Retract}(\theta - \tau s^{-1}\nabla L(\theta))$.

    $L(\theta) = \min_U R(\theta, U)$ is the reduced risk (see `Ridge`). With the
    mean-field scale $s = 1/M$ the step is the reference's learning rate $M\tau$, and
    $\tau$ times the number of steps is the physical time. On mini-batches the readout
    may be a running average, $U \leftarrow m U + (1-m) U^*(\text{batch})$.

    Attributes:
        ridge: Penalty $\lambda$ and its centre $c$: 0 is the paper's biased penalty, 1
            its unbiased one.
        time_step: $\tau$.
        average: $m$; 0 takes the optimum of every batch.
        problem: How a network and a batch make the readout's problem.
        solver: How that problem is solved.
        retract: Brings moved weights back to their manifold.

    Reference: Barboni, Peyré, Vialard, arXiv 2504.18208, section 2 (variable
    projection) and section 6.2 (the running readout).

    Example:
        ```python
        ridge = op.dynamics.Ridge(penalty=1e-1, centre=0.0)
        rule = op.dynamics.VarPro(ridge, time_step=1e-2)
        state, info = rule.step(rule.init(network, key=key), op.Batch(x, y), key=key)
        ```
    """

    ridge: Ridge
    time_step: Float[Array, ""]
    average: Float[Array, ""]
    problem: MakeProblem = eqx.field(static=True)
    solver: Solver
    retract: Retraction = eqx.field(static=True)

    def __init__(
        self,
        ridge: Ridge,
        time_step: float,
        *,
        average: float = 0.0,
        problem: MakeProblem = DenseProblem,
        solver: Solver | None = None,
        retract: Retraction = stay,
    ) -> None:
        positive(time_step=time_step)
        in_range(0, 1, average=average)
        self.ridge = ridge
        self.time_step = as_leaf(time_step)
        self.average = as_leaf(average)
        self.problem = problem
        self.solver = Direct() if solver is None else solver
        self.retract = retract

    def init(self, network: Network, *, key: PRNGKeyArray) -> ProjectionState:
        del key
        return ProjectionState.start(network, self.solver.init(network))

    def step(
        self, state: ProjectionState, batch: Any, *, key: PRNGKeyArray
    ) -> tuple[ProjectionState, ProjectionInfo]:
        del key
        network = state.network
        problem = self.problem(network, batch)
        penalty, centre = self.ridge.like(network.readout)
        solution = self.solver.solve(
            problem, state.memory, penalty=penalty, centre=centre, start=network.readout
        )
        average = self.average.astype(network.readout.dtype)
        readout = average * network.readout + (1 - average) * solution.readout
        velocity = self.ridge.velocity(problem, readout)
        info = self.ridge.describe(
            problem,
            readout,
            velocity,
            before=state,
            n_iterations=solution.n_iterations,
        )
        moved = move(network, velocity, time_step=self.time_step, retract=self.retract)
        moved = with_readout(moved, readout)
        return ProjectionState(moved, solution.memory, info.loss), info

    def project(self, network: Network, batch: Any) -> Network:
        """The same features with their own optimal readout."""
        readout = self.problem(network, batch).solve(*self.ridge.like(network.readout))
        return with_readout(network, readout)
