"""What a solution says holds whatever the units, repetitions and ranks of the data."""

from fractions import Fraction

import numpy as np
import pytest

from overparam.convex import (
    Patterns,
    convex_program,
    network_objective,
    patterns_of,
    solve,
    solve_admm,
    solve_reference,
    to_network,
    with_bias,
)
from overparam.errors import ConfigError, DataError

from .problems import Problem


RELAXATIONS = ["gated", "exact"]
# Two certified gaps of at most 1e-6.
AGREES = 2e-6


def small(rng, n=12, d=3):
    """Inputs, labels that some weights fit, and patterns."""
    x = rng.standard_normal((n, d))
    patterns = patterns_of(x, rng.standard_normal((20, d)))
    weights = rng.standard_normal((len(patterns.masks), d))
    return x, (patterns.masks * (weights @ x.T)).mean(axis=0), patterns


def value(x, y, patterns, *, status="optimal", **options):
    solution = solve(convex_program(x, y, patterns=patterns, **options))
    assert solution.status == status
    assert solution.lower <= solution.primal
    return solution.primal


@pytest.mark.parametrize("relaxation", RELAXATIONS)
@pytest.mark.parametrize("penalty", [None, 0.1])
@pytest.mark.parametrize("size", [1e-150, 1e-12, 1e-5, 1e5, 1e12])
def test_normalised_neurons_do_not_depend_on_the_units_of_columns(
    rng, relaxation, penalty, size
):
    x, y, patterns = small(rng)
    options = {"network": "normalised", "relaxation": relaxation, "penalty": penalty}
    units = np.array([1, 1, size])
    scaled = Patterns(patterns.masks, patterns.gates / units)
    expected = value(x, y, patterns, **options)
    assert value(x * units, y, scaled, **options) == pytest.approx(expected, rel=AGREES)


@pytest.mark.parametrize("relaxation", RELAXATIONS)
def test_normalised_neurons_depend_on_the_column_space_only(rng, relaxation):
    x, y, patterns = small(rng, n=20)
    mixing = np.array([[1, 1, 0], [0, 1e-5, 0], [0, 0, 1.0]])
    gates = np.linalg.solve(mixing, patterns.gates.T).T
    options = {"network": "normalised", "relaxation": relaxation, "penalty": 0.1}
    expected = value(x, y, patterns, **options)
    # Columns equal to 1e-5 are known to 1e-11, their differences to 1e-5 of that.
    found = value(x @ mixing, y, Patterns(patterns.masks, gates), **options)
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("relaxation", RELAXATIONS)
def test_repeated_columns_change_nothing_for_normalised_neurons(rng, relaxation):
    x, y, patterns = small(rng)
    wide = np.hstack([x, -3 * x[:, :1], 0 * x[:, :1]])
    gates = np.pad(patterns.gates, [(0, 0), (0, 2)])
    options = {"network": "normalised", "relaxation": relaxation, "penalty": 0.1}
    expected = value(x, y, patterns, **options)
    found = value(wide, y, Patterns(patterns.masks, gates), **options)
    assert found == pytest.approx(expected, rel=AGREES)


@pytest.mark.parametrize("network", ["plain", "skip", "normalised"])
@pytest.mark.parametrize("relaxation", RELAXATIONS)
@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize("sizes", [(1e-8, 1), (1e-150, 1e140), (1e12, 1e-12)])
def test_values_follow_the_units_of_inputs_and_labels(
    rng, network, relaxation, fitted, sizes
):
    inputs, labels = sizes
    # A normalised neuron does not know the size of the inputs.
    seen = 1 if network == "normalised" else inputs
    x, y, patterns = small(rng)
    options = {"network": network, "relaxation": relaxation}
    penalty, changed, factor = 0.1, 0.1 * seen * labels, labels**2
    if fitted:
        penalty, changed, factor = None, None, labels / seen
    expected = value(x, y, patterns, penalty=penalty, **options)
    found = value(inputs * x, labels * y, patterns, penalty=changed, **options)
    assert found == pytest.approx(factor * expected, rel=AGREES)


@pytest.mark.parametrize(
    ("seed", "network", "size"),
    [
        (40, "plain", 1e12),
        (209724685734850562668369458082242666442, "plain", 1e-8),
        (209724685734850562668369458082242666442, "skip", 1e-150),
    ],
)
def test_exact_minimum_norms_are_found_to_the_tolerance(seed, network, size):
    # The curvature along a weight is lost beside that of the cone rows of these.
    x, y, patterns = small(np.random.default_rng(seed))
    options = {"network": network, "relaxation": "exact"}
    found = size * value(size * x, y, patterns, **options)
    program = convex_program(x, y, patterns=patterns, **options)
    assert found == pytest.approx(solve_reference(program).primal, rel=AGREES)


