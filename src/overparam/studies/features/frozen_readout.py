"""The readout alone, on frozen features that are computed once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ...analysis.classification import scored
from ...data.source import Batch, Table
from ...keys import purpose_key
from ...networks.linear import LinearReadout
from ...networks.network import Network
from ...objectives.losses import half_squared_error
from ...readouts.feature_cache import (
    FeatureMatrix,
    StoredFeatures,
    StreamedFeatures,
    cache_features,
)
from ...readouts.logistic import logistic_readout
from ...readouts.penalty_path import PENALTIES, one_hot_centred, ridge_path
from ...training.plan import Plan, Record, Status, Training, has_finite_losses
from ...training.single import train
from ..study import Context
from .measures import fit, neuron_measures
from .problem import Problem, descent


LOGISTIC_PATH = (1e-5, 1e-4, 1e-3)
"""Candidates of a logistic readout; each is a solve of its own."""


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A readout for frozen features, and how it was found."""

    network: Network
    records: list[Record]
    status: Status
    facts: dict[str, Any]
    kept: Mapping[int, Network] = field(default_factory=dict)


def fit_readout(problem: Problem, network: Network, context: Context) -> Fitted:
    """Solve or train the readout of a network with stored moments."""
    if problem.config.exact:
        return _solve(problem, network)
    return _train(problem, network, context)


def _solve(problem: Problem, network: Network) -> Fitted:
    splits = problem.splits()
    # Only the training features are stored: those of other splits are used once.
    matrices: dict[str, FeatureMatrix] = {
        name: StreamedFeatures(network, split.x) for name, split in splits.items()
    }
    matrices["train"] = cache_features(network, problem.train.x)
    solve = _ridge if problem.config.readout == "ridge" else _logistic
    readouts, records = solve(problem, matrices["train"])
    best = 0
    for readout, record in zip(readouts, records, strict=True):
        for name, split in splits.items():
            scores = _times(matrices[name], jnp.asarray(readout, network.readout.dtype))
            if problem.n_classes is None:
                record[f"{name}_loss"] = float(half_squared_error(scores, split.y))
                continue
            result = scored(scores, split.y)
            record[f"{name}_accuracy"] = result.accuracy
            record[f"{name}_loss"] = result.loss
    if len(records) > 1:
        # Penalties ascend, so that of equal scores the larger penalty wins.
        sign, score = (1, "validation_accuracy")
        if problem.n_classes is None:
            sign, score = (-1, "validation_loss")
        best = max(range(len(records)), key=lambda i: (sign * records[i][score], i))
    chosen = jnp.asarray(readouts[best], network.readout.dtype) / network.scale
    fitted = eqx.tree_at(lambda n: n.readout, network, chosen)
    records = [
        record | neuron_measures(fitted, problem) if i == best else record
        for i, record in enumerate(records)
    ]
    exact = bool(records[best]["exact"])
    facts = {"chosen_ridge": records[best]["ridge"], "exact": exact}
    status: Status = "converged" if exact else "finished"
    return Fitted(
        network=fitted,
        records=records,
        status=status if has_finite_losses(records[best]) else "diverged",
        facts=facts | {"relative_gradient": records[best]["relative_gradient"]},
    )


def _ridge(
    problem: Problem, features: FeatureMatrix
) -> tuple[list[np.ndarray], list[Record]]:
    targets, ridge = problem.train.y, problem.config.ridge
    if problem.n_classes is not None:
        targets = one_hot_centred(targets, problem.n_classes, dtype=features.dtype)
    penalties = PENALTIES if ridge is None else (ridge,)
    path = ridge_path(features, targets, penalties=penalties)
    records = [
        {
            "ridge": float(path.penalties[i]),
            "exact": float(path.residuals[i] < 1e-4),
            "relative_gradient": float(path.residuals[i]),
            "degrees_of_freedom": float(path.degrees_of_freedom[i]),
            "cross_validation": float(path.cross_validation[i]),
        }
        for i in range(len(penalties))
    ]
    return list(path.readouts), records


def _logistic(
    problem: Problem, features: FeatureMatrix
) -> tuple[list[np.ndarray], list[Record]]:
    readouts, records, ridge = [], [], problem.config.ridge
    n_classes = problem.n_outputs  # Numbers are refused before.
    for penalty in LOGISTIC_PATH if ridge is None else (ridge,):
        fit = logistic_readout(
            features, problem.train.y, n_classes=n_classes, penalty=penalty
        )
        readouts.append(np.asarray(fit.readout))
        records.append(
            {
                "ridge": penalty,
                "exact": float(fit.converged),
                "objective": float(fit.objective),
                "relative_gradient": float(fit.relative_gradient),
                "gap_bound": float(fit.gap_bound),
                "newton_steps": float(fit.n_steps),
                "hessian_products": float(fit.n_products),
            }
        )
    return readouts, records


def _train(problem: Problem, network: Network, context: Context) -> Fitted:
    config, per_epoch = problem.config, problem.steps_per_epoch
    first = config.epochs_of_all
    splits = {}
    for name, split in problem.splits().items():
        matrix = cache_features(network, split.x, memory_limit=float("1e18"))
        assert isinstance(matrix, StoredFeatures)
        splits[name] = Batch(matrix.values, split.y)
    start = LinearReadout(readout=network.readout, scale=network.scale)

    def whole(linear: Network) -> Network:
        return eqx.tree_at(lambda n: n.readout, network, linear.readout)

    def measure(step: int, linear: Network) -> Record:
        record: Record = {}
        for name, split in splits.items():
            record |= fit(name, linear, split)
        return record | neuron_measures(whole(linear), problem)

    training = Training(
        dynamics=descent(problem, start, parts=("readout",)),
        network=start,
        source=Table(*splits["train"]),
        key=purpose_key(config.seed, "readout training"),
        data_key=purpose_key(config.seed, "batches"),
        observe=measure,
        record_start=True,
        keep_steps=[(e - first) * per_epoch for e in config.kept_epochs if e > first],
        keep_as=whole,
    )
    plan = Plan(
        n_steps=config.epochs_of_readout * per_epoch,
        batch_size=config.batch_size,
        record_every=per_epoch,
    )
    trajectory = train(training, plan, watch=context.watch("readout"))
    moved = first * per_epoch
    return Fitted(
        network=whole(trajectory.network),
        records=[r | {"step": r["step"] + moved} for r in trajectory.records],
        status=trajectory.status,
        facts={},
        kept={step + moved: kept for step, kept in trajectory.kept.items()},
    )


@eqx.filter_jit
def _times(matrix: FeatureMatrix, readout: Array) -> Array:
    return matrix.times(readout)
