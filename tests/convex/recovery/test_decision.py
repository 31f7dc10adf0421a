"""Isometry conditions, recovery decisions and the set of optima."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from overparam.analysis.intervals import wilson
from overparam.convex import (
    Patterns,
    all_ones_direction,
    convex_program,
    decide_recovery,
    neural_isometry,
    patterns_of,
    plant,
    solve,
    with_directions,
)
from overparam.convex.recovery.decision import distance_range
from overparam.convex.recovery.isometry import cluster_probability, wendel_probability
from overparam.convex.recovery.uniqueness import (
    length_range,
    optimal_face,
    with_uniqueness,
)
from overparam.errors import ConfigError

from ..problems import Problem


def with_all_ones(problem):
    direction = all_ones_direction(problem.x)
    if direction is None:
        return problem.patterns, False
    return with_directions(problem.patterns, problem.x, direction[None]), True


def planted_problem(rng, network, n, d, k=1):
    problem = Problem(rng, n, d, noise=0.0)
    directions = rng.standard_normal((k, d))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    # Every neuron is active somewhere: a direction or its opposite is.
    directions *= np.where((problem.x @ directions.T > 0).any(axis=0), 1, -1)[:, None]
    hidden = np.maximum(problem.x @ directions.T, 0)
    if network == "normalised":
        hidden = hidden / np.linalg.norm(hidden, axis=0)
    problem.y = hidden.sum(axis=1)
    patterns = with_directions(problem.patterns, problem.x, directions)
    program = convex_program(problem.x, problem.y, patterns=patterns, network=network)
    return program, directions


@pytest.mark.parametrize("relaxation", ["gated", "exact"])
def test_linear_condition_implies_recovery_and_decisions_match_the_weights(
    rng, relaxation
):
    for n in (16, 20, 24, 32):
        problem = Problem(rng, n, 8, noise=0.0)
        patterns, all_ones = with_all_ones(problem)
        program = problem.program(
            patterns=patterns, network="skip", relaxation=relaxation
        )
        planted = plant(program, problem.direction[None])
        condition = neural_isometry(program, planted)
        solution = solve(program)
        decision = decide_recovery(solution, planted)
        if program.merged_all_ones:
            assert all_ones
            assert decision.verdict in ("non-unique", "proven-not")
            continue
        assert not condition.holds or decision.verdict == "proven"
        close = np.abs(solution.weights - planted.weights).max() <= 1e-4
        assert decision.verdict == "undecided" or close == (
            decision.verdict == "proven"
        )
        if relaxation == "gated":
            # Recovery excludes an all-ones pattern.
            assert not (decision.recovered and all_ones)


@pytest.mark.parametrize("network", ["plain", "normalised"])
@pytest.mark.parametrize("k", [1, 2])
def test_planted_neurons_with_the_condition_are_recovered(rng, network, k):
    program, directions = planted_problem(rng, network, 48, 5, k)
    planted = plant(program, directions)
    np.testing.assert_allclose(
        program.groups.apply(planted.weights), program.y, atol=1e-12
    )
    condition = neural_isometry(program, planted)
    blocks = program.groups.adjoint(condition.multiplier)
    norms = np.linalg.norm(blocks, axis=1)
    assert condition.largest == pytest.approx(norms[~planted.groups].max())
    decision = decide_recovery(solve(program), planted)
    assert not condition.holds or decision.verdict == "proven"
    if decision.verdict == "proven":
        assert solve(program).primal == pytest.approx(planted.value, rel=1e-6)
    if decision.verdict == "proven-not":
        assert solve(program).primal < planted.value


def test_the_linear_condition_is_its_formula(rng):
    problem = Problem(rng, 40, 6, noise=0.0)
    program = problem.program(network="skip")
    condition = neural_isometry(program, plant(program, problem.direction[None]))
    multiplier = problem.x @ np.linalg.solve(problem.x.T @ problem.x, problem.direction)
    np.testing.assert_allclose(condition.multiplier, multiplier, rtol=1e-9)
    sizes = [
        np.linalg.norm(problem.x.T @ (mask * multiplier))
        for mask in program.patterns.masks
    ]
    assert condition.largest == pytest.approx(max(sizes))


def test_rank_deficient_patterns_do_not_break_the_normalised_condition(rng):
    # Patterns with fewer ones than dimensions have singular vectors without meaning.
    program, directions = planted_problem(rng, "normalised", 12, 8)
    condition = neural_isometry(program, plant(program, directions))
    multiplier = condition.multiplier
    for mask in program.patterns.masks:
        rows = mask[:, None] * program.groups.x
        projected = rows @ np.linalg.pinv(rows) @ multiplier
        block = program.groups.adjoint(multiplier)[program.patterns.index(mask)]
        # The norm is that of the projection on the range of D X.
        assert np.linalg.norm(block) == pytest.approx(np.linalg.norm(projected))


def test_neurons_that_share_a_pattern_are_summed(rng):
    problem = Problem(rng, 20, 3, noise=0.0)
    near = problem.direction + 1e-9 * rng.standard_normal(3)
    program = problem.program(patterns=problem.with_planted_pattern())
    planted = plant(program, np.stack([problem.direction, near]))
    assert planted.groups.sum() == 1
    assert planted.value == pytest.approx(2.0, rel=1e-6)


def test_a_missing_planted_pattern_is_refused(rng):
    problem = Problem(rng, 20, 3)
    mask = problem.x @ problem.direction >= 0
    program = problem.program(patterns=problem.patterns.without(mask))
    with pytest.raises(ConfigError, match="lacks the pattern"):
        plant(program, problem.direction[None])


def test_an_all_ones_pattern_beside_the_linear_block_is_a_segment_of_optima(rng):
    # With samples around one direction an all-ones pattern exists, and w is inside it.
    problem = Problem(rng, 40, 4, noise=0.0)
    problem.x[:, 0] = 1 + np.abs(problem.x[:, 0])
    problem.direction = np.array([1.0, 0.0, 0.0, 0.0])
    problem.y = problem.x @ problem.direction
    patterns, all_ones = with_all_ones(problem)
    assert all_ones
    program = problem.program(patterns=patterns, network="skip", relaxation="exact")
    solution = with_uniqueness(solve(program))
    planted = plant(program, problem.direction[None])
    if solution.primal < planted.value * (1 - 1e-7):
        pytest.skip("another network has a smaller norm for this draw")
    assert solution.status == "non-unique"
    face = optimal_face(solution)
    # The linear part may carry anything from nothing to all of the planted weight.
    # Directions are known to the square root of the gap, 3e-4.
    np.testing.assert_allclose(length_range(solution, face, 0), [0, 1], atol=1e-6)
    np.testing.assert_allclose(distance_range(solution, planted), [0, 1], atol=1e-3)


def test_the_merged_gated_programme_is_flagged(rng):
    problem = Problem(rng, 10, 5, noise=0.0)
    patterns = Patterns(
        np.concatenate([np.ones((1, 10), bool), problem.patterns.masks]),
        np.concatenate([problem.direction[None], problem.patterns.gates]),
    )
    program = problem.program(patterns=patterns, network="skip")
    assert program.merged_all_ones
    assert program.patterns.index(np.ones(10, bool)) is None
    assert with_uniqueness(solve(program)).status == "non-unique"


def test_noisy_optima_are_unique(rng):
    problem = Problem(rng, 30, 6)
    for relaxation in ("gated", "exact"):
        solution = solve(problem.program(network="plain", relaxation=relaxation))
        assert optimal_face(solution).unique


@pytest.mark.parametrize(
    ("n", "d", "success"),
    [(20, 10, 0.5), (30, 10, 0.969), (40, 20, 0.5), (50, 20, 0.924), (60, 20, 0.996)],
)
def test_wendel_values(n, d, success):
    assert 1 - wendel_probability(n, d) == pytest.approx(success, abs=5e-4)


def test_all_ones_patterns_are_as_frequent_as_wendel_says(rng):
    n, d, trials = 12, 6, 200
    found = sum(
        all_ones_direction(rng.standard_normal((n, d))) is not None
        for _ in range(trials)
    )
    # 99.99 % interval: a false alarm in 10^4 runs.
    interval = wilson(found, trials, level=0.9999)
    assert interval.low <= 0.5 <= interval.high


def test_cluster_probability_is_the_monte_carlo_frequency(rng):
    d, n, sharpness, trials = 4, 6, 2.0, 4000
    centres = rng.standard_normal((2, d))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    direction = centres[0] - centres[1]
    noise = rng.standard_normal((trials, 2, n // 2, d)) / sharpness
    margins = (centres[:, None] + noise) @ direction
    hits = int(((margins[:, 0] > 0).all(1) & (margins[:, 1] < 0).all(1)).sum())
    exact = cluster_probability(direction, centres, sharpness=sharpness, n_samples=n)
    # Two-sided binomial test; a false alarm in 10^5 runs.
    assert stats.binomtest(hits, trials, exact).pvalue > 1e-5


def test_decisions_need_the_minimum_norm(rng):
    problem = Problem(rng, 12, 3)
    program = problem.program(network="skip", penalty=0.1)
    planted = plant(program, problem.direction[None])
    with pytest.raises(ConfigError, match="minimum-norm"):
        decide_recovery(solve(program), planted)


def test_duplicate_directions_make_one_pattern(rng):
    x = rng.standard_normal((9, 3))
    gates = rng.standard_normal((4, 3))
    assert len(patterns_of(x, np.concatenate([gates, 2 * gates])).masks) <= 4


def test_square_data_have_other_normalised_optima(rng):
    # With n = d every pattern that holds the active samples can make the same output.
    program, directions = planted_problem(rng, "normalised", 6, 6)
    holding = program.patterns.masks[:, program.y > 0].all(axis=1)
    decision = decide_recovery(solve(program), plant(program, directions))
    assert (decision.verdict == "non-unique") == (holding.sum() > 1)
    if holding.sum() > 1:
        # Another pattern may carry all of the output.
        np.testing.assert_allclose(decision.distance, [0, 1], atol=1e-6)


def test_nearly_singular_data_have_other_normalised_optima(rng):
    for condition in (1e3, 1e5, 1e6):
        x, direction = rng.standard_normal((6, 6)), rng.standard_normal((1, 6))
        left, _, right = np.linalg.svd(x)
        x = (left * np.geomspace(1, 1 / condition, 6)) @ right
        y = np.maximum(x @ direction[0], 0)
        y /= np.linalg.norm(y)
        # All samples active, and those that must be: either makes every such output.
        halfspaces = np.linalg.solve(x, np.where([y > 0, y >= 0], 1.0, -1.0).T).T
        patterns = with_directions(
            patterns_of(x, halfspaces), x, np.concatenate([direction, halfspaces])
        )
        program = convex_program(x, y, patterns=patterns, network="normalised")
        decision = decide_recovery(solve(program), plant(program, direction))
        assert decision.verdict == "non-unique"


def test_the_published_recovery_rates_are_reproduced_from_its_random_stream():
    # `rec_rate_skip.py --n 40 --d 20 --sample 2 --optw 0 --seed 97006855` gives these.
    expected = {(20, 10): 0.5, (30, 10): 1, (30, 20): 0.5, (40, 10): 1, (40, 20): 0.5}
    stream = np.random.RandomState(97006855)
    rates = {}
    for n in (10, 20, 30, 40):
        for d in (10, 20):
            rates[n, d] = np.mean([legacy_trial(stream, n, d) for _ in range(2)])
    assert {cell: rate for cell, rate in rates.items() if rate} == expected


def legacy_trial(stream, n, d):
    x = stream.randn(n, d) / np.sqrt(n)
    w = stream.randn(d)
    w /= np.linalg.norm(w)
    gates = stream.randn(d, max(n, 50))
    stream.randn(d)  # The start of its search for an all-ones pattern.
    patterns, direction = patterns_of(x, gates.T), all_ones_direction(x)
    if direction is not None:
        patterns = with_directions(patterns, x, direction[None])
    program = convex_program(x, x @ w, patterns=patterns, network="skip")
    return bool(decide_recovery(solve(program), plant(program, w[None])).recovered)


def test_weights_that_miss_the_labels_prove_nothing(rng):
    program, directions = planted_problem(rng, "plain", 40, 4)
    planted, solution = plant(program, directions), solve(program)
    assert decide_recovery(solution, planted).verdict == "proven"
    # Smaller weights have a smaller norm, and miss the labels.
    short = dataclasses.replace(
        solution, weights=0.999 * solution.weights, primal=0.999 * solution.primal
    )
    assert decide_recovery(short, planted).verdict != "proven-not"
    # Nothing is decided about labels that are not those of the planted model.
    other = dataclasses.replace(program, y=program.y + rng.standard_normal(40))
    assert decide_recovery(solve(other), planted).verdict == "undecided"


@pytest.mark.parametrize("inputs", [1e-9, 1, 1e9])
def test_a_direction_that_no_sample_sees_is_not_recovered(rng, inputs):
    """Its labels are rounding, which weights of next to no norm fit."""
    x = inputs * rng.standard_normal((10, 20))
    unseen = np.linalg.svd(x)[2][-1]
    patterns = patterns_of(x, rng.standard_normal((30, 20)))
    program = convex_program(x, x @ unseen, patterns=patterns, network="skip")
    decision = decide_recovery(solve(program), plant(program, unseen[None]))
    assert decision.verdict == "proven-not"
    assert min(decision.distance) == pytest.approx(1)


@pytest.mark.parametrize("inputs", [1e-12, 1e-6, 1e12])
@pytest.mark.parametrize("labels", [1e-9, 1e9])
def test_decisions_do_not_depend_on_units(rng, inputs, labels):
    for n in (8, 12, 20):
        x, w = rng.standard_normal((n, 4)), rng.standard_normal(4)
        patterns, verdicts, statuses = (
            patterns_of(x, rng.standard_normal((30, 4))),
            [],
            [],
        )
        for a, b in ((1, 1), (inputs, labels)):
            program = convex_program(
                a * x, b * x @ w, patterns=patterns, network="skip"
            )
            solution = solve(program)
            planted = plant(program, b / a * w[None])
            verdicts.append(decide_recovery(solution, planted).verdict)
            statuses.append(with_uniqueness(solution).status)
        assert verdicts[0] == verdicts[1]
        assert statuses[0] == statuses[1]


@pytest.mark.parametrize("seed", [43, 59])
def test_columns_that_differ_by_the_error_of_the_solver_count_once(seed):
    """The planted line sits in the skip connection and in the all-ones pattern."""
    rng = np.random.default_rng(seed)
    x = np.abs(rng.standard_normal((12, 3)))
    patterns = with_directions(
        patterns_of(x, rng.standard_normal((20, 3))), x, np.ones((1, 3))
    )
    y = x @ np.array([1.0, 0.5, 0.2])
    program = convex_program(
        x, y, patterns=patterns, network="skip", relaxation="exact"
    )
    assert with_uniqueness(solve(program)).status == "non-unique"


def test_lengths_of_other_optima_scale_with_the_labels(rng):
    x = np.abs(rng.standard_normal((12, 3)))
    w = np.array([1.0, 0.5, 0.2])
    patterns = with_directions(
        patterns_of(x, rng.standard_normal((20, 3))), x, np.ones((1, 3))
    )
    for a, b in ((1, 1), (1e-9, 1), (1e9, 1e-9)):
        program = convex_program(
            a * x, b * x @ w, patterns=patterns, network="skip", relaxation="exact"
        )
        solution = with_uniqueness(solve(program))
        assert solution.status == "non-unique"
        size = b / a * np.linalg.norm(w)
        ends = length_range(solution, optimal_face(solution), 0)
        np.testing.assert_allclose(ends, [0, size], atol=1e-5 * size)
