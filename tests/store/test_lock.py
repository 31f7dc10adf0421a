"""One writer per run, also where the file system has no locks."""

import errno
import fcntl
import os
import socket
import subprocess
import sys

import pytest
from storing import DEFAULTS, record, store

from overparam.errors import StoreError
from overparam.store import RunLockedError, lock, open_run, run_status
from overparam.store.lock import Lock, is_locked


WITHOUT_LOCKS = ["ENOSYS", "EPERM", "ENOLCK", "EOPNOTSUPP", "EINVAL"]


def refuse_locks(patch, number):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    patch.setattr(fcntl, "flock", refuse)


@pytest.fixture(params=WITHOUT_LOCKS)
def no_locks(request, monkeypatch):
    refuse_locks(monkeypatch, getattr(errno, request.param))


@pytest.mark.usefixtures("no_locks")
def test_without_locks_a_run_has_one_writer_still(tmp_path):
    with open_run(tmp_path, "toy", DEFAULTS, DEFAULTS) as run:
        assert run_status(run.path) == "running"
        with (
            pytest.raises(RunLockedError, match=f"process {os.getpid()} on"),
            open_run(tmp_path, "toy", DEFAULTS, DEFAULTS),
        ):
            pass
    assert run_status(run.path) == "unfinished"
    assert run_status(store(tmp_path)) == "finished"


@pytest.fixture
def no_lock(monkeypatch):
    refuse_locks(monkeypatch, errno.ENOSYS)


@pytest.mark.usefixtures("no_lock")
def test_without_locks_a_dead_holder_is_followed(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"],
        capture_output=True,
        text=True,
        check=True,
    )
    name = f"process {ended.stdout.strip()} on {socket.gethostname()}"
    (tmp_path / "lock").touch()
    (tmp_path / "held.7").write_text(name)
    assert not is_locked(tmp_path)
    lock = Lock(tmp_path)
    assert is_locked(tmp_path)
    lock.release()
    assert not is_locked(tmp_path)
    assert [path.name for path in tmp_path.glob("held.*")] == ["held.8"]


@pytest.mark.usefixtures("no_lock")
@pytest.mark.parametrize("holder", ["process 1 on elsewhere", "", "\0", "process x"])
def test_without_locks_a_holder_that_may_live_is_respected(tmp_path, holder):
    (tmp_path / "lock").touch()
    (tmp_path / "held.3").write_text(holder)
    with pytest.raises(RunLockedError, match=r"if it has ended, delete `.*held\.3`"):
        Lock(tmp_path)
    assert is_locked(tmp_path)


@pytest.mark.usefixtures("no_lock")
def test_without_locks_one_of_two_follows_a_dead_holder(tmp_path, monkeypatch):
    (tmp_path / "held.1").write_text("free")
    opened = os.open

    def raced(path, flags, *mode):
        # The other process makes the file between our look and our try.
        if str(path).endswith("held.2"):
            monkeypatch.setattr(os, "open", opened)
            (tmp_path / "held.2").write_text("process 1 on elsewhere")
        return opened(path, flags, *mode)

    monkeypatch.setattr(os, "open", raced)
    with pytest.raises(RunLockedError):
        Lock(tmp_path)
    assert (tmp_path / "held.2").read_text() == "process 1 on elsewhere"


@pytest.mark.usefixtures("no_lock")
def test_runs_are_stored_and_found_without_locks(tmp_path):
    path = store(tmp_path)
    with open_run(tmp_path, "toy", DEFAULTS, DEFAULTS) as run:
        assert run.finished
    with open_run(tmp_path, "toy", DEFAULTS, DEFAULTS, force=True) as run:
        run.write(record())
    assert run.path.name == f"{path.name}.2"


def test_a_watcher_that_is_stopped_as_it_looks_keeps_no_writer_out(
    tmp_path, monkeypatch
):
    watcher = os.open(tmp_path / "lock", os.O_RDONLY | os.O_CREAT)
    fcntl.flock(watcher, fcntl.LOCK_SH)
    naps = []

    def nap(seconds):
        naps.append(seconds)
        if len(naps) == 100:
            fcntl.flock(watcher, fcntl.LOCK_UN)

    monkeypatch.setattr(lock.time, "sleep", nap)
    writer = Lock(tmp_path)
    assert len(naps) == 100
    with pytest.raises(RunLockedError):
        Lock(tmp_path)
    assert len(naps) == 100  # Another writer is told at once.
    writer.release()
    os.close(watcher)


def test_a_link_in_the_place_of_the_lock_leads_to_nothing_that_is_written(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "run" / "lock").symlink_to(tmp_path / "mine.txt")
    with pytest.raises(StoreError, match="cannot be written"):
        Lock(tmp_path / "run")
    assert (tmp_path / "mine.txt").read_text() == "mine"
