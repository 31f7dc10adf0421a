"""The circle of the timescales study: its teacher distribution and its data.

Everything is drawn once and on the host, in float64, and cast where it is used.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex, Float, PRNGKeyArray

from ...checks import counts
from ...drawing import host_uniform
from ...errors import ConfigError


SHIFT = 0.4 * math.pi
"""Angle between the two modes of the teacher (arXiv 2504.18208, section 6.1)."""

GOLDEN = 0.6180339887498949
"""Fractional part of the golden ratio: the step of the lattice data."""

Angles = Float[np.ndarray, " n"]


def angles_of(points: Float[np.ndarray, "n 2"]) -> Angles:
    """Angles of points of the plane."""
    return np.arctan2(points[:, 1], points[:, 0])


@dataclass(frozen=True)
class CircleTeacher:
    r"""The two-mode distribution of the teacher's features on the circle.

    $\nu(\theta) = \tfrac23 q(\theta) + \tfrac13 q(\theta - 0.4\pi)$ with
    $q(\theta) = \sqrt{1+\gamma} / (2\pi(1 + \gamma \sin^2(\theta/2)))$, a wrapped
    Cauchy density.

    Reference: Barboni, Peyré, Vialard, arXiv 2504.18208, section 6.1.

    Example:
        ```python
        teacher = op.data.CircleTeacher(gamma=10.0)
        angles = op.data.uniform_angles(1000)
        assert np.isclose(teacher.density(angles).mean() * 2 * np.pi, 1)
        ```
    """

    gamma: float = 100.0
    """Concentration of the modes; infinity gives two point masses."""

    def __post_init__(self) -> None:
        if not self.gamma > 0:
            raise ConfigError(
                f"`gamma` must be positive, got {self.gamma}; "
                "use `gamma=inf` for point masses."
            )

    def density(self, theta: Angles) -> Angles:
        r"""$\nu$ with respect to the angle; its integral over the circle is 1."""
        if math.isinf(self.gamma):
            raise ConfigError("Point masses (`gamma=inf`) have no density.")
        return 2 / 3 * self._mode(theta) + self._mode(theta - SHIFT) / 3

    def fourier(self, k: Float[np.ndarray, " k"]) -> Complex[np.ndarray, " k"]:
        r"""$\nu_k = \int e^{-ik\theta} \nu = \rho^{|k|} (2/3 + e^{-0.4\pi i k}/3)$."""
        root = math.sqrt(1 + self.gamma)
        rho = 1.0 if math.isinf(self.gamma) else (root - 1) / (root + 1)
        return rho ** np.abs(k) * (2 / 3 + np.exp(-1j * SHIFT * k) / 3)

    def sample(self, n: int, *, key: PRNGKeyArray) -> Angles:
        """`n` angles; every third belongs to the second mode."""
        psi = host_uniform(key, (n,))
        return self.quantiles(2 * math.pi * psi - math.pi)

    def lattice(self, n: int) -> Angles:
        """`n` angles without randomness, for tests and acceptance."""
        return self.quantiles(2 * math.pi * (np.arange(n) + 0.5) / n - math.pi)

    def quantiles(self, psi: Angles) -> Angles:
        r"""Carry uniform angles to $\nu$; every third goes to the second mode."""
        theta = concentrate(psi, gamma=self.gamma)
        return wrap_angle(theta + SHIFT * (np.arange(len(psi)) % 3 == 1))

    def _mode(self, theta: Angles) -> Angles:
        gamma = self.gamma
        peak = math.sqrt(1 + gamma) / (2 * math.pi)
        return peak / (1 + gamma * np.sin(theta / 2) ** 2)


def concentrate(psi: Angles, *, gamma: float) -> Angles:
    r"""$2\,\mathrm{atan2}(\sin\psi, \sqrt{1+\gamma}\cos\psi)$: uniform to $q$."""
    if math.isinf(gamma):
        return np.zeros_like(psi)
    root = math.sqrt(1 + gamma)
    return wrap_angle(2 * np.arctan2(np.sin(psi), root * np.cos(psi)))


def wrap_angle(theta: Angles) -> Angles:
    r"""The representative of an angle in $[-\pi, \pi)$."""
    return theta - 2 * math.pi * np.floor((theta + math.pi) / (2 * math.pi))


def unit_vectors(theta: Angles) -> Float[np.ndarray, "n 2"]:
    r"""$(\cos\theta, \sin\theta)$ at these angles.

    Example:
        ```python
        points = op.data.unit_vectors(np.array([0.0, np.pi]))
        assert np.allclose(points, [[1, 0], [-1, 0]])
        ```
    """
    return np.stack([np.cos(theta), np.sin(theta)], axis=1)


def lattice_inputs(n: int) -> Float[np.ndarray, "n 2"]:
    """A Gaussian-like point set without randomness: Box-Muller on a golden lattice.

    Example:
        `op.data.lattice_inputs(1000).std(axis=0)  # nearly 1`
    """
    counts(n_samples=n)
    i = np.arange(n)
    radius = np.sqrt(-2 * np.log((i + 0.5) / n))
    return radius[:, None] * unit_vectors(2 * math.pi * ((i * GOLDEN) % 1))


def uniform_angles(n: int) -> Angles:
    r"""The midpoints of `n` equal cells of $[-\pi, \pi)$.

    Example:
        `assert np.allclose(op.data.uniform_angles(2), [-np.pi / 2, np.pi / 2])`
    """
    return -math.pi + 2 * math.pi * (np.arange(n) + 0.5) / n
