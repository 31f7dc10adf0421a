"""Non-convex training of the problem whose optimum the convex programme finds."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import PRNGKeyArray

from ...convex.certificates.certificate import certify_network
from ...data.source import Table
from ...drawing import host_uniform
from ...dynamics.descent import Descent
from ...dynamics.optimisers.sign import sign_descent
from ...keys import purpose_key
from ...networks.network import Network
from ...networks.skip_neuron import SkipNeuron
from ...networks.two_layer import NormalisedTwoLayer, TwoLayer
from ...networks.view import two_layer_view
from ...objectives.penalties import L2Penalty, ReadoutNorm
from ...training.plan import Plan, Record, Training
from ...training.single import train
from ..study import Context, Outcome
from .problem import Problem


def train_trial(problem: Problem, context: Context) -> Outcome:
    """Train a network of the trial's kind and bound its distance to the optimum."""
    config = problem.config
    network = _initial(problem, key=purpose_key(config.seed, "initialisation"))
    dtype = network.readout.dtype
    table = Table(jnp.asarray(problem.x, dtype), jnp.asarray(problem.y[:, None], dtype))

    def at_rest(current: Network) -> TwoLayer:
        return two_layer_view(current, problem.x).plain()

    training = Training(
        dynamics=_descent(problem),
        network=network,
        source=table,
        key=purpose_key(config.seed, "training"),
        observe=lambda step, current: _measure(problem, current),
        record_start=True,
        keep_steps=config.keep_steps,
        keep_as=at_rest,
    )
    plan = Plan(
        n_steps=config.n_steps,
        batch_size=config.n_samples,
        record_every=config.record_every,
    )
    trajectory = train(training, plan, watch=context.watch())
    trained = at_rest(trajectory.network)
    return Outcome(
        status=trajectory.status,
        metrics=trajectory.columns(),
        summary={
            "distance_low": trajectory.final("distance"),
            "distance_high": trajectory.final("distance"),
            "test_error": trajectory.final("rms_test_error"),
            "all_ones_pattern_exists": problem.all_ones is not None,
            "samples_per_dimension": config.n_samples / config.input_dim,
        }
        | ({} if trajectory.status == "diverged" else _optimality(problem, trained)),
        arrays={"x": problem.x, "y": problem.y, "planted": problem.directions},
        network=trained,
        kept=trajectory.kept,
    )


def _initial(problem: Problem, *, key: PRNGKeyArray) -> Network:
    """PyTorch's default: uniform weights in +-1/sqrt(fan in)."""
    config, dtype = problem.config, jnp.dtype(problem.config.precision)
    width, dimension = config.width or config.n_samples + 1, problem.x.shape[1]
    shapes = {
        "weights": (dimension, width),
        "readout": (width, 1),
        "skip_weights": (dimension, 1),
        "skip_readout": (1, 1),
    }
    drawn = {
        name: jnp.asarray(host_uniform(part, shape, -1, 1) / math.sqrt(shape[0]), dtype)
        for part, (name, shape) in zip(
            jax.random.split(key, 4), shapes.items(), strict=True
        )
    }
    if config.network == "skip":
        readout = jnp.concatenate([drawn["readout"], drawn["skip_readout"]])
        return SkipNeuron(
            weights=drawn["weights"],
            skip_weights=drawn["skip_weights"],
            readout=readout,
        )
    kind = NormalisedTwoLayer if config.network == "normalised" else TwoLayer
    return kind(weights=drawn["weights"], readout=drawn["readout"])


def _descent(problem: Problem) -> Descent:
    config = problem.config
    loss, rate = "half-sum-of-squares", config.learning_rate
    if config.legacy:
        return Descent(loss, sign_descent, learning_rate=rate)
    beta = config.beta or 0.0
    parts = ["weights", "readout"]
    if config.network == "skip":
        parts.append("skip_weights")
    penalty: Any = L2Penalty(dict.fromkeys(parts, beta / 2))
    if config.network == "normalised":
        # Input weights are not penalised, because their scale has no effect.
        penalty = ReadoutNorm(beta)
    return Descent(loss, optax.adam, penalty=penalty, learning_rate=rate)


def _measure(problem: Problem, network: Network) -> Record:
    trained = two_layer_view(network, problem.x).plain()
    inputs = problem.test_inputs()
    outputs = np.asarray(
        trained(jnp.asarray(inputs, trained.readout.dtype))[:, 0], np.float64
    )
    norm = float(np.linalg.norm(outputs - problem.target(inputs)))
    record = {"rms_test_error": norm / np.sqrt(len(inputs))}
    if trained.skip:
        skip = np.asarray(trained.readout[trained.weights.shape[1] :, 0], np.float64)
        record["distance"] = float(np.linalg.norm(skip - problem.directions[0]))
    return record


def _optimality(problem: Problem, trained: TwoLayer) -> dict[str, Any]:
    """How far the network is from the optimum of its own penalised problem."""
    if problem.config.beta is None:
        return {}
    found = certify_network(
        trained,
        problem.x,
        problem.y,
        penalty=problem.config.beta,
        patterns=problem.patterns(),
        normalised=problem.config.network == "normalised",
    )
    return {
        "objective": found.objective,
        "lower_bound": found.lower,
        "relative_gap": found.gap,
        "tier": found.tier,
        "best_known": found.best_known,
    }
