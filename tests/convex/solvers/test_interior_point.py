"""The interior-point methods against closed forms, published values and each other."""

import itertools

import numpy as np
import pytest

from overparam.convex import Patterns, convex_program, patterns_of, solve, with_bias
from overparam.convex.solvers.bounds import scaled_dual
from overparam.convex.solvers.solution import assess
from overparam.errors import ConfigError, DataError

from ..problems import Problem, legacy_problem


NETWORKS = ["plain", "skip", "normalised"]
RELAXATIONS = ["gated", "exact"]
PENALTIES = [None, 0.05]
# Certified gaps of 1e-7 (gated) and 1e-6 (exact), a reference accurate to 1e-8.
AGREES = 2e-6


def recomputed(solution):
    """Norm of the error and the lowest cone row, in extended precision."""
    program = solution.program
    x = program.groups.x.astype(np.longdouble)
    neurons = program.groups.neurons(solution.weights).astype(np.longdouble)
    masks = program.patterns.masks.astype(np.longdouble)
    signs = [np.ones((program.n_skip, len(x))), masks]
    if program.exact:
        signs.append(-masks)
    hidden = neurons @ x.T
    predictions = (np.concatenate(signs) * hidden).sum(axis=0)
    error = np.linalg.norm((predictions - program.y).astype(float))
    rows = (
        hidden[program.n_skip :]
        * (np.concatenate([2 * masks - 1] * 2))[: len(hidden) - program.n_skip]
    )
    return error, float(rows.min()) if program.exact else 0.0


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("relaxation", RELAXATIONS)
@pytest.mark.parametrize("penalty", PENALTIES)
def test_every_number_follows_from_the_returned_arrays(
    rng, network, relaxation, penalty
):
    problem = Problem(rng, 30, 8)
    solution = solve(
        problem.program(network=network, relaxation=relaxation, penalty=penalty)
    )
    assert solution.status == "optimal"
    assert solution.gap <= (1e-7 if relaxation == "gated" else 1e-6)
    error, lowest_row = recomputed(solution)
    program = solution.program
    norms = program.group_norms(solution.weights)
    objective = (penalty or 1.0) * norms.sum() + (0.5 * error**2 if penalty else 0.0)
    # Rounding of sums of a few thousand terms of order one.
    assert solution.primal == pytest.approx(objective, rel=1e-12)
    assert penalty is not None or error <= 1e-12 * np.linalg.norm(problem.y)
    assert solution.cone_violation <= 1e-15
    assert lowest_row >= -1e-14
    blocks = program.dual_blocks(solution.dual, solution.cone_dual)
    assert np.all(program.group_norms(blocks) <= program.bounds * (1 + 1e-12))
    kappa = 1.0 if penalty else 0.0
    value = problem.y @ solution.dual - kappa / 2 * solution.dual @ solution.dual
    assert solution.lower == pytest.approx(value, rel=1e-12)
    assert value <= objective * (1 + 1e-12)
    if program.exact:
        assert solution.cone_dual.min() >= 0


@pytest.mark.parametrize("network", ["plain", "skip"])
@pytest.mark.parametrize("penalty", [None, 1e-4])
def test_cone_rows_do_not_hide_the_curvature_along_weights(rng, network, penalty):
    # Summed in one matrix they end half of these before a gap of 1e-8; as it is one in
    # several hundred.
    missed = 0
    for _ in range(16):
        x = rng.standard_normal((40, 4))
        patterns = patterns_of(x, rng.standard_normal((20, 4)))
        weights = rng.standard_normal((len(patterns.masks), 4))
        y = (patterns.masks * (weights @ x.T)).mean(axis=0)
        program = convex_program(
            x,
            y,
            patterns=patterns,
            network=network,
            relaxation="exact",
            penalty=penalty,
        )
        missed += solve(program, tolerance=1e-8).status != "optimal"
    assert missed <= 2


