"""What it brings to train four learning rates of `planted` in one program.

    python benchmarks/batches.py [--repeats 5]

Processor time per run and epoch (10,000 samples), four runs one after the other
against the same four together, alternately, compilation left out. Fails if together
they cost more, or if their objectives are not the same to five digits. Writes the page
`docs/benchmarks/batches.md`.
"""

import argparse
import os
import sys
import time
from pathlib import Path


os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from overparam import Context
from overparam.studies.planted.config import Planted
from overparam.studies.planted.run import run_together


RATES = (1e-4, 1e-3, 1e-2, 1e-1)
SIZES = ((120, 10), (60, 100))
TABLE = Path(__file__).parent.parent / "docs" / "benchmarks" / "batches.md"
PAGE = """\
# Runs done together

Runs of a sweep that see the same samples and have the same shapes are trained in one
compiled program and stored as separate runs (`studies/planted/__init__.py`:
`batchable`, `run_together`). The samples are drawn once. On a CPU the trainings
themselves run one after the other inside the program (`lax.map`).

Processor time per run and epoch (10,000 samples): four learning rates in one program
against four separate runs, the best of {repeats} after compilation. The objectives
after {epochs} epochs are the same to five digits. Read the ratio, because other work
shared the machine.

| width | batch size | separate | together | ratio |
|---|---|---|---|---|
{rows}

What follows from it:

- Batched are only fields that leave the samples as they are (`planted`:
  `learning_rate`, `init_scale`, `readout_rate`, `stop_below`). Seeds have streams of
  their own. On a CPU nothing is shared, nothing gained.
- Nothing is batched where fewer batches than processes would be left, nor on a
  cluster, whose workers are many.
- At most eight runs make a batch: the drawing is an eighth of its cost by then.

On a GPU `train_together` maps groups by `vmap`, where batches of seeds should gain
too. That is not measured here and not switched on. Written by
`python benchmarks/batches.py`.
"""


def main():
    """Measure, write, and tell by the exit code whether batches pay."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=6)
    arguments = parser.parse_args()
    worst, rows = np.inf, []
    for width, batch_size in SIZES:
        fields = {"width": width, "batch_size": batch_size, "stop_below": 0.0}
        fields["epochs"] = arguments.epochs + 1
        configs = [Planted(learning_rate=rate, **fields) for rate in RATES]
        apart = [[config] for config in configs]
        times = {"separate": [], "together": []}
        reference = None
        for _ in range(arguments.repeats):
            for name, groups in (("separate", apart), ("together", [configs])):
                found = [measure(group) for group in groups]
                times[name].append(sum(seconds for seconds, _ in found) / len(RATES))
                losses = [loss for _, some in found for loss in some]
                reference = reference or losses
                np.testing.assert_allclose(losses, reference, rtol=1e-5)
        best = {name: 1e3 * min(values) for name, values in times.items()}
        ratio = best["separate"] / best["together"]
        worst = min(worst, ratio)
        rows.append(
            f"| {width} | {batch_size} | {best['separate']:.1f} ms | "
            f"{best['together']:.1f} ms | {ratio:.1f} |"
        )
        print(rows[-1], flush=True)
    sizes = {"repeats": arguments.repeats, "epochs": arguments.epochs + 1}
    TABLE.write_text(PAGE.format(rows="\n".join(rows), **sizes))
    return 0 if worst >= 1 else 1


def measure(configs):
    """Processor time per epoch after the first, and the last objectives."""
    ticks = []
    context = Context(progress=lambda *_, **__: ticks.append(time.process_time()))
    outcomes = run_together(configs, context)
    losses = [outcome.metrics["loss"][-1] for outcome in outcomes]
    return (ticks[-1] - ticks[0]) / (len(ticks) - 1), losses


if __name__ == "__main__":
    sys.exit(main())
