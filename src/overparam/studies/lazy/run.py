"""The runs of the study `lazy`: a network beside what stays linear."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...analysis.lazy.predictors import error_of, targets, wide_tangent
from ...errors import ConfigError
from ...limits.kernels.training import KernelFit, KernelTraining
from ...networks.network import Network
from ...objectives.losses import half_squared_error
from ...readouts.penalty_path import ridge_path
from ...training.plan import Trajectory
from ...training.single import train
from ..planted_teacher import teacher_arrays
from ..study import Context, Outcome
from .config import Lazy
from .problem import Problem


_PENALTIES = np.geomspace(1e-8, 1, 25)
"""Of random features, as fractions of the mean squared norm of the features."""


def run(config: Lazy, context: Context) -> Outcome:
    """Train a network and its linearised one, and compare them with the limits."""
    problem = Problem.of(config)
    trajectory = train(problem.training(), problem.plan(), watch=context.watch())
    notes: list[str] = []
    diverged = trajectory.status == "diverged"
    outputs = {} if diverged else _outputs(problem, trajectory, context, notes)
    if diverged:
        notes.append("The network diverged: lower `learning_rate`.")
    arrays = {f"outputs.{name}": value for name, value in outputs.items()}
    if problem.teacher is not None:
        arrays |= teacher_arrays(problem.teacher)
    return Outcome(
        status=trajectory.status,
        metrics=trajectory.columns(),
        summary=_summary(problem, trajectory, outputs),
        arrays=arrays,
        network=trajectory.network,
        kept=trajectory.kept,
        notes=notes,
    )


def describe(config: Lazy) -> dict[str, Any]:
    """Facts that are known before training."""
    problem = Problem.of(config)
    network, test = problem.network, problem.test
    problem.plan()  # Refuses what could not be trained.
    return {
        "training and test samples": (len(problem.data.train.x), len(test.x)),
        "step size of the weights": problem.step_size,
        "alignment of the tangent kernel with the targets": problem.change(network)[
            "label_alignment"
        ],
        "test loss of the start": float(half_squared_error(network(test.x), test.y)),
    }


def _outputs(
    problem: Problem, trajectory: Trajectory, context: Context, notes: list[str]
) -> dict[str, np.ndarray]:
    """Outputs at the test samples, by predictor."""
    x, config = problem.test.x, problem.config
    n_steps = round(trajectory.records[-1]["step"])
    found = {
        "start": np.asarray(problem.network(x)),
        "network": np.asarray(trajectory.network(x)),
        "random": _random_features(problem, problem.network),
    }
    if config.linearise:
        linear = train(
            *problem.linear_training(n_steps), watch=context.watch("linearised")
        )
        if linear.status == "diverged":
            notes.append("The linearised network diverged: lower `learning_rate`.")
        else:
            found["linear"] = np.asarray(linear.network(x))
    if config.infinite_width:
        try:
            found["wide"] = _infinite_width(problem, n_steps)
        except ConfigError as error:
            notes.append(f"There is no predictor of infinite width: {error}")
    return found


def _infinite_width(problem: Problem, n_steps: int) -> np.ndarray:
    """Outputs of the limit of infinite width, from the start of the run.

    After as many steps where they are on all samples; else trained for ever.
    """
    config, start, train_part = problem.config, problem.network, problem.data.train
    wide, y = problem.wide, targets(train_part, problem.data.n_classes)
    training = KernelTraining(wide_tangent(wide, train_part.x))
    fitted: KernelFit = training.converged()
    if config.batch_size in (None, config.n_train):
        fitted = training.descent(learning_rate=problem.step_size, n_steps=n_steps)
    x = problem.test.x
    return fitted.outputs(
        wide_tangent(wide, x, train_part.x),
        y,
        start=np.asarray(start(train_part.x)),
        start_at=np.asarray(start(x)),
    )


def _random_features(problem: Problem, start: Network) -> np.ndarray:
    """Outputs of the start's features with an exact readout.

    It is ridge regression with an intercept, its penalty that of the least score of
    generalised cross-validation.
    """
    train_part, n_classes = problem.data.train, problem.data.n_classes
    with jax.enable_x64(True):
        features = jnp.asarray(start.features(train_part.x), jnp.float64)
        size = float(jnp.mean(jnp.sum(features**2, axis=1))) or 1.0
        path = ridge_path(
            features,
            jnp.asarray(targets(train_part, n_classes)),
            penalties=(size * _PENALTIES).tolist(),
            intercept=True,
        )
        scores = np.nan_to_num(path.cross_validation, nan=np.inf)
        at_test = jnp.asarray(start.features(problem.test.x), jnp.float64)
        return path.scores(at_test)[int(np.argmin(scores))]


def _summary(
    problem: Problem, trajectory: Trajectory, outputs: dict[str, np.ndarray]
) -> dict[str, Any]:
    test, n_classes = problem.test, problem.data.n_classes
    wanted = test._replace(y=jnp.asarray(targets(test, n_classes), jnp.float32))
    final = ("train_loss", "test_loss", "risk", "kernel_change", "kernel_alignment")
    final += ("label_alignment", "weights_change", "flipped")
    found: dict[str, Any] = {
        "steps": round(trajectory.records[-1]["step"]),
        "step_size": problem.step_size,
        "label_alignment_start": problem.change(problem.network)["label_alignment"],
        **{name: trajectory.final(name) for name in final},
        "risk_start": problem.risk(problem.network),
        "test_loss_zero": error_of(0 * np.asarray(wanted.y), wanted, None),
    }
    for name in ("start", "network", "linear", "wide", "random"):
        value, ending = outputs.get(name), "" if name == "network" else f"_{name}"
        found[f"test_loss{ending}"] = (
            None if value is None else error_of(value, wanted, None)
        )
        if n_classes is not None:
            found[f"test_error{ending}"] = (
                None if value is None else error_of(value, test, n_classes)
            )
    for name in ("linear", "wide"):
        found[f"distance_to_{name}"] = _distance(outputs, name)
    return found


def _distance(outputs: dict[str, np.ndarray], name: str) -> float | None:
    """Between the network and a predictor, over the way that the network went."""
    if name not in outputs:
        return None
    network, start = outputs["network"], outputs["start"]
    gone = float(np.linalg.norm(network - start))
    return float(np.linalg.norm(network - outputs[name])) / gone if gone else None
