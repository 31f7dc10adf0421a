"""A trial of `recovery` whose optimum over all networks is proven."""

import math
import signal
import time

from ...convex.certificates.activation import SearchLimits
from ...convex.certificates.branch_and_price import GlobalOptimum, solve_global
from ...convex.maps import network_of_neurons
from ...errors import Interrupted
from ..study import Context, Outcome
from .measure import measure, test_outputs
from .problem import Problem


# Gap that a proof over all networks is asked for, and most cones of its search.
_GLOBAL_GAP, _MOST_CONES = 1e-2, 1_000_000
_CONTROL_C = 128 + signal.SIGINT
_LESS = "and a larger `--penalty` needs less."

EVERY_NETWORK = "networks of any width"
"""Of what a bound over all patterns is one."""
NO_NEURON = "No neuron is left at this penalty; a smaller `--penalty` keeps some."


def prove_trial(problem: Problem, context: Context) -> Outcome:
    """Find a network and prove how near it is to the optimum over all networks.

    Raises:
        Interrupted: If the process is to end. Control-C ends the search alone.
    """
    config, start = problem.config, time.perf_counter()
    total = math.ceil(config.max_seconds)

    def told(found: GlobalOptimum) -> None:
        done = min(int(time.perf_counter() - start), total)
        context.progress(done, total, **found.progress)
        if context.stop_requested() is not None:
            raise KeyboardInterrupt

    assert config.beta is not None  # The config is checked: the fit is penalised.
    skip, most = config.network == "skip", config.max_iterations or _MOST_CONES
    found = solve_global(
        problem.x,
        problem.y,
        penalty=config.beta,
        skip=skip,
        gap=config.tolerance or _GLOBAL_GAP,
        limits=SearchLimits(seconds=config.max_seconds, nodes=most),
        watch=told,
        seed=config.seed,
    )
    seconds = time.perf_counter() - start
    stop = context.stop_requested()
    if stop not in (None, _CONTROL_C) and not found.proven:
        # A sweep or a batch system runs it again; nobody asked for less.
        raise Interrupted("Stopped before its search had ended.", exit_code=stop)
    network = network_of_neurons(found.neurons, skip=skip)
    measured = measure(problem, network)
    return Outcome(
        status="converged" if found.proven else "max_iterations",
        metrics={
            "iterations": [float(found.n_nodes)],
            "primal": [found.objective],
            "lower_bound": [found.lower],
            "seconds": [seconds],
        },
        summary={
            "solver_status": "optimal" if found.proven else "max_iterations",
            "tier": "certified" if found.proven else "bounded",
            "primal": found.objective,
            "lower_bound": found.lower,
            "lower_bound_of": EVERY_NETWORK,
            "relative_gap": found.gap,
            "iterations": found.n_nodes,
            "open_cones": found.n_open,
            "active_groups": len(found.neurons.sizes),
            "test_error": measured["rms_test_error"],
            "distance_low": measured.get("distance"),
            "distance_high": measured.get("distance"),
            **problem.facts,
            **problem.scores(test_outputs(problem, network)),
        },
        arrays=problem.arrays | {"multiplier": found.dual},
        network=network,
        notes=problem.notes + _notes(problem, found, context, seconds),
    )


def _notes(
    problem: Problem, found: GlobalOptimum, context: Context, seconds: float
) -> list[str]:
    if not found.proven:
        return [_ended(problem, found, context, seconds)]
    # Of an early end the penalty is not the reason.
    return [] if len(found.neurons.sizes) else [NO_NEURON]


def _ended(
    problem: Problem, found: GlobalOptimum, context: Context, seconds: float
) -> str:
    """Why a search has not proven the gap, what holds, and what gives more."""
    config, more = problem.config, "."
    why = "before its gap was proven"
    if context.stop_requested() is not None:
        why, more = "on Control-C", "; `--force` searches again."
    elif seconds >= config.max_seconds:
        why = f"after {config.max_seconds:g} seconds"
        more = f"; `--max-seconds` gives it more, {_LESS}"
    elif found.n_nodes >= (config.max_iterations or _MOST_CONES):
        why = f"after {found.n_nodes} nodes"
        more = f"; `--max-iterations` gives it more, {_LESS}"
    return (
        f"The search ended {why}: `lower_bound` is proven, and the optimum is at most "
        f"`primal`, a relative gap of {found.gap:.2g}{more}"
    )
