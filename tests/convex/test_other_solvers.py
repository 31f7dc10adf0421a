"""CVXPY, ADMM, column generation and paths against the interior-point methods."""

import builtins

import numpy as np
import pytest

from overparam.convex.admm import solve_admm
from overparam.convex.column_generation import generate_columns
from overparam.convex.interior_point import solve
from overparam.convex.path import largest_penalty, regularisation_path, screened
from overparam.convex.reference import solve_reference
from overparam.errors import ConfigError

from .problems import Problem, legacy_problem


@pytest.mark.parametrize("network", ["plain", "skip", "normalised"])
@pytest.mark.parametrize("relaxation", ["gated", "exact"])
@pytest.mark.parametrize("penalty", [None, 0.05])
def test_the_reference_agrees_on_random_problems(rng, network, relaxation, penalty):
    problem = Problem(rng, 18, 4)
    program = problem.program(network=network, relaxation=relaxation, penalty=penalty)
    ours, reference = solve(program), solve_reference(program)
    # Our gap is at most 1e-6, Clarabel's tolerance is 1e-8 on scaled residuals.
    assert ours.primal == pytest.approx(reference.primal, rel=2e-6)
    assert ours.lower <= reference.primal * (1 + 1e-6)
    assert reference.gap <= 1e-5
    assert reference.cone_violation <= 1e-6


@pytest.mark.parametrize(("n", "d"), [(4, 6), (8, 8), (9, 8)])
@pytest.mark.parametrize("penalty", [None, 0.05])
def test_the_reference_agrees_where_dimensions_abound(rng, n, d, penalty):
    # Nearly all patterns have directions without penalty.
    program = Problem(rng, n, d).program(
        network="normalised", relaxation="exact", penalty=penalty
    )
    ours, reference = solve(program), solve_reference(program)
    assert ours.status == "optimal"
    assert ours.primal == pytest.approx(reference.primal, rel=2e-6)
    assert ours.cone_violation <= 1e-12


def test_the_reference_says_what_to_install(rng, monkeypatch):
    original = builtins.__import__

    def missing(name, *args, **kwargs):
        if name == "cvxpy":
            raise ImportError(name)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ConfigError, match=r"pip install 'overparam\[convex\]'"):
        solve_reference(Problem(rng, 8, 2).program())


def test_the_reference_refuses_solvers_that_are_not_there(rng):
    with pytest.raises(ConfigError, match="NOSUCH is not installed"):
        solve_reference(Problem(rng, 8, 2).program(), solver="NOSUCH")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("relaxation", ["gated", "exact"])
@pytest.mark.parametrize("penalty", [None, 0.1])
def test_alternating_directions_approach_the_optimum(rng, dtype, relaxation, penalty):
    problem = Problem(rng, 20, 4, noise=0.0 if penalty is None else 0.5)
    program = problem.program(network="skip", relaxation=relaxation, penalty=penalty)
    ours = solve(program)
    found = solve_admm(program, tolerance=1e-3, dtype=dtype)
    assert found.status in ("optimal", "inaccurate", "max_iterations")
    # Both values are certified: their intervals must meet whatever the status.
    assert found.lower <= ours.primal * (1 + 1e-9)
    assert ours.lower <= found.primal * (1 + 1e-9)
    assert found.cone_violation <= 1e-12
    if found.status == "optimal":
        assert found.primal == pytest.approx(ours.primal, rel=2e-3)


def test_alternating_directions_solve_gated_programmes_accurately(rng):
    problem = Problem(rng, 20, 4)
    found = solve_admm(problem.program(penalty=0.1), tolerance=1e-6)
    assert found.status == "optimal"


def test_alternating_directions_refuse_normalised_networks(rng):
    with pytest.raises(ConfigError, match="not built for normalised"):
        solve_admm(Problem(rng, 10, 3).program(network="normalised"))


def test_column_generation_beats_the_sample(rng):
    problem = legacy_problem(60, 10, 2, 0.5)
    program = problem.program(relaxation="exact", penalty=0.05)
    found = generate_columns(program, rng=rng)
    assert found.values[0] == pytest.approx(0.175367, rel=1e-5)
    # The published value of four rounds; more patterns never increase the value.
    assert found.values[-1] <= 0.13894
    assert np.all(np.diff(found.values) <= 1e-6)
    assert found.solution.status == "optimal"


def test_paths_equal_single_solutions_and_start_at_zero(rng):
    problem = Problem(rng, 30, 5)
    program = problem.program()
    path = regularisation_path(program, n_penalties=6, smallest=1e-2)
    assert not path[0].weights.any()
    assert path[0].program.penalty == pytest.approx(largest_penalty(program))
    for solution in path[1:]:
        alone = solve(solution.program)
        assert solution.status == "optimal"
        assert solution.primal == pytest.approx(alone.primal, rel=3e-7)


def test_screened_groups_are_zero_in_the_optimum(rng):
    problem = Problem(rng, 40, 5)
    first = solve(problem.program(penalty=0.2), tolerance=1e-9)
    program = first.program.with_penalty(0.19)
    zero = screened(program, first)
    optimum = solve(program, tolerance=1e-9)
    largest = optimum.group_norms.max()
    assert np.all(optimum.group_norms[zero] <= 1e-4 * largest)
    # At the optimum itself nearly all inactive groups are recognised.
    inactive = optimum.group_norms <= 1e-6 * largest
    assert screened(program, optimum).sum() >= 0.5 * inactive.sum()
