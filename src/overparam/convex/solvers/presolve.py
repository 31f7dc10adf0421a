r"""Cones of normalised neurons that some free direction leaves for good.

Weights in the null space of a pattern $D X$ cost nothing. Where such a direction p has
$S X p \ge 0$, the rows with $S X p > 0$ can be made as large as one likes: they
constrain nothing, and no multiplier of theirs can be positive, so that an
interior-point method has no interior. Those rows and directions are taken out before
solving, and the weights moved along p afterwards.
"""

import dataclasses
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.optimize import linprog

from ..programs.groups import BasisGroups, Weights
from ..programs.program import Program


_RANK_TOLERANCE = 1e-10


class Reduced(NamedTuple):
    """A programme without idle rows, and the way back.

    Attributes:
        program: The programme to solve.
        escapes: Per group a weight vector that makes its idle rows positive, in the
            coordinates of the given programme.
        rotations: From the coordinates of `program` to those of the given programme.
    """

    program: Program
    escapes: Weights
    rotations: Float[np.ndarray, "groups d d"]

    def restore(self, original: Program, z: Weights) -> Weights:
        """The same predictions and norms, inside all cones of the given programme."""
        z = (self.rotations @ z[:, :, None])[:, :, 0]
        rows = original.signs * original.groups.activations(z, 0)
        rates = original.signs * original.groups.activations(self.escapes, 0)
        idle = (self.program.signs == 0) & (original.signs != 0)
        needed = np.where(idle, -rows / np.where(idle, rates, 1), 0).max(axis=1)
        return z + (2 * np.maximum(needed, 0))[:, None] * self.escapes


def without_idle_rows(program: Program) -> Reduced | None:
    """The programme without rows that constrain nothing, `None` if there are none."""
    groups = program.groups
    if program.penalised is None or not isinstance(groups, BasisGroups):
        return None
    transforms, inverses = groups.transforms.copy(), groups.inverses.copy()
    kept = groups.kept.copy()
    escapes = np.zeros_like(kept)
    rotations = np.tile(np.eye(groups.dimension), (groups.n_groups, 1, 1))
    idle = np.zeros(program.signs.shape, bool)
    for g, free in enumerate(program.penalised == 0):
        rows = np.where(program.signs[g] < 0, -1.0, 0.0)[:, None] * groups.x
        rows = rows @ transforms[g][:, free]
        escape = _escape(rows) if free.any() else None
        if escape is None:
            continue
        idle[g] = rows @ escape > 0.5
        escapes[g, free] = escape
        # An orthonormal basis, and which of its directions the other rows do not see.
        _, sizes, right = np.linalg.svd(rows[~idle[g]], full_matrices=True)
        seen = np.zeros(len(right), bool)
        seen[: len(sizes)] = sizes > _RANK_TOLERANCE
        rotation, unbound = right.T, ~seen
        rotations[g][np.ix_(free, free)] = rotation
        turned = transforms[g][:, free] @ rotation
        transforms[g][:, free] = np.where(unbound, 0, turned)
        turned = rotation.T @ inverses[g][free]
        inverses[g][free] = np.where(unbound[:, None], 0, turned)
        # Coordinates that change nothing stay zero if they cost something.
        kept[g, free] = unbound
    if not idle.any():
        return None
    smaller = dataclasses.replace(
        groups, transforms=transforms, inverses=inverses, kept=kept
    )
    if program.idle is not None:
        idle |= program.idle
    reduced = dataclasses.replace(program, groups=smaller, idle=idle)
    return Reduced(reduced, escapes, rotations)


def _escape(rows: Float[np.ndarray, "n free"]) -> Float[np.ndarray, " free"] | None:
    """A direction with nonnegative rows, as many of them at least one as possible."""
    n, free = rows.shape
    sizes = np.linalg.norm(rows, axis=1)
    found = linprog(
        np.concatenate([np.zeros(free), -(sizes > 0).astype(float)]),
        A_ub=np.block([[-rows, np.zeros((n, n))], [-rows, np.eye(n)]]),
        b_ub=np.zeros(2 * n),
        bounds=[(None, None)] * free + [(0, 1)] * n,
        method="highs",
    )
    if found.x is None or found.fun > -0.5:
        return None
    return found.x[:free]
