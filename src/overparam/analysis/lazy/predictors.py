"""What the network would have done without learning features, and how well."""

import dataclasses
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ...data.source import Batch
from ...data.train_test import TrainTest
from ...dynamics.stochastic_varpro import StochasticVarPro
from ...dynamics.two_timescale import TwoTimescale
from ...dynamics.varpro import VarPro
from ...errors import ConfigError
from ...limits.hermite import roots
from ...limits.kernels.linearised import Linearised, linearised
from ...limits.kernels.sampled import wide_limit
from ...limits.kernels.training import KernelTraining
from ...limits.kernels.wide import WideMLP, wide_kernels
from ...memory import Need, check_memory
from ...networks.moments import column_moments
from ...networks.network import Network
from ...networks.standardised import StandardisedTwoLayer
from ...networks.view import at_rest, depends_on_batch
from ...objectives.labels import one_hot
from ...training.loop import train_together
from ...training.plan import Progress, Watch
from ..subject import Subject


Outputs = Callable[[Float[Array, "k *input"]], Float[Array, "k n_outputs"]]


def linearised_end(subject: Subject, progress: Progress) -> Outputs:
    """The network linearised at its start, trained as the run was.

    What is linearised is the network in training, which takes moments of its batch if
    it has running ones. Standardised or normalised neurons get the moments or norms of
    all training samples, as in a kept network.

    Raises:
        ConfigError: If the training cannot be done again or refuses such a network, or
            it diverges.
    """
    training, plan = subject.training()
    if isinstance(training.dynamics, VarPro | TwoTimescale | StochasticVarPro):
        raise ConfigError(
            "The readout of the run is exact in every step, and a linearised network "
            "has no such readout."
        )
    last = subject.last_step
    if last is not None:
        # A stop rule, or divergence, may have ended the run before its plan.
        plan = dataclasses.replace(plan, n_steps=min(round(last), plan.n_steps))
    alone = dataclasses.replace(
        training,
        network=linearised(training.network, in_training=True),
        observe=lambda step, network: {},
        until=lambda records: None,
        keep_steps=(),
        keep_as=lambda network: network,
    )
    found = train_together([alone], plan, watch=Watch(progress=progress))[0]
    if found.status == "diverged":
        raise ConfigError("The linearised network diverged in the training of the run.")
    lazy = found.network
    assert isinstance(lazy, Linearised)
    if not depends_on_batch(lazy.moving):
        return lazy
    samples = in_type_of(lazy, subject.data().train).x
    sizes = ("samples", len(samples)), ("neurons", len(lazy.readout))
    check_memory(Need("neurons on the samples", sizes, samples.dtype.itemsize, 4))
    # Moments and norms are functions of the weights, too.
    return lambda x: lazy.linear(lambda network: _at_rest(network, samples)(x))


def _at_rest(network: Network, samples: Float[Array, "n input_dim"]) -> Network:
    """`at_rest` of all samples at once, which can be differentiated."""
    if not isinstance(network, StandardisedTwoLayer):
        return at_rest(network, samples)
    mean, variance = column_moments(network.hidden(samples))
    return dataclasses.replace(network, mean=mean, std=roots(variance, jnp))


def wide_outputs(
    start: Network,
    data: TrainTest,
    x: Float[Array, "k *input"],
    *,
    n_samples: int,
    trained: tuple[str, ...] = (),
) -> Float[np.ndarray, "k n_outputs"]:
    """Outputs at infinite width and time, the mean over initialisations.

    Classes are regressed as one-hot vectors less their mean.

    Args:
        start: The network before training.
        data: What it is trained on.
        x: Inputs.
        n_samples: Most training samples.
        trained: Fields of the network whose weights train; empty for all.

    Raises:
        ConfigError: If the network has no wide limit in closed form.
    """
    wide = wide_limit(start, trained=trained)
    train = Batch(*(part[:n_samples] for part in data.train))
    y = targets(train, data.n_classes)
    centre = y.mean(axis=0) if data.n_classes else np.zeros(y.shape[1])
    fitted = KernelTraining(wide_tangent(wide, train.x)).converged()
    return centre + fitted.outputs(wide_tangent(wide, x, train.x), y - centre)


def wide_tangent(
    wide: WideMLP, x: Float[Array, "n *input"], others: Array | None = None
) -> Float[np.ndarray, "n k"]:
    """The tangent kernel of a wide network, from which a predictor is made.

    Raises:
        ConfigError: As `wide_kernels`, or if digits are missing.
    """
    kernels = wide_kernels(wide, x, others)
    if kernels.doubt is not None:
        raise ConfigError(kernels.doubt)
    return kernels.tangent


def targets(batch: Batch, n_classes: int | None) -> Float[np.ndarray, "n n_outputs"]:
    """Targets as numbers: of classes one-hot vectors."""
    if n_classes is None:
        return np.asarray(batch.y, np.float64)
    return np.asarray(one_hot(batch.y, n_classes, dtype="float32"), np.float64)


def error_of(outputs: Array | np.ndarray, batch: Batch, n_classes: int | None) -> float:
    """Share of wrong classes, or half the mean squared error."""
    outputs = np.asarray(outputs, np.float64)
    if n_classes is None:
        return float(
            ((outputs - np.asarray(batch.y, np.float64)) ** 2).sum(1).mean() / 2
        )
    return float((outputs.argmax(axis=1) != np.asarray(batch.y)).mean())


def in_type_of(network: Network, batch: Batch) -> Batch:
    """Samples whose inputs have the type of the network."""
    return Batch(jnp.asarray(batch.x, network.readout.dtype), batch.y)
