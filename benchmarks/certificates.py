"""Proven gaps of two-layer ReLU networks: size of the problem, gap, time, cones.

    python benchmarks/certificates.py              # all tables; hours
    python benchmarks/certificates.py --only real  # one of planted, real, largest
    python benchmarks/certificates.py --quick      # small ones, writes nothing

`planted`: Gaussian inputs, labels of two planted neurons of opposite signs, noise 0.1,
five seeds each. `real`: 100 samples of scikit-learn's diabetes and breast cancer, at
their leading principal components, inputs and labels standardised. `largest`: the
largest number of samples, doubled, whose gap of 1e-2 is proven within five minutes,
beside the largest whose patterns can be enumerated. Training (the lasso over neurons)
is part of the time, compilation is not. What a limit of time leaves open is reported
as it is. Every table is a file of its own in `docs/benchmarks/`.
"""

import argparse
import itertools
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn import datasets
from sklearn.decomposition import PCA

from overparam.convex import SearchLimits, solve_global


TABLES = Path(__file__).parent.parent / "docs" / "benchmarks"
HEAD = (
    "| {} | gap | proven | largest gap | seconds: median, most | cones |\n"
    "|---|---|---|---|---|---|\n"
)
Problem = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Row:
    n: int
    d: int
    penalty: float
    gap: float
    seconds: float


MOST_ENUMERATED = 4000
"""Activation patterns above which `certify_network` does not enumerate."""
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
    Row(60, 20, 0.1, 1e-2, 60),
    Row(100, 20, 0.1, 1e-2, 60),
)


def problem(row: Row, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x, planted = rng.standard_normal((row.n, row.d)), rng.standard_normal((row.d, 2))
    y = np.maximum(x @ planted, 0) @ np.array([1.0, -1.0])
    return x, y + 0.1 * rng.standard_normal(row.n)


def measured(label: str, problems: Sequence[Problem], row: Row) -> str:
    """One line of a table: how near to a proof all problems come in the time."""
    gaps, times, cones = [], [], []
    for x, y in problems:
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
        f"| {label} | {row.gap:g} | {proven} of {len(problems)} | "
        f"{max(gaps):.2g} | {np.median(times):.1f}, {max(times):.1f} | "
        f"{int(np.median(cones)):,} |"
    )


def planted(quick: bool) -> Iterator[str]:
    """Gaussian inputs and planted neurons."""
    yield HEAD.format("n, d, beta")
    for row in QUICK if quick else ROWS:
        problems = [problem(row, seed) for seed in range(1 if quick else 5)]
        yield measured(f"{row.n}, {row.d}, {row.penalty:g}", problems, row) + "\n"


def real(quick: bool) -> Iterator[str]:
    """Real data at their leading principal components."""
    yield HEAD.format("data, n, d, beta")
    for name in ("diabetes", "breast_cancer"):
        for d in (3,) if quick else (3, 5, 8):
            row = Row(30 if quick else 100, d, 0.1, 1e-2, 20 if quick else 300)
            label = f"{name.replace('_', ' ')}, {row.n}, {d}, {row.penalty:g}"
            yield measured(label, [real_problem(name, row)], row) + "\n"


def real_problem(name: str, row: Row) -> Problem:
    """Samples that are drawn, standardised, at their leading components."""
    given = getattr(datasets, f"load_{name}")()
    chosen = np.random.default_rng(0).permutation(len(given.data))[: row.n]
    x, y = given.data[chosen], given.target[chosen].astype(float)
    x, y = ((values - values.mean(0)) / values.std(0) for values in (x, y))
    return PCA(row.d).fit_transform(x), y


def largest(quick: bool) -> Iterator[str]:
    """The most samples within the time, by dimension."""
    seconds = 5.0 if quick else 300.0
    yield "| d | beta | most samples proven to 1e-2 | seconds | enumerable up to |\n"
    yield "|---|---|---|---|---|\n"
    for d in (2, 3) if quick else (2, 3, 5, 8, 10, 20):
        most, spent, n = 0, 0.0, max(10, 2 * d)
        while True:
            x, y = problem(Row(n, d, 0.1, 1e-2, seconds), 0)
            start, limits = time.perf_counter(), SearchLimits(seconds=seconds)
            if not solve_global(x, y, penalty=0.1, limits=limits).proven:
                break
            most, spent, n = n, time.perf_counter() - start, 2 * n
        # Of samples in general position (Cover 1965).
        enumerable = next(
            n
            for n in itertools.count(1)
            if 2 * sum(math.comb(n, k) for k in range(d)) > MOST_ENUMERATED
        )
        yield f"| {d} | 0.1 | {most or 'none'} | {spent:.0f} | {enumerable} |\n"


PARTS = {
    "planted": ("Certificates of planted networks", planted),
    "real": ("Certificates on real data", real),
    "largest": ("The largest problems with a certificate", largest),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=PARTS)
    given = parser.parse_args()
    solve_global(*problem(Row(9, 2, 0.1, 0.1, 1), 0), penalty=0.1)  # Compiles.
    for name in [given.only] if given.only else PARTS:
        title, made = PARTS[name]
        lines = []
        for line in made(given.quick):
            print(line, end="", flush=True)
            lines.append(line)
        if not given.quick:
            file = TABLES / f"certificates-{name}.md"
            file.write_text(f"# {title}\n\n" + "".join(lines))


if __name__ == "__main__":
    main()
