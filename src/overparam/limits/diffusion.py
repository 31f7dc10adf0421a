r"""The ultra-fast diffusion: the limit of injective features as $\lambda \to 0$.

$\partial_t f = -\tfrac12 \mathrm{div}(f \nabla (\nu/f)^2)$. With $p = \nu/f$ this is
$\partial_t f = -\mathrm{div}(\nu \nabla p)$: a fixed mobility, self-adjoint in $p$. It
keeps mass and the bounds of $p$, and lowers $E = \tfrac12\int(\nu - f)^2/f$.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ..checks import arrays_by_shape, in_range
from ..errors import ConfigError, SolverError
from .finite_volumes import Field, Grid


_GAMMA = 2 - math.sqrt(2)
"""Fraction of the trapezoidal stage for which both stages of TR-BDF2 share a matrix."""
_FIRST_STEP = 1e-6
_NEWTON_TOLERANCE = 1e-6
"""Relative change at which Newton stops: the error left is about its square."""
_MAX_NEWTON = 60
_MAX_REJECTIONS = 20
_AT_REST = 1e-4
"""Share of the tolerance by which a density at rest may differ from its limit."""
_PARTS = 100
"""Parts of the wanted times that no step reaches out of: differences of a density from
its limit decay, to which the tolerance does not look."""
_FINEST = 1e-12
"""Finest tolerance: rounding hides errors of a step that are smaller."""


@arrays_by_shape
@dataclass(frozen=True)
class DiffusionPath:
    """A solution at the wanted times."""

    times: Float[np.ndarray, " times"]
    """Times, in the unit of `time_step` times steps."""
    densities: Float[np.ndarray, "times cells"]
    """Densities f."""
    energies: Float[np.ndarray, " times"]
    r"""$E = \tfrac12 \int (\nu - f)^2/f$."""
    n_steps: int
    """Accepted time steps."""


def ultra_fast(
    grid: Grid,
    times: Sequence[float] | Float[np.ndarray, " times"],
    *,
    initial: Field | None = None,
    tolerance: float = 1e-5,
) -> DiffusionPath:
    r"""Solve $\partial_t f = -\mathrm{div}(\nu\nabla(\nu/f))$ by TR-BDF2.

    Args:
        grid: Cells with the mobility $\nu$.
        times: Increasing times, from 0 on.
        initial: Density at time 0; the uniform one by default.
        tolerance: Error per step, relative to the density.

    Returns:
        Densities and energies at `times`, between two steps by the cubic with their
        densities and flows. Mass is kept to rounding.

    Raises:
        ConfigError: If times, tolerance or densities cannot be used.
        SolverError: If no step, however short, can be taken.

    Reference: Barboni, Peyré, Vialard, arXiv 2504.18208, section 3 (the equation);
    Hosea and Shampine 1996 (TR-BDF2 and its error estimate).

    Example:
        ```python
        grid = op.limits.CircleGrid(op.data.CircleTeacher(gamma=10.0).density, 64)
        path = op.limits.ultra_fast(grid, [0.0, 0.5, 1.0])
        assert (np.diff(path.energies) < 0).all()
        ```
    """
    times = check_times(times)
    in_range(_FINEST, 1, tolerance=tolerance)
    if initial is None:
        initial = np.full_like(grid.mobility, 1 / (grid.volume * grid.mobility.size))
    for name, field in {"mobility": grid.mobility, "initial": initial}.items():
        if not (np.all(np.isfinite(field)) and np.all(np.asarray(field) > 0)):
            raise ConfigError(
                f"`{name}` must be a positive finite density in every cell, got values "
                f"from {np.min(field):g} to {np.max(field):g}."
            )
    stepper = _Stepper(grid, initial, tolerance)
    rows = [stepper.density] * int(np.searchsorted(times, 0.0, side="right"))
    stride = max(1, len(times) // _PARTS)
    while len(rows) < len(times):
        stepper.advance(float(times[min(len(rows) + stride, len(times)) - 1]))
        while len(rows) < len(times) and times[len(rows)] <= stepper.time:
            rows.append(stepper.within(float(times[len(rows)])))
    densities = np.array(rows).reshape(len(times), -1)
    energies = np.array([energy(grid, row) for row in densities])
    return DiffusionPath(times, densities, energies, stepper.n_steps)


def check_times(
    times: Sequence[float] | Float[np.ndarray, " times"],
) -> Float[np.ndarray, " times"]:
    """Finite increasing times, from 0 on."""
    times = np.asarray(times, float)
    increasing = times.ndim == 1 and np.all(np.diff(times) >= 0)
    if not (increasing and np.all(np.isfinite(times)) and np.all(times >= 0)):
        raise ConfigError("`times` must be increasing, finite and not negative.")
    return times


def energy(grid: Grid, density: Field) -> float:
    r"""$E = \tfrac12 \int (\nu - f)^2 / f$, in the form that keeps small values.

    Example:
        ```python
        grid = op.limits.CircleGrid(op.data.CircleTeacher(gamma=10.0).density, 64)
        assert op.limits.energy(grid, grid.mobility) == 0  # at the teacher's density
        ```
    """
    return float(grid.volume / 2 * np.sum((grid.mobility - density) ** 2 / density))


class _Step(NamedTuple):
    """Densities before and after a step, and their flows."""

    old: Field
    new: Field
    flow: Field
    new_flow: Field


class _Stepper:
    """The running state of one integration."""

    def __init__(self, grid: Grid, density: Field, tolerance: float) -> None:
        self.grid = grid
        self.density = density
        self.tolerance = tolerance
        self.time = 0.0
        self.step = _FIRST_STEP
        self.n_steps = 0
        self._rejections = 0

    def advance(self, end: float) -> None:
        """Make a step, up to `end` at most and just there once the density is at rest.

        Where it is the mobility, but for what the tolerance cannot see, rounding of the
        flow would bound the steps, for ever.
        """
        mobility, self._began = self.grid.mobility, self.time
        share = self.density.sum() / mobility.sum()
        miss = np.max(np.abs(self.density / (share * mobility) - 1))
        if miss <= _AT_REST * self.tolerance:
            still = np.zeros_like(mobility)
            self._last = _Step(self.density, self.density, still, still)
            self.time = end
            return
        while self.time == self._began:
            left = end - self.time
            step = min(self.step, left)
            taken, error = self._try(step)
            shorter = min(max(0.9 * max(error, 1e-10) ** (-1 / 3), 0.2), 4.0)
            if error > 1:
                self._rejections += 1
                self.step = step * shorter
                if self._rejections <= _MAX_REJECTIONS:
                    continue
                taken = self._euler(step)
            self._rejections = 0
            self._last, self.density = taken, taken.new
            self.n_steps += 1
            # A step cut short by an output time says nothing against the longer one.
            self.step = (
                max(self.step, step * shorter) if step == left else (step * shorter)
            )
            self.time = end if step == left else self.time + step

    def within(self, time: float) -> Field:
        """The density at a time of the last step, by Hermite's cubic."""
        step = self.time - self._began
        s, last = (time - self._began) / step, self._last
        bend = s * (1 - s) * ((1 - s) * last.flow - s * last.new_flow)
        return last.old + s * s * (3 - 2 * s) * (last.new - last.old) + step * bend

    def _euler(self, step: float) -> "_Step":
        """A step that is positive, exact in mass and lowers the energy at any length.

        Raises:
            SolverError: If it is too short to go on.
        """
        old = self.density
        flow = -self.grid.apply(self._newton(step, old, self.grid.mobility / old))
        new = old + step * flow
        if not np.all(np.isfinite(new)) or self.time + step == self.time:
            raise SolverError(
                f"The diffusion stopped at time {self.time:.3g}: no step of "
                f"{step:.2g} or longer can be taken; use a larger `tolerance` "
                "or fewer cells."
            )
        return _Step(old, new, flow, flow)

    def _try(self, step: float) -> tuple["_Step", float]:
        """One TR-BDF2 step and its error, as a multiple of the tolerance."""
        grid, s = self.grid, _GAMMA
        old = self.density
        p0 = grid.mobility / old
        flow0 = -grid.apply(p0)
        half = s * step / 2
        p1 = self._newton(half, old + half * flow0, p0)
        flow1 = -grid.apply(p1)
        middle = old + half * (flow0 + flow1)
        c1 = 1 / (s * (2 - s))
        c2 = (1 - s) ** 2 * c1
        a = (1 - s) * step / (2 - s)
        right = c1 * middle - c2 * old
        p2 = self._newton(a, right, p1)
        flow2 = -grid.apply(p2)
        new = right + a * flow2
        k = (-3 * s * s + 4 * s - 2) / (12 * (2 - s))
        error = 2 * k * step * (flow0 / s - flow1 / (s * (1 - s)) + flow2 / (1 - s))
        taken = _Step(old, new, flow0, flow2)
        if not np.all(np.isfinite(new)) or np.min(new) <= 0:
            return taken, math.inf
        scaled = np.abs(error) / ((np.abs(new) + 1e-12) * self.tolerance)
        return taken, float(np.max(scaled))

    def _newton(self, factor: float, right: Field, start: Field) -> Field:
        r"""Solve $\nu/p + a\,\mathrm{div}(\nu\nabla p)$ = right for p > 0."""
        grid, p = self.grid, start
        for _ in range(_MAX_NEWTON):
            inverse = grid.mobility / p
            miss = inverse + factor * grid.apply(p) - right
            change = grid.solve(inverse / p, factor, miss)
            relative = change / p
            # At most 0.9 of the way to p = 0.
            damping = min(1.0, 0.9 / max(-float(np.min(relative)), 1e-300))
            p = p + damping * change
            if np.max(np.abs(relative)) < _NEWTON_TOLERANCE:
                return p
            if not np.isfinite(p[0]):
                break
        return np.full_like(p, np.nan)
