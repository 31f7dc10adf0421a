"""The runs of the study `recovery`: one trial each."""

import time
from dataclasses import replace
from typing import Any

import numpy as np

from ...convex.certificates.certificate import certify_network
from ...convex.maps import predict, to_network
from ...convex.programs.program import Program
from ...convex.recovery.decision import Decision, decide_recovery, distance_range
from ...convex.recovery.isometry import Isometry, neural_isometry, wendel_probability
from ...convex.recovery.planted import PlantedWeights
from ...convex.recovery.uniqueness import with_uniqueness
from ...convex.solvers.decomposition import decompose
from ...convex.solvers.interior_point import solve
from ...convex.solvers.reference import solve_reference
from ...convex.solvers.solution import Solution, assess
from ...errors import SolverError
from ...networks.two_layer import TwoLayer
from ...training.single import train
from ..study import Context, Outcome
from .config import Recovery
from .measure import measure, test_outputs
from .problem import Problem
from .proven import EVERY_NETWORK, NO_NEURON, prove_trial


# Blocks with less than this fraction of the largest norm do not count as active.
_NEGLIGIBLE = 1e-4
# Gap up to which the condition's own certificate is optimal; it is exact but for this.
_ROUNDING = 1e-7
# A gap that rounding prevents, so that the solver returns the best it can do.
_UTMOST = 1e-14


def run(config: Recovery, context: Context) -> Outcome:
    """Draw one problem, find its optimum and decide whether it is the planted model."""
    problem = Problem.of(config)
    if config.method == "training":
        return _train_trial(problem, context)
    if config.method == "condition":
        program = _equality(problem.program())
        condition = _condition(program, problem.planted(program))
        # The config refuses to ask where nothing is planted.
        assert condition is not None
        return Outcome(
            status="finished",
            metrics={"condition_maximum": [condition.largest]},
            summary=_facts(problem, program, condition),
            arrays={"multiplier": condition.multiplier}
            | _data_arrays(problem, program),
        )
    if config.method == "global":
        return prove_trial(problem, context)
    return _solve_trial(problem)


def describe(config: Recovery) -> dict[str, Any]:
    """Facts that are known before solving."""
    problem = Problem.of(config)
    return {
        "samples per dimension n/d": config.n_samples / config.input_dim,
        "Wendel's probability of an all-ones pattern": wendel_probability(
            config.n_samples, config.input_dim
        ),
        "an all-ones pattern exists": problem.all_ones is not None,
        "norm of the labels": float(np.linalg.norm(problem.y)),
    }


_NO_SEARCH = (
    "`lower_bound` is one without a search, and `relative_gap` the distance to it: "
    "`overparam analyse RUN certificate` may prove a nearer one."
)


def _train_trial(problem: Problem, context: Context) -> Outcome:
    """Train a network of the trial's kind and bound its distance to the optimum."""
    training = replace(
        problem.training(), observe=lambda step, network: measure(problem, network)
    )
    trajectory = train(training, problem.plan(), watch=context.watch())
    trained = problem.at_rest(trajectory.network)
    error = trajectory.final("rms_test_error")
    diverged = trajectory.status == "diverged"
    optimality = {} if diverged else _optimality(problem, trained)
    # Of normalised networks there is no search.
    may_be_nearer = (
        optimality.get("tier") == "bounded" and problem.config.network != "normalised"
    )
    return Outcome(
        status=trajectory.status,
        metrics=trajectory.columns(),
        summary={
            "distance_low": trajectory.final("distance"),
            "distance_high": trajectory.final("distance"),
            "test_error": error,
            "test_norm": error and error * float(np.sqrt(len(problem.test()[0]))),
            **problem.facts,
            **({} if diverged else problem.scores(test_outputs(problem, trained))),
        }
        | optimality,
        arrays=problem.arrays,
        network=trained,
        kept=trajectory.kept,
        notes=problem.notes + ([_NO_SEARCH] if may_be_nearer else []),
    )


