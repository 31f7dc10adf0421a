"""The features as they move: on the circle beside their diffusion, and on the torus."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis.density.analyse import (
    ANIMATION_WIDTH,
    GRID,
    Snapshots,
    draw_map,
    kept_points,
)
from ...analysis.density.energy import circle_energy
from ...analysis.resampling.smoothing import circle_density, torus_density
from ...data.sources.circle import angles_of
from ...plots.animation import Animation
from ...plots.figure import COLOURS, panels
from ...studies.contract import as_subject
from .. import told
from ..reproduction import Claim, Reproduction, Results, Scale
from .curves import configs, falling, one_at, reached, recorded_times


PUBLISHED = "seen in the animation"
TIMES = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Times of the stills and of the table."""
SIZES: Mapping[Scale, Mapping[str, Any]] = {
    "smoke": {"n_steps": 40, "records": 5, "keep": "5"},
    "laptop": {"n_steps": 8192, "records": 101, "keep": "101"},
    "paper": {"n_steps": 8192, "records": 101, "keep": "101"},
}
"""A hundred frames up to time 8, after the one of the start."""
PROBLEMS: Mapping[str, Mapping[str, Any]] = {
    "circle": {"penalty": 1e-4, "limits": ("ultra-fast",)},
    "torus": {"problem": "torus", "penalty": 1e-3, "limits": ()},
}
LAPTOP: Mapping[str, Mapping[str, Any]] = {
    "circle": {"width": 256},
    "torus": {"width": 128, "n_samples": 1024},
}


def _grid(problem: str) -> Callable[[Scale], Sequence[Mapping[str, Any]]]:
    def grid(scale: Scale) -> Sequence[Mapping[str, Any]]:
        smaller = LAPTOP[problem] if scale == "laptop" else {}
        fields = {"width": 1024, **PROBLEMS[problem], **smaller}
        (config,) = configs(scale, fields, seeds=1)
        return [{**config, **SIZES[scale]}]

    return grid


def _caption(results: Results) -> str:
    config = results.stored[0].config
    return (
        f"mean-field scale 1/M, M = {config['width']}, N = {config['n_samples']}, "
        f"teacher {config['teacher_width']}, unbiased penalty {config['penalty']:g}, "
        f"time step {config['time_step']:.3g}; smoothed by {ANIMATION_WIDTH:g}"
    )


def figures(results: Results) -> Mapping[str, Figure]:
    """Stills of the animation."""
    (run,) = results.stored
    snapshots = Snapshots(as_subject(run))
    chosen = snapshots.nearest([time / run.config["time_step"] for time in TIMES])
    caption = _caption(results)
    stills = snapshots.stills(chosen, bandwidth=ANIMATION_WIDTH, caption=caption)
    return {f"{run.config['problem']}-stills": stills}


def animations(results: Results) -> Mapping[str, Animation]:
    """Circle: the diffusion and the student. Torus: places and their density."""
    (run,) = results.stored
    snapshots = Snapshots(as_subject(run))
    figure, axes = panels(1, 2, height=3.6, caption=_caption(results))
    draw = _on_torus if snapshots.on_torus else _on_circle

    def frame(index: int) -> None:
        for panel in axes[0]:
            panel.clear()
        draw(axes[0], snapshots, index)

    moving = Animation(figure=figure, draw=frame, n_frames=len(snapshots.steps))
    return {str(run.config["problem"]): moving}


def _on_circle(axes: Sequence[Axes], snapshots: Snapshots, index: int) -> None:
    (flow,) = snapshots.flows
    assert snapshots.teacher.density is not None
    assert flow.densities is not None
    student = angles_of(kept_points(snapshots.subject, index))
    smoothed = circle_density(student, GRID, bandwidth=ANIMATION_WIDTH)
    teacher = snapshots.teacher.density(GRID)
    curves = [
        (f"{flow.name} diffusion", flow.places, flow.densities[index]),
        (f"student, smoothed ({ANIMATION_WIDTH:g})", GRID, smoothed),
    ]
    for panel, colour, (name, x, y) in zip(axes, COLOURS[1::-1], curves, strict=True):
        panel.plot(GRID, teacher, "--", color="0.3", lw=1, label="teacher")
        panel.plot(x, y, color=colour)
        panel.set_ylim(0, 1.15 * float(teacher.max()))
        panel.set_xlabel("angle")
        panel.set_title(f"{name}, {_time(snapshots, index)}")
    axes[0].legend(loc="upper left")


