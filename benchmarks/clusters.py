"""What Dask workers on this machine bring to a sweep: four of them against one.

    python benchmarks/clusters.py [--runs 200] [--epochs 3]

A scheduler and its workers run on loopback; each number of workers is warmed with one
run per worker first. Target: four workers finish at least 1.8 times faster than one on
two cores. A row goes into the table of `docs/benchmarks/clusters.md`.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path


os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from pages import put_row

from overparam.running import jobs_of, work
from overparam.sweeping import cluster_workers, sweep


HEAD = "| runs | 1 worker, s | 4 workers, s | gain |"


@contextlib.contextmanager
def dask(n_workers: int, folder: Path) -> Iterator[str]:
    """A cluster on loopback."""
    file = folder / f"scheduler-{n_workers}.json"
    python = [sys.executable, "-m"]
    scheduler = [*python, "distributed.cli.dask_scheduler", "--host", "127.0.0.1"]
    worker = [*python, "distributed.cli.dask_worker", "--nthreads", "1"]
    common = ["--scheduler-file", str(file), "--no-dashboard"]
    # Each worker counts on one thread, as the processes of `--jobs` do.
    environment = os.environ | {"NPROC": "1"}
    started = [
        subprocess.Popen(
            [*command, *common],
            start_new_session=True,
            env=environment,
            stderr=subprocess.DEVNULL,
        )
        for command in (
            [*scheduler, "--port", "0"],
            [*worker, "--nworkers", str(n_workers)],
        )
    ]
    try:
        while not file.exists():
            time.sleep(0.05)
        yield f"dask:{file}"
    finally:
        for process in started:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def seconds(n_workers: int, n_runs: int, epochs: int) -> float:
    """Wall clock of a sweep on warm workers."""
    with tempfile.TemporaryDirectory() as name, dask(n_workers, Path(name)) as cluster:
        warm, timed = (
            [{"seed": seed, "epochs": epochs} for seed in seeds]
            for seeds in (range(4 * n_workers), range(1000, 1000 + n_runs))
        )
        with cluster_workers(cluster, n_jobs=n_workers) as workers:
            sweep(jobs_of("planted", warm, Path(name)), work=work, workers=workers)
            jobs = jobs_of("planted", timed, Path(name))
            start = time.perf_counter()
            result = sweep(jobs, work=work, workers=workers)
            elapsed = time.perf_counter() - start
    if result.failures:
        sys.exit(f"A run failed: {result.failures[0].sentence}")
    return elapsed


def main() -> None:
    """Measure, and write the row of the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--epochs", type=int, default=3)
    arguments = parser.parse_args()
    one, four = (seconds(n, arguments.runs, arguments.epochs) for n in (1, 4))
    numbers = f"{one:.1f}", f"{four:.1f}", f"{one / four:.2f}"
    runs = f"{arguments.runs} of {arguments.epochs} epochs"
    put_row("clusters.md", HEAD, runs, *numbers)


if __name__ == "__main__":
    main()
