"""The limit equations beside a run: densities and particles at the record times."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ...analysis.density.energy import circle_energy, grid_self_terms, torus_energy
from ...data.sources.circle import CircleTeacher, angles_of
from ...data.sources.torus import teacher_density
from ...limits.diffusion import DiffusionPath, ultra_fast
from ...limits.diffusion_projected import ProjectedPath, projected
from ...limits.finite_volumes import CircleGrid, TorusGrid
from .config import Timescales


LOST_MASS = 1e-2
"""Mass of the teacher that cells may miss before a note says so."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Solutions of the limit equations at the times of the records."""

    times: Float[np.ndarray, " records"]
    grid: CircleGrid | TorusGrid | None = None
    ultra_fast: DiffusionPath | None = None
    projected: ProjectedPath | None = None

    @staticmethod
    def of(config: Timescales, steps: Sequence[int]) -> "Limits":
        """Solve what `config.limits` asks for; point masses have no limit equation."""
        times = np.asarray(steps) * config.time_step
        if not config.limits or math.isinf(config.gamma):
            return Limits(times=times)
        fast = seen = None
        if "ultra-fast" in config.limits:
            fast = _ultra_fast(config.problem, config.gamma, config.cells, tuple(times))
        if "projected" in config.limits and config.plain_relu:
            inside = tuple(times[times <= config.projected_until])
            seen = _projected(config.gamma, config.particles, config.harmonics, inside)
        grid = _grid(config.problem, config.gamma, config.cells)
        return Limits(times=times, grid=grid, ultra_fast=fast, projected=seen)

    def distances(
        self, points: Float[np.ndarray, "width 2"], time: float
    ) -> dict[str, float]:
        """Energy distances of particles to each limit at the same physical time."""
        index = int(np.argmin(np.abs(self.times - time)))
        found = {}
        if self.ultra_fast is not None:
            density = self.ultra_fast.densities[index]
            if isinstance(self.grid, CircleGrid):
                distance = circle_energy(
                    angles_of(points), self.grid.angles, second_weights=density
                )
            else:
                assert self.grid is not None
                distance = torus_energy(
                    points,
                    self.grid.points,
                    second_weights=density,
                    second_self=float(grid_self_terms(density[None])[0]),
                    chordal=True,
                )
            found["ultra_fast_distance"] = distance
            found["ultra_fast_energy"] = float(self.ultra_fast.energies[index])
        if self.projected is not None and index < len(self.projected.times):
            found["projected_distance"] = circle_energy(
                angles_of(points), self.projected.angles[index]
            )
            found["projected_energy"] = float(self.projected.energies[index])
        return found

    def notes(self) -> list[str]:
        """Whether the cells resolve the teacher."""
        mass = 1.0
        if self.grid is not None and self.ultra_fast is not None:
            mass = float(self.grid.mobility.sum() * self.grid.volume)
        if abs(mass - 1) <= LOST_MASS:
            return []
        return [
            f"The cells see a teacher of mass {mass:.3g} instead of 1: they are too "
            "wide for its modes, and the limit is wrong; raise `cells`."
        ]

    def arrays(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """What is stored: both limits at the snapshots, in single precision."""
        found = {}
        if self.ultra_fast is not None and self.grid is not None:
            if isinstance(self.grid, CircleGrid):
                found["limit.angles"] = self.grid.angles
            else:
                found["limit.points"] = self.grid.points
            found["limit.teacher_density"] = self.grid.mobility
            densities = self.ultra_fast.densities[indices]
            found["limit.ultra_fast"] = densities.astype(np.float32)
        if self.projected is not None:
            inside = indices[indices < len(self.projected.times)]
            particles = self.projected.angles[inside]
            found["limit.projected"] = particles.astype(np.float32)
        return found


def _grid(problem: str, gamma: float, cells: int) -> CircleGrid | TorusGrid:
    if problem == "circle":
        return CircleGrid(CircleTeacher(gamma).density, cells)
    side = math.isqrt(cells)
    return TorusGrid(functools.partial(teacher_density, gamma=gamma), side)


# A sweep over widths, penalties and seeds asks for the same limits again and again.
@functools.lru_cache(maxsize=4)
def _ultra_fast(
    problem: str, gamma: float, cells: int, times: tuple[float, ...]
) -> DiffusionPath:
    return ultra_fast(_grid(problem, gamma, cells), times)


@functools.lru_cache(maxsize=4)
def _projected(
    gamma: float, particles: int, harmonics: int, times: tuple[float, ...]
) -> ProjectedPath:
    fourier = CircleTeacher(gamma).fourier
    return projected(fourier, times, particles=particles, harmonics=harmonics)
