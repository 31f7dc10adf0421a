"""Arrow algebra, Nesterov-Todd scaling, and Schur matrices against explicit ones."""

import numpy as np
import pytest

from overparam.convex.programs import cones
from overparam.convex.programs.cones import Arrow
from overparam.convex.solvers.centres import ConeLift, analytic_centres
from overparam.convex.solvers.presolve import without_idle_rows

from ..problems import Problem


def interior(rng, count=6, d=4):
    tail = rng.standard_normal((count, d))
    return Arrow(np.linalg.norm(tail, axis=1) + rng.exponential(size=count), tail)


def flat(a):
    return np.hstack([a.head[:, None], a.tail])


def test_the_scaling_maps_multipliers_to_slacks(rng):
    s, zeta = interior(rng), interior(rng)
    scaling = cones.nesterov_todd(s, zeta)
    lam = scaling.apply(zeta)
    np.testing.assert_allclose(flat(lam), flat(scaling.apply_inverse(s)), rtol=1e-9)
    back = scaling.apply_inverse(scaling.apply(s))
    np.testing.assert_allclose(flat(back), flat(s), rtol=1e-9)
    twice = scaling.apply_inverse(scaling.apply_inverse(s))
    np.testing.assert_allclose(
        flat(scaling.apply_inverse_square(s)), flat(twice), rtol=1e-8, atol=1e-10
    )


def test_division_inverts_the_product(rng):
    a, b = interior(rng), interior(rng)
    product = cones.product(a, b)
    np.testing.assert_allclose(flat(cones.divide(a, product)), flat(b), rtol=1e-8)


def test_the_longest_step_ends_on_the_boundary(rng):
    for _ in range(20):
        a, direction = interior(rng, 1), Arrow(*(interior(rng, 1)))
        direction = direction.times(-1.0)
        length = cones.max_step(a, direction)
        end = a.plus(direction, length)
        size = abs(a.head[0]) + length * abs(direction.head[0])
        assert end.head[0] - np.linalg.norm(end.tail) == pytest.approx(
            0, abs=1e-12 * size
        )
        assert cones.inside(a.plus(direction, 0.999 * length))


def test_steps_into_the_cone_are_unbounded(rng):
    a, inward = interior(rng), interior(rng)
    assert cones.max_step(a, inward) == np.inf
    assert cones.max_step_positive(np.ones(3), np.ones(3)) == np.inf
    assert cones.max_step_positive(np.ones(2), np.array([-2.0, 1.0])) == 0.5


@pytest.mark.parametrize("network", ["plain", "skip", "normalised"])
@pytest.mark.parametrize("relaxation", ["gated", "exact"])
def test_schur_matrices_are_the_explicit_sums(rng, network, relaxation):
    groups = Problem(rng, 12, 4).program(network=network, relaxation=relaxation).groups
    count, d = groups.n_groups, groups.dimension
    units = np.eye(d)[:, None].repeat(count, axis=1)
    blocks = np.stack([groups.outputs(unit) for unit in units], axis=2)
    weights, tails = rng.exponential(size=count), rng.standard_normal((count, d))
    factors = rng.standard_normal((count, d, d))
    explicit, factored = np.zeros((12, 12)), np.zeros((12, 12))
    for block, weight, tail, factor in zip(
        blocks, weights, tails, factors, strict=True
    ):
        inner = np.eye(d) + 2 * np.outer(tail, tail)
        explicit += weight * block @ inner @ block.T
        half = factor @ block.T
        factored += half.T @ half
    np.testing.assert_allclose(
        groups.schur(weights, tails), explicit, atol=1e-12 * np.abs(explicit).max()
    )
    np.testing.assert_allclose(
        groups.block_schur(factors), factored, atol=1e-12 * np.abs(factored).max()
    )
    z, dual = rng.standard_normal((count, d)), rng.standard_normal(12)
    assert groups.apply(z) @ dual == pytest.approx(np.vdot(z, groups.adjoint(dual)))
    np.testing.assert_allclose(groups.outputs(z).sum(axis=0), groups.apply(z))
    sizes = np.linalg.norm(blocks, 2, axis=(1, 2))
    assert np.all(groups.spectral_norms() >= sizes * (1 - 1e-12))


@pytest.mark.parametrize("network", ["skip", "normalised"])
def test_analytic_centres_satisfy_their_equation(rng, network):
    program = Problem(rng, 14, 4).program(network=network, relaxation="exact")
    reduced = without_idle_rows(program)
    program = reduced.program if reduced else program
    first, count = program.n_skip, len(program.patterns.masks)
    groups = program.groups.select(np.arange(first, first + count))
    centres = analytic_centres(program)
    signs = program.signs[:count]
    margins = signs * groups.activations(centres, 0)
    assert margins[signs != 0].min() > 0
    # At the exact centre the squared norm is the number of rows.
    both = np.concatenate([np.zeros((first, 4)), centres, centres])
    norms = program.group_norms(both)[first : first + count]
    np.testing.assert_allclose(norms**2, np.sum(signs**2, axis=1), rtol=0.1)


def test_lifts_enter_the_cones_and_keep_the_predictions(rng):
    program = Problem(rng, 14, 4).program(network="skip", relaxation="exact")
    z = rng.standard_normal((program.groups.n_groups, 4))
    lifted = ConeLift(program)(z)
    assert program.violation(z).max() > 0.1
    # Cancelling sums of weights of size up to 1e3.
    assert program.violation(lifted).max() <= 1e-9
    np.testing.assert_allclose(
        program.groups.apply(lifted), program.groups.apply(z), atol=1e-9
    )
