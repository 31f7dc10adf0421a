"""Proven gaps of two-layer ReLU networks: size of the problem, gap, time, cones.

    python benchmarks/certificates.py            # all problems, 5 seeds each; long
    python benchmarks/certificates.py --quick    # small ones, one seed, writes nothing

Gaussian inputs, labels of two planted neurons of opposite signs, noise 0.1. Training
(the lasso over neurons) is part of the time, compilation is not. What a limit of time
leaves open is reported as it is. Writes the table `docs/benchmarks/certificates.md`.
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from overparam.convex import SearchLimits, solve_global


TABLE = Path(__file__).parent.parent / "docs" / "benchmarks" / "certificates.md"
HEAD = (
    "| n, d, beta | gap | proven | largest gap | seconds: median, most | cones |\n"
    "|---|---|---|---|---|---|\n"
)


@dataclass(frozen=True)
class Row:
    n: int
    d: int
    penalty: float
    gap: float
    seconds: float


QUICK = (Row(20, 3, 0.1, 1e-2, 20), Row(30, 5, 0.1, 1e-2, 20))
ROWS = (
    *QUICK,
    Row(50, 5, 0.1, 1e-3, 20),
    Row(40, 8, 0.1, 1e-3, 20),
    Row(5000, 2, 0.1, 1e-2, 60),
    Row(1000, 3, 0.1, 1e-2, 60),
    Row(200, 5, 0.1, 1e-2, 60),
    Row(50, 8, 0.1, 1e-2, 60),
    Row(60, 10, 0.05, 1e-2, 600),
)


def problem(row: Row, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x, planted = rng.standard_normal((row.n, row.d)), rng.standard_normal((row.d, 2))
    y = np.maximum(x @ planted, 0) @ np.array([1.0, -1.0])
    return x, y + 0.1 * rng.standard_normal(row.n)


def measured(row: Row, n_seeds: int) -> str:
    gaps, times, cones = [], [], []
    for seed in range(n_seeds):
        x, y = problem(row, seed)
        start = time.perf_counter()
        found = solve_global(
            x,
            y,
            penalty=row.penalty,
            gap=row.gap,
            limits=SearchLimits(seconds=row.seconds),
        )
        times.append(time.perf_counter() - start)
        gaps.append(found.gap)
        cones.append(found.n_nodes)
    proven = sum(gap <= row.gap for gap in gaps)
    return (
        f"| {row.n}, {row.d}, {row.penalty:g} | {row.gap:g} | {proven} of {n_seeds} | "
        f"{max(gaps):.2g} | {np.median(times):.1f} ({max(times):.1f}) | "
        f"{int(np.median(cones)):,} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    solve_global(*problem(Row(9, 2, 0.1, 0.1, 1), 0), penalty=0.1)  # Compiles.
    print(HEAD, end="")
    lines = []
    for row in QUICK if quick else ROWS:
        lines.append(measured(row, 1 if quick else 5))
        print(lines[-1], flush=True)
    if not quick:
        TABLE.write_text("# Certificates\n\n" + HEAD + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
