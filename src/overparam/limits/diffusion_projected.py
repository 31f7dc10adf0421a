r"""The projected diffusion: the true limit of bias-free ReLU features on the circle.

Those features do not see odd harmonics from 3 on. Let V be the span of the harmonics
0, 1 and even ones. As $\lambda \to 0$ the readout tends to the Galerkin solution $u \in
V$ of $\int u e\,d\mu = \int e\,d\nu$ for all $e \in V$, and the features follow

$$\partial_t f = -\tfrac12 \mathrm{div}(f \nabla u^2), \quad
E_V = \tfrac12\left(\int u\,d\nu - 1\right).$$

It is solved by particles, which keep mass and positivity by construction.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex, Float
from scipy.integrate import RK23
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from ..checks import arrays_by_shape, at_least
from ..data.sources.circle import uniform_angles
from ..errors import ConfigError, SolverError
from .diffusion import check_times


PARTICLES_PER_HARMONIC = 30
"""Particles needed per harmonic for the Galerkin matrix to stay definite."""

CROSSING = 1e-6
"""Overlap of neighbours, in radians, beyond the integration error (1e-8 per step)."""

_PROBE = 1000
"""Steps after which the longest one tells how many a solution takes."""
_MOST_STEPS = 1_000_000
"""More take most of an hour with few particles, and more with many."""

Fourier = Callable[[Float[np.ndarray, " k"]], Complex[np.ndarray, " k"]]
Angles = Float[np.ndarray, " particles"]


@arrays_by_shape
@dataclass(frozen=True)
class ProjectedPath:
    """A solution at the wanted times."""

    times: Float[np.ndarray, " times"]
    """Times, in the unit of `time_step` times steps."""
    angles: Float[np.ndarray, "times particles"]
    """Angles of the particles, on the real line, in increasing order up to 1e-6."""
    energies: Float[np.ndarray, " times"]
    """Projected energies E_V."""
    n_evaluations: int
    """Evaluations of the velocity."""


class Galerkin:
    r"""The readout in V for particles: $u(\theta) = \sum_e c_e e(\theta)$."""

    def __init__(self, fourier: Fourier, harmonics: int) -> None:
        at_least(1, harmonics=harmonics)
        self.frequencies = visible_harmonics(harmonics)
        coefficients = fourier(self.frequencies.astype(float))
        self.moments = np.concatenate(
            [np.real(coefficients), -np.imag(coefficients[1:])]
        )

    def solve(self, angles: Angles) -> tuple[Angles, Angles, float]:
        """u and its derivative at the particles, and the energy."""
        basis = self._basis(angles)
        gram = basis @ basis.T / angles.size
        try:
            weights = cho_solve(cho_factor(gram), self.moments)
        except (LinAlgError, ValueError) as error:
            raise SolverError(
                f"{angles.size} particles do not tell {len(self.moments)} waves apart: "
                "their Gram matrix is not definite; use more `particles` or "
                "fewer `harmonics`."
            ) from error
        k = self.frequencies[1:]
        n = len(k)
        # The basis is the constant, cosines and sines.
        slope = (k * weights[1 + n :]) @ basis[1 : 1 + n]
        slope -= (k * weights[1 : 1 + n]) @ basis[1 + n :]
        return weights @ basis, slope, float(weights @ self.moments - 1) / 2

    def _basis(self, angles: Angles) -> Float[np.ndarray, "waves particles"]:
        """The constant, then cosines and then sines of all other visible harmonics.

        The even ones are powers of one exponential: so many at once as are known.
        Products of parts: those of complex numbers take twice as long.
        """
        n = len(self.frequencies) - 1
        basis = np.empty((1 + 2 * n, angles.size))
        basis[0], cosines, sines = 1, basis[1 : 1 + n], basis[1 + n :]
        first = np.exp(1j * angles)
        for row, wave in zip(range(n), (first, first**2), strict=False):
            cosines[row], sines[row] = np.real(wave), np.imag(wave)
        cosines, sines, known = cosines[1:], sines[1:], 1
        while known < len(cosines):
            last, more = known - 1, min(known, len(cosines) - known)
            c, s = cosines[:more], sines[:more]
            cosines[known : known + more] = c * cosines[last] - s * sines[last]
            sines[known : known + more] = c * sines[last] + s * cosines[last]
            known += more
        return basis


def projected(
    fourier: Fourier,
    times: Sequence[float] | Float[np.ndarray, " times"],
    *,
    particles: int = 1024,
    harmonics: int = 30,
    initial: Angles | None = None,
) -> ProjectedPath:
    r"""Solve the projected diffusion towards the distribution with these harmonics.

    The truncated flow concentrates particles where the highest harmonics are steep, and
    is then no longer near its limit: at gamma = 100, 30 harmonics serve up to time 2.
    Particles move by $\theta' = u(\theta) u'(\theta)$ under an explicit adaptive
    Runge-Kutta rule (relative tolerance 1e-6, absolute 1e-8).

    Args:
        fourier: $k \mapsto \nu_k = \int e^{-ik\theta}\nu$.
        times: Increasing times, from 0 on.
        particles: Number of particles m.
        harmonics: Highest harmonic of the basis.
        initial: Ordered angles at time 0; evenly spaced by default.

    Raises:
        ConfigError: If there are too few particles for the harmonics.
        SolverError: If particles cross, the step becomes too small, or the last time
            would take millions of steps.

    Example:
        ```python
        fourier = op.data.CircleTeacher(gamma=10.0).fourier
        path = op.limits.projected(fourier, [0.0, 0.1], particles=120, harmonics=4)
        ```
    """
    times = check_times(times)
    angles = uniform_angles(particles) if initial is None else np.asarray(initial)
    needed = PARTICLES_PER_HARMONIC * harmonics
    if angles.size < needed:
        raise ConfigError(
            f"`particles` must be at least {PARTICLES_PER_HARMONIC} x `harmonics` = "
            f"{needed}, got {angles.size}."
        )
    galerkin = Galerkin(fourier, harmonics)

    def velocity(_: float, angles: Angles) -> Angles:
        value, slope, _ = galerkin.solve(angles)
        return value * slope

    end = max(float(times[-1]), 1e-12)
    solver = RK23(velocity, 0.0, angles, end, rtol=1e-6, atol=1e-8)
    rows = [angles] * int(np.searchsorted(times, 0.0, side="right"))
    n_steps, longest = 0, 0.0
    while len(rows) < len(times):
        message = solver.step()
        n_steps, longest = n_steps + 1, max(longest, solver.step_size or 0.0)
        # Stability bounds the steps of an explicit rule, at rest too.
        if n_steps == _PROBE and end - solver.t > _MOST_STEPS * longest:
            raise SolverError(
                f"The projected diffusion up to time {end:.3g} would take about "
                f"{(end - solver.t) / longest:.2g} steps of {longest:.2g}; ask for "
                "earlier times (`projected_until`)."
            )
        if solver.status == "failed":
            raise SolverError(f"The projected diffusion stopped: {message}")
        if np.any(np.diff(solver.y) < -CROSSING):
            raise SolverError(
                f"Particles crossed at time {solver.t:.3g}; use more `particles`."
            )
        dense = None
        while len(rows) < len(times) and times[len(rows)] <= solver.t:
            dense = dense or solver.dense_output()
            rows.append(dense(times[len(rows)]))
    path = np.array(rows).reshape(len(times), -1)
    energies = np.array([galerkin.solve(row)[2] for row in path])
    return ProjectedPath(times, path, energies, solver.nfev)


def visible_harmonics(highest: int) -> np.ndarray:
    """0, 1 and the even numbers up to `highest`: what ReLU on the circle sees."""
    return np.concatenate([[0, 1], np.arange(2, highest + 1, 2)])
