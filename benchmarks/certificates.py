"""Proven gaps of two-layer ReLU networks: size of the problem, gap, time, nodes.

    python benchmarks/certificates.py                      # all tables; hours
    python benchmarks/certificates.py --only real  # or planted, root, largest, curve
    python benchmarks/certificates.py --only planted --row "50, 8"
    python benchmarks/certificates.py --quick              # small ones, writes nothing

`planted`: Gaussian inputs, labels of two planted neurons of opposite signs, noise 0.1,
five seeds each. `real`: 100 samples of scikit-learn's diabetes and breast cancer, at
their leading principal components, inputs and labels standardised. `root`: the bound
without branching against CVXPY with Clarabel, both signs, the same problems. `largest`:
the largest number of samples, doubled, whose gap of 1e-2 is proven within the time,
beside the largest whose patterns can be enumerated. `curve`: when the gap of a planted
network falls below each power of ten, and a figure of it. Training (the lasso over
neurons) is part of the time, compilation is not.

Every search has `--patience` times the seconds of its target, so that other work on
the machine does not decide; a target is met where the gap is proven and the seconds,
or those of the processor (both cores together), are within it. What a limit leaves
open is reported as it is. Every table is a file of its own in `docs/benchmarks/`, into
which a row is written once it is measured; rows of other runs stay.
"""

import argparse
import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cvxpy as cp
import numpy as np
from sklearn import datasets
from sklearn.decomposition import PCA

from overparam import plots
from overparam.convex import SearchLimits, solve_global
from overparam.convex.certificates import branch_and_price, signed


TABLES = Path(__file__).parent.parent / "docs" / "benchmarks"
HEAD = (
    "| {} | gap asked for | proven | largest gap | seconds asked for | "
    "median, most | of the processor | nodes | target |\n"
    "|---|---|---|---|---|---|---|---|---|\n"
)
Problem = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Row:
    n: int
    d: int
    penalty: float
    gap: float
    seconds: float


NOTE = (
    "Two cores that other work shared: of seconds and processor seconds (both cores "
    "together)\nthe smaller one is held against the target. Written by "
    "`python benchmarks/certificates.py`, which\nsays what is measured."
)
REPEATED = 20
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


def measured(label: str, problems: Sequence[Problem], row: Row, patience: float) -> str:
    """One line of a table: how near to a proof all problems come in the time."""
    gaps, times, processor, nodes = [], [], [], []
    for x, y in problems:
        start, busy = time.perf_counter(), time.process_time()
        found = solve_global(
            x,
            y,
            penalty=row.penalty,
            gap=row.gap,
            limits=SearchLimits(seconds=patience * row.seconds),
        )
        times.append(time.perf_counter() - start)
        processor.append(time.process_time() - busy)
        gaps.append(found.gap)
        nodes.append(found.n_nodes)
    proven = sum(gap <= row.gap for gap in gaps)
    spent = max(map(min, times, processor))
    met = proven == len(problems) and spent <= row.seconds
    return (
        f"| {label} | {row.gap:g} | {proven} of {len(problems)} | {max(gaps):.2g} | "
        f"{row.seconds:g} | {np.median(times):.1f}, {max(times):.1f} | "
        f"{np.median(processor):.1f}, {max(processor):.1f} | "
        f"{int(np.median(nodes)):,} | {'met' if met else 'not met'} |\n"
    )


def planted(given: argparse.Namespace) -> Iterator[tuple[str, Callable[[], str]]]:
    """Gaussian inputs and planted neurons."""
    for row in QUICK if given.quick else ROWS:
        problems = [problem(row, seed) for seed in range(1 if given.quick else 5)]
        label = f"{row.n}, {row.d}, {row.penalty:g}"
        yield label, partial(measured, label, problems, row, given.patience)


def real(given: argparse.Namespace) -> Iterator[tuple[str, Callable[[], str]]]:
    """Real data at their leading principal components."""
    for name in ("diabetes", "breast_cancer"):
        for d in (3,) if given.quick else (3, 5, 8):
            n, seconds = (30, 20) if given.quick else (100, given.seconds)
            row = Row(n, d, 0.1, 1e-2, seconds)
            label = f"{name.replace('_', ' ')}, {n}, {d}, {row.penalty:g}"
            problems = [real_problem(name, row)]
            yield label, partial(measured, label, problems, row, given.patience)


