"""Rows that constrain nothing: found, left out, and satisfied in the end."""

import numpy as np
import pytest
from scipy.optimize import linprog

from overparam.convex import solve, solve_reference
from overparam.convex.solvers.presolve import without_idle_rows

from ..problems import Problem


def escaping_program(rng, penalty=None):
    """A programme some of whose cones a free direction leaves."""
    while True:
        # With one active sample the seven free directions see eleven others.
        program = Problem(rng, 12, 8).program(
            network="normalised", relaxation="exact", penalty=penalty
        )
        reduced = without_idle_rows(program)
        if reduced is not None:
            return program, reduced


def free_rows(program, g):
    groups, free = program.groups, program.penalised[g] == 0
    return program.signs[g][:, None] * (groups.x @ groups.transforms[g][:, free])


def test_rows_are_idle_or_can_carry_a_multiplier(rng):
    program, reduced = escaping_program(rng)
    for g, idle in enumerate(reduced.program.idle):
        rows = free_rows(program, g)
        if idle.any():
            escape = reduced.escapes[g, program.penalised[g] == 0]
            assert (rows @ escape).min() >= -1e-9
            assert (rows @ escape)[idle].min() > 0.5
        # Farkas: the others balance with multipliers that are all positive.
        others = rows[~idle]
        found = linprog(
            np.zeros(len(others)),
            A_eq=others.T,
            b_eq=np.zeros(others.shape[1]),
            bounds=(1, None),
            method="highs",
        )
        assert not rows.shape[1] or found.status == 0


def test_restored_weights_predict_the_same_inside_all_cones(rng):
    program, reduced = escaping_program(rng)
    z = rng.standard_normal((program.groups.n_groups, program.groups.dimension))
    z *= np.where(program.penalised == 1, 1, 0)
    restored = reduced.restore(program, z)
    np.testing.assert_allclose(
        program.groups.apply(restored), reduced.program.groups.apply(z), atol=1e-10
    )
    np.testing.assert_allclose(
        program.group_norms(restored), program.group_norms(z), atol=1e-12
    )
    rows = program.signs * program.groups.activations(restored, 0)
    # Cancelling sums: an escape may be a thousand times the weights.
    assert rows[reduced.program.idle].min() >= -1e-9


@pytest.mark.parametrize("penalty", [None, 0.05])
def test_programmes_with_idle_rows_have_the_optimum_of_the_reference(rng, penalty):
    program, _ = escaping_program(rng, penalty)
    ours, reference = solve(program), solve_reference(program)
    assert ours.status == "optimal"
    assert ours.primal == pytest.approx(reference.primal, rel=2e-6)
    assert ours.cone_violation <= 1e-12


def test_programmes_whose_coordinates_all_cost_something_are_left_alone(rng):
    assert without_idle_rows(Problem(rng, 12, 3).program(relaxation="exact")) is None
