"""How a student moves: objective, optimiser, penalty, and balance in between."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from ...analysis.balance import measures as balance
from ...analysis.balance.penalties import L2
from ...data.source import Batch
from ...data.sources.planted import decaying_covariance
from ...dynamics.descent import BatchLoss, Descent
from ...dynamics.optimisers.schedules import StepDecay
from ...dynamics.periodic import Periodic
from ...limits import population
from ...limits.population import Covariance
from ...networks.network import Network
from ...networks.two_layer import TwoLayer
from ...objectives.losses import half_squared_error
from ...objectives.penalties import L2Penalty
from .config import Planted


class PopulationRisk(eqx.Module):
    """The objective of noise-free descent: the exact risk, which needs no batch."""

    teacher: TwoLayer
    covariance: Covariance | None
    label_noise: float = eqx.field(static=True)

    def __call__(self, network: Network, batch: Batch) -> Float[Array, ""]:
        del batch
        assert isinstance(network, TwoLayer)
        return population.population_loss(
            network,
            self.teacher,
            covariance=self.covariance,
            label_noise=self.label_noise,
        )


class PathNorm(eqx.Module):
    """The path norm as a penalty."""

    coefficient: float = eqx.field(static=True)

    def __call__(self, network: Network) -> Float[Array, ""]:
        assert isinstance(network, TwoLayer)
        return self.coefficient * balance.path_norm(network)


class BalancedForL2(eqx.Module):
    """The same function with the least squared norm of all weights."""

    def __call__(self, network: TwoLayer) -> TwoLayer:
        return balance.balance(network, L2())


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
    balance.check_homogeneous(student, "balance")
    return Periodic(descent, BalancedForL2(), every * config.steps_per_epoch)


def _descent(config: Planted, teacher: TwoLayer) -> Descent:
    objective = BatchLoss(half_squared_error)
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
        settings=settings,
        penalty=_penalty(config),
        rates={"readout": config.readout_rate} if config.readout_rate != 1 else {},
        trained=parts[config.train],
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