def test_other_solvers_follow_the_units(rng):
    x, y, patterns = small(rng)
    x, y = 1e-8 * x, 1e6 * y
    program = convex_program(x, y, patterns=patterns, penalty=1e-3)
    ours = solve(program)
    for found in (solve_admm(program, tolerance=1e-4), solve_reference(program)):
        assert found.status == "optimal"
        assert found.primal == pytest.approx(ours.primal, rel=2e-4)


def difficult(rng, kind):
    """Data of an awkward kind, and patterns of random gates."""
    x, y = rng.standard_normal((8, 3)), rng.standard_normal(8)
    near = 10.0 ** -rng.integers(2, 13)
    if kind == "repeated rows":
        x[1], x[2], x[3] = x[0], -x[0], 2.5 * x[0]
    elif kind == "nearly equal rows":
        x[1] = x[0] + near * x[1]
    elif kind == "nearly equal columns":
        x[:, 1] = x[:, 0] + near * x[:, 1]
    elif kind == "antipodal columns":
        x[:, 1] = -x[:, 0]
    elif kind == "zero row and column":
        x[0] = x[:, 2] = 0
    elif kind == "sizes of rows":
        x *= 10.0 ** rng.integers(-12, 13, size=(8, 1))
    elif kind == "sizes of columns":
        x *= 10.0 ** rng.integers(-12, 13, size=3)
    elif kind == "bias":
        x = with_bias(x)
    x *= 10.0 ** rng.integers(-12, 13)
    y *= 10.0 ** rng.integers(-12, 13)
    return x, y, patterns_of(x, rng.standard_normal((12, x.shape[1])))


DIFFICULT = [
    "repeated rows",
    "nearly equal rows",
    "nearly equal columns",
    "antipodal columns",
    "zero row and column",
    "sizes of rows",
    "sizes of columns",
    "bias",
]


def exactly(values):
    return [Fraction(v) for v in values]


def exact_dual_value(solution):
    """The dual value in rational arithmetic; fails if the point is not feasible."""
    program = solution.program
    x = [exactly(row) for row in program.groups.x]
    dual, y = exactly(solution.dual), exactly(program.y)
    bound = Fraction(program.penalty or 1.0)
    for g, mask in enumerate(program.groups.masks):
        weights = [int(m) * l for m, l in zip(mask, dual, strict=True)]
        cone = g - program.n_skip
        if program.exact and cone >= 0 and solution.cone_dual is not None:
            signs, mu = program.signs[cone], exactly(solution.cone_dual[cone])
            assert min(mu) >= 0
            weights = [
                w + int(s) * m for w, s, m in zip(weights, signs, mu, strict=True)
            ]
        block = [
            sum(w * row[j] for w, row in zip(weights, x, strict=True))
            for j in range(len(x[0]))
        ]
        assert sum(entry * entry for entry in block) <= bound * bound
    found = sum(a * b for a, b in zip(y, dual, strict=True))
    if program.penalty is not None:
        found -= sum(a * a for a in dual) / 2
    return found


@pytest.mark.parametrize("kind", DIFFICULT)
@pytest.mark.parametrize("network", ["plain", "skip"])
@pytest.mark.parametrize("relaxation", RELAXATIONS)
def test_lower_bounds_hold_in_exact_arithmetic(rng, kind, network, relaxation):
    x, y, patterns = difficult(rng, kind)
    size = float(np.linalg.norm(x) * np.linalg.norm(y))
    for penalty in (None, 0.01 * size, 1e-5 * size):
        program = convex_program(
            x,
            y,
            patterns=patterns,
            network=network,
            relaxation=relaxation,
            penalty=penalty,
        )
        solution = solve(program)
        assert solution.lower <= solution.primal
        if solution.status == "infeasible":
            continue
        # The bound is the value of its dual point, less rounding.
        assert Fraction(solution.lower) <= exact_dual_value(solution)


