"""The runs of the study `timescales`."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from ...data.whole import Whole
from ...dynamics.two_timescale import TwoTimescale, largest_stable_ratio
from ...errors import ConfigError, SolverError
from ...keeping import moments
from ...keys import purpose_key
from ...networks.network import Network
from ...readouts.circle.stability import largest_eigenvalue, stable_time_step
from ...training.plan import Plan, Training, Trajectory
from ...training.single import train
from ..study import Context, Outcome
from .config import LEAST_PENALTY, SLOW_RATIO, Timescales
from .limits import Limits
from .observer import Observer
from .problem import Problem


PAPER_SNAPSHOTS = (0, 100, 1000, 5000, 10000)
"""Steps at which the paper draws densities."""

MOST_RISES = 0.01
"""Fraction of steps in which the risk may rise before a note says so."""


def run(config: Timescales, context: Context) -> Outcome:
    """Train the features and compare them with the teacher and the limits."""
    problem = Problem.of(config)
    dynamics = problem.dynamics()
    start = project(dynamics, problem.student, problem.batch)
    check_readout(config, start)
    if isinstance(dynamics, TwoTimescale):
        check_ratio(config, problem, start)
    steps = record_steps(config)
    # The limits come first: a fault in them must not cost a training.
    limits = Limits.of(config, steps)
    observer = Observer(problem=problem, dynamics=dynamics, limits=limits)
    trajectory = train(
        Training(
            dynamics=dynamics,
            network=start,
            source=Whole(problem.batch),
            key=purpose_key(config.seed, "training"),
            observe=observer.observe,
            until=observer.until,
            record_start=True,
            keep_steps=keep_steps(config, steps),
            keep_as=lambda network: project(dynamics, network, problem.batch),
        ),
        _plan(config),
        watch=context.watch(),
    )
    columns = trajectory.columns()
    return Outcome(
        status=trajectory.status,
        metrics=columns,
        summary=_summary(config, trajectory, limits),
        arrays={"teacher": problem.teacher.astype(np.float32)}
        | limits.arrays(np.searchsorted(np.asarray(steps), list(trajectory.kept))),
        network=project(dynamics, trajectory.network, problem.batch),
        kept=trajectory.kept,
        notes=[*_notes(config, trajectory, start), *limits.notes()],
    )


def _plan(config: Timescales) -> Plan:
    return Plan(
        n_steps=config.n_steps,
        batch_size=config.n_samples,
        record_every=config.record_every,
    )


@eqx.filter_jit
def project(dynamics: Any, network: Network, batch: Any) -> Network:
    """The same features with their own optimal readout."""
    return dynamics.project(network, batch)


def record_steps(config: Timescales) -> list[int]:
    """Steps of the records: evenly spaced, and the last one."""
    steps = list(range(0, config.n_steps, config.record_every))
    return [*steps, config.n_steps]


def keep_steps(config: Timescales, steps: list[int]) -> frozenset[int]:
    """Records whose networks are kept: those asked for, and the paper's."""
    # Twice as many as there are records meet every one of them.
    even = np.linspace(0, config.n_steps, min(config.snapshots, 2 * len(steps)))
    wanted = [
        *even,
        *PAPER_SNAPSHOTS,
        *moments(config.keep, config.n_steps),
        config.n_steps,
    ]
    grid = np.asarray(steps)
    return frozenset(
        int(grid[np.argmin(np.abs(grid - step))])
        for step in wanted
        if step <= config.n_steps
    )


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


def check_ratio(config: Timescales, problem: Problem, network: Network) -> None:
    """The explicit readout is stable at the start.

    Raises:
        ConfigError: If it is not; the sentence names the limit.
    """
    if config.inner == "implicit":
        return
    top = largest_eigenvalue(problem.make_problem(), network, problem.batch)
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
    _plan(config)  # Refuses what could not be trained.
    problem = Problem.of(config)
    start = project(problem.dynamics(), problem.student, problem.batch)
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


def _notes(config: Timescales, trajectory: Trajectory, start: Network) -> list[str]:
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
    return notes + _step_notes(config, trajectory, start)


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