def _optimality(problem: Problem, trained: TwoLayer) -> dict[str, Any]:
    """How far the network is from the optimum of its own penalised problem."""
    if problem.config.beta is None:
        return {}
    found = certify_network(
        trained,
        problem.x,
        problem.y,
        penalty=problem.config.beta,
        patterns=problem.patterns,
        normalised=problem.config.network == "normalised",
    )
    return {
        "objective": found.objective,
        "lower_bound": found.lower,
        "lower_bound_of": EVERY_NETWORK,
        "relative_gap": found.gap,
        "tier": found.tier,
        "best_known": found.best_known,
    }


def _solve_trial(problem: Problem) -> Outcome:
    config, start = problem.config, time.perf_counter()
    program = problem.program()
    planted = problem.planted(program)
    condition = _condition(_equality(program), planted)
    known = _certified(problem, program, planted, condition)
    solution = _solve(problem, program) if known is None else known
    program = solution.program
    seconds = time.perf_counter() - start
    if solution.status == "infeasible":
        distance = np.linalg.norm(solution.dual) / np.linalg.norm(problem.y)
        raise SolverError(
            "no network with these patterns fits the labels (relative distance "
            f"{distance:.2g}); add patterns, or use fit=penalised."
        )
    if planted is not None and len(solution.weights) != len(planted.weights):
        planted = problem.planted(program)  # Column generation changed the patterns.
    decision = _decide(problem, solution, planted)
    if solution.solved and decision is not None and decision.verdict == "non-unique":
        solution = solution.with_status("non-unique")
    network = to_network(solution) if solution.solved else None
    split = decompose(solution) if config.decompose and solution.solved else None
    split_facts = {}
    if split is not None:  # What the ReLU network of a gated optimum costs.
        split_facts = {"relu_objective": split.objective, "relu_bound": split.bound}
    arrays = {"weights": solution.weights, "dual": solution.dual}
    if solution.cone_dual is not None:
        arrays["cone_dual"] = solution.cone_dual
    return Outcome(
        status="converged" if solution.solved else "max_iterations",
        metrics={
            "iterations": [float(solution.iterations)],
            "primal": [solution.primal],
            "lower_bound": [solution.lower],
            "seconds": [seconds],
        },
        summary=_facts(problem, program, condition)
        | _decision_facts(decision, solution, planted)
        | _solution_facts(problem, solution)
        | split_facts,
        arrays=_data_arrays(problem, program) | arrays,
        network=network if split is None else split.network,
        notes=problem.notes + _notes(config, solution),
    )


def _condition(program: Program, planted: PlantedWeights | None) -> Isometry | None:
    """The isometry condition, which an all-ones pattern of a skip network breaks."""
    if planted is None:
        return None
    condition = neural_isometry(program, planted)
    if program.merged_all_ones:
        return replace(condition, independent=False)
    return condition


def _solve(problem: Problem, program: Program) -> Solution:
    config, options = problem.config, _options(problem.config)
    if config.solver == "reference":
        options.pop("max_iterations", None)
        return with_uniqueness(solve_reference(program, **options))
    if config.solver == "admm":
        from ...convex.solvers.admm import solve_admm

        return solve_admm(program, dtype=config.precision, **options)
    if config.patterns == "column-generation":
        from ...convex.solvers.column_generation import generate_columns

        rng = np.random.default_rng(config.seed)
        return generate_columns(program, rng=rng, **options).solution
    return with_uniqueness(solve(program, **options))


def _certified(
    problem: Problem,
    program: Program,
    planted: PlantedWeights | None,
    condition: Isometry | None,
) -> Solution | None:
    """The planted weights, where the condition is a certificate of them.

    They are optimal then with its multiplier, and nothing is left to iterate.
    """
    config = problem.config
    if planted is None or condition is None or not condition.holds:
        return None
    if config.solver != "interior-point" or config.patterns == "column-generation":
        return None
    if config.beta is not None or config.noise:
        return None
    known = assess(
        program,
        planted.weights,
        condition.multiplier,
        np.zeros_like(program.signs) if program.exact else None,
        tolerance=config.tolerance or _ROUNDING,
        iterations=0,
    )
    return known if known.solved else None


def _options(config: Recovery) -> dict[str, Any]:
    """The solver's options that the config names."""
    named = {"tolerance": config.tolerance, "max_iterations": config.max_iterations}
    return {name: value for name, value in named.items() if value is not None}


