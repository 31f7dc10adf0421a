"""Animations as files that other programs can read."""

import shutil

import pytest
from PIL import Image

from overparam.errors import ConfigError
from overparam.plots import Animation, panels


def moving(path, n_frames=4):
    figure, axes = panels(width=2, height=1.5)

    def draw(frame):
        axes[0, 0].clear()
        axes[0, 0].plot([0, frame], [0, 1])

    frames = Animation(figure=figure, draw=draw, n_frames=n_frames, frames_per_second=5)
    return frames.save(path)


def test_a_gif_has_every_frame_at_the_asked_speed(tmp_path):
    with Image.open(moving(tmp_path / "move.gif")) as image:
        assert image.n_frames == 4
        assert image.info["duration"] == 200
        first = image.convert("RGB").tobytes()
        image.seek(3)
        assert image.convert("RGB").tobytes() != first


def test_an_mp4_is_written_where_ffmpeg_is_or_the_sentence_says_so(tmp_path):
    if shutil.which("ffmpeg"):
        content = moving(tmp_path / "move.mp4").read_bytes()
        assert content[4:8] == b"ftyp"
    else:
        with pytest.raises(
            ConfigError, match=r"needs the program ffmpeg; write a \.gif"
        ):
            moving(tmp_path / "move.mp4")


def test_other_formats_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"ends in \.gif or \.mp4"):
        moving(tmp_path / "move.avi")
