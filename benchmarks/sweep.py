"""What the machinery of a sweep costs, and what a second process brings.

    python benchmarks/sweep.py [--runs 64] [--epochs 20] [--stored 100000]

1. `--dry-run`, `table`, `watch` and `report` of 100,000 stored runs (`--stored`), of
   folders and of a packed file: seconds of the processor, and memory, of the whole
   command. What no run is stored of is counted first.
2. Overhead: runs that do nothing, in this process and on two, per run.
3. Throughput: the same trainings of the study `planted` on two processes of one
   thread, on one such process, and on one that may use all cores, alternately, every
   time from a cold start of the processes. The compilation cache is filled beforehand.
   Target: two processes do at least 1.7 times as many per second as one. (A process
   that may use all cores draws its next samples on the second, `training/draws.py`.)
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from stored import SETTINGS, write_runs

from overparam.running import jobs_of
from overparam.store import RunRecord, open_run
from overparam.sweeping import sweep


MOST_DRY = 2.0
"""Seconds that counting 100,000 runs may take of which none is stored."""
MOST_SECONDS, MOST_BYTES = 20.0, 2e9
"""What a command on 100,000 stored runs may take."""
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


def cost_of(*words):
    """Seconds of the processor, and the most bytes of memory, of a command."""
    command = [sys.executable, "-m", "overparam", *map(str, words)]
    child = os.posix_spawn(
        command[0],
        command,
        os.environ,
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )
    # What takes far too long is stopped, and counts as that long.
    most = int(5 * MOST_SECONDS)
    resource.prlimit(child, resource.RLIMIT_CPU, (most, most))
    _, code, used = os.wait4(child, 0)
    if code and not os.WIFSIGNALED(code):
        sys.exit(f"It failed: {' '.join(command)}")
    return used.ru_utime + used.ru_stime, 1024 * used.ru_maxrss


def stored_runs(n_runs):
    """Whether every command on very many stored runs meets its target."""
    fine = True
    with tempfile.TemporaryDirectory() as folder:
        begin = time.process_time()
        write_runs(Path(folder), n_runs)
        print(f"{n_runs} runs written in {time.process_time() - begin:.0f} s")
        grid = [f"{name}={value}" for name, value in SETTINGS.items()]
        commands = {
            "table": ["table", folder, "--out", Path(folder, "table.parquet")],
            "watch": ["watch", folder, "--once"],
            "dry run": ["sweep", "planted", *grid, f"seed=0..{n_runs - 1}"],
            "report": ["report", folder, "--out", Path(folder, "report.html")],
        }
        commands["dry run"] += ["--dry-run", "--runs", folder]
        for where in ("folders", "packed"):
            for name, words in commands.items():
                seconds, n_bytes = cost_of(*words)
                fine &= seconds <= MOST_SECONDS and n_bytes <= MOST_BYTES
                told = f"{seconds:.1f} s, {n_bytes / 1e9:.2f} GB"
                each = 1e6 * seconds / n_runs
                print(f"{name}, {where}: {told}, {each:.0f} us per run", flush=True)
            if where == "folders":
                print("pack: {:.1f} s, {:.2e} bytes".format(*cost_of("pack", folder)))
    return fine


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
    parser.add_argument("--stored", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()

    fine = stored_runs(arguments.stored)
    dry, _ = cost_of("sweep", "planted", "seed=0..99999", "--dry-run")
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
    slow = not fine or dry > MOST_DRY or max(overheads.values()) > MOST_OVERHEAD
    return 1 if slow or gain < LEAST_GAIN else 0


if __name__ == "__main__":
    sys.exit(main())
