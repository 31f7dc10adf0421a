"""The runs of the study `timescales`."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import numpy as np

from ...dynamics.two_timescale import TwoTimescale, largest_stable_ratio
from ...errors import ConfigError, SolverError
from ...networks.network import Network
from ...readouts.circle.stability import largest_eigenvalue, stable_time_step
from ...training.plan import Trajectory
from ...training.single import train
from ..study import Context, Outcome
from .config import LEAST_PENALTY, SLOW_RATIO, Timescales
from .limits import Limits
from .observer import Observer
from .problem import Problem


MOST_RISES = 0.01
"""Fraction of steps in which the risk may rise before a note says so."""


def run(config: Timescales, context: Context) -> Outcome:
    """Train the features and compare them with the teacher and the limits."""
    steps = record_steps(config)
    # NumPy solves the limits while XLA compiles what makes the start. They come before
    # the training: a fault in them must not cost one.
    with ThreadPoolExecutor(1) as beside:
        solved = beside.submit(Limits.of, config, steps)
        problem = Problem.of(config)
        plan = problem.plan()  # Refuses what could not be trained.
        check_readout(config, problem.start)
        if isinstance(problem.dynamics, TwoTimescale):
            check_ratio(problem)
        limits = solved.result()
    observer = Observer(problem=problem, limits=limits)
    training = replace(
        problem.training(), observe=observer.observe, until=observer.until
    )
    trajectory = train(training, plan, watch=context.watch())
    columns = trajectory.columns()
    notes = []
    if config.dynamics == "two-timescale" and config.time_ratio < SLOW_RATIO:
        notes.append(
            f"ratio {config.time_ratio:.3g}: the readout is not fast here; expect a "
            "lag behind variable projection."
        )
    if config.penalty < LEAST_PENALTY[config.precision]:
        notes.append(
            "float32 loses about 1e-7/penalty of the risk; use precision=float64."
            if config.precision == "float32"
            else "float64 loses about 1e-16/penalty of the risk; raise `penalty`."
        )
    if config.plain_relu and "ultra-fast" in config.limits:
        notes.append(
            "ReLU on the circle follows the projected diffusion; both are drawn."
            if "projected" in config.limits
            else "ReLU on the circle follows the projected diffusion, not this one."
        )
    notes += _step_notes(config, trajectory, problem.start)
    return Outcome(
        status=trajectory.status,
        metrics=columns,
        summary=_summary(config, trajectory, limits),
        arrays={"teacher": problem.teacher.astype(np.float32)}
        | limits.arrays(np.searchsorted(np.asarray(steps), list(trajectory.kept))),
        network=problem.project(trajectory.network),
        kept=trajectory.kept,
        notes=[*notes, *limits.notes()],
    )


def record_steps(config: Timescales) -> list[int]:
    """Steps of the records: evenly spaced, and the last one."""
    steps = list(range(0, config.n_steps, config.record_every))
    return [*steps, config.n_steps]


def check_readout(config: Timescales, network: Network) -> None:
    """The readout's system can be solved at the start.

    Raises:
        SolverError: If rounding leaves it without a solution.
    """
    if not bool(jnp.all(jnp.isfinite(network.readout))):
        raise SolverError(
            f"`penalty` {config.penalty:g} is below what {config.precision} resolves: "
            "the system of the first readout is singular; raise `penalty`"
            + (" or use precision=float64." if config.precision == "float32" else ".")
        )


def check_ratio(problem: Problem) -> None:
    """The explicit readout is stable at the start.

    Raises:
        ConfigError: If it is not; the sentence names the limit.
    """
    config = problem.config
    if config.inner == "implicit":
        return
    top = largest_eigenvalue(problem.make_problem(), problem.start, problem.batch)
    limit = largest_stable_ratio(
        top, penalty=config.penalty, time_step=config.time_step
    )
    if config.time_ratio >= limit:
        raise ConfigError(
            f"`ratio` {config.time_ratio:g} with penalty {config.penalty:g} is "
            f"unstable (needs below {limit:.3g}); lower it or use `inner=implicit`."
        )


def describe(config: Timescales) -> dict[str, Any]:
    """Facts known before training: the first risk, the stable step, the ratio."""
    problem = Problem.of(config)
    problem.plan()  # Refuses what could not be trained.
    start = problem.start
    facts: dict[str, Any] = {
        "largest kernel eigenvalue at the start": largest_eigenvalue(
            problem.make_problem(), start, problem.batch
        ),
        "physical time at the end": config.n_steps * config.time_step,
    }
    if config.plain_relu:
        facts["stable time step, estimated at the start"] = stable_time_step(
            float(jnp.max(jnp.abs(start.readout))), penalty=config.penalty
        )
    if config.dynamics == "two-timescale":
        facts["ratio of the time scales"] = config.time_ratio
    return facts


def _summary(
    config: Timescales, trajectory: Trajectory, limits: Limits
) -> dict[str, Any]:
    columns = trajectory.columns()
    rises = columns.get("rises", np.zeros(1))
    ends = (
        "risk",
        "time",
        "teacher_distance",
        "teacher_w1",
        "teacher_w2",
        "ultra_fast_distance",
        "projected_distance",
    )
    seen = limits.projected
    return {
        **{f"last_{name}": trajectory.final(name) for name in ends},
        "first_risk": float(columns["risk"][0]),
        "projected_time": None if seen is None else float(seen.times[-1]),
        "fraction_of_rises": float(np.nanmean(rises)),
        "spectral_gap": limits.grid.gap() if limits.grid else None,
        "time_ratio": config.time_ratio if config.dynamics != "varpro" else None,
    }


def _step_notes(
    config: Timescales, trajectory: Trajectory, start: Network
) -> list[str]:
    """What there is to say about the time step after the run."""
    notes = []
    rises = trajectory.columns().get("rises", np.zeros(1))
    fraction = float(np.nanmean(rises)) if np.any(np.isfinite(rises)) else 0.0
    stable = None
    if config.plain_relu:
        largest = float(jnp.max(jnp.abs(start.readout)))
        stable = stable_time_step(largest, penalty=config.penalty)
    hint = (
        f" `time_step` {config.time_step:.3g} is above the stable step estimated at "
        f"start, {stable:.2g} (section 5.2)."
        if stable is not None and config.time_step > stable
        else " A smaller `time_step` may help."
    )
    if trajectory.status == "diverged":
        last = int(trajectory.records[-1]["step"])
        notes.append(f"The run diverged by step {last}.{hint}")
    elif fraction > MOST_RISES:
        notes.append(f"The risk rose in {fraction:.1%} of the steps.{hint}")
    return notes
