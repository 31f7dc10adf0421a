r"""Two-timescale descent: features move by $\tau$, the readout by $\rho\tau$."""

from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ..checks import at_least, one_of, positive
from ..networks.network import Network
from ..readouts.problem import DenseProblem, MakeProblem, ReadoutProblem
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


Inner = Literal["explicit", "implicit"]


class TwoTimescale(eqx.Module):
    r"""Gradient flow of $R(\theta, U)$ in which the readout is $\rho$ times faster.

    Both updates start from the old pair: $\theta \leftarrow \mathrm{Retract}(\theta -
    \tau s^{-1}\partial_\theta R)$ and $U \leftarrow U - \rho\tau s^{-1}\partial_U R$,
    where $s^{-1}\partial_U R = (KU - B + \lambda(U - c))/\lambda$. The explicit readout
    is stable if $\rho\tau(\kappa_{\max} + \lambda)/\lambda < 2$. The implicit one
    solves a projection with the penalty $\lambda(1 + 1/(\rho\tau))$, is stable for
    every $\rho$ and tends to `VarPro` as $\rho \to \infty$.

    Attributes:
        ridge: Penalty and centre.
        time_step: $\tau$.
        ratio: $\rho$; `reference_ratio` is the published coupling.
        problem: How a network and a batch make the readout's problem.
        retract: Brings moved weights back to their manifold.
        inner: Explicit or implicit step of the readout.
        inner_steps: Steps of the readout per step of the features.

    Reference: Barboni, Peyré, Vialard, arXiv 2504.18208, section 6.1.

    Example:
        ```python
        ridge = op.dynamics.Ridge(penalty=1e-1, centre=0.0)
        rule = op.dynamics.TwoTimescale(ridge, time_step=1e-3, ratio=10.0)
        state, info = rule.step(rule.init(network, key=key), op.Batch(x, y), key=key)
        ```
    """

    ridge: Ridge
    time_step: Float[Array, ""]
    ratio: Float[Array, ""]
    problem: MakeProblem = eqx.field(static=True)
    retract: Retraction = eqx.field(static=True)
    inner: Inner = eqx.field(static=True)
    inner_steps: int = eqx.field(static=True)

    def __init__(
        self,
        ridge: Ridge,
        time_step: float,
        ratio: float,
        *,
        problem: MakeProblem = DenseProblem,
        retract: Retraction = stay,
        inner: Inner = "explicit",
        inner_steps: int = 1,
    ) -> None:
        positive(time_step=time_step, ratio=ratio)
        at_least(1, inner_steps=inner_steps)
        one_of(["explicit", "implicit"], inner=inner)
        self.ridge = ridge
        self.time_step = as_leaf(time_step)
        self.ratio = as_leaf(ratio)
        self.problem = problem
        self.retract = retract
        self.inner = inner
        self.inner_steps = inner_steps

    def init(self, network: Network, *, key: PRNGKeyArray) -> ProjectionState:
        del key
        return ProjectionState.start(network, None)

    def step(
        self, state: ProjectionState, batch: Any, *, key: PRNGKeyArray
    ) -> tuple[ProjectionState, ProjectionInfo]:
        del key
        network = state.network
        problem = self.problem(network, batch)
        velocity = self.ridge.velocity(problem, network.readout)
        info = self.ridge.describe(
            problem,
            network.readout,
            velocity,
            before=state,
            n_iterations=jnp.asarray(self.inner_steps, jnp.int32),
        )
        readout = jax.lax.fori_loop(
            0,
            self.inner_steps,
            lambda _, readout: self._relax(problem, readout),
            network.readout,
        )
        moved = move(network, velocity, time_step=self.time_step, retract=self.retract)
        moved = with_readout(moved, readout)
        return ProjectionState(moved, state.memory, info.loss), info

    def project(self, network: Network, batch: Any) -> Network:
        """The same features with their own optimal readout, where a run starts."""
        readout = self.problem(network, batch).solve(*self.ridge.like(network.readout))
        return with_readout(network, readout)

    def _relax(
        self, problem: ReadoutProblem, readout: Float[Array, "m k"]
    ) -> Float[Array, "m k"]:
        penalty, centre = self.ridge.like(readout)
        step = (self.ratio * self.time_step).astype(readout.dtype)
        if self.inner == "explicit":
            force = problem.gradient(readout) + penalty * (readout - centre)
            return readout - step / penalty * force
        blend = (centre + readout / step) / (1 + 1 / step)
        return problem.solve(penalty * (1 + 1 / step), blend)


def reference_ratio(penalty: float, time_step: float) -> float:
    r"""The published coupling $\rho = \lambda/\tau$, a readout step of size one.

    Example:
        `assert op.dynamics.reference_ratio(penalty=0.1, time_step=0.001) == 100`
    """
    return penalty / time_step


def largest_stable_ratio(
    largest_eigenvalue: float, *, penalty: float, time_step: float
) -> float:
    r"""$2\lambda/(\tau(\kappa_{\max} + \lambda))$: the explicit readout's limit.

    Example:
        `op.dynamics.largest_stable_ratio(0.2, penalty=1e-3, time_step=1e-3)`
    """
    return 2 * penalty / (time_step * (largest_eigenvalue + penalty))
