"""Convex solvers against CVXPY with Clarabel, and pyscnn where it is installed.

    python benchmarks/recovery.py            # all problems, about four minutes
    python benchmarks/recovery.py --quick    # without the two large ones

Every row is one problem, solved by both in this process. Ours stops at a certified
relative gap of 1e-6, recomputed from the returned arrays; Clarabel runs at its default
accuracy. The ratio is Clarabel's wall time (CVXPY's compilation included, as a user
waits for it) over ours, the best of several runs of ours and one of Clarabel's.
"""

import argparse
import os
import time


os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from overparam.convex.interior_point import solve
from overparam.convex.patterns import patterns_of, with_directions
from overparam.convex.programs import Program, convex_program
from overparam.convex.reference import solve_reference


TOLERANCE = 1e-6
# Name, network, relaxation, n, d, penalty, target ratio.
ROWS = [
    ("gated skip", "skip", "gated", 100, 25, None, None),
    ("gated skip", "skip", "gated", 200, 50, None, 100),
    ("gated skip", "skip", "gated", 400, 100, None, 200),
    ("exact skip", "skip", "exact", 100, 25, None, None),
    ("exact skip", "skip", "exact", 200, 50, None, 20),
    ("normalised", "normalised", "gated", 100, 25, None, None),
    ("normalised", "normalised", "gated", 200, 50, None, 20),
    ("gated plain", "plain", "gated", 200, 50, 0.01, None),
    ("exact plain", "plain", "exact", 100, 25, 0.01, None),
]


def problem(network: str, relaxation: str, n: int, d: int, penalty) -> Program:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((n, d)) / np.sqrt(n)
    direction = rng.standard_normal(d)
    direction /= np.linalg.norm(direction)
    rng.standard_normal(n)
    gates = rng.standard_normal((d, max(n, 50))).T
    patterns, y = patterns_of(x, gates), x @ direction
    if network == "normalised":
        patterns = with_directions(patterns, x, direction[None])
        y = np.maximum(y, 0)
        y /= np.linalg.norm(y)
    return convex_program(
        x, y, patterns=patterns, network=network, relaxation=relaxation, penalty=penalty
    )


def best_time(program: Program, repeats: int):
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        solution = solve(program, tolerance=TOLERANCE)
        seconds.append(time.perf_counter() - start)
    return solution, min(seconds)


def row(name, network, relaxation, n, d, penalty, target) -> None:
    program = problem(network, relaxation, n, d, penalty)
    ours, seconds = best_time(program, 3)
    start = time.perf_counter()
    reference = solve_reference(program)
    waited = time.perf_counter() - start
    ratio = waited / seconds
    met = (
        ""
        if target is None
        else f"  target {target}x {'met' if ratio >= target else 'MISSED'}"
    )
    agreement = abs(ours.primal - reference.primal) / max(abs(ours.primal), 1e-300)
    print(
        f"{name:12s} {n:4d} x {d:3d}, {program.groups.n_groups:4d} groups: ours "
        f"{seconds:7.4f} s (gap {ours.gap:.0e}, {ours.iterations} it), Clarabel "
        f"{waited:7.2f} s, ratio {ratio:6.0f}x, values agree to {agreement:.0e}{met}",
        flush=True,
    )


def against_scnn() -> None:
    """Gated penalised programme against pyscnn (import name `scnn`), if installed."""
    try:
        from scnn.metrics import Metrics
        from scnn.models import ConvexGatedReLU
        from scnn.optimize import optimize_model
        from scnn.regularizers import NeuronGL1
        from scnn.solvers import RFISTA
    except ImportError:
        print("pyscnn is not installed: pip install --no-deps pyscnn==0.0.10")
        return
    penalty = 0.01
    program = problem("plain", "gated", 200, 50, penalty)
    x, y = program.groups.x, program.y
    ours, seconds = best_time(program, 3)
    for tolerance in (1e-6, 1e-10, 1e-12, 1e-14):
        model = ConvexGatedReLU(np.ascontiguousarray(program.patterns.gates.T))
        start = time.perf_counter()
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
        waited = time.perf_counter() - start
        weights = np.asarray(found.parameters[0], np.float64).reshape(-1, x.shape[1])
        active = x @ found.G >= 0  # It reorders the gates.
        error = (active * (x @ weights.T)).sum(axis=1) - y
        value = 0.5 * error @ error + penalty * np.linalg.norm(weights, axis=1).sum()
        excess = value / ours.lower - 1
        print(
            f"pyscnn gated 200 x 50, tol {tolerance:.0e}: {waited:.3f} s and "
            f"{excess:.1e} above the optimum; ours {seconds:.4f} s to {ours.gap:.0e}: "
            f"ratio {waited / seconds:.0f}x",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="leave out n >= 200")
    quick = parser.parse_args().quick
    for given in ROWS:
        if not quick or given[3] < 200:
            row(*given)
    against_scnn()


if __name__ == "__main__":
    main()
