r"""Alternating directions with one factorisation: many patterns, accelerators, float32.

Every group is split into its weights $z_g$, a copy $v_g$ that carries the norm and, for
exact programmes, rows $c_g = S_g X z_g \ge 0$. Because $S_g^2 = I$ all cone blocks
share the matrix $N = I + X^T X$, and one eigendecomposition of an $n \times n$ matrix
serves every step and every step size. An iteration costs $O(n d P)$.

On a CPU the interior-point methods reach 1e-6 sooner; choose this one when the number
of samples is above about 5000, when there are very many patterns, or in float32.
"""

import contextlib
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from ...checks import at_least, positive
from ...errors import ConfigError
from ..programs.groups import MaskedGroups
from ..programs.program import Program
from .bounds import EqualityRepair, relative_gap
from .centres import ConeLift
from .interior_point import infeasible
from .solution import Solution, assess
from .units import Units, in_units


_RELAXATION = 1.6
_CHUNK = 100
# Residuals that differ by more than this factor change the step size.
_UNBALANCED = 4.0
_FROZEN_AFTER = 5000


class AdmmProblem(eqx.Module):
    """A programme with its cached factorisations, on the device."""

    x: Float[Array, "n d"]
    y: Float[Array, " n"]
    masks: Float[Array, "groups n"]
    signs: Float[Array, "cones n"]
    bounds: Float[Array, " groups"]
    inverse: Float[Array, "d d"]
    vectors: Float[Array, "n n"]
    values: Float[Array, " n"]
    first: int = eqx.field(static=True)
    penalised: bool = eqx.field(static=True)


class AdmmState(eqx.Module):
    """Copies, their scaled multipliers, the predictions' multiplier, residuals."""

    copies: Float[Array, "groups d"]
    rows: Float[Array, "cones n"]
    copy_duals: Float[Array, "groups d"]
    row_duals: Float[Array, "cones n"]
    dual: Float[Array, " n"]
    primal_residual: Float[Array, ""]
    dual_residual: Float[Array, ""]


def solve_admm(
    program: Program,
    *,
    tolerance: float = 1e-4,
    max_iterations: int = 20_000,
    dtype: DTypeLike = "float64",
) -> Solution:
    """The optimum by alternating directions, with the gap certified in float64.

    Args:
        program: A plain or skip programme.
        tolerance: Relative gap at which to stop; 1e-4 is what float32 can do.
        max_iterations: Most iterations.
        dtype: Floating type of the iteration.

    Raises:
        ConfigError: If the programme is normalised.

    Example:
        ```python
        patterns = op.convex.enumerate_patterns(x)
        program = op.convex.convex_program(x, y[:, 0], patterns=patterns, penalty=1.0)
        op.convex.solve_admm(program, tolerance=1e-3, dtype="float32").gap
        ```
    """
    positive(tolerance=tolerance)
    at_least(1, max_iterations=max_iterations)
    if not isinstance(program.groups, MaskedGroups):
        raise ConfigError(
            "method=admm is not built for normalised networks; use interior-point."
        )

    def solver(scaled: Program, units: Units) -> Solution:
        # Who asks for float64 gets it, whatever JAX is set to.
        double = np.dtype(dtype) == np.float64
        with jax.enable_x64(True) if double else contextlib.nullcontext():
            return _solve(scaled, tolerance, max_iterations, dtype)

    return in_units(program, solver)


def _solve(
    program: Program, tolerance: float, max_iterations: int, dtype: DTypeLike
) -> Solution:
    assert isinstance(program.groups, MaskedGroups)
    certify = _Certifier(program, tolerance)
    if certify.unreachable is not None:
        return infeasible(program, certify.unreachable)
    problem = _problem(program, program.groups, dtype)
    shape = (len(problem.bounds), problem.x.shape[1])
    zeros, rows = jnp.zeros(shape, problem.x.dtype), jnp.zeros_like(problem.signs)
    state = AdmmState(
        zeros,
        rows,
        zeros,
        rows,
        jnp.zeros_like(problem.y),
        *jnp.zeros((2,), zeros.dtype),
    )
    step_size = jnp.asarray(program.penalty or 1.0, dtype)
    best = certify(problem, state, step_size, 0)
    for iteration in range(_CHUNK, max_iterations + 1, _CHUNK):
        state = _advance(problem, state, step_size)
        best = certify.better(best, certify(problem, state, step_size, iteration))
        if best.gap <= tolerance or not np.isfinite(float(state.primal_residual)):
            break
        if iteration <= _FROZEN_AFTER:
            state, step_size = _rebalanced(state, step_size)
    return best


