"""Animations of one figure: GIF by Pillow, MP4 where ffmpeg is installed."""

import io
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from ..errors import ConfigError
from ..store.files import check_ending, write_file


def animate(
    figure: Figure,
    draw: Callable[[int], None],
    path: Path,
    *,
    n_frames: int,
    frames_per_second: int = 10,
) -> Path:
    """Draw `n_frames` frames of `figure` and write them to a `.gif` or `.mp4` file.

    Args:
        figure: The figure that `draw` changes.
        draw: Brings the figure to a frame.
        path: File to write; its suffix is the format.
        n_frames: Number of frames.
        frames_per_second: Speed.

    Raises:
        ConfigError: If the suffix is neither, or MP4 is asked for without ffmpeg.

    Example:
        ```python
        figure, axes = op.plots.panels()
        (line,) = axes[0, 0].plot(x[:, 0])
        draw = lambda frame: line.set_ydata(x[:, frame])
        op.plots.animate(figure, draw, Path("columns.gif"), n_frames=2)
        ```
    """
    check_ending(path, (".gif", ".mp4"), what="An animation")
    if path.suffix == ".mp4" and shutil.which("ffmpeg") is None:
        raise ConfigError("An .mp4 needs the program ffmpeg; write a .gif instead.")
    canvas = FigureCanvasAgg(figure)
    images = []
    for frame in range(n_frames):
        draw(frame)
        canvas.draw()
        images.append(np.asarray(canvas.buffer_rgba())[..., :3].copy())
    encode = _gif if path.suffix == ".gif" else _mp4
    write_file(path, encode(images, frames_per_second))
    return path


def _gif(images: list[np.ndarray], frames_per_second: int) -> bytes:
    content = io.BytesIO()
    # One palette for all frames, so that colours do not flicker.
    palette = Image.fromarray(images[-1]).quantize(64)
    frames = [Image.fromarray(image).quantize(palette=palette) for image in images]
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