def _decide(
    problem: Problem, solution: Solution, planted: PlantedWeights | None
) -> Decision | None:
    """The decision, where the planted model fits the labels and can be optimal."""
    if planted is None or problem.config.noise or problem.config.beta is not None:
        return None
    decision = decide_recovery(solution, planted)
    if decision.verdict == "undecided" and problem.config.solver == "interior-point":
        # A decision needs no converged point, only a good multiplier: go on to the end.
        options = {**_options(problem.config), "tolerance": _UTMOST}
        best = solve(solution.program, **options)
        decision = decide_recovery(best, planted)
    return decision


def _equality(program: Program) -> Program:
    """The minimum-norm programme, which the conditions speak about."""
    return replace(program, penalty=None)


def _facts(
    problem: Problem, program: Program, condition: Isometry | None
) -> dict[str, Any]:
    facts = {
        "n_patterns_used": len(program.patterns.masks),
        "complete_patterns": program.patterns.complete,
        **problem.facts,
    }
    if condition is None:
        return facts
    return facts | {
        "condition_holds": condition.holds,
        "condition_maximum": condition.largest,
    }


def _decision_facts(
    decision: Decision | None, solution: Solution, planted: PlantedWeights | None
) -> dict[str, Any]:
    if planted is None:
        return {}
    if decision is None:
        low, high = distance_range(solution, planted)
        verdict, recovered = "not-asked", None
    else:
        low, high = decision.distance
        verdict, recovered = decision.verdict, decision.recovered
    merged = solution.program.merged_all_ones and verdict == "non-unique"
    return {
        "verdict": verdict,
        "recovered": recovered,
        "merged_recovered": bool(merged or recovered),
        "distance_low": low,
        "distance_high": high,
    }


def _solution_facts(problem: Problem, solution: Solution) -> dict[str, Any]:
    """What the solver says, and the error on fresh, noiseless samples."""
    norms, (inputs, targets) = solution.group_norms, problem.test()
    outputs = predict(solution, inputs)
    error = np.linalg.norm(outputs - targets)
    # No value is below the bound in this programme; other networks may be.
    which = problem.config.patterns
    if solution.program.patterns.complete:
        which = "all the"
    elif which == "column-generation":
        which = "generated"
    number = len(solution.program.patterns.masks)
    bounded = f"the {problem.config.program} programme of {which} {number} patterns"
    return problem.scores(outputs) | {
        "solver_status": solution.status,
        "primal": solution.primal,
        "lower_bound": solution.lower,
        "lower_bound_of": bounded,
        "relative_gap": solution.gap,
        "equality_residual": solution.equality_residual,
        "cone_violation": solution.cone_violation,
        "iterations": solution.iterations,
        "active_groups": int(np.sum(norms > _NEGLIGIBLE * norms.max(initial=0))),
        "test_error": float(error) / np.sqrt(len(inputs)),
        "test_norm": float(error),
    }


def _data_arrays(problem: Problem, program: Program) -> dict[str, np.ndarray]:
    patterns = program.patterns
    return problem.arrays | {"masks": patterns.masks, "gates": patterns.gates}


def _notes(config: Recovery, solution: Solution) -> list[str]:
    notes = []
    if config.method == "auto" and config.solver == "admm":
        notes.append(
            f"method=admm was chosen for {config.n_samples} samples; its gap is "
            f"{solution.gap:.1e}."
        )
    if not solution.program.patterns.complete:
        how = "sampled" if config.patterns == "sampled" else "generated"
        notes.append(
            f"Patterns are {how}: optimality, `lower_bound` and recovery speak about "
            f"these {len(solution.program.patterns.masks)} patterns, not about all; a "
            "network with other patterns may be below."
        )
    if solution.status == "non-unique":
        told = "." if config.dataset else "; distances are given as an interval."
        notes.append(f"There are several optima{told}")
    if not solution.solved:
        notes.append(
            f"The solver stopped with status {solution.status} and a relative gap of "
            f"{solution.gap:.1e}; the weights are no solution."
        )
    elif not solution.weights.any():
        notes.append(NO_NEURON)
    return notes
