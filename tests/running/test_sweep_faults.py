"""A sweep of real trainings that is killed ends with the numbers of one that is not."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from overparam.running import jobs_of, work
from overparam.store import attempts, read_run


SEEDS = range(4)
EPOCHS = 400
SMALL = {"input_dim": 20, "n_outputs": 2, "teacher_width": 4, "width": 16}
SMALL |= {"samples_per_epoch": 2000, "epochs": EPOCHS, "stop_below": 0.0}


def begin(root):
    settings = [f"{name}={value}" for name, value in SMALL.items()]
    command = [sys.executable, "-m", "overparam", "sweep", "planted", *settings]
    command += [f"seed=0..{SEEDS[-1]}", "--jobs", "2", "--runs", str(root)]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def children(pid):
    return [
        int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    ]


def stored(root):
    jobs = jobs_of("planted", [SMALL | {"seed": seed} for seed in SEEDS], root)
    return jobs, [read_run(attempts(job.path)[-1]) for job in jobs]


def wait_for(condition):
    while not condition():
        time.sleep(0.02)


def under_way(root):
    """At least one run is stored, and another has begun."""
    ended = list(root.glob("planted/*/status.json"))
    begun = list(root.glob("planted/*/config.json"))
    return len(begun) > len(ended) >= 1


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="The children are read off /proc.")
def test_a_sweep_killed_twice_has_the_numbers_of_one_that_was_not(tmp_path):
    faulty, calm = tmp_path / "faulty", tmp_path / "calm"
    sweep = begin(faulty)
    wait_for(lambda: under_way(faulty) or sweep.poll() is not None)
    for child in children(sweep.pid)[-1:]:
        os.kill(child, signal.SIGKILL)
    time.sleep(0.5)
    sweep.kill()
    assert sweep.wait() == -signal.SIGKILL
    assert begin(faulty).wait() == 0

    for job in stored(faulty)[0]:
        work(job.study, job.config, calm)
    for one, other in zip(stored(faulty)[1], stored(calm)[1], strict=True):
        assert one.status == other.status == "finished"
        assert one.metrics.drop("seconds").equals(other.metrics.drop("seconds"))
        for name, weights in one.network[0].items():
            assert (weights == other.network[0][name]).all()