@pytest.mark.parametrize("network", NETWORKS)
def test_relaxing_the_cones_and_adding_patterns_never_costs(rng, network):
    problem = Problem(rng, 24, 6)
    few = Patterns(problem.patterns.masks[:30], problem.patterns.gates[:30])
    gated = solve(problem.program(network=network))
    exact = solve(problem.program(network=network, relaxation="exact"))
    fewer = solve(problem.program(network=network, patterns=few))
    assert gated.lower <= exact.primal
    assert gated.lower <= fewer.primal


@pytest.mark.parametrize("relaxation", RELAXATIONS)
@pytest.mark.parametrize("penalty", PENALTIES)
def test_orthonormal_rows_have_a_closed_form(rng, relaxation, penalty):
    n, d = 4, 6
    x = np.linalg.qr(rng.standard_normal((d, n)))[0].T
    y = rng.standard_normal(n)
    masks = np.array(list(itertools.product([False, True], repeat=n)))[1:]
    gates = (2.0 * masks - 1) @ x
    patterns = Patterns(masks, gates, complete=True)
    program = convex_program(
        x, y, patterns=patterns, relaxation=relaxation, penalty=penalty
    )
    positive, negative = (
        np.linalg.norm(np.maximum(y, 0)),
        np.linalg.norm(np.minimum(y, 0)),
    )
    sizes = [positive, negative] if relaxation == "exact" else [np.linalg.norm(y)]
    expected = sum(sizes)
    if penalty:
        expected = sum(
            penalty * t - penalty**2 / 2 if t > penalty else t**2 / 2 for t in sizes
        )
    assert solve(program).primal == pytest.approx(expected, rel=AGREES)


def test_one_dimension_is_two_soft_thresholds(rng):
    x, y, penalty = rng.standard_normal((60, 1)), rng.standard_normal(60), 0.3
    program = convex_program(
        x, y, patterns=patterns_of(x, np.array([[1.0], [-1.0]])), penalty=penalty
    )
    solution = solve(program, tolerance=1e-9)
    expected = 0.5 * y @ y
    for part in (np.maximum(x, 0)[:, 0], np.minimum(x, 0)[:, 0]):
        along, size = part @ y, part @ part
        expected -= max(0.0, abs(along) - penalty) ** 2 / (2 * size)
    assert solution.primal == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize(
    ("shape", "options", "expected"),
    [
        ((40, 30, 1, 0.0), {"network": "skip"}, 0.97195262),
        ((100, 60, 1, 0.0), {"network": "skip"}, 1.0),
        ((100, 25, 2, 0.5), {"network": "skip"}, 2.53942144),
        ((40, 10, 1, 0.5), {"network": "skip", "relaxation": "exact"}, 5.605203),
        ((100, 25, 2, 0.5), {"penalty": 0.01}, 0.0248502298),
        ((100, 25, 2, 0.5), {"penalty": 0.1}, 0.2049100318),
        ((100, 25, 2, 0.5), {"penalty": 0.1, "relaxation": "exact"}, 0.32011770),
        ((40, 10, 1, 0.5), {"penalty": 0.01, "relaxation": "exact"}, 0.04811339),
        (
            (100, 25, 1, 0.0),
            {"network": "skip", "penalty": 0.01, "relaxation": "exact"},
            0.00994362718,
        ),
    ],
)
def test_published_check_values(shape, options, expected):
    solution = solve(legacy_problem(*shape).program(**options))
    assert solution.primal == pytest.approx(expected, rel=AGREES)


@pytest.mark.parametrize(("shape"), [(100, 25, 1, 0.0), (60, 20, 1, 0.0)])
def test_a_planted_normalised_neuron_has_norm_one(shape):
    problem = legacy_problem(*shape)
    hidden = np.maximum(problem.x @ problem.direction, 0)
    problem.y = hidden / np.linalg.norm(hidden)
    program = problem.program(
        network="normalised", patterns=problem.with_planted_pattern()
    )
    assert solve(program).primal == pytest.approx(1.0, rel=AGREES)


