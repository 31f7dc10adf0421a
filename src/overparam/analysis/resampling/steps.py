"""Readouts for drawn neurons by steps of an optimiser, as published."""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, PRNGKeyArray

from ...data.source import Batch, Table
from ...dynamics.descent import Descent
from ...errors import ConfigError
from ...networks.feature_laws import truncated_normal
from ...networks.linear import LinearReadout
from ...networks.network import Network
from ...objectives.losses import accuracy, cross_entropy
from ...objectives.penalties import L2Penalty
from ...training.plan import Plan, Training
from ...training.single import train
from ..shallow import Shallow, select_neurons
from .draws import Draw
from .options import ResampleOptions
from .refit import Refitted, Sample


def refit_by_steps(
    network: Shallow,
    draws: Sequence[Draw],
    fit: Sample,
    test: Sample,
    options: ResampleOptions,
    *,
    optimiser: str,
    keys: Sequence[PRNGKeyArray],
) -> Refitted:
    """Train a logistic readout of the drawn neurons of every draw.

    What is minimised is what `refit` solves, from a random start of variance 2/k. A
    neuron that was drawn twice is there twice, with a penalty for either copy, where
    `refit` has one.

    Args:
        network: Network with stored moments from which was drawn.
        draws: Draws of one k.
        fit: Samples to fit.
        test: Samples to score.
        options: Penalty, epochs, step size and size of a batch.
        optimiser: `adam` or `sgd`.
        keys: A key for each draw, of its start and of its batches.

    Raises:
        ConfigError: If a batch has more samples than there are, or a readout diverges.
    """
    n_classes, dtype = network.readout.shape[1], network.readout.dtype
    per_epoch = Table(*fit).steps_per_epoch(options.batch_size)
    plan = Plan(
        n_steps=options.epochs * per_epoch,
        batch_size=options.batch_size,
        record_every=per_epoch,
    )
    penalty = L2Penalty({"readout": options.ridge / 2})
    rule = Descent(
        "cross-entropy",
        getattr(optax, optimiser),
        penalty=penalty,
        learning_rate=options.learning_rate,
    )
    rows = []
    for drawn, key in zip(draws, keys, strict=True):
        key_start, key_training = jax.random.split(key)
        start = truncated_normal((drawn.k, n_classes), dtype=dtype, key=key_start)
        indices = np.repeat(drawn.indices, drawn.multiplicities)
        chosen = select_neurons(network, indices, readout=start)
        features = Batch(_features(chosen, fit.x), fit.y)
        training = Training(
            dynamics=rule,
            network=LinearReadout(readout=start),
            source=Table(*features),
            key=key_training,
        )
        found = train(training, plan)
        if found.status == "diverged":
            raise ConfigError(
                f"A readout diverged by steps of {optimiser} at `learning_rate` "
                f"{options.learning_rate:g}; lower it."
            )
        scored = Batch(_features(chosen, test.x), test.y)
        readout = found.network.readout
        rows.append((readout, *_measured(found.network, features, scored, penalty)))
    first = np.repeat(draws[0].indices, draws[0].multiplicities)
    return Refitted.of(network, first, rows)


@eqx.filter_jit
def _features(network: Shallow, x: Array) -> Float[Array, "n k"]:
    return network.features(x)


@eqx.filter_jit
def _measured(
    last: Network, fit: Batch, test: Batch, penalty: L2Penalty
) -> tuple[Array, Array, Array, Array]:
    """Accuracies, objective, and its gradient relative to that at zero."""

    def objective(last: Network) -> Float[Array, ""]:
        return cross_entropy(last(fit.x), fit.y) + penalty(last)

    value, gradient = jax.value_and_grad(objective)(last)
    first = jax.grad(objective)(jax.tree.map(jnp.zeros_like, last))
    norms = [jnp.linalg.norm(found.readout) for found in (gradient, first)]
    return (
        accuracy(last(fit.x), fit.y),
        accuracy(last(test.x), test.y),
        value,
        norms[0] / jnp.where(norms[1] > 0, norms[1], 1),
    )
