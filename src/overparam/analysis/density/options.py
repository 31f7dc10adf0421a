"""Options of the analysis `density`."""

from dataclasses import dataclass
from pathlib import Path

from ...checks import at_least, positive
from ...errors import ConfigError
from ..declaration import Analysis


@dataclass(frozen=True, kw_only=True)
class DensityOptions:
    """How does the distribution of features move beside the teacher's and its limits?

    Draws the kept features of a network with two inputs and a planted teacher as
    smoothed densities of their angles (radial ones of their places); with `--animation`
    also as a GIF or MP4.

    Examples:
      overparam analyse 3f2a density
      overparam analyse 3f2a density --animation features.gif
    """

    steps: tuple[int, ...] = (0, 100, 1000, 5000, 10000)
    """Steps to draw; the nearest snapshots are taken."""
    bandwidth: float | None = None
    """Standard deviation of the smoothing; `none` takes 0.04 (radians) on the circle,
    0.1 on the torus of side 4."""
    animation: Path | None = None
    """File for an animation of all snapshots: `.gif`, or `.mp4` with ffmpeg."""
    animation_bandwidth: float | None = None
    """Smoothing of the animation; `none` takes 0.1."""
    frames_per_second: int | None = None
    """Speed of the animation; `none` takes 10."""
    transport: bool = False
    """Add 2-Wasserstein distances to the table (on the torus by POT, extra `ot`)."""

    def __post_init__(self) -> None:
        positive(bandwidth=self.bandwidth, animation_bandwidth=self.animation_bandwidth)
        for step in self.steps:
            at_least(0, steps=step)
        at_least(1, frames_per_second=self.frames_per_second)
        for name in ("animation_bandwidth", "frames_per_second"):
            if self.animation is None and getattr(self, name) is not None:
                raise ConfigError(f"`{name}` is for an animation: give `--animation`.")


ANALYSIS = Analysis(
    name="density",
    question="How does the distribution of features move beside its limits?",
    options=DensityOptions,
    code="overparam.analysis.density.analyse",
)