def test_penalised_planted_singular_vector_shrinks_by_its_singular_value(rng):
    from overparam.convex import neural_isometry, plant

    problem, penalty = Problem(rng, 80, 8, noise=0.0), 1e-3
    _, sizes, right = np.linalg.svd(problem.x)
    direction, size = right[-1], sizes[-1]
    problem.y = problem.x @ direction
    program = problem.program(network="skip")
    if not neural_isometry(program, plant(program, direction[None])).holds:
        pytest.skip("the isometry condition fails for this draw")
    solution = solve(program.with_penalty(penalty))
    expected = penalty - penalty**2 / (2 * size**2)
    assert solution.primal == pytest.approx(expected, rel=AGREES)
    # The objective is flat to second order: weights are known to the root of the gap.
    np.testing.assert_allclose(
        solution.skip_weights, (1 - penalty / size**2) * direction, atol=1e-3
    )


@pytest.mark.parametrize("relaxation", RELAXATIONS)
def test_scales_and_rotations_change_the_value_as_they_must(rng, relaxation):
    problem = Problem(rng, 20, 5)
    options = {"network": "skip", "relaxation": relaxation}
    value = solve(problem.program(**options)).primal
    rotation = np.linalg.qr(rng.standard_normal((5, 5)))[0]
    order, gates = rng.permutation(20), problem.patterns.gates
    factor = float(np.exp(rng.uniform(-5, 5)))
    for x, y, directions, expected in [
        (problem.x @ rotation, problem.y, gates @ rotation, value),
        (problem.x[order], problem.y[order], gates, value),
        (problem.x, factor * problem.y, gates, factor * value),
        (factor * problem.x, problem.y, gates, value / factor),
        (problem.x, problem.y, np.concatenate([gates, 2 * gates[:3]]), value),
    ]:
        program = convex_program(x, y, patterns=patterns_of(x, directions), **options)
        # Both values carry a certified relative gap of at most 1e-6.
        assert solve(program).primal == pytest.approx(expected, rel=3e-6)


def test_small_penalties_approach_the_minimum_norm(rng):
    problem = Problem(rng, 16, 5)
    minimum = solve(problem.program(network="skip")).primal
    values = [
        solve(problem.program(network="skip", penalty=penalty)).primal / penalty
        for penalty in (1e-3, 1e-5)
    ]
    assert values[0] <= values[1] <= minimum * (1 + AGREES)
    # The error is half the squared norm of the multiplier times the penalty.
    assert values[1] == pytest.approx(minimum, rel=1e-2)


def test_unreachable_labels_are_infeasible_with_a_certificate(rng):
    problem = Problem(rng, 12, 4)
    masks = problem.patterns.masks.copy()
    masks[:, 3] = False
    patterns = Patterns(masks, problem.patterns.gates)
    solution = solve(problem.program(patterns=patterns))
    assert solution.status == "infeasible"
    blocks = solution.program.groups.adjoint(solution.dual)
    assert np.abs(blocks).max() <= 1e-12 * np.linalg.norm(solution.dual)
    assert problem.y @ solution.dual > 0


def test_reachable_labels_of_singular_maps_are_solved(rng):
    problem = Problem(rng, 12, 4)
    masks = problem.patterns.masks.copy()
    masks[:, 3] = False
    problem.y[3] = 0.0
    patterns = Patterns(masks, problem.patterns.gates)
    solution = solve(problem.program(patterns=patterns))
    assert solution.status == "optimal"


def test_zero_labels_and_large_penalties_give_zero(rng):
    problem = Problem(rng, 10, 3)
    program = problem.program()
    largest = program.group_norms(program.groups.adjoint(problem.y)).max()
    above = solve(program.with_penalty(1.001 * largest))
    below = solve(program.with_penalty(0.999 * largest))
    assert not above.weights.any()
    assert below.group_norms.max() > 1e-6 * np.linalg.norm(problem.y)
    problem.y = 0 * problem.y
    assert solve(problem.program()).primal == 0


