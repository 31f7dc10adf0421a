"""Exact readouts against 100 epochs of Adam on the same features, in one process.

Usage: python benchmarks/readout.py [--dataset mnist] [--width 1000] [--epochs 100]

Objective, processor seconds (compilation apart) and test accuracy of each way to fit
the last layer of a random network, the ratio of times, and the peak memory of the
process. Everything is measured in this run; times of different machines mean nothing.
Without options it writes the table `docs/benchmarks/readout.md`; with some it prints.
"""

import argparse
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar


os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from overparam.data import Table
from overparam.dynamics import Descent
from overparam.networks import LinearReadout
from overparam.objectives import L2Penalty
from overparam.readouts import (
    NewtonSettings,
    StoredFeatures,
    cache_features,
    logistic_readout,
    one_hot_centred,
    ridge_path,
)
from overparam.studies.features.config import Features
from overparam.studies.features.problem import Problem as Study
from overparam.studies.features.problem import frozen
from overparam.training import Plan, Training, train


_T = TypeVar("_T")
TABLE = Path(__file__).parent.parent / "docs" / "benchmarks" / "readout.md"
NOTE = """\
# Exact readouts against Adam

The readout of {width} random features of {dataset}, mean cross-entropy plus {ridge:g}/2
times its squares: {epochs} epochs of Adam (rate 1e-3, batches of 128) and Newton's
method, on the same stored features in one process. Processor seconds, without
compilation. *Times faster* is against Adam; read that, because other work shared the
machine. The features took {features:.1f} s, the process {memory:.1f} GB at most.

| | objective | seconds | compilation | times faster | test accuracy |
|---|---|---|---|---|---|
{rows}

Ridge regression minimises another objective. Written by `python benchmarks/readout.py`.
"""


@dataclass
class Problem:
    """Frozen features of the training and test images."""

    train: StoredFeatures
    labels: jax.Array
    test: jax.Array
    test_labels: jax.Array
    ridge: float

    def objective(self, readout: jax.Array) -> float:
        """Mean cross-entropy plus penalty, in float64 on the host."""
        scores = np.asarray(_times(self.train, readout), np.float64)
        top = scores.max(axis=1, keepdims=True)
        losses = np.log(np.exp(scores - top).sum(axis=1)) + top[:, 0]
        losses -= scores[np.arange(len(scores)), np.asarray(self.labels)]
        squares = float(np.sum(np.asarray(readout, np.float64) ** 2))
        return float(losses.mean()) + self.ridge / 2 * squares

    def accuracy(self, readout: jax.Array) -> float:
        """Share of test images that are classified correctly."""
        scores = self.test @ readout
        return float(jnp.mean(jnp.argmax(scores, axis=1) == self.test_labels))


@eqx.filter_jit
def _times(matrix: StoredFeatures, readout: jax.Array) -> jax.Array:
    return matrix.times(readout)


def problem(arguments: argparse.Namespace) -> tuple[Problem, float]:
    """The frozen features, and the seconds that they took."""
    config = Features(
        dataset=arguments.dataset, width=arguments.width, n_train=arguments.n_train
    )
    data = Study.of(config)
    start = data.initial_network()
    network = frozen(start, data.train.x)
    matrix, seconds = _timed(lambda: cache_features(network, data.train.x))
    if not isinstance(matrix, StoredFeatures):
        sys.exit("The features do not fit in memory: choose a smaller --width.")
    test = network.features(data.test.x)
    made = Problem(matrix, data.train.y, test, data.test.y, arguments.ridge)
    return made, seconds


def adam(given: Problem, n_epochs: int) -> tuple[jax.Array, float]:
    """The readout after `n_epochs` epochs of Adam 1e-3, batch 128, and its seconds."""
    width, n_classes = given.train.shape[1], 10
    source = Table(given.train.values, given.labels)
    per_epoch = source.steps_per_epoch(128)
    training = Training(
        dynamics=Descent(
            "cross-entropy",
            optax.adam,
            learning_rate=1e-3,
            penalty=L2Penalty({"readout": given.ridge / 2}),
        ),
        network=LinearReadout(readout=jnp.zeros((width, n_classes), jnp.float32)),
        source=source,
        key=jax.random.key(0),
    )

    def run(n: int) -> jax.Array:
        plan = Plan(n_steps=n * per_epoch, batch_size=128, record_every=per_epoch)
        return train(training, plan).network.readout

    jax.block_until_ready(run(1))
    return _timed(lambda: run(n_epochs))


def exact(given: Problem, tolerance: float) -> Callable[[], jax.Array]:
    settings = NewtonSettings(tolerance=tolerance)

    def solve() -> jax.Array:
        return logistic_readout(
            given.train,
            given.labels,
            n_classes=10,
            penalty=given.ridge,
            settings=settings,
        ).readout

    return solve


def ridge(given: Problem) -> jax.Array:
    targets = one_hot_centred(given.labels, 10, dtype=jnp.float32)
    path = ridge_path(given.train, targets, penalties=[given.ridge])
    return jnp.asarray(path.readouts[0], jnp.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument("--width", type=int, default=1000)
    parser.add_argument("--n-train", type=int, default=None)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--ridge", type=float, default=1e-4)
    parser.add_argument(
        "--tolerances", type=float, nargs="+", default=[1e-2, 1e-3, 1e-5]
    )
    parser.add_argument(
        "--once", action="store_true", help="one solve each, compilation included"
    )
    arguments = parser.parse_args()
    given, features = problem(arguments)
    rows = [
        f"| {name} | {given.objective(readout):.6f} | {seconds:.1f} | {compilation} | "
        f"{faster} | {given.accuracy(readout):.4f} |"
        for name, readout, seconds, compilation, faster in ways(given, arguments)
    ]
    report = NOTE.format(
        **vars(arguments),
        features=features,
        memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
        rows="\n".join(rows),
    )
    print(report)
    if arguments == parser.parse_args([]):
        TABLE.write_text(report)


def ways(
    given: Problem, arguments: argparse.Namespace
) -> Iterator[tuple[str, jax.Array, float, str, str]]:
    """Every fit: its name, readout, seconds, those of compilation, and the ratio."""
    baseline = float("nan")
    if arguments.epochs:
        readout, baseline = adam(given, arguments.epochs)
        yield f"Adam, {arguments.epochs} epochs", readout, baseline, "", "1"
    for tolerance in arguments.tolerances:
        solve = exact(given, tolerance)
        readout, cold = _timed(solve)
        seconds = cold
        if not arguments.once:
            readout, seconds = _timed(solve)
        compiled = f"{max(cold - seconds, 0):.1f}"
        ratio = f"{baseline / seconds:.1f}"
        yield f"Newton to {tolerance:g}", readout, seconds, compiled, ratio
    if not arguments.once:
        readout, seconds = _timed(lambda: ridge(given))
        yield "ridge regression", readout, seconds, "", f"{baseline / seconds:.1f}"


def _timed(run: Callable[[], _T]) -> tuple[_T, float]:
    begun = time.process_time()
    found = jax.block_until_ready(run())
    return found, time.process_time() - begun


if __name__ == "__main__":
    main()
