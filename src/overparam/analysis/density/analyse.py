"""The analysis `density`: snapshots of features as densities, still and moving."""

import contextlib
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...data.sources.circle import angles_of, uniform_angles
from ...errors import ConfigError
from ...networks.view import two_layer_view
from ...plots.animation import Animation
from ...plots.figure import COLOURS, panels, shared_legend
from ...training.plan import Progress, silent
from ..contract import Flow
from ..declaration import Findings
from ..resampling.smoothing import circle_density, torus_density
from ..subject import AnyRun, Subject, nearest_note
from .circular import circle_w2
from .options import DensityOptions
from .torus_transport import torus_wasserstein


GRID = uniform_angles(512)
CIRCLE_WIDTH, TORUS_WIDTH, ANIMATION_WIDTH = 0.04, 0.1, 0.1
FRAMES_PER_SECOND = 10
MOST_PER_ROW = 4
"""Panels beside each other; with more the titles would not fit a page."""


def analyse(
    subjects: Sequence[Subject], options: DensityOptions, progress: Progress = silent
) -> Findings:
    """Draw densities at the asked steps; write the animation if there is to be one.

    Raises:
        ConfigError: If the run kept no features of the plane, or has no teacher.
    """
    snapshots = Snapshots(subjects[0])
    steps, caption = snapshots.steps, subjects[0].title
    indices = snapshots.nearest(options.steps)
    figure = snapshots.stills(indices, bandwidth=options.bandwidth, caption=caption)
    notes = nearest_note("steps", options.steps, steps.tolist())
    if options.animation is not None:
        _animate(snapshots, options, caption, progress)
        notes.append(f"The animation is in {options.animation}.")
    columns: dict[str, Any] = {"step": steps[indices]}
    summary: dict[str, Any] = {"snapshots": len(steps)}
    if snapshots.times is not None:
        columns["time"] = snapshots.times[indices]
        summary["last time"] = float(snapshots.times[-1])
    if options.transport:
        columns |= snapshots.transport(indices)
    return Findings(
        tables={"snapshots": pl.DataFrame(columns)},
        figures={"density": figure},
        summary=summary,
        notes=notes,
    )


def check(subject: Subject, options: DensityOptions) -> None:
    """Refuse a run without kept features that are points of the plane."""
    del options
    subject.teacher()
    if not len(kept_steps(subject.run)):
        raise ConfigError("The run kept no networks along its way.")
    dim = subject.neurons().weights.shape[0]
    if dim != 2:
        raise ConfigError(
            f"Its features have {dim} entries: they are no points of the plane."
        )


def kept_steps(run: AnyRun) -> np.ndarray:
    """Steps whose features were kept."""
    return np.asarray(run.arrays.get("snapshot.steps", run.kept_steps))


def kept_points(subject: Subject, index: int) -> np.ndarray:
    """Features of the kept step of this index, a row each, in single precision."""
    run = subject.run
    if "snapshot.weights" in run.arrays:  # Of a run before networks were kept.
        return np.asarray(run.arrays["snapshot.weights"][index], float)
    view = two_layer_view(subject.kept(run.kept_steps[index]))
    return np.asarray(view.weights.T, np.float32).astype(float)


