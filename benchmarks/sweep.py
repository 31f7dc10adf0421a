"""What the machinery of a sweep costs, and what a second process brings.

    python benchmarks/sweep.py [--runs 64] [--epochs 20]

1. `--dry-run` of 100,000 runs, a whole command, in seconds of the processor.
2. Overhead: runs that do nothing, in this process and on two, per run.
3. Throughput: the same trainings of the study `planted` on two processes of one
   thread, on one such process, and on one that may use all cores, alternately, every
   time from a cold start of the processes. The compilation cache is filled beforehand.
   Target: two processes do at least 1.7 times as many per second as one. (A process
   that may use all cores draws its next samples on the second, `training/draws.py`.)
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from overparam.running import jobs_of
from overparam.store import RunRecord, open_run
from overparam.sweeping import sweep


MOST_DRY = 2.0
"""Seconds that counting 100,000 runs may take."""
MOST_OVERHEAD = 0.05
"""Seconds per run that the machinery may cost."""
LEAST_GAIN = 1.7
"""Throughput of two processes over that of one."""


def idle(study, config, root):
    """A run that does nothing but to be stored."""
    with open_run(root, study, config, {}) as run:
        run.write(RunRecord(status="finished"))
    return "finished"


def seconds(settings, function, n_jobs):
    """Wall clock of a sweep into a fresh folder."""
    with tempfile.TemporaryDirectory() as folder:
        jobs = jobs_of("planted", settings, Path(folder))
        start = time.perf_counter()
        result = sweep(jobs, work=function, n_jobs=n_jobs)
        elapsed = time.perf_counter() - start
    if result.failures:
        sys.exit(f"A run failed: {result.failures[0].sentence}")
    return elapsed


def dry_run():
    """Seconds of the processor that a dry run of 100,000 runs takes."""
    command = [sys.executable, "-m", "overparam", "sweep", "planted"]
    before = os.times()
    subprocess.run([*command, "seed=0..99999", "--dry-run"], check=True)
    after = os.times()
    return sum(after[2:4]) - sum(before[2:4])


def whole_command(n_runs, n_epochs, *, n_jobs, n_threads=None):
    """Wall clock of `overparam sweep` into a fresh folder."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "overparam", "sweep", "planted"]
        command += [f"seed=0..{n_runs - 1}", f"epochs={n_epochs}", "stop_below=0"]
        command += ["--jobs", str(n_jobs), "--runs", folder]
        command += ["--threads", str(n_threads)] if n_threads else []
        start = time.perf_counter()
        if subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode:
            sys.exit(f"A run failed: {' '.join(command)}")
        return time.perf_counter() - start


def main():
    """Measure, print, and tell by the exit code whether the targets are met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()

    dry = dry_run()
    print(f"dry run of 100,000 runs: {dry:.1f} s (target {MOST_DRY})")
    few, many = ([{"seed": seed} for seed in range(n)] for n in (20, 220))
    overheads = {}
    for n_jobs in (1, 2):
        # The difference leaves out the start of the processes.
        extra = seconds(many, idle, n_jobs) - seconds(few, idle, n_jobs)
        overheads[n_jobs] = extra / 200
        print(f"overhead, {n_jobs} processes: {1e3 * overheads[n_jobs]:.1f} ms per run")

    whole_command(2, 1, n_jobs=2)
    print(f"{arguments.runs} runs of {arguments.epochs} epochs, seconds")
    gains = []
    for _ in range(arguments.repeats):
        runs = arguments.runs, arguments.epochs
        two, one = (whole_command(*runs, n_jobs=n, n_threads=1) for n in (2, 1))
        free = whole_command(*runs, n_jobs=1)
        gains.append(one / two)
        print(
            f"1 process of one thread {one:.1f}, on all cores {free:.1f}, 2 processes "
            f"{two:.1f}; gain {one / two:.2f}, over the free process {free / two:.2f}",
            flush=True,
        )
    gain = statistics.median(gains)
    print(
        f"median gain {gain:.2f} (target {LEAST_GAIN}), load {os.getloadavg()[0]:.1f}"
    )
    slow = dry > MOST_DRY or max(overheads.values()) > MOST_OVERHEAD
    return 1 if slow or gain < LEAST_GAIN else 0


if __name__ == "__main__":
    sys.exit(main())
