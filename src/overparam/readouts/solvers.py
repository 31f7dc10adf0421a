"""How the readout's problem is solved in a step: directly, or from the last step on."""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..networks.network import Network
from .problem import ReadoutProblem
from .ridge import solve_positive


class ReadoutSolution(eqx.Module):
    """A readout, what the solver keeps for the next step, and its iterations."""

    readout: Float[Array, "m k"]
    memory: Any
    n_iterations: Int[Array, ""]


class Solver(eqx.Module):
    """A rule that solves one readout problem per step."""

    @abc.abstractmethod
    def init(self, network: Network) -> Any:
        """What the solver keeps before the first step."""

    @abc.abstractmethod
    def solve(
        self,
        problem: ReadoutProblem,
        memory: Any,
        *,
        penalty: Float[Array, ""],
        centre: Float[Array, "m k"],
        start: Float[Array, "m k"],
    ) -> ReadoutSolution:
        """The optimal readout of `problem`."""


class Direct(Solver):
    """The problem's own direct solver; nothing is kept."""

    def init(self, network: Network) -> None:
        del network

    def solve(
        self,
        problem: ReadoutProblem,
        memory: None,
        *,
        penalty: Float[Array, ""],
        centre: Float[Array, "m k"],
        start: Float[Array, "m k"],
    ) -> ReadoutSolution:
        del start
        readout = problem.solve(penalty, centre)
        return ReadoutSolution(readout, memory, jnp.zeros((), jnp.int32))


class Factor(eqx.Module):
    """An inverse made some steps ago, and the steps left until the next one."""

    inverse: Float[Array, "m m"]
    n_left: Int[Array, ""]


class StaleConjugate(Solver):
    r"""Conjugate gradients, preconditioned by the inverse of some steps ago.

    $K$ changes little in a step. Every `refresh` steps $(K + \lambda I)^{-1}$ is formed
    from a Cholesky factor and kept explicitly, since its application is one product; in
    between, conjugate gradients start from the last readout. A step that needs all
    `max_iterations` makes the next one refresh; one whose readout does not solve the
    problem (see `ReadoutProblem.solves`) is solved directly.
    """

    refresh: int = eqx.field(static=True, default=50)
    max_iterations: int = eqx.field(static=True, default=40)
    tolerance: float = eqx.field(static=True, default=1e-11)

    def init(self, network: Network) -> Factor:
        width = network.readout.shape[0]
        inverse = jnp.zeros((width, width), network.readout.dtype)
        return Factor(inverse, jnp.zeros((), jnp.int32))

    def solve(
        self,
        problem: ReadoutProblem,
        memory: Factor,
        *,
        penalty: Float[Array, ""],
        centre: Float[Array, "m k"],
        start: Float[Array, "m k"],
    ) -> ReadoutSolution:
        def renew(memory: Factor) -> Factor:
            identity = jnp.eye(start.shape[0], dtype=start.dtype)
            inverse = solve_positive(problem.gram(), identity, shift=penalty)
            return Factor(inverse, jnp.asarray(self.refresh, jnp.int32))

        memory = jax.lax.cond(memory.n_left > 0, lambda kept: kept, renew, memory)
        right = problem.target() + penalty * centre
        readout, n_iterations = conjugate_gradients(
            lambda v: problem.product(v) + penalty * v,
            right,
            start=start,
            precondition=lambda r: memory.inverse @ r,
            tolerance=self.tolerance,
            max_iterations=self.max_iterations,
        )
        used_up = n_iterations >= self.max_iterations
        solved = problem.solves(readout, penalty, centre)
        readout = jax.lax.cond(
            solved, lambda: readout, lambda: problem.solve(penalty, centre)
        )
        n_left = jnp.where(used_up | ~solved, 0, memory.n_left - 1)
        return ReadoutSolution(readout, Factor(memory.inverse, n_left), n_iterations)


def conjugate_gradients(
    apply, right, *, start, precondition, tolerance: float, max_iterations: int
) -> tuple[Float[Array, "m k"], Int[Array, ""]]:
    """Preconditioned conjugate gradients for one positive definite system.

    Stops when the residual is at most `tolerance` times the right-hand side (in the
    Euclidean norm over all columns). Columns share their step sizes.

    Returns:
        The solution and the number of iterations.
    """
    bound = tolerance**2 * jnp.sum(right**2)

    def unfinished(carry):
        _, residual, _, _, count = carry
        return (jnp.sum(residual**2) > bound) & (count < max_iterations)

    def advance(carry):
        x, residual, direction, inner, count = carry
        image = apply(direction)
        step = inner / jnp.sum(direction * image)
        x, residual = x + step * direction, residual - step * image
        ahead = precondition(residual)
        new_inner = jnp.sum(residual * ahead)
        direction = ahead + (new_inner / inner) * direction
        return x, residual, direction, new_inner, count + 1

    residual = right - apply(start)
    ahead = precondition(residual)
    carry = (
        start,
        residual,
        ahead,
        jnp.sum(residual * ahead),
        jnp.zeros((), jnp.int32),
    )
    x, _, _, _, count = jax.lax.while_loop(unfinished, advance, carry)
    return x, count