def real_problem(name: str, row: Row) -> Problem:
    """Samples that are drawn, standardised, at their leading components."""
    given = getattr(datasets, f"load_{name}")()
    chosen = np.random.default_rng(0).permutation(len(given.data))[: row.n]
    x, y = given.data[chosen], given.target[chosen].astype(float)
    x, y = ((values - values.mean(0)) / values.std(0) for values in (x, y))
    return PCA(row.d).fit_transform(x), y


def root(given: argparse.Namespace) -> Iterator[tuple[str, Callable[[], str]]]:
    """The bound without branching against a solver of semidefinite programmes."""
    for n, d in ((20, 5),) if given.quick else ((20, 5), (60, 10), (60, 20), (100, 10)):
        label = f"{n}, {d}"
        yield label, partial(against_cvxpy, label, n, d, 1 if given.quick else 5)


def against_cvxpy(label: str, n: int, d: int, seeds: int) -> str:
    """One line: the ratios of values and of processor seconds."""
    values, ours, theirs = [], [], []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        x, dual = rng.standard_normal((n, d)), rng.standard_normal(n)
        start = time.process_time()
        for _ in range(REPEATED):
            bound = signed.signed_activation(x, dual)
        ours.append((time.process_time() - start) / REPEATED)
        start = time.process_time()
        best = max(programme(x, dual), programme(x, -dual))
        theirs.append(time.process_time() - start)
        values.append(bound / best - 1)
    ratio = np.median(theirs) / np.median(ours)
    met = "met" if max(values) <= 0.02 and ratio >= 100 else "not met"
    return (
        f"| {label} | {max(values):.1e} | {1e3 * np.median(ours):.2f} | "
        f"{1e3 * np.median(theirs):.0f} | {ratio:.0f} | {met} |\n"
    )


def programme(x: np.ndarray, dual: np.ndarray) -> float:
    """The semidefinite programme of one sign, by an outside solver."""
    free = 0.5 * dual[dual > 0, None] * x[dual > 0]
    linear = dual[dual < 0, None] * x[dual < 0]
    a, delta, t = cp.Variable(len(linear)), cp.Variable(len(free) + 1), cp.Variable()
    r = free.sum(axis=0) + linear.T @ a
    rows = cp.vstack([cp.reshape(r, (1, x.shape[1]), order="C"), free])
    block = cp.bmat([[cp.diag(delta), rows], [rows.T, t * np.eye(x.shape[1])]])
    least = cp.Minimize((t + cp.sum(delta)) / 2)
    problem = cp.Problem(least, [block >> 0, a >= 0, a <= 1])
    return float(problem.solve(solver="CLARABEL"))


def largest(given: argparse.Namespace) -> Iterator[tuple[str, Callable[[], str]]]:
    """The most samples within the time, by dimension."""
    for d in (2, 3) if given.quick else (2, 3, 5, 8, 10, 20):
        seconds = 5.0 if given.quick else given.seconds
        yield str(d), partial(most_samples, d, seconds, given.patience)


def most_samples(d: int, seconds: float, patience: float) -> str:
    """One line: samples are doubled until the time is not enough."""
    most, spent, busy, n = 0, 0.0, 0.0, max(10, 2 * d)
    # Of samples in general position (Cover 1965).
    enumerable = next(
        k
        for k in itertools.count(1)
        if 2 * sum(math.comb(k, i) for i in range(d)) > MOST_ENUMERATED
    )
    while True:
        x, y = problem(Row(n, d, 0.1, 1e-2, seconds), 0)
        start, first = time.perf_counter(), time.process_time()
        limits = SearchLimits(seconds=patience * seconds)
        proven = solve_global(x, y, penalty=0.1, limits=limits).proven
        times = time.perf_counter() - start, time.process_time() - first
        if not proven or min(times) > seconds:
            break
        most, (spent, busy), n = n, times, 2 * n
    met = "met" if most >= enumerable else "not met"
    return (
        f"| {d} | {seconds:g} | {most or 'none'} | {spent:.0f} | {busy:.0f} | "
        f"{enumerable} | {met} |\n"
    )


CURVES = ((20, 5, 0.1), (50, 8, 0.1), (200, 5, 0.1), (60, 10, 0.05), (1000, 3, 0.1))
GAPS = (1.0, 0.1, 0.01, 0.001)
FIGURE = TABLES.parent / "figures" / "certificates-curve.png"


