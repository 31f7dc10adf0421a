"""Convex solvers against CVXPY with Clarabel, and pyscnn where it is installed.

    python benchmarks/recovery.py            # all problems, about four minutes
    python benchmarks/recovery.py --quick    # without the large ones, writes nothing

Every row is one problem, solved by both in this process. Ours stops at a certified
relative gap of 1e-6, recomputed from the returned arrays; Clarabel runs at its default
accuracy. Times are of the processor, which other work on the machine disturbs less
than the clock on the wall; both use one thread, and CVXPY's compilation counts, as a
user waits for it. Ours is the best of three runs, Clarabel's is one. Writes the table
`docs/benchmarks/recovery.md`.
"""

import argparse
import os
import time
from dataclasses import dataclass
from pathlib import Path


os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from overparam.convex import (
    Program,
    convex_program,
    patterns_of,
    solve,
    solve_reference,
    with_directions,
)
from overparam.convex.solvers import interior_point


TABLE = Path(__file__).parent.parent / "docs" / "benchmarks" / "recovery.md"
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Row:
    network: str
    relaxation: str
    n: int
    d: int
    penalty: float | None = None
    target: int | None = None

    @property
    def name(self) -> str:
        fit = "" if self.penalty is None else f", penalty {self.penalty:g}"
        return f"{self.relaxation} {self.network}{fit}"


ROWS = (
    Row("skip", "gated", 100, 25),
    Row("skip", "exact", 100, 25),
    Row("normalised", "gated", 100, 25),
    Row("plain", "exact", 100, 25, penalty=0.01),
    Row("plain", "gated", 200, 50, penalty=0.01),
    Row("skip", "gated", 200, 50, target=100),
    Row("normalised", "gated", 200, 50, target=20),
    Row("skip", "exact", 200, 50, target=20),
    Row("skip", "gated", 400, 100, target=200),
)


def problem(row: Row) -> Program:
    """Noiseless labels of one planted neuron, as in the study."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((row.n, row.d)) / np.sqrt(row.n)
    direction = rng.standard_normal(row.d)
    direction /= np.linalg.norm(direction)
    gates = rng.standard_normal((max(row.n, 50), row.d))
    patterns, y = patterns_of(x, gates), x @ direction
    if row.network == "normalised":
        patterns = with_directions(patterns, x, direction[None])
        y = np.maximum(y, 0)
        y /= np.linalg.norm(y)
    return convex_program(
        x,
        y,
        patterns=patterns,
        network=row.network,
        relaxation=row.relaxation,
        penalty=row.penalty,
    )


def fastest(row: Row, repeats: int = 3):
    """The solution and the best time; every repeat has a programme without caches."""
    seconds = []
    for _ in range(repeats):
        program = problem(row)
        start = time.process_time()
        solution = solve(program, tolerance=TOLERANCE)
        seconds.append(time.process_time() - start)
    return solution, min(seconds)


def against_clarabel(row: Row) -> str:
    program = problem(row)
    ours, seconds = fastest(row)
    start = time.process_time()
    reference = solve_reference(program)
    waited = time.process_time() - start
    ratio = waited / seconds
    verdict = "-"
    if row.target is not None:
        verdict = f"{row.target} {'met' if ratio >= row.target else 'MISSED'}"
    agreement = abs(ours.primal - reference.primal) / abs(reference.primal)
    return (
        f"| {row.name} | {row.n} x {row.d} | {program.groups.n_groups} "
        f"| {seconds:.4f} | {ours.gap:.0e} | {ours.iterations} | {waited:.2f} "
        f"| {ratio:.0f} | {verdict} | {agreement:.0e} |"
    )


def against_block_arrow() -> list[str]:
    """Large exact programmes on the active set, and in block-arrow form."""
    lines = []
    # What is compiled once and kept on disk does not count.
    solve_from(0.0, neuron(60, 10, None))
    for penalty in (None, 0.01):
        found = []
        for least in (interior_point._LARGE, np.inf):
            program = neuron(400, 100, penalty)
            start = time.process_time()
            solution = solve_from(least, program)
            found.append((solution, time.process_time() - start))
        (ours, seconds), (oracle, waited) = found
        verdict = "met" if waited >= 4.5 * seconds else "MISSED"
        active = np.count_nonzero(ours.group_norms)
        agreement = abs(ours.primal - oracle.primal) / oracle.primal
        fit = "minimum norm" if penalty is None else f"penalty {penalty:g}"
        lines.append(
            f"| {fit} | {active} of {len(ours.weights)} | {seconds:.2f} "
            f"| {ours.gap:.0e} | {waited:.1f} | {oracle.gap:.0e} "
            f"| {waited / seconds:.1f} | 4.5 {verdict} "
            f"| {agreement:.0e} |"
        )
        print(lines[-1], flush=True)
    return lines


def solve_from(least: float, program: Program):
    """A solution, on the active set from a size of the programme on."""
    usual, interior_point._LARGE = interior_point._LARGE, least
    try:
        return solve(program, tolerance=TOLERANCE)
    finally:
        interior_point._LARGE = usual


def neuron(n: int, d: int, penalty: float | None) -> Program:
    """Exact skip programme of labels of a ReLU neuron whose pattern is not sampled."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((n, d)) / np.sqrt(n)
    direction = rng.standard_normal(d)
    y = np.maximum(x @ direction / np.linalg.norm(direction), 0)
    patterns = patterns_of(x, rng.standard_normal((n, d)))
    return convex_program(
        x, y, patterns=patterns, network="skip", relaxation="exact", penalty=penalty
    )


