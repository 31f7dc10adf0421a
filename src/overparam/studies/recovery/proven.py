"""A trial of `recovery` whose optimum over all networks is proven."""

import time

import numpy as np

from ...convex.certificates.activation import SearchLimits
from ...convex.certificates.branch_and_price import solve_global
from ...convex.maps import network_of_neurons
from ..study import Outcome
from .measure import measure
from .problem import Problem


# Gap that a proof over all networks is asked for, and most cones of its search.
_GLOBAL_GAP, _MOST_CONES = 1e-2, 1_000_000

EVERY_NETWORK = "networks of any width"
"""Of what a bound over all patterns is one."""


def prove_trial(problem: Problem) -> Outcome:
    """Find a network and prove how near it is to the optimum over all networks."""
    config, start = problem.config, time.perf_counter()
    assert config.beta is not None  # The config is checked: the fit is penalised.
    skip = config.network == "skip"
    found = solve_global(
        problem.x,
        problem.y,
        penalty=config.beta,
        skip=skip,
        gap=config.tolerance or _GLOBAL_GAP,
        # No clock: the same config gives the same numbers.
        limits=SearchLimits(seconds=np.inf, nodes=config.max_iterations or _MOST_CONES),
        seed=config.seed,
    )
    network = network_of_neurons(found.neurons, skip=skip)
    measured = measure(problem, network)
    return Outcome(
        status="converged" if found.proven else "max_iterations",
        metrics={
            "iterations": [float(found.n_nodes)],
            "primal": [found.objective],
            "lower_bound": [found.lower],
            "seconds": [time.perf_counter() - start],
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
        },
        arrays=problem.arrays | {"multiplier": found.dual},
        network=network,
    )
