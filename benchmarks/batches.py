"""What it brings to train four learning rates of `planted` in one program.

    python benchmarks/batches.py [--repeats 5]

Processor time per run and epoch (10,000 samples), four runs one after the other
against the same four together, alternately, compilation left out. Fails if together
they cost more, or if their objectives are not the same to five digits.
"""

import argparse
import dataclasses
import os
import sys
import time


os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from overparam.dynamics.loop import train_together
from overparam.dynamics.training import Plan, Watch
from overparam.studies.planted.config import Planted
from overparam.studies.planted.run import Problem


RATES = (1e-4, 1e-3, 1e-2, 1e-1)
SIZES = ((120, 10), (60, 100))


def main():
    """Measure, print, and tell by the exit code whether batches pay."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=6)
    arguments = parser.parse_args()
    worst = np.inf
    for width, batch_size in SIZES:
        trainings = problems(width, batch_size)
        apart = [[training] for training in trainings]
        times = {"separate": [], "together": []}
        reference = None
        for _ in range(arguments.repeats):
            for name, groups in (("separate", apart), ("together", [trainings])):
                found = [
                    measure(group, batch_size, arguments.epochs) for group in groups
                ]
                times[name].append(sum(seconds for seconds, _ in found) / len(RATES))
                losses = [loss for _, some in found for loss in some]
                reference = reference or losses
                np.testing.assert_allclose(losses, reference, rtol=1e-5)
        best = {name: 1e3 * min(values) for name, values in times.items()}
        ratio = best["separate"] / best["together"]
        worst = min(worst, ratio)
        print(
            f"width {width}, batch {batch_size}: separate {best['separate']:.1f} ms, "
            f"together {best['together']:.1f} ms, ratio {ratio:.2f}",
            flush=True,
        )
    return 0 if worst >= 1 else 1


def problems(width, batch_size):
    """Trainings that differ in their step alone and share their samples."""
    fields = {"width": width, "batch_size": batch_size, "stop_below": 0.0}
    first, *others = [
        Problem.of(Planted(learning_rate=rate, **fields)).training() for rate in RATES
    ]
    same = {"source": first.source, "data_key": first.data_key}
    return [first, *(dataclasses.replace(other, **same) for other in others)]


def measure(group, batch_size, n_epochs):
    """Processor time per epoch after the first, and the last objectives."""
    steps = 10_000 // batch_size
    plan = Plan(
        n_steps=(n_epochs + 1) * steps, batch_size=batch_size, record_every=steps
    )
    ticks = []
    watch = Watch(progress=lambda *_, **__: ticks.append(time.process_time()))
    trajectories = train_together(group, plan, watch=watch)
    losses = [trajectory.records[-1]["loss"] for trajectory in trajectories]
    return (ticks[-1] - ticks[0]) / n_epochs, losses


if __name__ == "__main__":
    sys.exit(main())