def against_scnn() -> list[str]:
    """Gated penalised programme against pyscnn (import name `scnn`), if installed."""
    try:
        from scnn.metrics import Metrics
        from scnn.models import ConvexGatedReLU
        from scnn.optimize import optimize_model
        from scnn.regularizers import NeuronGL1
        from scnn.solvers import RFISTA
    except ImportError:
        install = "pip install --no-deps pyscnn==0.0.10 linalg_backends tqdm"
        print(f"pyscnn is not installed: {install}")
        return []
    row = Row("plain", "gated", 200, 50, penalty=0.01)
    program, penalty = problem(row), 0.01
    x, y = program.groups.x, program.y
    ours, seconds = fastest(row)
    lines = []
    for tolerance in (1e-6, 1e-10, 1e-12, 1e-14):
        model = ConvexGatedReLU(np.ascontiguousarray(program.patterns.gates.T))
        start = time.process_time()
        found, _ = optimize_model(
            model,
            RFISTA(model, tol=tolerance, max_iters=100_000),
            Metrics(),
            x,
            y[:, None],
            # Its loss is the mean, half of it: ours divided by n.
            regularizer=NeuronGL1(penalty / len(y)),
            return_convex=True,
            unitize_data=False,
            dtype="float64",
        )
        waited = time.process_time() - start
        weights = np.asarray(found.parameters[0], np.float64).reshape(-1, x.shape[1])
        active = x @ found.G >= 0  # It reorders the gates.
        error = (active * (x @ weights.T)).sum(axis=1) - y
        value = 0.5 * error @ error + penalty * np.linalg.norm(weights, axis=1).sum()
        line = (
            f"| {tolerance:.0e} | {waited:.3f} | {value / ours.lower - 1:.1e} "
            f"| {seconds:.4f} | {ours.gap:.0e} | {waited / seconds:.0f} |"
        )
        print(line, flush=True)
        lines.append(line)
    return lines


HEAD = """# Convex solvers of `recovery` against CVXPY with Clarabel

Noiseless labels of one planted neuron, max(n, 50) sampled patterns, float64, one BLAS
thread. Ours stops at a certified relative gap of 1e-6, recomputed from the arrays.
Processor seconds of both in one process (agree: relative difference of the values);
read the ratios, because other work shared the machine.

| programme | n x d | groups | ours | gap | steps | Clarabel | ratio | target | agree |
|---|---|---|---|---|---|---|---|---|---|
"""

ACTIVE_HEAD = """
Exact skip programmes, 400 x 100, of labels of one ReLU neuron whose pattern is not
among the sampled ones: the active set against the block-arrow form that solves smaller
programmes and is its oracle, both to a certified gap of 1e-6.

| fit | active | active set, s | gap | block-arrow, s | gap | ratio | target | agree |
|---|---|---|---|---|---|---|---|---|
"""

SCNN_HEAD = """
pyscnn 0.0.10 on the gated plain programme, 200 x 50, penalty 0.01, float64 (its
stopping rule is a squared subgradient norm, not a gap):

| its tolerance | its seconds | above the optimum | ours | gap | ratio |
|---|---|---|---|---|---|
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="leave out n >= 200")
    quick = parser.parse_args().quick
    lines = []
    for row in ROWS:
        if not quick or row.n < 200:
            lines.append(against_clarabel(row))
            print(lines[-1], flush=True)
    if quick:
        return
    text = HEAD + "\n".join(lines) + "\n"
    text += ACTIVE_HEAD + "\n".join(against_block_arrow()) + "\n"
    scnn = against_scnn()
    if scnn:
        text += SCNN_HEAD + "\n".join(scnn) + "\n"
    TABLE.write_text(f"{text}\nWritten by `python benchmarks/recovery.py`.\n")


if __name__ == "__main__":
    main()
