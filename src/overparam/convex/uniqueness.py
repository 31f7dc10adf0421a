r"""The set of all optima, from one pair of primal and dual optimal points.

At a dual optimum $l$ every optimal primal is $z_g = t_g q_g$ with $t_g \ge 0$ on the
active groups and $q_g$ the unit vector of $A_g^T l + X^T S_g \mu_g$. Hence the optimal
set is $\{t \ge 0 : \sum_g t_g A_g q_g = y - \kappa l\}$, a polyhedron.
"""

import equinox as eqx
import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import linprog

from .cones import norms
from .groups import PerGroup, Weights
from .solution import Solution


_RANK_TOLERANCE = 1e-8


class OptimalFace(eqx.Module):
    r"""The optimal set of a programme.

    Attributes:
        directions: $q_g$, shape `(groups, d)`, zero where a group is zero in every
            optimum.
        active: Groups that can be non-zero.
        lengths: $t_g$ of the solution at hand.
        unique: Whether there is only one optimum.
    """

    directions: Weights
    active: Bool[np.ndarray, " groups"]
    lengths: PerGroup
    unique: bool


def optimal_face(solution: Solution) -> OptimalFace:
    """The optimal set around a solution.

    A group is active when its length, relative to the largest, exceeds the distance of
    its dual constraint to equality: interior-point iterates end strictly complementary.
    """
    program = solution.program
    blocks = program.dual_blocks(solution.dual, solution.cone_dual)
    sizes, lengths = program.group_norms(blocks), solution.group_norms
    largest = max(lengths.max(initial=0), np.finfo(float).tiny)
    active = lengths / largest > 1 - sizes / program.bounds
    directions = np.where(active[:, None], blocks, 0)
    directions /= np.where(active, norms(directions), 1)[:, None]
    columns = _columns(solution, directions, active)
    singular = np.linalg.svd(columns, compute_uv=False)
    rank = np.count_nonzero(singular > _RANK_TOLERANCE * singular.max(initial=0))
    unique = bool(rank == active.sum())
    return OptimalFace(directions, active, lengths, unique)


def length_range(
    solution: Solution, face: OptimalFace, group: int
) -> Float[np.ndarray, " 2"]:
    r"""The least and the largest $t_g$ of a group over all optima."""
    if face.unique or not face.active[group]:
        return np.full(2, face.lengths[group] if face.active[group] else 0.0)
    columns = _columns(solution, face.directions, face.active)
    # The right-hand side of the solution at hand is feasible without any tolerance.
    right = columns @ face.lengths[face.active]
    chosen = (np.flatnonzero(face.active) == group).astype(float)
    ends = []
    for sign in (1.0, -1.0):
        found = linprog(sign * chosen, A_eq=columns, b_eq=right, method="highs")
        length = face.lengths[group] if found.fun is None else sign * found.fun
        ends.append(length)
    return np.asarray(ends)


def with_uniqueness(solution: Solution) -> Solution:
    """The solution with status `non-unique` where other optima exist."""
    if solution.status != "optimal":
        return solution
    merged = solution.program.merged_all_ones and solution.group_norms[0] > 0
    if merged or not optimal_face(solution).unique:
        return solution.with_status("non-unique")
    return solution


def _columns(
    solution: Solution, directions: Weights, active: Bool[np.ndarray, " groups"]
) -> Float[np.ndarray, "n active"]:
    groups = solution.program.groups.select(np.flatnonzero(active))
    return groups.outputs(directions[active]).T
