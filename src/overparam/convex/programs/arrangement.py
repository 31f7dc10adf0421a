r"""Cells of a central hyperplane arrangement $\{u : x_k^T u = 0\}$.

A plane that is added to an arrangement splits exactly those cells that it meets, and
meets them in the cells of the arrangement that the other planes make *inside* it. Hence
all cells follow from arrangements of one dimension less, down to lines in a plane,
whose cells are the arcs between sorted angles. Nothing is solved, and every cell comes
with a point inside it.

Only the directions of the rows matter. Two planes whose difference is *thin* (at most
`thin` on the unit sphere) are one: equal, opposite and collinear rows are merged up to
rounding, and cells in which no unit vector keeps the distance `thin` from every plane
may be left out.

Reference: Zaslavsky 1975, Facing up to arrangements, the recursion of theorem A.
"""

import numpy as np
from jaxtyping import Bool, Float


Rows = Float[np.ndarray, "k r"]
Points = Float[np.ndarray, "cells r"]

THIN = 1e-9
"""Distance on the unit sphere up to which planes are the same plane."""
# Points of flats come this much (times `thin`) nearer to planes than cells may be thin:
# every dimension halves the distance.
_MARGIN = 1e-3
# Distance of unit rows on one line that rounding makes.
_ROUNDED = 8 * float(np.finfo(float).eps)


def unit_rows(x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    """The rows at length one, whatever their scale; zero rows stay zero."""
    x = np.asarray(x, np.float64)  # Arrays of JAX could not be written to.
    largest = np.abs(x).max(axis=1, keepdims=True)
    rows = x / np.where(largest > 0, largest, 1)
    sizes = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(sizes > 0, sizes, 1)


def snapped_rows(
    x: Float[np.ndarray, "n d"], *, within: float
) -> Float[np.ndarray, "n d"]:
    """Rows at their length, but exactly on the line of the first row `within` reach.

    Rows that no line is near, or that are on it but for rounding, stay as they are.
    """
    units, lengths, snapped = unit_rows(x), np.linalg.norm(x, axis=1), x.copy()
    lines: list[int] = []
    for i, unit in enumerate(units):
        sides = np.where(units[lines] @ unit < 0, -1.0, 1.0)
        apart = np.linalg.norm(sides[:, None] * units[lines] - unit, axis=1)
        near = np.flatnonzero(apart <= within)
        if len(near) and apart[near[0]] > _ROUNDED:
            snapped[i] = sides[near[0]] * lengths[i] * units[lines[near[0]]]
        elif not len(near):
            lines.append(i)
    return snapped


def distinct_lines(units: Rows, *, thin: float = THIN) -> Rows:
    """One row of every line that the rows span, in the order of the first ones.

    Rows on both sides of a rounding boundary may both stay, which `cells` bears.
    """
    probe = np.random.default_rng(0).standard_normal(units.shape[1])
    upper = units * np.where(units @ probe < 0, -1, 1)[:, None]
    # Adding zero makes the negative zeros positive.
    _, first = np.unique(np.round(upper / thin) + 0.0, axis=0, return_index=True)
    return units[np.sort(first)]


def row_space(units: Rows, *, thin: float = THIN) -> Float[np.ndarray, "rank r"]:
    """An orthonormal basis of the space of unit rows, up to thin directions."""
    _, sizes, right = np.linalg.svd(units, full_matrices=False)
    rank = np.count_nonzero(sizes > thin)
    return np.eye(units.shape[1]) if rank == units.shape[1] else right[:rank]


def cells(rows: Rows, *, thin: float = THIN) -> Points:
    """A unit vector inside every cell that is not thin, once each.

    Args:
        rows: Normals longer than `thin` and at most of length one: unit rows, projected
            on a flat. They span their space, or the flat is of dimension two or more.
        thin: Largest difference of planes that are the same.
    """
    rank = rows.shape[1]
    if not len(rows):
        return np.eye(1, rank)
    if rank == 1:
        return np.array([[1.0], [-1.0]])
    floor = _MARGIN * thin
    if rank == 2:
        # The middles of the arcs between lines through the origin.
        boundaries = np.sort(np.mod(np.arctan2(-rows[:, 0], rows[:, 1]), np.pi))
        following = np.append(boundaries[1:], boundaries[0] + np.pi)
        middle = (boundaries + following)[following - boundaries > floor] / 2
        half = np.stack([np.cos(middle), np.sin(middle)], axis=1)
        return np.concatenate([half, -half])
    points = _inserted(rows, thin)
    values = points @ rows.T
    margins = np.abs(values).min(axis=1)
    # Of the points in every cell the one farthest from all planes is taken; the cells
    # come in the order of their first points.
    order = np.argsort(-margins, kind="stable")
    order = order[: np.count_nonzero(margins > floor)]
    return points[np.sort(order[first_of_each(values[order] >= 0)])]


def _inserted(rows: Rows, thin: float) -> Points:
    """Points of all cells, and of some that a later plane has split."""
    sizes = np.linalg.norm(rows, axis=1)
    points = [rows[:1] / sizes[0], -rows[:1] / sizes[0]]
    for k in range(1, len(rows)):
        normal, before = rows[k] / sizes[k], rows[:k]
        # An orthonormal basis of the plane of a unit normal (a Householder
        # reflection).
        mirror = normal.copy()
        mirror[0] += 1.0 if normal[0] >= 0 else -1.0
        square = mirror @ mirror
        plane = (np.eye(len(normal)) - np.outer(mirror, mirror) * (2 / square))[1:]
        flat = before @ plane.T
        left = np.linalg.norm(flat, axis=1)
        if np.any(sizes[k] * left <= thin * sizes[:k]):
            continue  # The plane of an earlier row.
        crossing = left > thin
        inside = cells(flat[crossing], thin=thin) @ plane
        # Half-way from the plane to the nearest other one.
        room = np.abs(inside @ before[crossing].T)
        room = room / np.maximum(np.abs(before[crossing] @ normal), thin)
        step = 0.5 * np.minimum(1, room.min(axis=1, initial=1))[:, None] * normal
        points += [inside + step, inside - step]
    found = np.concatenate(points)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def first_of_each(masks: Bool[np.ndarray, "k n"]) -> np.ndarray:
    """The index of the first of equal rows, in the order of the rows."""
    _, first = np.unique(np.packbits(masks, axis=1), axis=0, return_index=True)
    return np.sort(first)
