import os
import subprocess
import sys

import pytest

from overparam.errors import OverparamError
from overparam.sweeping import local_workers, workers
from overparam.sweeping.workers import InProcess, OwnProcess


@pytest.mark.parametrize(("n_jobs", "share"), [(2, "4"), (3, "2"), (8, "1"), (9, "1")])
def test_workers_share_the_cores(monkeypatch, n_jobs, share):
    monkeypatch.delenv("NPROC", raising=False)
    monkeypatch.setattr(workers, "n_cores", lambda: 8)
    own = local_workers(n_jobs)
    assert len(own) == n_jobs
    assert own[0].submit(os.getenv, "NPROC").result() == share
    for worker in own:
        worker.stop(now=False)


def test_a_setting_of_the_user_is_kept(monkeypatch):
    monkeypatch.setenv("NPROC", "3")
    worker = OwnProcess(1)
    assert worker.submit(os.getenv, "NPROC").result() == "3"
    worker.stop(now=False)


def test_a_single_job_starts_no_process():
    [worker] = local_workers(1)
    assert isinstance(worker, InProcess)
    assert worker.submit(os.getpid).result() == os.getpid()


def test_a_revived_worker_works():
    worker = OwnProcess(1)
    first = worker.submit(os.getpid).result()
    os.kill(first, 9)
    assert worker.revive(OSError())
    assert worker.submit(os.getpid).result() != first
    worker.stop(now=True)


def test_a_script_that_guards_nothing_is_not_run_again_by_its_workers(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import os\n"
        "from overparam.sweeping.workers import OwnProcess\n"
        "print('begun', flush=True)\n"
        "worker = OwnProcess(1)\n"
        "assert worker.submit(os.getpid).result() != os.getpid()\n"
        "worker.stop(now=False)\n"
    )
    ended = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "begun\n", "")


def test_a_machine_that_gives_no_semaphores_is_one_sentence(monkeypatch):
    def full(**_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(workers, "ProcessPoolExecutor", full)
    with pytest.raises(OverparamError, match=r"/dev/shm.*--jobs 1"):
        local_workers(2)