def test_inaccurate_cone_multipliers_still_prove_nearly_the_optimum(rng):
    # Patterns with fewer ones than dimensions have directions without penalty, where
    # the multipliers of the cone must balance exactly.
    problem = Problem(rng, 14, 4)
    program = problem.program(network="normalised", relaxation="exact")
    solution = solve(program)
    noise = 1e-8 * rng.exponential(size=program.signs.shape)
    inaccurate = np.where(solution.cone_dual > 1e-6, solution.cone_dual, 0) + noise
    bound = scaled_dual(program, solution.dual, inaccurate)
    blocks = program.dual_blocks(bound.dual, bound.cone_dual)
    assert bound.cone_dual.min() >= 0
    assert np.all(program.group_norms(blocks) <= 1 + 1e-12)
    free = np.zeros_like(blocks) if program.penalised is None else 1 - program.penalised
    assert np.abs(free * blocks).max() <= 1e-10
    assert bound.value == pytest.approx(solution.lower, rel=1e-4)


def test_a_run_cut_short_is_not_called_a_solution(rng):
    problem = Problem(rng, 30, 8)
    solution = solve(problem.program(network="skip"), max_iterations=2)
    assert solution.status == "max_iterations"
    assert not solution.solved
    assert solution.gap > 1e-5


def test_a_warm_start_saves_iterations(rng):
    saved = 0
    for _ in range(8):
        program = Problem(rng, 40, 8).program(penalty=0.1)
        first, near = solve(program), program.with_penalty(0.09)
        cold, warm = solve(near), solve(near, near=first)
        assert warm.primal == pytest.approx(cold.primal, rel=3e-7)
        saved += cold.iterations - warm.iterations
    # On average 3.6 each, with a spread of 1.5.
    assert saved > 0


def test_a_bias_is_a_penalised_constant_input(rng):
    # Constant labels need no input but the bias: one neuron of output c on n samples.
    x, constant = rng.standard_normal((12, 3)), 0.7
    inputs = with_bias(x)
    gate = np.array([[0.0, 0.0, 0.0, 1.0]])
    program = convex_program(
        inputs, np.full(12, constant), patterns=patterns_of(inputs, gate)
    )
    assert solve(program).primal == pytest.approx(constant, rel=AGREES)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"penalty": 0.0}, "`penalty` must be a positive finite number, got 0.0"),
        ({"relaxation": "loose"}, "`relaxation` must be one of exact, gated"),
    ],
)
def test_bad_options_are_refused(rng, change, message):
    with pytest.raises(ConfigError, match=message):
        Problem(rng, 8, 2).program(**change)


def test_bad_data_are_refused(rng):
    problem = Problem(rng, 8, 2)
    for x, y in [
        (np.where(problem.x == problem.x[0, 0], np.nan, problem.x), problem.y),
        (problem.x, problem.y[:3]),
        (problem.x, np.where(np.arange(8) == 2, np.inf, problem.y)),
    ]:
        with pytest.raises(DataError):
            convex_program(x, y, patterns=problem.patterns)
    with pytest.raises(ConfigError, match="float64"):
        convex_program(
            problem.x.astype(np.float32), problem.y, patterns=problem.patterns
        )


def test_programmes_beyond_the_memory_are_refused(rng, monkeypatch):
    program = Problem(rng, 12, 3).program(relaxation="exact")
    monkeypatch.setattr("os.sysconf", lambda name: 10)
    with pytest.raises(ConfigError, match="lower n_patterns or use method=admm"):
        solve(program)


@pytest.mark.parametrize("relaxation", RELAXATIONS)
def test_weights_that_miss_the_labels_have_no_gap_of_zero(rng, relaxation):
    """They pay less than the optimum, however good the multiplier is."""
    problem = Problem(rng, 12, 4)
    best = solve(problem.program(relaxation=relaxation))
    for share in (1e-6, 8e-6):
        # A share of the labels is missed: the value is below the optimum by it.
        short = assess(
            best.program,
            (1 - share) * best.weights,
            best.dual,
            best.cone_dual,
            tolerance=1e-7,
            iterations=0,
        )
        assert short.primal < best.lower
        # The share to first order; `best` itself is known to the accuracy asked for.
        assert short.gap == pytest.approx(share, abs=1e-6 + share**2, rel=0.1)
        assert short.status == "inaccurate"
