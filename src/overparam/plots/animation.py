"""Animations of one figure: GIF by Pillow, MP4 where ffmpeg is installed."""

import io
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from ..checks import counts
from ..errors import ConfigError
from ..memory import Need, check_memory
from ..store.files import check_ending, write_file
from .figure import STYLE


@dataclass(frozen=True, kw_only=True)
class Animation:
    """Frames of one figure, drawn one after the other when they are asked for.

    Example:
        ```python
        figure, axes = op.plots.panels()
        (line,) = axes[0, 0].plot(x[:, 0])
        draw = lambda frame: line.set_ydata(x[:, frame])
        moving = op.plots.Animation(figure=figure, draw=draw, n_frames=2)
        moving.save(Path("columns.gif"))
        ```
    """

    figure: Figure
    """The figure that `draw` changes."""
    draw: Callable[[int], object]
    """Brings the figure to a frame, counted from 0."""
    n_frames: int
    frames_per_second: int = 10

    def __post_init__(self) -> None:
        counts(n_frames=self.n_frames, frames_per_second=self.frames_per_second)

    def save(self, path: Path) -> Path:
        """Write all frames to a `.gif` or `.mp4` file; the suffix is the format.

        Raises:
            ConfigError: If the suffix is neither, MP4 is asked for without ffmpeg, or
                the memory cannot hold the frames.
            StoreError: If the disk refuses.
        """
        check_ending(path, (".gif", ".mp4"), what="An animation")
        if path.suffix == ".mp4" and shutil.which("ffmpeg") is None:
            raise ConfigError("An .mp4 needs the program ffmpeg; write a .gif instead.")
        canvas = FigureCanvasAgg(self.figure)
        sizes = zip(("width", "height"), canvas.get_width_height(), strict=True)
        area = [(f"{name} in pixels", size) for name, size in sizes]
        check_memory(
            Need("a drawn frame", area, itemsize=4),
            Need("the frames", [*area, ("n_frames", self.n_frames)], itemsize=3),
        )
        images = []
        for frame in range(self.n_frames):
            # Axes that `draw` clears start anew, their ticks only when they are drawn.
            with mpl.rc_context(STYLE):
                self.draw(frame)
                canvas.draw()
            images.append(np.asarray(canvas.buffer_rgba())[..., :3].copy())
        encode = _gif if path.suffix == ".gif" else _mp4
        write_file(path, encode(images, self.frames_per_second))
        return path


def _gif(images: list[np.ndarray], frames_per_second: int) -> bytes:
    content = io.BytesIO()
    # One palette for all frames, without dots between its colours: nothing flickers.
    # Of the ways to choose it this one is nearest to the colours of figures.
    last = Image.fromarray(images[-1])
    palette = last.quantize(128, method=Image.Quantize.MAXCOVERAGE)
    frames = [
        Image.fromarray(image).quantize(palette=palette, dither=Image.Dither.NONE)
        for image in images
    ]
    frames[0].save(
        content,
        format="GIF",
        save_all=True,
        append_images=frames[1:],
        duration=round(1000 / frames_per_second),
        loop=0,
    )
    return content.getvalue()


def _mp4(images: list[np.ndarray], frames_per_second: int) -> bytes:
    height, width = images[0].shape[:2]
    command = ["ffmpeg", "-y", "-loglevel", "error", "-f", "rawvideo"]
    command += ["-pix_fmt", "rgb24", "-s", f"{width}x{height}"]
    command += ["-r", str(frames_per_second), "-i", "-"]
    # Players want even sizes and this pixel format.
    command += ["-vf", "crop=trunc(iw/2)*2:trunc(ih/2)*2", "-pix_fmt", "yuv420p"]
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "animation.mp4"
        raw = b"".join(image.tobytes() for image in images)
        subprocess.run([*command, str(target)], input=raw, check=True)
        return target.read_bytes()