class _Certifier:
    """Feasible points from iterates, and the numbers they prove."""

    def __init__(self, program: Program, tolerance: float) -> None:
        self._program, self._tolerance = program, tolerance
        self._repair = EqualityRepair(program) if program.penalty is None else None
        self._lift = ConeLift(program) if program.exact else None
        self.unreachable = self._repair.unreachable() if self._repair else None

    def __call__(
        self,
        problem: AdmmProblem,
        state: AdmmState,
        step_size: Float[Array, ""],
        iterations: int,
    ) -> Solution:
        rho = float(step_size)
        weights = np.asarray(state.copies, np.float64)
        if self._repair is not None:
            weights = self._repair(weights)
        cone_dual = None
        if self._lift is not None:
            weights = self._lift(weights)
            cone_dual = -rho * np.asarray(state.row_duals, np.float64)
        dual = rho * np.asarray(state.dual, np.float64)
        if not (np.isfinite(weights).all() and np.isfinite(dual).all()):
            weights, dual = np.zeros_like(weights), np.zeros_like(dual)
        return self._assess(weights, dual, cone_dual, iterations)

    def better(self, old: Solution, new: Solution) -> Solution:
        """The better primal with the better dual point of two solutions."""
        primal = new if new.upper <= old.upper else old
        dual = new if new.lower >= old.lower else old
        if relative_gap(primal.upper, dual.lower) > new.gap:
            return new
        return self._assess(primal.weights, dual.dual, dual.cone_dual, new.iterations)

    def _assess(self, weights, dual, cone_dual, iterations: int) -> Solution:
        return assess(
            self._program,
            weights,
            dual,
            cone_dual,
            tolerance=self._tolerance,
            iterations=iterations,
        )


def _problem(program: Program, groups: MaskedGroups, dtype: DTypeLike) -> AdmmProblem:
    x, masks, first = groups.x, groups.masks, program.n_skip
    metric = np.eye(x.shape[1])
    if program.exact:
        metric += x.T @ x
    inverse = np.linalg.inv(metric)
    kernel = (x @ inverse @ x.T) * (masks[first:].T @ masks[first:])
    kernel += first * (x @ x.T)
    values, vectors = np.linalg.eigh(kernel)
    device = partial(jnp.asarray, dtype=dtype)
    return AdmmProblem(
        x=device(x),
        y=device(program.y),
        masks=device(masks),
        signs=device(program.signs),
        bounds=device(program.bounds),
        inverse=device(inverse),
        vectors=device(vectors),
        values=device(np.maximum(values, 1e-12 * values[-1])),
        first=first,
        penalised=program.penalty is not None,
    )


@eqx.filter_jit
def _advance(
    problem: AdmmProblem, state: AdmmState, step_size: Float[Array, ""]
) -> AdmmState:
    def body(_: Array, current: AdmmState) -> AdmmState:
        return _iteration(problem, current, step_size)

    return jax.lax.fori_loop(0, _CHUNK, body, state)


def _iteration(
    problem: AdmmProblem, state: AdmmState, step_size: Float[Array, ""]
) -> AdmmState:
    first = problem.first
    # The exact minimiser over the weights, and the multiplier of the predictions. All
    # blocks share one inverse, so that what couples them is a kernel between samples,
    # which `problem` holds diagonalised: a new step size needs no new factorisation.
    right = state.copies - state.copy_duals
    if len(problem.signs):
        pulled = (problem.signs * (state.rows - state.row_duals)) @ problem.x
        right = right.at[first:].add(pulled)
    start = _solve_blocks(problem, right)
    predictions = jnp.sum(problem.masks * (start @ problem.x.T), axis=0)
    shift = step_size if problem.penalised else jnp.zeros_like(step_size)
    projected = problem.vectors.T @ (problem.y - predictions)
    dual = problem.vectors @ (projected / (problem.values + shift))
    pushed = (problem.masks * dual[None]) @ problem.x
    z = start + _solve_blocks(problem, pushed)
    rows = (
        problem.signs * (z[first:] @ problem.x.T) if len(problem.signs) else state.rows
    )
    relaxed = _RELAXATION * z + (1 - _RELAXATION) * state.copies
    relaxed_rows = _RELAXATION * rows + (1 - _RELAXATION) * state.rows
    copies = _shrink(relaxed + state.copy_duals, problem.bounds / step_size)
    row_copies = jnp.maximum(relaxed_rows + state.row_duals, 0)
    moved = jnp.sum((copies - state.copies) ** 2)
    moved += jnp.sum((row_copies - state.rows) ** 2)
    apart = jnp.sum((z - copies) ** 2) + jnp.sum((rows - row_copies) ** 2)
    return AdmmState(
        copies=copies,
        rows=row_copies,
        copy_duals=state.copy_duals + relaxed - copies,
        row_duals=state.row_duals + relaxed_rows - row_copies,
        dual=dual,
        primal_residual=jnp.sqrt(apart),
        dual_residual=step_size * jnp.sqrt(moved),
    )


def _solve_blocks(
    problem: AdmmProblem, right: Float[Array, "groups d"]
) -> Float[Array, "groups d"]:
    first = problem.first
    return jnp.concatenate([right[:first], right[first:] @ problem.inverse])


def _shrink(
    z: Float[Array, "groups d"], amounts: Float[Array, " groups"]
) -> Float[Array, "groups d"]:
    sizes = jnp.sqrt(jnp.sum(z**2, axis=1))
    kept = jnp.where(sizes > amounts, 1 - amounts / jnp.where(sizes > 0, sizes, 1), 0)
    return kept[:, None] * z


def _rebalanced(
    state: AdmmState, step_size: Float[Array, ""]
) -> tuple[AdmmState, Float[Array, ""]]:
    """Double or halve the step size where one residual is far above the other."""
    ratio = float(state.primal_residual) / max(float(state.dual_residual), 1e-30)
    factor = 2.0 if ratio > _UNBALANCED else 0.5 if ratio < 1 / _UNBALANCED else 1.0
    scaled = eqx.tree_at(
        lambda s: (s.copy_duals, s.row_duals, s.dual),
        state,
        (state.copy_duals / factor, state.row_duals / factor, state.dual / factor),
    )
    return scaled, step_size * factor
