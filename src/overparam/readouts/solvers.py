"""How the readout's problem is solved in a step: directly, or from the last step on."""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..drawing import normal
from ..networks.network import Network
from .problem import ReadoutProblem
from .ridge import solve_positive


# Least relative residual of conjugate gradients, in units of rounding.
_UNITS = 10
# Rounds of subspace iteration from random vectors.
_FIRST_ROUNDS = 8


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
    """The problem's own direct solver; nothing is kept.

    Example:
        `solver = op.readouts.Direct()`
    """

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


class Preconditioner(eqx.Module):
    """What was known of $K$ some steps ago, and the steps left until it is renewed."""

    n_left: eqx.AbstractVar[Int[Array, ""]]


class Conjugate(Solver):
    r"""Conjugate gradients, preconditioned by what was known of $K$ some steps ago.

    $K$ changes little in a step. The preconditioner is renewed every `refresh` steps;
    in between, conjugate gradients start from the last readout. A step that needs all
    `max_iterations` makes the next one renew; one whose readout does not solve the
    problem (see `ReadoutProblem.solves`) is solved directly.
    """

    refresh: eqx.AbstractVar[int]
    max_iterations: eqx.AbstractVar[int]
    tolerance: eqx.AbstractVar[float]

    @abc.abstractmethod
    def renew(
        self, problem: ReadoutProblem, memory: Any, penalty: Float[Array, ""]
    ) -> Any:
        """The preconditioner of a problem, from an older one."""

    @abc.abstractmethod
    def precondition(
        self, memory: Any, residual: Float[Array, "m k"], penalty: Float[Array, ""]
    ) -> Float[Array, "m k"]:
        r"""About $(K + \lambda I)^{-1} r$."""

    def solve(
        self,
        problem: ReadoutProblem,
        memory: Any,
        *,
        penalty: Float[Array, ""],
        centre: Float[Array, "m k"],
        start: Float[Array, "m k"],
    ) -> ReadoutSolution:
        memory = jax.lax.cond(
            memory.n_left > 0,
            lambda kept: kept,
            lambda kept: self.renew(problem, kept, penalty),
            memory,
        )
        right = problem.target() + penalty * centre
        readout, n_iterations = conjugate_gradients(
            lambda v: problem.product(v) + penalty * v,
            right,
            start=start,
            precondition=lambda r: self.precondition(memory, r, penalty),
            tolerance=max(self.tolerance, _UNITS * float(jnp.finfo(start.dtype).eps)),
            max_iterations=self.max_iterations,
        )
        used_up = n_iterations >= self.max_iterations
        solved = problem.solves(readout, penalty, centre)
        readout = jax.lax.cond(
            solved, lambda: readout, lambda: problem.solve(penalty, centre)
        )
        n_left = jnp.where(used_up | ~solved, 0, memory.n_left - 1)
        memory = eqx.tree_at(lambda known: known.n_left, memory, n_left)
        return ReadoutSolution(readout, memory, n_iterations)

    def _full(self) -> Int[Array, ""]:
        return jnp.asarray(self.refresh, jnp.int32)


class Factor(Preconditioner):
    """An inverse made some steps ago."""

    inverse: Float[Array, "m m"]
    n_left: Int[Array, ""]


class StaleConjugate(Conjugate):
    r"""`Conjugate` with the inverse $(K + \lambda I)^{-1}$ of some steps ago.

    It is formed from a Cholesky factor and kept explicitly, since its application is
    one product.

    Example:
        `solver = op.readouts.StaleConjugate(refresh=20)`
    """

    refresh: int = eqx.field(static=True, default=50)
    max_iterations: int = eqx.field(static=True, default=40)
    tolerance: float = eqx.field(static=True, default=1e-11)

    def init(self, network: Network) -> Factor:
        width = network.readout.shape[0]
        inverse = jnp.zeros((width, width), network.readout.dtype)
        return Factor(inverse, jnp.zeros((), jnp.int32))

    def renew(
        self, problem: ReadoutProblem, memory: Factor, penalty: Float[Array, ""]
    ) -> Factor:
        identity = jnp.eye(len(memory.inverse), dtype=memory.inverse.dtype)
        inverse = solve_positive(problem.gram(), identity, shift=penalty)
        return Factor(inverse, self._full())

    def precondition(
        self, memory: Factor, residual: Float[Array, "m k"], penalty: Float[Array, ""]
    ) -> Float[Array, "m k"]:
        del penalty
        return memory.inverse @ residual


class Spectrum(Preconditioner):
    """The largest eigenvalues of some steps ago with their vectors."""

    vectors: Float[Array, "m rank"]
    values: Float[Array, " rank"]
    n_left: Int[Array, ""]


class SpectralConjugate(Conjugate):
    r"""`Conjugate` with the largest eigenvalues of some steps ago; no matrix is formed.

    With vectors V and values $\theta$ the preconditioner is
    $V (\theta + \lambda)^{-1} V^T + (\theta_{\min} + \lambda)^{-1} (I - V V^T)$. A
    renewal is a round of subspace iteration from the vectors at hand, the first one
    several rounds from random vectors. It pays where K has few eigenvalues above
    $\lambda$ and a product with K is cheap beside its entries.

    Reference: Halko, Martinsson, Tropp 2011, Finding structure with randomness,
    algorithm 4.4; Frangella, Tropp, Udell 2023, Randomized Nystrom preconditioning.

    Example:
        `solver = op.readouts.SpectralConjugate(rank=4)`
    """

    rank: int = eqx.field(static=True, default=64)
    refresh: int = eqx.field(static=True, default=10)
    max_iterations: int = eqx.field(static=True, default=60)
    tolerance: float = eqx.field(static=True, default=1e-11)

    def init(self, network: Network) -> Spectrum:
        width, dtype = network.readout.shape[0], network.readout.dtype
        shape = (width, min(self.rank, width))
        vectors = normal(jax.random.key(0), shape, dtype)
        return Spectrum(vectors, jnp.zeros(shape[1], dtype), jnp.zeros((), jnp.int32))

    def renew(
        self, problem: ReadoutProblem, memory: Spectrum, penalty: Float[Array, ""]
    ) -> Spectrum:
        del penalty

        def improved(_: Array, vectors: Float[Array, "m rank"]):
            return jnp.linalg.qr(problem.product(vectors))[0]

        # Values of zero: the vectors are random still.
        n_rounds = jnp.where(memory.values[-1] > 0, 1, _FIRST_ROUNDS)
        basis = jax.lax.fori_loop(0, n_rounds, improved, memory.vectors)
        values, turn = jnp.linalg.eigh(basis.T @ problem.product(basis))
        # Rounding makes the smallest ones negative where the rank of K is lower.
        values = jnp.maximum(values[::-1], jnp.finfo(values.dtype).tiny)
        return Spectrum(basis @ turn[:, ::-1], values, self._full())

    def precondition(
        self, memory: Spectrum, residual: Float[Array, "m k"], penalty: Float[Array, ""]
    ) -> Float[Array, "m k"]:
        shifted = memory.values + penalty
        along = (residual.T @ memory.vectors).T
        kept = (shifted[-1] / shifted - 1)[:, None] * along
        return (residual + memory.vectors @ kept) / shifted[-1]


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