def curve(given: argparse.Namespace) -> Iterator[tuple[str, Callable[[], str]]]:
    """The gap against processor time; in the end all that were measured are drawn."""
    curves: dict[str, tuple[list[float], list[float]]] = {}
    for n, d, penalty in CURVES[:1] if given.quick else CURVES:
        row = Row(n, d, penalty, GAPS[-1], given.seconds)
        label = f"{n}, {d}, {penalty:g}"
        yield label, partial(gaps_in_time, label, row, curves)
    if curves and not given.quick:
        figure, ((axes,),) = plots.panels(width=5.6)
        for (label, curve), colour in zip(curves.items(), plots.COLOURS, strict=False):
            axes.step(*curve, where="post", label=label, color=colour)
        axes.set(xscale="log", yscale="log", ylim=(GAPS[-1], 10))
        axes.set(xlabel="processor time in seconds", ylabel="relative gap proven")
        plots.legend(axes, title="samples, dimensions, penalty")
        FIGURE.write_bytes(plots.rendered(figure, "png"))


def gaps_in_time(label: str, row: Row, curves: dict) -> str:
    """One line and one curve: the gap of what is known at every moment."""
    times, gaps, start = [], [], time.process_time()

    def noted(found: branch_and_price.GlobalOptimum) -> None:
        times.append(time.process_time() - start)
        gaps.append(found.gap)

    limits = SearchLimits(seconds=row.seconds)
    x, y = problem(row, 0)
    noted(
        solve_global(x, y, penalty=row.penalty, gap=row.gap, limits=limits, watch=noted)
    )
    curves[label] = times, gaps
    reached = np.searchsorted(-np.array(gaps), -np.array(GAPS))
    told = [f"{times[i]:.2f}" if i < len(times) else "open" for i in reached]
    return f"| {label} | {' | '.join(told)} | {gaps[-1]:.2g} in {times[-1]:.0f} s |\n"


PARTS = {
    "planted": (
        "Certificates of planted networks", HEAD.format("n, d, beta"), planted
    ),
    "real": ("Certificates on real data", HEAD.format("data, n, d, beta"), real),
    "root": (
        "The bound without branching against CVXPY with Clarabel",
        "| n, d | most above CVXPY's | ms | ms of CVXPY | ratio | 2 %, 100 times |\n"
        "|---|---|---|---|---|---|\n",
        root,
    ),
    "largest": (
        "The largest problems with a certificate",
        "| d | seconds asked for | most samples proven to 1e-2 | seconds | of the "
        "processor | enumerable up to | more than enumerable |\n"
        "|---|---|---|---|---|---|---|\n",
        largest,
    ),
    "curve": (
        "The gap of a certificate against time\n\n"
        "![Relative gap against processor time](../figures/certificates-curve.png)",
        f"| n, d, beta | {' | '.join(f'seconds to {gap:g}' for gap in GAPS)} | "
        "in the end |\n|---|---|---|---|---|---|\n",
        curve,
    ),
}  # fmt: skip


def write(name: str, label: str, line: str) -> None:
    """Put a row into its table, in the place of an earlier one of the same problem."""
    title, head, _ = PARTS[name]
    file = TABLES / f"certificates-{name}.md"
    lines = file.read_text().splitlines(keepends=True) if file.exists() else []
    rows = [row for row in lines if row.startswith("|")][2:]
    same = [row.startswith(f"| {label} |") for row in rows]
    if any(same):
        rows[same.index(True)] = line
    else:
        rows.append(line)
    file.write_text(f"# {title}\n\n{NOTE}\n\n{head}{''.join(rows)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--row", default="", help="only rows that begin so")
    parser.add_argument("--seconds", type=float, default=300.0, help="real, largest")
    parser.add_argument("--patience", type=float, default=3.0)
    given = parser.parse_args()
    for d in (2, 7):  # Compiles both searches.
        solve_global(*problem(Row(9, d, 0.1, 0.1, 1), 0), penalty=0.1, gap=1e-4)
    for name in [given.only] if given.only else PARTS:
        for label, made in PARTS[name][2](given):
            if label.startswith(given.row):
                line = made()
                print(line, end="", flush=True)
                if not given.quick:
                    write(name, label, line)


if __name__ == "__main__":
    main()
