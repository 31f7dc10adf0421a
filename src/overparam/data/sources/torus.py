r"""Points on the torus $\mathbb{R}^2/4\mathbb{Z}^2$: teacher and student."""

import math

import numpy as np
from jaxtyping import Float, PRNGKeyArray

from ...checks import counts
from ...drawing import host_uniform
from .circle import GOLDEN, CircleTeacher, concentrate, uniform_angles


SIDE = 4.0
"""Length of the torus in each direction; its points lie in [-2, 2)."""

SHIFTS = np.array([[-1.0, 0.0], [1.0, 1.0]])
"""Centres of the two modes; points of even index belong to the first."""

# The generalised golden ratio in two dimensions gives an evenly spread lattice.
PLASTIC = np.array([0.7548776662466927, 0.5698402909980532])

Points = Float[np.ndarray, "n 2"]


def wrap_torus(points: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """The representative of every coordinate in [-2, 2)."""
    return points - SIDE * np.floor(points / SIDE + 0.5)


def sample_teacher(n: int, *, gamma: float, key: PRNGKeyArray) -> Points:
    """Teacher points of two modes; infinite `gamma` gives two points.

    Example:
        `op.data.sample_teacher(100, gamma=10.0, key=key).shape`
    """
    uniform = host_uniform(key, (n, 2))
    return _teacher(2 * math.pi * uniform - math.pi, gamma=gamma)


def lattice_teacher(n: int, *, gamma: float) -> Points:
    """Teacher points without randomness, for tests and acceptance."""
    golden = 2 * math.pi * (((np.arange(n) + 0.5) * GOLDEN) % 1) - math.pi
    return _teacher(np.stack([uniform_angles(n), golden], axis=1), gamma=gamma)


def teacher_density(points: Points, *, gamma: float) -> Float[np.ndarray, " n"]:
    """Density of the teacher with respect to the area of the torus."""
    peak = math.sqrt(1 + gamma) / SIDE
    modes = []
    for shift in SHIFTS:
        theta = math.pi / 2 * (points - shift)
        each = peak / (1 + gamma * np.sin(theta / 2) ** 2)
        modes.append(each[..., 0] * each[..., 1])
    return (modes[0] + modes[1]) / 2


def sample_student(n: int, *, key: PRNGKeyArray) -> Points:
    """Points drawn uniformly.

    Example:
        `op.data.sample_student(100, key=key).shape`
    """
    uniform = host_uniform(key, (n, 2))
    return SIDE * uniform - SIDE / 2


def lattice_student(n: int) -> Points:
    """Evenly spread points without randomness."""
    counts(width=n)
    index = np.arange(n)[:, None] + 0.5
    return SIDE * ((index * PLASTIC) % 1) - SIDE / 2


def _teacher(psi: Points, *, gamma: float) -> Points:
    CircleTeacher(gamma)  # Checks the concentration.
    if math.isinf(gamma):
        return SHIFTS.copy()
    points = 2 / math.pi * concentrate(psi, gamma=gamma)
    return wrap_torus(points + SHIFTS[np.arange(len(psi)) % 2])
