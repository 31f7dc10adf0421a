"""What the first commands of a reader cost, as whole commands.

    python benchmarks/commands.py [--repeats 3]

Fastest of several, in a fresh folder of runs. *At first* compiles; afterwards compiled
programs are kept. Writes the page `docs/benchmarks/commands.md`.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jax
from pages import PAGES


COMMANDS = ("run timescales", "run images --epochs 1")
PAGE = """\
# Default runs

Seconds of whole commands by the clock, and of the processor: start, data, training,
records and storing. At first programs are compiled; afterwards they are kept. Fastest
of {repeats}; jax {jax}, {cores} cores with a load of {load:.0f}. Where other work
shares them, the smaller of clock and processor is held against the target.

| command | at first | of the processor | kept | kept, of the processor |
|---|---|---|---|---|
{rows}

Written by `python benchmarks/commands.py`.
"""


def cost(command: str, kept: str) -> tuple[float, float]:
    """Seconds by the clock and of the processor."""
    with tempfile.TemporaryDirectory() as runs:
        words = [sys.executable, "-m", "overparam", *command.split(), "--runs", runs]
        keep = {
            "JAX_COMPILATION_CACHE_DIR": kept,
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        }
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.perf_counter()
        subprocess.run(words, check=True, capture_output=True, env=os.environ | keep)
        wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = [used.ru_utime + used.ru_stime for used in (before, after)]
    return wall, spent[1] - spent[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    rows = []
    for command in COMMANDS:
        first, later = [], []
        for _ in range(repeats):
            with tempfile.TemporaryDirectory() as kept:
                first.append(cost(command, kept))
                later.append(cost(command, kept))
        told = [f"{seconds:.1f}" for seconds in (*min(first), *min(later))]
        rows.append(f"| `overparam {command}` | {' | '.join(told)} |")
        print(rows[-1], flush=True)
    text = PAGE.format(
        rows="\n".join(rows),
        repeats=repeats,
        jax=jax.__version__,
        cores=os.cpu_count(),
        load=os.getloadavg()[1],
    )
    Path(PAGES, "commands.md").write_text(text)


if __name__ == "__main__":
    main()
