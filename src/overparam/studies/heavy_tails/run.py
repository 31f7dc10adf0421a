"""The runs of the study `heavy-tails`: noisy SGD, then pruning."""

import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from ...analysis.pruning.table import COLUMNS, pruning_rows, summary_of
from ...memory import Need, check_memory
from ...networks.layers import hidden_layers, parameters
from ...objectives.losses import LOSSES
from ...training.plan import has_finite_losses
from ...training.single import train
from ..study import Context, Outcome
from . import measure
from .config import HeavyTails
from .problem import Problem


def run(config: HeavyTails, context: Context) -> Outcome:
    """Train one network, prune it at many levels, and evaluate each."""
    problem = Problem.of(config)
    trajectory = train(problem.training(), problem.plan(), watch=context.watch())
    network = problem.final_network(trajectory)
    final = measure.fit(network, problem.data, config)
    status = trajectory.status
    if not has_finite_losses(final):
        network, status = trajectory.network, "diverged"
    rows = pruning_rows(network, problem.data.parts, loss=LOSSES[config.loss])
    outputs = {}
    for name, part in problem.data.parts.items() if config.keep_outputs else ():
        outputs[f"outputs.{name}"] = np.asarray(network(part.x))
        outputs[f"labels.{name}"] = np.asarray(part.y)
    measured: dict[str, Any] = final | summary_of(rows)
    if status == "diverged":
        measured = dict.fromkeys(measured)
    return Outcome(
        status=status,
        metrics=problem.metrics(trajectory),
        summary={
            "steps": problem.steps(trajectory),
            "accumulated_scale": problem.accumulated(problem.additions(trajectory)),
            **measured,
        },
        arrays={
            "pruning": np.array([[row[name] for name in COLUMNS] for row in rows]),
            **outputs,
        },
        network=network,
        kept=trajectory.kept,
        notes=problem.notes(status, trajectory, final),
    )


def describe(config: HeavyTails) -> dict[str, Any]:
    """Facts that are known before training."""
    problem = Problem.of(config)
    first = parameters(problem.network)[hidden_layers(problem.network)[0]]
    entries = 1 / math.sqrt(3 * first.shape[0])
    if config.network != "mlp":
        entries = float(jnp.std(first))
    problem.plan()  # Refuses what could not be trained.
    first_scale, n_noises = float(problem.scales(1)[0]), config.n_steps - 1
    # Without a number per step if they agree.
    accumulated = first_scale * n_noises ** (1 / config.alpha)
    if config.decay_exponent:
        steps = ("`n_steps`", config.n_steps)
        check_memory(Need("the noise scale of every step", [steps], 8, 4))
        accumulated = problem.accumulated(n_noises)
    return {
        "hidden layers": ", ".join(hidden_layers(problem.network)),
        "training and test samples": (
            problem.data.train.x.shape[0],
            problem.data.test.x.shape[0],
        ),
        "noise scale of the first step": first_scale,
        "scale accumulated by n_steps": accumulated,
        "standard deviation of initial entries": entries,
        "pruning ratio of the initial network": summary_of(
            pruning_rows(problem.network, {})
        )["pruning_ratio"],
    }