@pytest.mark.parametrize("kind", DIFFICULT)
@pytest.mark.parametrize("network", ["plain", "skip", "normalised"])
def test_the_value_is_the_objective_of_the_network(rng, kind, network):
    x, y, patterns = difficult(rng, kind)
    penalty = 0.01 * float(np.linalg.norm(y))
    if network != "normalised":
        penalty *= float(np.linalg.norm(x))
    program = convex_program(
        x, y, patterns=patterns, network=network, relaxation="exact", penalty=penalty
    )
    solution = solve(program)
    assert solution.lower <= solution.primal
    if not solution.solved:
        return
    objective = network_objective(
        to_network(solution), x, y, penalty=penalty, normalised=network == "normalised"
    )
    # Neurons with 1e-12 of all norms are left out; rows that differ by 1e12 in size and
    # weights that cancel round in another order.
    assert objective == pytest.approx(solution.primal, rel=1e-7)


@pytest.mark.parametrize("kind", DIFFICULT)
@pytest.mark.parametrize("relaxation", RELAXATIONS)
def test_no_better_network_undercuts_a_bound(rng, kind, relaxation):
    # Any weights inside the cones are feasible, those of other penalties among them.
    x, y, patterns = difficult(rng, kind)
    size = float(np.linalg.norm(y))
    programs = [
        convex_program(
            x,
            y,
            patterns=patterns,
            network="normalised",
            relaxation=relaxation,
            penalty=factor * size,
        )
        for factor in (0.1, 0.05, 0.02)
    ]
    solutions = [solve(program) for program in programs]
    for program, solution in zip(programs, solutions, strict=True):
        for other in solutions:
            if other.cone_violation == 0:
                assert solution.lower <= program.objective(other.weights) * (1 + 1e-12)


@pytest.mark.parametrize("network", ["plain", "skip", "normalised"])
@pytest.mark.parametrize("relaxation", RELAXATIONS)
@pytest.mark.parametrize("penalty", [None, 0.05])
def test_an_unsolved_point_has_honest_numbers(rng, network, relaxation, penalty):
    program = Problem(rng, 20, 4).program(
        network=network, relaxation=relaxation, penalty=penalty
    )
    optimum = solve(program)
    for steps in (1, 3):
        cut = solve(program, max_iterations=steps)
        assert cut.lower <= optimum.primal
        assert cut.primal >= optimum.lower
        assert cut.gap >= optimum.gap or cut.status == "optimal"


def test_nearly_equal_columns_do_not_make_labels_unreachable(rng):
    for _ in range(5):
        x, y = rng.standard_normal((12, 3)), rng.standard_normal(12)
        x[:, 1:] = x[:, :1] + 1e-4 * x[:, 1:]
        gates = rng.standard_normal((12, 3))
        # Gates that look at the differences of the columns.
        patterns = patterns_of(x, gates - gates.mean(axis=1, keepdims=True))
        maps = np.hstack([x] + [mask[:, None] * x for mask in patterns.masks])
        solution = solve(convex_program(x, y, patterns=patterns, network="skip"))
        singular = np.linalg.svd(maps, compute_uv=False)
        if len(singular) < 12 or singular[11] < 1e-9 * singular[0]:
            continue
        assert solution.status in ("optimal", "inaccurate")
        assert solution.equality_residual <= 1e-7
        fitted = np.linalg.lstsq(maps, y, rcond=1e-15)[0]
        norms = np.linalg.norm(fitted.reshape(-1, 3), axis=1)
        # Least squares fits too, with weights whose norms sum to more.
        assert solution.lower <= norms.sum() * (1 + 1e-6)


@pytest.mark.parametrize("relaxation", RELAXATIONS)
@pytest.mark.parametrize("network", ["plain", "skip"])
@pytest.mark.parametrize("spread", [8, 16, 24])
def test_labels_are_reachable_whatever_the_units_of_columns(
    rng, relaxation, network, spread
):
    # So few patterns that the largest column alone does not reach the labels.
    for _ in range(5):
        x, y, gates = (rng.standard_normal(size) for size in ((6, 3), 6, (4, 3)))
        patterns = patterns_of(x, gates)
        maps = np.hstack([mask[:, None] * x for mask in patterns.masks])
        if np.linalg.svd(maps, compute_uv=False)[5:].max(initial=0) < 1e-3:
            continue
        units = 10.0 ** np.array([-spread / 2, 0, spread / 2])
        program = convex_program(
            x * units,
            y,
            patterns=Patterns(patterns.masks, patterns.gates / units),
            network=network,
            relaxation=relaxation,
        )
        solution = solve(program)
        assert solution.status != "infeasible"
        assert solution.lower <= solution.primal


