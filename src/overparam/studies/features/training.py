"""All layers trained by descent, with per-layer penalties in either form."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax
import optax

from ...analysis.resampling.laws import sampling_law
from ...analysis.resampling.repopulation import repopulate
from ...data.source import Table
from ...dynamics.descent import Descent
from ...dynamics.optimisers.decoupled import decoupled
from ...dynamics.optimisers.schedules import StepDecay
from ...keys import purpose_key
from ...networks.network import Network
from ...objectives.penalties import L2Penalty
from ...training.plan import Plan, Training, Trajectory
from ...training.single import train
from ..study import Context
from .config import Features
from .measures import measures
from .problem import Problem, frozen


OPTIMISERS = {"adam": optax.adam, "sgd": optax.sgd}


def train_all(problem: Problem, context: Context) -> Trajectory:
    """Train all layers for `config.epochs_of_all` epochs, with a record after each.

    Args:
        problem: Splits and initial network.
        context: Progress and checkpoints.

    Returns:
        All records and all kept networks, and the last state.
    """
    first, *others = _stages(problem.config)
    start = problem.initial_network()
    trajectory = _train_stage(problem, start, context, first)
    records, kept = list(trajectory.records), dict(trajectory.kept)
    for number, stage in enumerate(others, start=1):
        if trajectory.status == "diverged":
            break
        drawn = _repopulated(problem, trajectory.network, number)
        trajectory = _train_stage(problem, drawn, context, stage)
        moved = stage.start * problem.steps_per_epoch
        records += [r | {"step": r["step"] + moved} for r in trajectory.records]
        kept |= {step + moved: found for step, found in trajectory.kept.items()}
    return replace(trajectory, records=records, kept=kept)


@dataclass(frozen=True)
class _Stage:
    """Epochs between two repopulations."""

    start: int
    stop: int


def _stages(config: Features) -> list[_Stage]:
    last, every = config.epochs_of_all, config.repopulate_every
    if not every:
        return [_Stage(0, last)]
    starts = range(0, max(last, 1), every)
    return [_Stage(start, min(start + every, last)) for start in starts]


def _repopulated(problem: Problem, network: Network, number: int) -> Network:
    """The network with neurons drawn anew; its moments are those of the batch again."""
    config, x = problem.config, problem.train.x
    law = sampling_law(frozen(network, x), "importance", data=x)
    key = jax.random.fold_in(purpose_key(config.seed, "repopulation"), number)
    drawn = repopulate(network, law, jitter=config.jitter, key=key)
    assert isinstance(drawn, Network)
    return drawn


def _train_stage(
    problem: Problem, network: Network, context: Context, stage: _Stage
) -> Trajectory:
    config, per_epoch = problem.config, problem.steps_per_epoch

    def at_rest(network: Network) -> Network:
        return frozen(network, problem.train.x)

    # The start of a later stage is the end of the one before, with neurons drawn anew.
    first = stage.start + (stage.start > 0)
    epochs = [e for e in config.kept_epochs if first <= e <= stage.stop]
    batches = purpose_key(config.seed, "batches")
    if stage.start:
        batches = jax.random.fold_in(batches, stage.start)
    training = Training(
        dynamics=descent(config, network, per_epoch, parts=("weights", "readout")),
        network=network,
        source=Table(problem.train.x, problem.train.y),
        key=purpose_key(config.seed, "training"),
        data_key=batches,
        observe=lambda step, network: measures(at_rest(network), problem),
        record_start=stage.start == 0,
        keep_steps=[(epoch - stage.start) * per_epoch for epoch in epochs],
        keep_as=at_rest,
    )
    plan = Plan(
        n_steps=(stage.stop - stage.start) * per_epoch,
        batch_size=config.batch_size,
        record_every=per_epoch,
    )
    name = f"training-{stage.start}" if stage.start else "training"
    return train(training, plan, watch=context.watch(name))


def descent(
    config: Features, network: Network, per_epoch: int, *, parts: tuple[str, ...]
) -> Descent:
    """The training rule of a config for some parts of the network."""
    name = config.optimiser if "weights" in parts else config.readout
    optimiser: Any = OPTIMISERS[name]
    passed = 0 if "weights" in parts else config.epochs_before_readout
    rate: Any = config.learning_rate * config.decay**passed
    if config.decay != 1:
        rate = StepDecay(rate, config.decay, per_epoch)
    settings: dict[str, Any] = {"learning_rate": rate}
    coefficients = penalties(config, network, parts)
    penalty = L2Penalty(coefficients) if any(coefficients.values()) else None
    if config.penalty_form == "decoupled" and penalty is not None:
        optimiser = _decoupled_by_name(name)
        settings["coefficients"] = dict(penalty.coefficients)
        penalty = None
    return Descent(
        "cross-entropy",
        optimiser,
        penalty=penalty,
        trained=parts,
        **settings,
    )


def penalties(
    config: Features, network: Network, parts: tuple[str, ...]
) -> Mapping[str, float]:
    r"""Coefficients of the squared norms: $c_w / m$ and $c_u s^2 / K$.

    The output scale $s$ enters squared, so that the penalty of a function does not
    depend on how its scale is shared between $s$ and the readout.
    """
    width, n_classes = network.readout.shape
    coefficients = {
        "weights": config.feature_penalty / width,
        "readout": config.readout_penalty * network.scale**2 / n_classes,
    }
    return {part: coefficients[part] for part in parts}


_DECOUPLED = {
    name: lambda learning_rate, coefficients, name=name: decoupled(
        learning_rate, optimiser=name, coefficients=coefficients
    )
    for name in OPTIMISERS
}


def _decoupled_by_name(name: str) -> Any:
    # One function object per name, so that the compiled step is found again.
    return _DECOUPLED[name]
