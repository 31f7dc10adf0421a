"""Options of the analysis `density`."""

from dataclasses import dataclass
from pathlib import Path

from ...checks import at_least, positive


@dataclass(frozen=True, kw_only=True)
class DensityOptions:
    """How does the distribution of features move beside the teacher's and its limits?

    Draws the stored snapshots of a run of `timescales` as smoothed densities; with
    `--animation` also as a GIF or MP4.

    Examples:
      overparam analyse 3f2a density
      overparam analyse 3f2a density --animation features.gif
    """

    steps: tuple[int, ...] = (0, 100, 1000, 5000, 10000)
    """Steps to draw; the nearest snapshots are taken."""
    bandwidth: float = 0.04
    """Standard deviation of the smoothing (radians, or units of the torus)."""
    animation: Path | None = None
    """File for an animation of all snapshots: `.gif`, or `.mp4` with ffmpeg."""
    animation_bandwidth: float = 0.1
    """Smoothing of the animation."""
    frames_per_second: int = 10
    """Speed of the animation."""
    transport: bool = False
    """Add 2-Wasserstein distances to the table (on the torus by POT, extra `ot`)."""

    def __post_init__(self) -> None:
        positive(bandwidth=self.bandwidth, animation_bandwidth=self.animation_bandwidth)
        for step in self.steps:
            at_least(0, steps=step)
        at_least(1, frames_per_second=self.frames_per_second)
