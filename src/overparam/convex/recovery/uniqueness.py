r"""The set of all optima, from one pair of primal and dual optimal points.

At a dual optimum $l$ every optimal primal is $z_g = t_g q_g$ with $t_g \ge 0$ on the
active groups and $q_g$ the unit vector of $A_g^T l + X^T S_g \mu_g$. Hence the optimal
set is $\{t \ge 0 : \sum_g t_g A_g q_g = y - \kappa l\}$, a polyhedron.
"""

import equinox as eqx
import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import linprog

from ..programs.cones import norms
from ..programs.groups import PerGroup, Weights
from ..solvers.solution import Solution


# Least relative singular value of independent columns whose directions are exact.
_RANK_TOLERANCE = 1e-8
# Largest relative distance of a dual constraint to equality for an active group.
_TIGHT = 1e-5
# Distance of unit directions of one and the same neuron.
_SAME = 1e-3
# Relative change of the lengths that makes another optimum.
_MOVED = 1e-3


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
    An active set has exact zeros instead; such a group counts where its constraint is
    as tight as those of the others.
    """
    program = solution.program
    blocks = program.dual_blocks(solution.dual, solution.cone_dual)
    lengths = solution.group_norms
    largest = max(lengths.max(initial=0), np.finfo(float).tiny)
    slack = 1 - program.group_norms(blocks) / program.bounds
    active = (lengths / largest > slack) & (slack < _TIGHT)
    active |= (lengths == 0) & (slack <= slack[active].max(initial=-np.inf))
    # At the optimum the slack of active groups is 0: what is left of it is the error of
    # the multipliers, and of the directions that follow from them.
    error = max(_RANK_TOLERANCE, slack[active].max(initial=0))
    return _face(solution, blocks, active, error)


def tied_face(solution: Solution, *, slack: float) -> OptimalFace:
    """The optimal set around exact optima, whose ties are exact up to `slack`.

    Every group whose dual constraint is an equality is active, zero or not.
    """
    program = solution.program
    blocks = program.dual_blocks(solution.dual, solution.cone_dual)
    # Multipliers of a solution are shrunk by what their norms may be wrong; ties stay.
    sizes = program.group_norms(blocks) / program.bounds
    tight = sizes >= (1 - slack) * sizes.max()
    return _face(solution, blocks, tight, max(_RANK_TOLERANCE, slack))


def _face(
    solution: Solution,
    blocks: Weights,
    active: Bool[np.ndarray, " groups"],
    error: float,
) -> OptimalFace:
    lengths = solution.group_norms
    directions = np.where(active[:, None], blocks, 0)
    directions /= np.where(active, norms(directions), 1)[:, None]
    distinct = active & ~_repeated(solution, directions, active)
    columns = _columns(solution, directions, distinct)
    sizes = np.linalg.norm(columns, axis=0)
    columns_of_one = columns / np.where(sizes > 0, sizes, 1)
    singular = np.linalg.svd(columns_of_one, compute_uv=False)
    rank = np.count_nonzero(singular > error * singular.max(initial=0))
    unique = bool(rank == distinct.sum()) or not _movable(columns, lengths[distinct])
    return OptimalFace(directions, active, lengths, unique)


def _repeated(
    solution: Solution, directions: Weights, active: Bool[np.ndarray, " groups"]
) -> Bool[np.ndarray, " groups"]:
    """Blocks that hold the same ReLU neuron as an earlier one.

    A neuron on the boundary of two cells may sit in either pattern of an exact
    programme: the network is the same.
    """
    program, repeated = solution.program, np.zeros(len(active), bool)
    if not program.exact:
        return repeated
    neurons = program.groups.neurons(directions)
    half = program.n_skip + len(program.patterns.masks)
    for block in (range(program.n_skip, half), range(half, len(active))):
        members = np.array([g for g in block if active[g]], int)
        if not len(members):
            continue
        units = neurons[members] / norms(neurons[members])[:, None]
        apart = np.linalg.norm(units[:, None] - units[None], axis=2)
        repeated[members] = np.tril(apart < _SAME, -1).any(axis=1)
    return repeated


def _movable(
    columns: Float[np.ndarray, "n active"], lengths: Float[np.ndarray, " active"]
) -> bool:
    """Whether lengths that differ by more than rounding give the same predictions.

    Almost every linear functional tells two points of a polyhedron apart; one is
    minimised and maximised.
    """
    columns, lengths = _in_units(columns, lengths)
    functional = np.random.default_rng(len(lengths)).standard_normal(len(lengths))
    ends = []
    for sign in (1.0, -1.0):
        found = linprog(
            sign * functional, A_eq=columns, b_eq=columns @ lengths, method="highs"
        )
        if found.fun is None:
            return found.status == 3  # Unbounded; else no other point was found.
        ends.append(sign * found.fun)
    return abs(ends[1] - ends[0]) > _MOVED * np.linalg.norm(lengths)


def length_range(
    solution: Solution, face: OptimalFace, group: int
) -> Float[np.ndarray, " 2"]:
    r"""The least and the largest $t_g$ of a group over all optima."""
    if face.unique or not face.active[group]:
        return np.full(2, face.lengths[group] if face.active[group] else 0.0)
    columns = _columns(solution, face.directions, face.active)
    largest = face.lengths.max() or 1.0
    columns, lengths = _in_units(columns, face.lengths[face.active])
    # The right-hand side of the solution at hand is feasible without any tolerance.
    right = columns @ lengths
    chosen = (np.flatnonzero(face.active) == group).astype(float)
    ends = []
    for sign in (1.0, -1.0):
        found = linprog(sign * chosen, A_eq=columns, b_eq=right, method="highs")
        moved = found.fun is not None
        ends.append(sign * found.fun * largest if moved else face.lengths[group])
    return np.asarray(ends)


def _in_units(
    columns: Float[np.ndarray, "n active"], lengths: Float[np.ndarray, " active"]
) -> tuple[Float[np.ndarray, "n active"], Float[np.ndarray, " active"]]:
    """Columns and lengths of size one, as the tolerances of linear programmes need."""
    largest = np.linalg.norm(columns, axis=0).max(initial=0)
    return columns / (largest or 1.0), lengths / (lengths.max(initial=0) or 1.0)


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