@pytest.mark.parametrize("relaxation", RELAXATIONS)
@pytest.mark.parametrize("network", ["plain", "skip", "normalised"])
@pytest.mark.parametrize("factor", [1.0, -1.0, 0.3])
def test_rows_of_one_direction_with_other_labels_are_infeasible(
    rng, network, relaxation, factor
):
    # A neuron sees collinear rows through one of two slopes: three cannot be fitted.
    proven = 0
    for _ in range(5):
        x, y = 1e6 * rng.standard_normal((6, 2)), rng.standard_normal(6)
        x[1], x[2] = factor * x[0], x[0]
        patterns = patterns_of(x, rng.standard_normal((40, 2)))
        program = convex_program(
            x, y, patterns=patterns, network=network, relaxation=relaxation
        )
        solution = solve(program)
        if solution.status == "max_iterations":
            # Of one draw in a hundred rounding leaves too little for a proof.
            continue
        assert solution.status == "infeasible"
        proven += 1
        blocks = solution.program.groups.adjoint(solution.dual)
        size = np.linalg.norm(solution.dual) * np.linalg.norm(x)
        assert np.abs(blocks).max() <= 1e-14 * size
        assert y @ solution.dual > 0
    assert proven >= 3


@pytest.mark.parametrize("network", ["plain", "skip", "normalised"])
@pytest.mark.parametrize("relaxation", RELAXATIONS)
def test_zero_samples_cost_half_their_squared_labels(rng, network, relaxation):
    x, y, patterns = small(rng)
    options = {"network": network, "relaxation": relaxation}
    zeros = np.concatenate([x[:5], np.zeros((2, 3)), x[5:]])
    labels = np.concatenate([y[:5], [2.0, -1.0], y[5:]])
    gates = patterns_of(zeros, patterns.gates)
    expected = value(x, y, patterns, penalty=0.1, **options) + 2.5
    found = value(zeros, labels, gates, penalty=0.1, **options)
    assert found == pytest.approx(expected, rel=AGREES)
    value(zeros, labels, gates, status="infeasible", **options)
    labels[5:7] = 0
    expected = value(x, y, patterns, **options)
    assert value(zeros, labels, gates, **options) == pytest.approx(expected, rel=AGREES)


@pytest.mark.parametrize("network", ["plain", "skip", "normalised"])
@pytest.mark.parametrize("relaxation", RELAXATIONS)
def test_zero_inputs_predict_nothing(rng, network, relaxation):
    x, y = np.zeros((4, 2)), rng.standard_normal(4)
    patterns = patterns_of(x, np.ones((1, 2)))
    options = {"network": network, "relaxation": relaxation}
    found = value(x, y, patterns, penalty=0.1, **options)
    assert found == pytest.approx(0.5 * y @ y, rel=1e-12)
    assert value(x, 0 * y, patterns, **options) == 0
    value(x, y, patterns, status="infeasible", **options)


@pytest.mark.parametrize(
    ("inputs", "labels", "message"),
    [
        (1e-200, 1, "the largest entry of `x` is"),
        (1, 1e200, "the largest entry of `y` is"),
        (1, 5e-324, "the largest entry of `y` is"),
    ],
)
def test_sizes_that_have_no_square_are_refused(rng, inputs, labels, message):
    x, y = np.ones((3, 2)), np.ones(3)
    with pytest.raises(DataError, match=message):
        convex_program(inputs * x, labels * y, patterns=patterns_of(x, x[:1]))


def test_columns_and_penalties_that_float64_cannot_hold_are_refused(rng):
    x, y, patterns = small(rng)
    with pytest.raises(DataError, match="column 2 of `x` has entries of size"):
        convex_program(x * [1, 1, 1e-300], y, patterns=patterns, network="normalised")
    program = convex_program(x, 1e10 * y, patterns=patterns, penalty=1e-300)
    with pytest.raises(ConfigError, match="fit=minimum-norm"):
        solve(program)


@pytest.mark.parametrize("relaxation", RELAXATIONS)
def test_a_huge_penalty_leaves_nothing(rng, relaxation):
    x, y, patterns = small(rng)
    options = {"patterns": patterns, "relaxation": relaxation, "penalty": 1e300}
    solution = solve(convex_program(x, y, **options))
    assert not solution.weights.any()
    assert solution.primal == pytest.approx(0.5 * y @ y, rel=1e-12)
    assert solution.status == "optimal"
