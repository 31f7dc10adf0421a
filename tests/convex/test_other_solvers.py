"""CVXPY, ADMM, column generation and paths against the interior-point methods."""

import builtins

import jax
import numpy as np
import pytest

from overparam.convex import (
    Patterns,
    convex_program,
    enumerate_patterns,
    regularisation_path,
    solve,
    solve_admm,
    solve_reference,
)
from overparam.convex.solvers.column_generation import generate_columns
from overparam.convex.solvers.path import largest_penalty, screened
from overparam.convex.solvers.presolve import without_idle_rows
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


@pytest.mark.parametrize("relaxation", ["gated", "exact"])
def test_columns_of_normalised_networks_hold_every_wide_pattern(rng, relaxation):
    problem = Problem(rng, 14, 2)
    options = {"network": "normalised", "relaxation": relaxation, "penalty": 0.1}
    few = Patterns(problem.patterns.masks[:4], problem.patterns.gates[:4])
    start = problem.program(patterns=few, **options)
    every = enumerate_patterns(problem.x)
    found = generate_columns(start, rng=rng, rounds=20)
    assert found.values[-1] >= solve(problem.program(patterns=every, **options)).lower
    assert found.values[-1] <= found.values[0] * (1 + 1e-6)
    # All of 400 random starts miss a cell of 0.2 radians once in 10^5 times.
    angles = np.linspace(0, 2 * np.pi, 4000, endpoint=False)
    around = np.stack([np.cos(angles), np.sin(angles)], axis=1) @ problem.x.T >= 0
    width = np.array([(around == mask).all(axis=1).mean() for mask in every.masks])
    wide = problem.program(patterns=every.subset(width > 0.2 / (2 * np.pi)), **options)
    # A direction counts as violating from 1e-6 on; ascent in a cell is local.
    assert found.values[-1] <= solve(wide).primal * (1 + 1e-3)


@pytest.mark.parametrize(
    ("network", "relaxation"),
    [
        ("plain", "gated"),
        ("plain", "exact"),
        ("skip", "exact"),
        ("normalised", "exact"),
    ],
)
def test_paths_equal_single_solutions_and_save_iterations(rng, network, relaxation):
    problem = Problem(rng, 30, 4)
    program = problem.program(network=network, relaxation=relaxation)
    options = {"n_penalties": 10, "smallest": 0.1}
    path = regularisation_path(program, **options)
    alone = regularisation_path(program, warm=False, **options)
    assert not path[0].weights.any()
    assert path[0].program.penalty == pytest.approx(largest_penalty(program))
    for solution, single in zip(path[1:], alone[1:], strict=True):
        assert solution.status == "optimal"
        assert solution.primal == pytest.approx(single.primal, rel=2e-6)
        assert solution.cone_violation <= 1e-12
    # Observed savings: a fifth to a third of the iterations of the whole path.
    used = sum(solution.iterations for solution in path)
    if without_idle_rows(program) is None:
        assert used < sum(solution.iterations for solution in alone)


@pytest.mark.parametrize("network", ["plain", "skip", "normalised"])
def test_a_warm_start_of_an_exact_programme_keeps_its_optimum(rng, network):
    problem = Problem(rng, 30, 4)
    program = problem.program(network=network, relaxation="exact", penalty=0.1)
    first, near = solve(program), program.with_penalty(0.08)
    if without_idle_rows(program) is not None:
        with pytest.raises(ConfigError, match="constrain nothing"):
            solve(near, near=first)
        return
    warm, cold = solve(near, near=first), solve(near)
    assert warm.status == "optimal"
    assert warm.primal == pytest.approx(cold.primal, rel=2e-6)
    # Observed: 1 to 10 fewer.
    assert warm.iterations <= cold.iterations + 1


def test_a_warm_start_with_other_groups_is_refused(rng):
    first = solve(Problem(rng, 12, 3).program(penalty=0.1))
    with pytest.raises(ConfigError, match="`near` has weights of shape"):
        solve(Problem(rng, 12, 4).program(penalty=0.1), near=first)


@pytest.mark.parametrize("network", ["plain", "skip", "normalised"])
@pytest.mark.parametrize("relaxation", ["gated", "exact"])
def test_screened_groups_are_zero_in_the_optimum(rng, network, relaxation):
    problem = Problem(rng, 30, 4)
    program = problem.program(network=network, relaxation=relaxation)
    # Close to the largest penalty few groups are active.
    penalty = 0.8 * largest_penalty(program)
    tolerance = 1e-9 if relaxation == "gated" else 1e-7
    first = solve(program.with_penalty(penalty), tolerance=tolerance)
    program = program.with_penalty(0.98 * penalty)
    zero = screened(program, first)
    optimum = solve(program, tolerance=tolerance)
    largest = optimum.group_norms.max()
    # A gap of 1e-7 leaves room for weights of that size relative to the objective.
    negligible = 1e-3 * largest + 1e-5 * optimum.primal / penalty
    assert np.all(optimum.group_norms[zero] <= negligible)
    if relaxation == "gated":
        # At the optimum itself nearly all inactive groups are recognised.
        inactive = optimum.group_norms <= 1e-6 * largest
        assert screened(program, optimum).sum() >= 0.5 * inactive.sum()


def test_a_path_needs_no_pattern_beside_the_skip_block():
    x, y = np.array([[1.0], [2.0], [0.5]]), np.array([1.0, -1.0, 3.0])
    patterns = enumerate_patterns(x)
    program = convex_program(x, y, patterns=patterns, network="skip", penalty=1.0)
    assert not len(program.patterns.masks)
    # One coefficient: soft thresholding of x'y / x'x.
    product, square = float(x[:, 0] @ y), float(x[:, 0] @ x[:, 0])
    for found in regularisation_path(program, n_penalties=3, smallest=0.1):
        expected = np.sign(product) * (abs(product) - found.program.penalty) / square
        assert found.status == "optimal"
        assert found.skip_weights == pytest.approx([expected], rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("network", ["plain", "normalised"])
@pytest.mark.parametrize("relaxation", ["gated", "exact"])
def test_generated_columns_are_patterns_of_directions(rng, network, relaxation):
    # No direction is on for all of these samples, as the zero one would be.
    x = np.array([[1.0, 0.0], [-1.0, 1.0], [-1.0, -1.0]])
    options = {"network": network, "relaxation": relaxation, "penalty": 0.01}
    all_patterns = enumerate_patterns(x)
    for labels in (np.eye(3), -np.eye(3)):
        for y in labels:
            start = convex_program(
                x, y, patterns=all_patterns.subset(np.arange(6) < 1), **options
            )
            found = generate_columns(start, rng=rng).solution
            assert found.program.patterns.gates.any(axis=1).all()
            least = solve(convex_program(x, y, patterns=all_patterns, **options))
            assert found.primal >= least.lower


def test_admm_is_as_exact_as_it_is_asked_whatever_jax_is_set_to(rng):
    program = Problem(rng, 18, 4).program(penalty=0.05)
    with jax.enable_x64(False):
        found = solve_admm(program, tolerance=1e-9)
    assert found.gap <= 1e-9
    assert found.primal == pytest.approx(solve(program).primal, rel=1e-6)


def test_single_precision_is_refused_with_what_it_is_and_the_remedy(rng):
    x, y = rng.standard_normal((6, 2)).astype("float32"), rng.standard_normal(6)
    with pytest.raises(ConfigError, match=r"x of float32 and y of float64.*asarray"):
        convex_program(x, y, patterns=enumerate_patterns(x))
