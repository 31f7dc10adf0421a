"""The analysis `density`: snapshots of features as densities, still and moving."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes

from ...data.sources.circle import CircleTeacher, uniform_angles
from ...errors import ConfigError
from ...plots.animation import animate
from ...plots.figure import COLOURS, panels
from ...training.plan import Progress, silent
from ..declaration import Findings
from ..resampling.smoothing import circle_density, torus_density
from ..subject import AnyRun, Subject, nearest_note
from .circular import circle_w2
from .options import DensityOptions
from .torus_transport import torus_wasserstein


GRID = uniform_angles(512)
CIRCLE_WIDTH, TORUS_WIDTH, ANIMATION_WIDTH = 0.04, 0.1, 0.1
FRAMES_PER_SECOND = 10


def analyse(
    subjects: Sequence[Subject], options: DensityOptions, progress: Progress = silent
) -> Findings:
    """Draw densities at the asked steps; write the animation if there is to be one.

    Raises:
        ConfigError: If the run has no snapshots of features.
    """
    check(subjects[0], options)
    run = subjects[0].run
    snapshots = Snapshots(run)
    steps = snapshots.steps
    indices = [int(np.argmin(np.abs(steps - step))) for step in options.steps]
    indices = list(dict.fromkeys(indices))
    n_rows = 2 if snapshots.on_torus and snapshots.has_limit else 1
    caption = _caption(run.config)
    figure, axes = panels(n_rows, len(indices), width=3, caption=caption)
    for panel, index in enumerate(indices):
        snapshots.draw(axes[0, panel], index, bandwidth=options.bandwidth)
        if n_rows == 2:
            snapshots.draw_torus_limit(axes[1, panel], index)
    if not snapshots.on_torus:
        axes[0, 0].legend()
    notes = nearest_note("steps", options.steps, steps.tolist())
    if options.animation is not None:
        _animate(snapshots, options, caption, progress)
        notes.append(f"The animation is in {options.animation}.")
    rows = {"step": steps[indices], "time": snapshots.times[indices]}
    if options.transport:
        rows |= snapshots.transport(indices)
    return Findings(
        tables={"snapshots": pl.DataFrame(rows)},
        figures={"density": figure},
        summary={"snapshots": len(steps), "last time": float(snapshots.times[-1])},
        notes=notes,
    )


def check(subject: Subject, options: DensityOptions) -> None:
    """Refuse a run without snapshots of features that are points of the plane."""
    del options
    if "teacher" not in subject.run.arrays or not len(kept_steps(subject.run)):
        raise ConfigError(
            "The run kept no features that are points of the plane, and their teacher."
        )


def kept_steps(run: AnyRun) -> np.ndarray:
    """Steps whose features were kept."""
    return np.asarray(run.arrays.get("snapshot.steps", run.kept_steps))


def kept_points(run: AnyRun, index: int) -> np.ndarray:
    """Features of the kept step of this index, a row each, in single precision."""
    if "snapshot.weights" in run.arrays:
        return np.asarray(run.arrays["snapshot.weights"][index], float)
    weights, _ = run.kept(run.kept_steps[index])
    return weights["weights"].T.astype(np.float32).astype(float)


class Snapshots:
    """The kept features of a run, ready to be drawn."""

    def __init__(self, run: AnyRun) -> None:
        self.run, self.config, self.arrays = run, run.config, run.arrays
        self.steps = kept_steps(run)
        self.times = self.steps * self.config["time_step"]
        self.on_torus = self.config["problem"] == "torus"
        self.has_limit = "limit.ultra_fast" in self.arrays

    def points(self, index: int) -> np.ndarray:
        """Features of a kept step, in single precision."""
        return kept_points(self.run, index)

    def draw(self, axes: Axes, index: int, *, bandwidth: float | None) -> None:
        """One snapshot: curves on the circle, a map on the torus."""
        points = self.points(index)
        bandwidth = bandwidth or (TORUS_WIDTH if self.on_torus else CIRCLE_WIDTH)
        if self.on_torus:
            _map(axes, torus_density(points, bandwidth=bandwidth))
            axes.plot(*points.T, ".", color=COLOURS[1], markersize=2)
        else:
            self._curves(axes, index, _angles(points), bandwidth)
        axes.set_title(f"step {self.steps[index]}, time {self.times[index]:.2f}")

    def draw_torus_limit(self, axes: Axes, index: int) -> None:
        """The ultra-fast diffusion on the torus at a snapshot, as a map."""
        density = self.arrays["limit.ultra_fast"][index]
        side = math.isqrt(density.size)
        _map(axes, density.reshape(side, side))
        axes.set_title("ultra-fast diffusion")

    def transport(self, indices: Sequence[int]) -> dict[str, list[float]]:
        """2-Wasserstein distances to the teacher and to the ultra-fast diffusion."""
        distance, place = circle_w2, _angles
        if self.on_torus:
            distance, place = torus_wasserstein, np.asarray
        teacher = place(np.asarray(self.arrays["teacher"], float))
        particles = [place(self.points(index)) for index in indices]
        found = {"teacher_w2": [distance(p, teacher) for p in particles]}
        if self.has_limit:
            cells = self.arrays["limit.points" if self.on_torus else "limit.angles"]
            densities = self.arrays["limit.ultra_fast"]
            found["ultra_fast_w2"] = [
                distance(p, cells, second_weights=np.asarray(densities[index], float))
                for p, index in zip(particles, indices, strict=True)
            ]
        return found

    def _curves(
        self, axes: Axes, index: int, angles: np.ndarray, bandwidth: float
    ) -> None:
        def smooth(angles: np.ndarray) -> np.ndarray:
            return circle_density(angles, GRID, bandwidth=bandwidth)

        teacher = CircleTeacher(self.config["gamma"]).density(GRID)
        axes.plot(GRID, smooth(angles), color=COLOURS[0], label="student, smoothed")
        if self.has_limit:
            cells, values = self.arrays["limit.angles"], self.arrays["limit.ultra_fast"]
            axes.plot(cells, values[index], color=COLOURS[1], label="ultra-fast")
        seen = self.arrays.get("limit.projected")
        if seen is not None and index < len(seen):
            curve = smooth(np.asarray(seen[index], float))
            axes.plot(GRID, curve, color=COLOURS[2], label="projected, smoothed")
        axes.plot(GRID, teacher, "--", color="0.3", lw=1, label="teacher")
        axes.set_ylim(0, 1.15 * float(teacher.max()))
        axes.set_xlabel("angle")


def _angles(points: np.ndarray) -> np.ndarray:
    return np.arctan2(points[:, 1], points[:, 0])


def _map(axes: Axes, density: np.ndarray) -> None:
    axes.imshow(density.T, origin="lower", extent=(-2, 2, -2, 2), cmap="Blues")
    axes.grid(False)


def _animate(
    snapshots: Snapshots, options: DensityOptions, caption: str, progress: Progress
) -> None:
    assert options.animation is not None
    figure, axes = panels(width=5, height=3.2, caption=caption)

    bandwidth = options.animation_bandwidth or ANIMATION_WIDTH

    def draw(frame: int) -> None:
        progress(frame, len(snapshots.steps))
        axes[0, 0].clear()
        snapshots.draw(axes[0, 0], frame, bandwidth=bandwidth)
        if not snapshots.on_torus:
            axes[0, 0].legend(loc="upper left")

    animate(
        figure,
        draw,
        options.animation,
        n_frames=len(snapshots.steps),
        frames_per_second=options.frames_per_second or FRAMES_PER_SECOND,
    )


def _caption(config: Mapping[str, Any]) -> str:
    return (
        f"mean-field scale 1/M, M = {config['width']}, N = {config['n_samples']}, "
        f"penalty {config['penalty']:g}, centre {config['centre']:g}, gamma "
        f"{config['gamma']:g}, {config['dynamics']}, seed {config['seed']}"
    )