def _on_torus(axes: Sequence[Axes], snapshots: Snapshots, index: int) -> None:
    points = kept_points(snapshots.subject, index)
    axes[0].plot(*snapshots.teacher_points().T, ".", color="0.8", ms=2, label="teacher")
    axes[0].plot(*points.T, ".", color=COLOURS[0], ms=3, label="student")
    axes[0].set(xlim=(-2, 2), ylim=(-2, 2), aspect="equal")
    axes[0].legend(loc="upper left", frameon=True, framealpha=0.9)
    draw_map(axes[1], torus_density(points, bandwidth=ANIMATION_WIDTH))
    for panel, name in zip(axes, ("features", "density"), strict=True):
        panel.set_title(f"{name}, {_time(snapshots, index)}")


def _time(snapshots: Snapshots, index: int) -> str:
    assert snapshots.times is not None
    return f"t = {snapshots.times[index]:.2f}"


def tables(results: Results) -> Mapping[str, pl.DataFrame]:
    """Risk and energy distances at the records of the stills."""
    (run,) = results.stored
    columns = ["risk", "teacher_distance", "ultra_fast_distance"]
    there = [name for name in columns if name in results.records.columns]
    rows = [
        {"time": time} | {name: one_at(results, name, time) for name in there}
        for time in recorded_times(results, TIMES)
    ]
    return {str(run.config["problem"]): pl.DataFrame(rows, infer_schema_length=None)}


def claims(results: Results) -> Sequence[Claim]:
    """The student comes to the teacher, and on the circle follows the diffusion."""
    (run,) = results.stored
    decided, snapshots = results.scale != "smoke", Snapshots(as_subject(run))
    times = recorded_times(results, TIMES)
    distances = [one_at(results, "teacher_distance", time) for time in times]
    times += TIMES[len(times) :]
    distances += [None] * (len(TIMES) - len(distances))
    each = [f"t = {t:.3g}: {reached(d)}" for t, d in zip(times, distances, strict=True)]
    found = [
        Claim(
            sentence="the student's features come nearer to the teacher's throughout",
            published=PUBLISHED,
            measured=f"{'; '.join(each)} {told.ONE_RUN}",
            holds=falling(distances) if decided else None,
        )
    ]
    if not snapshots.on_torus:
        found.append(_follows(snapshots, decided=decided))
    return found


def _follows(snapshots: Snapshots, *, decided: bool) -> Claim:
    """Whether the student is nearer to the diffusion in every frame than its start."""
    (flow,) = snapshots.flows
    assert flow.densities is not None
    start, *later = (
        angles_of(kept_points(snapshots.subject, index))
        for index in range(len(snapshots.steps))
    )
    ratios = []
    for student, density in zip(later, flow.densities[1:], strict=True):
        moved, still = (
            circle_energy(each, flow.places, second_weights=np.asarray(density, float))
            for each in (student, start)
        )
        ratios.append(moved / still)
    nearer = sum(ratio < 1 for ratio in ratios)
    return Claim(
        sentence="in every frame the student is nearer to the diffusion than its start",
        published=PUBLISHED,
        measured=f"{nearer} of {len(ratios)} frames; distance to the diffusion over "
        f"that of the start: median {np.median(ratios):.3g}, most {max(ratios):.3g} "
        + told.ONE_RUN,
        holds=nearer == len(ratios) if decided else None,
    )


def _made(problem: str, title: str) -> Reproduction:
    return Reproduction(
        title=title,
        source="Barboni et al. 2025, animations of the published notebooks",
        study="timescales",
        grid=_grid(problem),
        figures=figures,
        tables=tables,
        claims=claims,
        animations=animations,
    )


CIRCLE = _made("circle", "The features on the circle move beside their diffusion")
TORUS = _made("torus", "The features on the torus move")
