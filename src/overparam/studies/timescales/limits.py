"""The limit equations beside a run: densities and particles at the record times."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ...analysis.energy import circle_energy
from ...data.circle import CircleTeacher
from ...limits.diffusion import DiffusionPath, ultra_fast
from ...limits.diffusion_projected import ProjectedPath, projected
from ...limits.finite_volumes import CircleGrid
from .config import Timescales


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Solutions of the limit equations at the times of the records."""

    times: Float[np.ndarray, " records"]
    grid: CircleGrid | None = None
    ultra_fast: DiffusionPath | None = None
    projected: ProjectedPath | None = None

    @staticmethod
    def of(config: Timescales, steps: Sequence[int]) -> "Limits":
        """Solve what `config.limits` asks for; nothing on the torus."""
        times = np.asarray(steps) * config.time_step
        if config.problem != "circle" or not config.limits:
            return Limits(times=times)
        teacher = CircleTeacher(config.gamma)
        grid = CircleGrid(teacher.density, config.cells)
        fast = seen = None
        if "ultra-fast" in config.limits:
            fast = _ultra_fast(config.gamma, config.cells, tuple(times))
        if "projected" in config.limits and config.plain_relu:
            inside = tuple(times[times <= config.projected_until])
            seen = _projected(config.gamma, config.particles, config.harmonics, inside)
        return Limits(times=times, grid=grid, ultra_fast=fast, projected=seen)

    def distances(
        self, angles: Float[np.ndarray, " width"], time: float
    ) -> dict[str, float]:
        """Energy distances of particles to each limit at the same physical time."""
        index = int(np.argmin(np.abs(self.times - time)))
        found = {}
        if self.ultra_fast is not None and self.grid is not None:
            found["ultra_fast_distance"] = circle_energy(
                angles,
                self.grid.angles,
                second_weights=self.ultra_fast.densities[index],
            )
            found["ultra_fast_energy"] = float(self.ultra_fast.energies[index])
        if self.projected is not None and index < len(self.projected.times):
            found["projected_distance"] = circle_energy(
                angles, self.projected.angles[index]
            )
            found["projected_energy"] = float(self.projected.energies[index])
        return found

    def arrays(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """What is stored: both limits at the snapshots, in single precision."""
        found = {}
        if self.ultra_fast is not None and self.grid is not None:
            found["limit.angles"] = self.grid.angles
            found["limit.teacher_density"] = self.grid.mobility
            densities = self.ultra_fast.densities[indices]
            found["limit.ultra_fast"] = densities.astype(np.float32)
        if self.projected is not None:
            inside = indices[indices < len(self.projected.times)]
            particles = self.projected.angles[inside]
            found["limit.projected"] = particles.astype(np.float32)
        return found


# A sweep over widths, penalties and seeds asks for the same limits again and again.
@functools.lru_cache(maxsize=4)
def _ultra_fast(gamma: float, cells: int, times: tuple[float, ...]) -> DiffusionPath:
    return ultra_fast(CircleGrid(CircleTeacher(gamma).density, cells), times)


@functools.lru_cache(maxsize=4)
def _projected(
    gamma: float, particles: int, harmonics: int, times: tuple[float, ...]
) -> ProjectedPath:
    fourier = CircleTeacher(gamma).fourier
    return projected(fourier, times, particles=particles, harmonics=harmonics)
