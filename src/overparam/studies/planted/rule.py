"""How a student moves: objective, optimiser, penalty, and balance in between."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import optax

from ...analysis.balance import measures as balance
from ...data.sources.planted import decaying_covariance
from ...dynamics.descent import Descent
from ...dynamics.optimisers.schedules import StepDecay
from ...dynamics.periodic import Periodic
from ...limits.population import PopulationRisk
from ...networks.two_layer import TwoLayer, check_homogeneous
from ...objectives.batch_loss import BatchObjective
from ...objectives.penalties import L2Penalty, PathNorm
from ...objectives.power_penalties import L2
from .config import Planted


class BalancedForL2(eqx.Module):
    """The same function with the least squared norm of all weights."""

    def __call__(self, network: TwoLayer) -> TwoLayer:
        return balance.rebalance(network, L2())


def training_rule(
    config: Planted, teacher: TwoLayer, student: TwoLayer
) -> Descent | Periodic:
    """How the student of a config moves.

    Raises:
        ConfigError: If it is to be balanced and its activation is not homogeneous.
    """
    descent, every = _descent(config, teacher), config.balance_every
    if every is None:
        return descent
    check_homogeneous(student, "balance")
    return Periodic(descent, BalancedForL2(), every * config.steps_per_epoch)


def _descent(config: Planted, teacher: TwoLayer) -> Descent:
    objective: BatchObjective | str = "half-squared-error"
    if config.dynamics == "flow":
        covariance = decaying_covariance(config.input_dim, config.input_decay)
        if covariance is not None:
            covariance = jnp.asarray(covariance, config.precision)
        objective = PopulationRisk(teacher, covariance, config.label_noise)
    settings: dict[str, Any] = {"learning_rate": step_size(config)}
    if config.momentum:
        settings["momentum"] = config.momentum
    parts = {"all": (), "readout": ("readout",), "features": ("weights",)}
    return Descent(
        objective,
        {"sgd": optax.sgd, "adam": optax.adam}[config.optimiser],
        penalty=_penalty(config),
        rates={"readout": config.readout_rate} if config.readout_rate != 1 else {},
        trained=parts[config.train],
        **settings,
    )


def _penalty(config: Planted) -> L2Penalty | PathNorm | None:
    if not config.penalty:
        return None
    if config.penalty_form == "path-norm":
        return PathNorm(config.penalty)
    return L2Penalty(dict.fromkeys(("weights", "readout"), config.penalty / 2))


def step_size(config: Planted) -> StepDecay:
    """The step schedule: halved after every `halve_every` epochs."""
    epochs = config.epochs if config.halve_every is None else config.halve_every
    factor = 1.0 if config.halve_every is None else 0.5
    return StepDecay(config.learning_rate, factor, epochs * config.steps_per_epoch)
