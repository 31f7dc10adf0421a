"""The active set against the block-arrow method and nonnegative least squares."""

import numpy as np
import pytest
from scipy.optimize import nnls

from overparam.convex import convex_program, patterns_of, solve
from overparam.convex.recovery.uniqueness import optimal_face
from overparam.convex.solvers import interior_point
from overparam.convex.solvers.active_set.projection import project

from ..problems import Problem


@pytest.fixture
def on_active_sets(monkeypatch):
    """Every exact programme of plain and skip networks counts as large."""
    monkeypatch.setattr(interior_point, "_LARGE", 0.0)


@pytest.fixture
def without_fallback(monkeypatch):
    def refused(*_):
        raise AssertionError("The active set did not reach the tolerance.")

    monkeypatch.setattr(interior_point, "ConicMethod", refused)


@pytest.mark.parametrize("shape", [(40, 5), (30, 12), (12, 20)])
def test_projections_are_nonnegative_least_squares(rng, shape):
    x = rng.standard_normal(shape)
    signs = np.where(rng.standard_normal((6, shape[0])) > 0, 1.0, -1.0)
    signs[0, :3] = 0  # Idle rows.
    multipliers = np.zeros_like(signs)
    point = rng.standard_normal((6, shape[1]))
    # From nothing, then from the faces of another point.
    for _ in range(3):
        project(
            x @ x.T, min(shape), signs, signs * (point @ x.T), multipliers, np.arange(6)
        )
        for g in range(6):
            _, distance = nnls((signs[g][:, None] * x).T, -point[g])
            nearest = point[g] + (signs[g] * multipliers[g]) @ x
            # Normal equations lose the square of the condition of the face.
            face = x[multipliers[g] > 0]
            condition = np.linalg.cond(face) if len(face) else 1.0
            error = 1e-9 + 4e-16 * condition**2 * np.linalg.norm(point[g])
            assert multipliers[g].min() >= 0
            assert np.linalg.norm(nearest) == pytest.approx(distance, abs=error)
            assert (signs[g] * (x @ nearest)).min() >= -error
        point = point + 0.3 * rng.standard_normal(point.shape)


@pytest.mark.parametrize("network", ["plain", "skip"])
@pytest.mark.parametrize("penalty", [None, 0.02])
@pytest.mark.parametrize("labels", ["noise", "relu"])
# With ten samples a dimension the labels are fitted by turning weights, too.
@pytest.mark.parametrize("shape", [(60, 12), (40, 4)])
def test_the_active_set_agrees_with_the_block_arrow_method(
    rng, request, network, penalty, labels, shape
):
    problem = Problem(rng, *shape)
    if labels == "relu":
        problem.y = np.maximum(problem.x @ problem.direction, 0)
    program = problem.program(network=network, relaxation="exact", penalty=penalty)
    oracle = solve(program)
    request.getfixturevalue("on_active_sets")
    request.getfixturevalue("without_fallback")
    ours = solve(program)
    assert (ours.status, oracle.status) == ("optimal", "optimal")
    # Both gaps are certified at 1e-6.
    assert ours.primal == pytest.approx(oracle.primal, rel=2e-6)
    assert ours.lower <= oracle.primal * (1 + 1e-12)
    assert oracle.lower <= ours.primal * (1 + 1e-12)
    blocks = program.dual_blocks(ours.dual, ours.cone_dual)
    assert np.all(program.group_norms(blocks) <= program.bounds * (1 + 1e-12))
    assert ours.cone_dual.min() >= 0
    assert ours.cone_violation <= 1e-9 * np.abs(ours.weights).max()
    assert optimal_face(ours).unique == optimal_face(oracle).unique


def test_few_rounds_have_honest_numbers(rng, on_active_sets):
    program = Problem(rng, 40, 8).program(relaxation="exact", network="skip")
    optimum = solve(program)
    for rounds in (1, 2):
        cut = solve(program, max_iterations=rounds)
        assert cut.lower <= optimum.primal
        assert cut.primal >= optimum.lower * (1 - 1e-9)
        assert cut.gap >= optimum.gap or cut.status == "optimal"


def test_what_it_does_not_reach_is_left_to_the_block_arrow_method(
    rng, on_active_sets, monkeypatch
):
    program = Problem(rng, 30, 6).program(relaxation="exact", penalty=0.02)
    monkeypatch.setattr(interior_point.ActiveSetMethod, "step", lambda *_: None)
    found = solve(program)
    assert found.status == "optimal"
    assert found.iterations > 1


def test_several_optima_are_seen(rng, monkeypatch):
    # Labels of one sign in one dimension: every pattern that is on there fits them.
    x, y = np.array([[1.0], [2.0], [3.0], [-1.0]]), np.array([1.0, 2.0, 3.0, 0.0])
    zeros = np.zeros((4, 1))
    x = np.hstack([x, zeros])
    gates = np.array([[1.0, 0.0], [-1.0, 0.0]])
    skip = convex_program(
        np.abs(x),
        y + np.array([0, 0, 0, 1.0]),
        patterns=patterns_of(np.abs(x), gates),
        network="skip",
        relaxation="exact",
    )
    # The skip block and the all-ones neuron are one and the same column.
    oracle = solve(skip)
    monkeypatch.setattr(interior_point, "_LARGE", 0.0)
    ours = solve(skip)
    assert ours.primal == pytest.approx(oracle.primal, rel=2e-6)
    assert not optimal_face(oracle).unique
    assert not optimal_face(ours).unique
