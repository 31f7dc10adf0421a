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


@pytest.mark.parametrize("n_frames", [0, -1, 2.5])
def test_an_animation_has_a_whole_number_of_frames(n_frames, tmp_path):
    with pytest.raises(ConfigError, match="`n_frames` must be"):
        moving(tmp_path / "move.gif", n_frames)


def test_frames_that_no_memory_holds_are_not_drawn(tmp_path):
    with pytest.raises(
        ConfigError, match=r"most of it for the frames .* lower n_frames"
    ):
        moving(tmp_path / "move.gif", 10**9)
