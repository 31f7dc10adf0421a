"""The runs of the study `features`."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from ...analysis.classification import chance_notes
from ...analysis.resampling.laws import sampling_law
from ...analysis.resampling.repopulation import repopulate
from ...data.dataset import class_notes, scale_notes, target_notes
from ...data.own.reference import is_own
from ...keys import purpose_key
from ...networks.network import Network
from ...objectives.losses import loss_of_constant
from ...training.plan import Record, Status, Trajectory
from ...training.single import train
from ..study import Context, Outcome
from .config import Features
from .frozen_readout import fit_readout
from .measures import measures
from .problem import Problem, frozen, penalties


def run(config: Features, context: Context) -> Outcome:
    """Train or solve one network and measure it on all splits."""
    problem = Problem.of(config)
    trajectory = _train_all(problem, context)
    records = [{"phase": 0.0} | record for record in trajectory.records]
    network, status, facts = trajectory.network, trajectory.status, {}
    kept = trajectory.kept
    network = frozen(network, problem.train.x)
    if status != "diverged" and config.train != "all":
        fitted = fit_readout(problem, network, context)
        records += [{"phase": 1.0} | record for record in fitted.records]
        network, status, facts = fitted.network, fitted.status, fitted.facts
        kept = {**kept, **fitted.kept}
    columns = replace(trajectory, records=records).columns()
    steps = columns.get("step", np.zeros(len(records)))
    return Outcome(
        status=status,
        metrics={"epoch": steps / problem.steps_per_epoch} | columns,
        summary=_summary(records, status, facts)
        | {
            "loss_kind": problem.loss,
            "constant_loss": loss_of_constant(np.asarray(problem.train.y)),
        },
        network=network,
        kept=kept,
        notes=_notes(problem, records, status, facts),
    )


def _train_all(problem: Problem, context: Context) -> Trajectory:
    """All records and all kept networks of training all layers, and the last state."""
    network = problem.initial_network()
    records, kept, trajectory = [], {}, None
    for number, epochs in enumerate(problem.stages):
        if trajectory is not None:
            # Neurons are drawn anew; the moments are those of the batch again.
            config, x = problem.config, problem.train.x
            law = sampling_law(frozen(trajectory.network, x), "importance", data=x)
            key = jax.random.fold_in(purpose_key(config.seed, "repopulation"), number)
            network = repopulate(trajectory.network, law, jitter=config.jitter, key=key)
            assert isinstance(network, Network)
        training, plan = problem.training(network, epochs)
        training = replace(
            training,
            observe=lambda step, network: measures(
                frozen(network, problem.train.x), problem
            ),
        )
        name = f"training-{epochs.start}" if epochs.start else "training"
        trajectory = train(training, plan, watch=context.watch(name))
        moved = epochs.start * problem.steps_per_epoch
        records += [r | {"step": r["step"] + moved} for r in trajectory.records]
        kept |= {step + moved: found for step, found in trajectory.kept.items()}
        if trajectory.status == "diverged":
            break
    assert trajectory is not None
    return replace(trajectory, records=records, kept=kept)


def describe(config: Features) -> dict[str, Any]:
    """Facts known before training: sizes, penalties, the effort of an epoch."""
    problem = Problem.of(config)
    network = problem.initial_network()
    coefficients = penalties(config, network, ("weights", "readout"))
    return {
        "training, validation and test images": tuple(
            len(part.y) for part in (problem.train, problem.validation, problem.test)
        ),
        "inputs and classes": (problem.input_dim, problem.n_outputs),
        "steps per epoch": problem.steps_per_epoch,
        "weights of the network": network.weights.size  # pyright: ignore[reportAttributeAccessIssue]
        + network.readout.size,
        "penalty of the sum of squares of the first layer": coefficients["weights"],
        "penalty of the sum of squares of the readout": coefficients["readout"],
    }


def _summary(
    records: Sequence[Record], status: Status, facts: dict[str, Any]
) -> dict[str, Any]:
    wanted = [
        "train_accuracy",
        "validation_accuracy",
        "test_accuracy",
        "train_loss",
        "test_loss",
        "effective_share",
        "readout_norm_cv",
    ]
    final = _final(records, facts)
    measured: dict[str, Any] = {name: final[name] for name in wanted if name in final}
    if status == "diverged":
        # Records of finite networks are not those of this one.
        measured = dict.fromkeys(measured)
    epochs = sum(record["phase"] == 0 for record in records) - 1
    return {"epochs_of_all": epochs} | measured | facts


def _final(records: Sequence[Record], facts: dict[str, Any]) -> Record:
    """The last record, or the one of the penalty that was chosen."""
    if "chosen_ridge" in facts:
        return next(
            r for r in reversed(records) if r.get("ridge") == facts["chosen_ridge"]
        )
    return next((r for r in reversed(records) if "train_loss" in r), {})


def _notes(
    problem: Problem, records: Sequence[Record], status: str, facts: dict[str, Any]
) -> list[str]:
    config, notes = problem.config, []
    if status == "diverged":
        phase = records[-1]["phase"]
        what = " of the readout" if phase else ""
        epoch = sum(record["phase"] == phase for record in records) - 1
        notes.append(
            f"The run diverged in epoch {epoch}{what}; use a lower `learning_rate`."
        )
    elif "train_accuracy" in (final := _final(records, facts)):
        notes += chance_notes(final["train_accuracy"], problem.train.y)
    if not config.standardise_inputs:
        notes += scale_notes(np.asarray(problem.train.x))
    y = np.asarray(problem.train.y)
    if problem.n_classes is None:
        notes += target_notes(y, loss=problem.loss, least=loss_of_constant(y))
    else:
        notes += class_notes(problem.n_classes, len(y))
    n_validation = len(problem.validation.y)
    if n_validation and config.n_validation is None and is_own(config.dataset):
        notes.append(
            f"{n_validation} of the {n_validation + len(problem.train.y)} training "
            "samples validate and are not trained on: `n_validation` says how many."
        )
    if facts.get("exact") is False:
        notes.append(
            "The exact readout did not reach its tolerance: the relative gradient norm "
            f"is {facts['relative_gradient']:.1e}."
        )
    if config.shuffle_test_labels:
        notes.append("The test labels were permuted: test accuracy means nothing.")
    return notes
