"""What the machinery of a sweep costs, and what a second process brings.

    python benchmarks/sweep.py [--only stored] [--stored 100000]

1. `stored`: `--dry-run`, `table`, `watch` and `report` of 100,000 stored runs
   (`--stored`), of folders and of a packed file: seconds of the processor, and memory,
   of the whole command.
2. `machinery`: counting runs none of which is stored; runs that do nothing, in this
   process and on two, per run.
3. `throughput`: the same trainings of the study `planted` on two processes of one
   thread, on one such process, and on one that may use all cores, alternately, every
   time from a cold start of the processes. The compilation cache is filled beforehand.
   Target: two processes do at least 1.7 times as many per second as one. (A process
   that may use all cores draws its next samples on the second, `training/draws.py`.)

Rows go into the tables of `docs/benchmarks/sweep.md`.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path


os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from pages import put_row
from stored import SETTINGS, write_runs

from overparam.running import jobs_of
from overparam.store import RunRecord, open_run
from overparam.sweeping import sweep


PAGE = "sweep.md"
STORED = "| command | folders, s | folders, GB | packed, s | packed, GB |"
MACHINERY = "| what | measured |"
THROUGHPUT = (
    "| `overparam sweep planted seed=0..63 epochs=20 stop_below=0` "
    "| seconds (two rounds) | gain of 2 processes |"
)
PATIENCE = 900
"""Seconds of the processor after which a command is stopped; it counts as that long."""


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
    """Seconds of the processor, and the most bytes of memory, of a command.

    Linux counts the memory of this process, from which it starts, too.
    """
    command = [sys.executable, "-m", "overparam", *map(str, words)]
    child = os.posix_spawn(
        command[0],
        command,
        os.environ,
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )
    resource.prlimit(child, resource.RLIMIT_CPU, (PATIENCE, PATIENCE))
    _, code, used = os.wait4(child, 0)
    if code and not os.WIFSIGNALED(code):
        sys.exit(f"It failed: {' '.join(command)}")
    return used.ru_utime + used.ru_stime, 1024 * used.ru_maxrss


def stored(n_runs):
    """Every command on very many stored runs, of folders and then of an archive."""
    with tempfile.TemporaryDirectory() as place:
        folder, out = Path(place, "runs"), Path(place, "out")
        # By another process, as the memory of this one counts.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as other:
            other.submit(write_runs, folder, n_runs).result()
        print(f"{n_runs} runs written")
        grid = [f"{name}={value}" for name, value in SETTINGS.items()]
        grid += [f"seed=0..{n_runs - 1}", "--dry-run", "--runs", folder]
        commands = {
            "table": ["table", folder, "--out", f"{out}.parquet"],
            "watch": ["watch", folder, "--once"],
            "dry run": ["sweep", "planted", *grid],
            "report": ["report", folder, "--out", f"{out}.html"],
        }
        told = {name: _told(*cost_of(*words)) for name, words in commands.items()}
        packing = _told(*cost_of("pack", folder))
        for name, words in commands.items():
            told[name] += _told(*cost_of(*words))
    for name, found in (told | {"pack": (*packing, "", "")}).items():
        put_row(PAGE, STORED, f"{n_runs:,} runs, {name}", *found)


def _told(seconds, n_bytes):
    return f"{seconds:.1f}", f"{n_bytes / 1e9:.2f}"


def machinery():
    """What a run costs beside its work, and what counting costs."""
    dry, _ = cost_of("sweep", "planted", "seed=0..99999", "--dry-run")
    put_row(PAGE, MACHINERY, "count 100,000 runs, none stored", f"{dry:.1f} s")
    few, many = ([{"seed": seed} for seed in range(n)] for n in (20, 220))
    for n_jobs, name in ((1, "1 process"), (2, "2 processes")):
        # The difference leaves out the start of the processes.
        extra = seconds(many, idle, n_jobs) - seconds(few, idle, n_jobs)
        put_row(PAGE, MACHINERY, f"machinery, {name}", f"{5 * extra:.1f} ms per run")


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


def throughput(n_repeats=2):
    """The same trainings by one process, by two, and by one that may use all cores."""
    runs = 64, 20
    whole_command(2, 1, n_jobs=2)
    times = {(1, 1): [], (1, None): [], (2, 1): []}
    for _ in range(n_repeats):
        for (n_jobs, n_threads), found in times.items():
            found.append(whole_command(*runs, n_jobs=n_jobs, n_threads=n_threads))
    two = times[2, 1]
    for name, found in (
        ("1 process of one thread (`--jobs 1 --threads 1`)", times[1, 1]),
        ("1 process that may use both cores (`--jobs 1`)", times[1, None]),
        ("2 processes of one thread (`--jobs 2`)", two),
    ):
        gains = [] if found is two else [a / b for a, b in zip(found, two, strict=True)]
        told = [f"{time:.1f}" for time in found], [f"{gain:.2f}" for gain in gains]
        put_row(PAGE, THROUGHPUT, name, *map(", ".join, told))


def main():
    """Measure, and write the rows of the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = ("stored", "machinery", "throughput")
    parser.add_argument("--only", nargs="+", choices=parts, default=parts)
    parser.add_argument("--stored", type=int, default=100_000)
    arguments = parser.parse_args()
    if "stored" in arguments.only:
        stored(arguments.stored)
    if "machinery" in arguments.only:
        machinery()
    if "throughput" in arguments.only:
        throughput()


if __name__ == "__main__":
    main()
