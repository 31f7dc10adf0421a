"""Time of one epoch of the planted study against PyTorch, each in its own process.

    python benchmarks/planted.py
    python benchmarks/planted.py --newest PYTHON   # `ours` under a second interpreter

Contenders take turns for several rounds, so that a busy machine disturbs all alike, and
are compared by their fastest epochs. Writes the table `docs/benchmarks/planted.md`.
"""

import argparse
import importlib.util
import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median


HERE = Path(__file__).parent
TABLE = HERE.parent / "docs" / "benchmarks" / "planted.md"
FOUR_RATES = "four_rates"


@dataclass(frozen=True)
class Contender:
    name: str
    title: str
    module: str
    n_epochs: int


CONTENDERS = (
    Contender("exercise", "the exercise's way: loader, autograd", "torch", 3),
    Contender("careful", "careful PyTorch: batches, own gradients", "torch", 20),
    Contender("ours", "overparam: records and exact risk included", "jax", 20),
    Contender("numbers", "floor: normal numbers alone", "jax", 20),
    Contender("labels", "floor: teacher products alone", "jax", 20),
    Contender("steps", "floor: student steps alone", "jax", 20),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--newest", help="interpreter with the newest jax")
    parser.add_argument("--only", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        print(json.dumps(measure(arguments.only)))
    elif importlib.util.find_spec("torch") is None:
        print("Skipped: the comparison needs PyTorch (`pip install overparam[torch]`).")
    else:
        report = compare(arguments.rounds, arguments.newest)
        TABLE.write_text(report)
        print(report)


def measure(name: str) -> dict:
    """Run one contender in this process."""
    if name == FOUR_RATES:
        module, n_epochs = "jax", 20
    else:
        contender = next(c for c in CONTENDERS if c.name == name)
        module, n_epochs = contender.module, contender.n_epochs
    sys.path.insert(0, str(HERE / "contenders"))
    seconds = getattr(importlib.import_module(f"planted_{module}"), name)(n_epochs)
    version = importlib.import_module(module).__version__
    return {"seconds": seconds, "version": f"{module} {version}"}


def compare(n_rounds: int, newest: str | None) -> str:
    """Run everything in turn and write the table."""
    entries = [(c.name, c.title, sys.executable) for c in CONTENDERS]
    if newest:
        entries.append(("ours", "overparam on the newest jax", newest))
    times: list[list[float]] = [[] for _ in entries]
    versions = [""] * len(entries)
    cold = []
    for number in range(n_rounds):
        for index, (name, _, python) in enumerate(entries):
            result = launch(name, python)
            times[index] += result["seconds"]
            versions[index] = result["version"]
        start = time.perf_counter()
        launch(FOUR_RATES, sys.executable)
        cold.append(time.perf_counter() - start)
        print(f"round {number + 1} of {n_rounds} done", file=sys.stderr)
    rows = [
        (title, version, values)
        for (_, title, _), version, values in zip(entries, versions, times, strict=True)
    ]
    return table(rows, cold)


def launch(name: str, python: str) -> dict:
    """Run one contender in a process of its own."""
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [python, __file__, "--only", name],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | threads,
    )
    return json.loads(done.stdout.splitlines()[-1])


def table(rows: list[tuple[str, str, list[float]]], cold: list[float]) -> str:
    """Fastest and median epochs, and ratios of the fastest."""
    exercise, careful, ours = (min(rows[i][2]) for i in range(3))
    floor = sum(min(rows[i][2]) for i in (3, 4, 5))
    lines = [
        "# Time of one epoch of `planted`",
        "",
        "1000 SGD steps on 10 000 fresh samples: D = 150, 10 outputs, 60 teacher and",
        "120 student neurons, batch 10, float32. Every entry ran in its own process on",
        f"{os.cpu_count()} cores ({platform.machine()}), {len(cold)} times in turn. "
        "Ratios are of the fastest",
        "epochs, because other work shared the machine; machines differ, so read them.",
        "",
        "| what | with | fastest, ms | median, ms | exercise / this | careful / this |",
        "|---|---|---|---|---|---|",
    ]
    for title, version, values in rows:
        best = min(values)
        lines.append(
            f"| {title} | {version} | {1000 * best:.1f} | {1000 * median(values):.1f} "
            f"| {exercise / best:.1f} | {careful / best:.2f} |"
        )
    lines += [
        "",
        f"Sum of the three floors: {1000 * floor:.1f} ms per epoch; overparam takes "
        f"{ours / floor:.2f} times that.",
        f"Twenty times the speed of the exercise's way would be "
        f"{1000 * exercise / 20:.1f} ms here.",
        "",
        "The learning-rate test (four rates, 20 epochs each), from the start of the",
        f"process to its end, imports and compilation included: {min(cold):.1f} s at "
        f"best, {median(cold):.1f} s in the median.",
        "",
        "Written by `python benchmarks/planted.py`.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