class Snapshots:
    """The kept features of a run, ready to be drawn."""

    def __init__(self, subject: Subject) -> None:
        self.subject, self.teacher = subject, subject.teacher()
        self.steps = kept_steps(subject.run)
        self.on_torus = subject.neurons().length is not None
        self.flows: Sequence[Flow] = ()
        with contextlib.suppress(ConfigError):
            self.flows = subject.limit()
        records = subject.run.metrics
        self.times = None
        if "time" in records.columns:
            times = dict(records.select("step", "time").rows())
            self.times = np.array([times[float(step)] for step in self.steps])

    def nearest(self, steps: Sequence[float]) -> list[int]:
        """Indices of the snapshots nearest to steps, each once."""
        near = [int(np.argmin(np.abs(self.steps - step))) for step in steps]
        return list(dict.fromkeys(near))

    def stills(
        self, indices: Sequence[int], *, bandwidth: float | None, caption: str
    ) -> Figure:
        """Some snapshots beside each other; on the torus with their limit below."""
        n_rows = 2 if self.on_torus and self.flows else 1
        n_blocks = math.ceil(len(indices) / MOST_PER_ROW)
        per_row = math.ceil(len(indices) / n_blocks)
        figure, axes = panels(n_rows * n_blocks, per_row, width=3, caption=caption)
        blocks = axes.reshape(n_blocks, n_rows, per_row)
        places = blocks.swapaxes(1, 2).reshape(-1, n_rows)
        for (first, *below), index in zip(places, indices, strict=False):
            self.draw(first, index, bandwidth=bandwidth)
            for panel in below:
                self.draw_torus_limit(panel, index)
        for empty in places[len(indices) :].ravel():
            empty.set_axis_off()
        if not self.on_torus:
            shared_legend(figure, axes[0, 0])
        return figure

    def draw(self, axes: Axes, index: int, *, bandwidth: float | None) -> None:
        """One snapshot: curves on the circle, a map on the torus."""
        points = kept_points(self.subject, index)
        bandwidth = bandwidth or (TORUS_WIDTH if self.on_torus else CIRCLE_WIDTH)
        if self.on_torus:
            draw_map(axes, torus_density(points, bandwidth=bandwidth))
            axes.plot(*points.T, ".", color=COLOURS[1], markersize=2)
        else:
            self._curves(axes, index, angles_of(points), bandwidth)
        time = "" if self.times is None else f", time {self.times[index]:.2f}"
        axes.set_title(f"step {self.steps[index]}{time}")

    def draw_torus_limit(self, axes: Axes, index: int) -> None:
        """The limit equation on the torus at a snapshot, as a map."""
        flow = self.flows[0]
        assert flow.densities is not None
        side = math.isqrt(len(flow.places))
        draw_map(axes, flow.densities[index].reshape(side, side))
        axes.set_title(f"{flow.name} diffusion")

    def transport(self, indices: Sequence[int]) -> dict[str, list[float]]:
        """2-Wasserstein distances to the teacher and to limits that have densities."""
        distance, place = circle_w2, angles_of
        if self.on_torus:
            distance, place = torus_wasserstein, np.asarray
        teacher = place(self.teacher_points())
        particles = [place(kept_points(self.subject, index)) for index in indices]
        found = {"teacher_w2": [distance(p, teacher) for p in particles]}
        for flow in self.flows:
            if flow.densities is not None:
                found[f"{flow.name.replace('-', '_')}_w2"] = [
                    distance(
                        p,
                        flow.places,
                        second_weights=np.asarray(flow.densities[index], float),
                    )
                    for p, index in zip(particles, indices, strict=True)
                ]
        return found

    def teacher_points(self) -> np.ndarray:
        """Features of the teacher, a row each."""
        return np.asarray(two_layer_view(self.teacher.network).weights.T, float)

    def _curves(
        self, axes: Axes, index: int, angles: np.ndarray, bandwidth: float
    ) -> None:
        def smooth(angles: np.ndarray) -> np.ndarray:
            return circle_density(angles, GRID, bandwidth=bandwidth)

        axes.plot(GRID, smooth(angles), color=COLOURS[0], label="student, smoothed")
        for flow, colour in zip(self.flows, COLOURS[1:], strict=False):
            if flow.densities is not None:
                curve = flow.densities[index]
                axes.plot(flow.places, curve, color=colour, label=flow.name)
            elif index < len(flow.places):
                curve = smooth(np.asarray(flow.places[index], float))
                axes.plot(GRID, curve, color=colour, label=f"{flow.name}, smoothed")
        if self.teacher.density is None:
            teacher = smooth(angles_of(self.teacher_points()))
        else:
            teacher = self.teacher.density(GRID)
        axes.plot(GRID, teacher, "--", color="0.3", lw=1, label="teacher")
        axes.set_ylim(0, 1.15 * float(teacher.max()))
        axes.set_xlabel("angle")


def draw_map(axes: Axes, density: np.ndarray) -> None:
    """A density on cells of the torus."""
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

    Animation(
        figure=figure,
        draw=draw,
        n_frames=len(snapshots.steps),
        frames_per_second=options.frames_per_second or FRAMES_PER_SECOND,
    ).save(options.animation)
