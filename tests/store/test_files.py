import errno
import os
import subprocess
import tracemalloc
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from storing import DEFAULTS, record, snapshot, store

from overparam.errors import ConfigError, StoreError
from overparam.store import open_run, read_run, run_status, table
from overparam.store.files import MOST_BYTES, read_file, write_file


@contextmanager
def mounted(folder, options):
    """A file system of our own, where the system lets us have one."""
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a small file system needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_one_sentence_and_loses_nothing(tmp_path):
    with mounted(tmp_path, "size=400k"):
        kept = store(tmp_path, width=1)
        before = snapshot(tmp_path)
        large = record(arrays={"large": np.zeros(200_000)})
        with open_run(tmp_path, "toy", DEFAULTS | {"width": 2}, DEFAULTS) as run:
            (run.checkpoints / "step").write_text("5")
            with pytest.raises(StoreError, match=r"disk is full.*arrays\.safetensors"):
                run.write(large)
        assert snapshot(tmp_path).items() >= before.items()
        assert read_run(kept).metrics.height == 3
        assert run_status(run.path) == "unfinished"
        assert (run.checkpoints / "step").read_text() == "5"
        assert not list(tmp_path.rglob("*.tmp"))
        # The same command, once there is room.
        assert run_status(store(tmp_path, width=2)) == "finished"
        assert table(tmp_path).height == 2


def test_a_disk_that_is_full_from_the_start_is_one_sentence(tmp_path):
    with mounted(tmp_path, "size=64k"):
        (tmp_path / "toy").mkdir()
        with (tmp_path / "filler").open("wb") as filler, suppress(OSError):
            filler.write(bytes(100_000))
        with (
            pytest.raises(StoreError, match="disk is full"),
            open_run(tmp_path, "toy", DEFAULTS, DEFAULTS),
        ):
            pass
        (tmp_path / "filler").unlink()
        assert run_status(store(tmp_path)) == "finished"


def test_a_read_only_folder_is_one_sentence_and_its_runs_are_readable(tmp_path):
    with mounted(tmp_path, "size=1m"):
        path = store(tmp_path, width=1)
        remount = ["mount", "-o", "remount,ro", str(tmp_path)]
        subprocess.run(remount, check=True)
        with (
            pytest.raises(StoreError, match=r"read-only.*choose another folder"),
            open_run(tmp_path, "toy", DEFAULTS | {"width": 2}, DEFAULTS),
        ):
            pass
        with open_run(tmp_path, "toy", DEFAULTS | {"width": 1}, DEFAULTS) as run:
            assert run.finished
        assert read_run(path).metrics.height == 3
        assert table(tmp_path).height == 1


def test_a_file_that_a_system_gives_in_pieces_is_read_whole(tmp_path, monkeypatch):
    content, read = bytes(range(256)), os.read
    stamp = write_file(tmp_path / "file", content)
    monkeypatch.setattr(os, "read", lambda file, n_bytes: read(file, min(n_bytes, 7)))
    assert read_file(tmp_path / "file", expected=stamp) == content


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENOSPC, "disk is full"),
        (errno.EDQUOT, "disk is full"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "permission denied"),
        (errno.EIO, "disk is healthy"),
        (errno.ENOENT, r"\(No such file or directory\): choose another folder"),
        (errno.EMFILE, r"\(Too many open files\): mend that"),
    ],
)
@pytest.mark.parametrize("step", ["open", "fsync", "replace"])
def test_every_refusal_is_a_sentence_and_the_old_file_stays(
    tmp_path, monkeypatch, number, sentence, step
):
    path = tmp_path / "file"
    write_file(path, b"old")

    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    owner = "builtins.open" if step == "open" else f"os.{step}"
    with monkeypatch.context() as patch:
        patch.setattr(owner, refuse)
        with pytest.raises(StoreError, match=sentence):
            write_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_file_in_place_of_the_runs_folder_is_one_sentence(tmp_path):
    (tmp_path / "runs").touch()
    with (
        pytest.raises(StoreError, match="a file is where a folder should be"),
        open_run(tmp_path / "runs", "toy", DEFAULTS, DEFAULTS),
    ):
        pass


@pytest.mark.parametrize("name", ["metrics.parquet", "status.json", "network.json"])
@pytest.mark.parametrize("kind", ["a pipe", "/dev/zero", "a long file"])
def test_what_has_no_end_or_is_too_long_is_a_sentence_at_once(tmp_path, name, kind):
    path = store(tmp_path) / name
    path.unlink()
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a long file":
        path.touch()
        os.truncate(path, 3 * 2**30)  # It takes no room on the disk.
    else:
        path.symlink_to(kind)
    tracemalloc.start()
    try:
        with pytest.raises(StoreError, match=name):
            _ = (run := read_run(path.parent)).metrics, run.network
        assert tracemalloc.get_traced_memory()[1] < 2**26
    finally:
        tracemalloc.stop()


def test_a_file_without_a_stamp_is_read_up_to_a_length(tmp_path):
    path = tmp_path / "figure.svg"
    path.write_bytes(b"<svg/>")
    assert read_file(path) == b"<svg/>"
    os.truncate(path, MOST_BYTES + 1)
    with pytest.raises(StoreError, match=f"more than {MOST_BYTES}"):
        read_file(path)


@pytest.mark.parametrize("name", ["pipe", "link", "/dev/null", "/dev/stdout"])
def test_a_device_or_a_pipe_keeps_its_place(name, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    path = tmp_path / name
    before = os.lstat(path)
    with pytest.raises(ConfigError, match="is a device or a pipe; name a file"):
        write_file(path, b"")
    assert os.lstat(path).st_ino == before.st_ino


@pytest.mark.parametrize("path", [".", "..", "/", "a/..", "here"])
def test_a_folder_is_no_file_to_write(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("here").mkdir()
    with pytest.raises(ConfigError, match="is a folder; name a file in it"):
        write_file(Path(path), b"")
