"""Certificates of networks on degenerate data, at any scale."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from overparam.convex import SearchLimits, certify_network, network_objective
from overparam.convex.certificates import certificate
from overparam.errors import DataError
from overparam.networks import TwoLayer

from ..test_maps import random_network, trained_network


COLLINEAR = np.array([[-0.8, -1.3], [0.8, 1.3], [1.1, 0.1], [-0.6, -0.8], [0.7, 1.6]])


def scaled(network, inputs, labels):
    """The balanced network of the problem with inputs and labels in other units."""
    root = np.sqrt(labels / inputs)
    return TwoLayer(
        weights=root * network.weights, readout=root * network.readout, skip=False
    )


@pytest.mark.parametrize("normalised", [False, True])
def test_collinear_samples_have_a_certificate(rng, normalised):
    network = trained_network(rng, COLLINEAR, np.ones(5), 8, 0.03)
    found = certify_network(
        network, COLLINEAR, np.ones(5), penalty=0.03, normalised=normalised
    )
    assert found.tier == "certified"
    assert found.lower <= found.best_known <= found.objective
    assert found.best_known == pytest.approx(found.lower, rel=1e-5)


@pytest.mark.parametrize("near", [0, 1e-14, 1e-11, 1e-9, 1e-7])
def test_repeated_samples_are_certified_below_any_network(rng, near):
    # Rows x, x, -x and z: with the labels of equal rows averaged, one of x is enough.
    for _ in range(4):
        base = rng.standard_normal((2, 2))
        x = np.stack([base[0], base[0], -base[0], base[1]])
        x += near * rng.standard_normal(x.shape)
        y, penalty = rng.standard_normal(4), 10 ** rng.uniform(-2, 0)
        network = trained_network(rng, x, y, 8, penalty)
        found = certify_network(network, x, y, penalty=penalty)
        assert found.lower <= network_objective(network, x, y, penalty=penalty)
        assert found.lower <= found.best_known
        assert found.tier == "certified"


def test_zero_samples_are_a_constant(rng):
    x, y = rng.standard_normal((6, 2)), rng.standard_normal(8)
    network = random_network(rng, 2, 5)
    plain = certify_network(network, x, y[:6], penalty=0.1)
    padded = np.concatenate([x, np.zeros((2, 2))])
    found = certify_network(network, padded, y, penalty=0.1)
    constant = 0.5 * y[6:] @ y[6:]
    for name in ("objective", "lower", "estimate", "best_known"):
        assert getattr(found, name) == pytest.approx(getattr(plain, name) + constant)
    nothing = certify_network(network, np.zeros((8, 2)), y, penalty=0.1)
    assert nothing.lower == nothing.best_known == 0.5 * y @ y
    assert nothing.tier == "certified"


def test_dead_neurons_beside_a_skip_connection_have_a_bound(rng):
    x, y = 1 + rng.random((30, 6)), rng.standard_normal(30)
    network = TwoLayer(weights=-jnp.ones((6, 3)), readout=jnp.ones((9, 1)), skip=True)
    found = certify_network(network, x, y, penalty=0.1)
    assert found.tier == "bounded"
    assert 0 < found.lower <= found.estimate <= 0.5 * y @ y


@pytest.mark.parametrize("normalised", [False, True])
def test_dead_neurons_in_high_dimension_have_a_bound(rng, normalised):
    x, y = 1 + rng.random((30, 6)), rng.standard_normal(30)
    network = TwoLayer(weights=-jnp.ones((6, 3)), readout=jnp.ones((3, 1)))
    found = certify_network(network, x, y, penalty=0.1, normalised=normalised)
    assert found.tier == "bounded"
    assert found.best_known == pytest.approx(0.5 * y @ y)
    assert found.estimate == pytest.approx(0.5 * y @ y)
    assert 0 < found.lower <= found.best_known


def test_a_solver_that_did_not_finish_certifies_nothing(rng, monkeypatch):
    x, y = rng.standard_normal((6, 2)), rng.standard_normal(6)
    network = random_network(rng, 2, 5)
    full = certify_network(network, x, y, penalty=0.05)
    assert full.tier == "certified"
    solve = certificate.solve
    monkeypatch.setattr(certificate, "solve", lambda p: solve(p, max_iterations=1))
    short = certify_network(network, x, y, penalty=0.05)
    assert short.tier == "bounded"
    assert short.lower <= full.lower * (1 + 1e-9)
    assert short.best_known >= full.lower

    def broken(program):
        found = solve(program)
        nothing = np.full_like(found.dual, np.nan)
        return dataclasses.replace(
            found, dual=nothing, weights=np.full_like(found.weights, np.nan)
        )

    monkeypatch.setattr(certificate, "solve", broken)
    short = certify_network(network, x, y, penalty=0.05)
    assert short.tier == "bounded"
    assert 0 <= short.lower <= full.lower * (1 + 1e-9)


def test_a_search_proves_what_a_solver_left_open(rng, monkeypatch):
    x, y = rng.standard_normal((6, 2)), rng.standard_normal(6)
    network, options = random_network(rng, 2, 5), {"penalty": 0.05, "gap": 1e-3}
    solve = certificate.solve
    monkeypatch.setattr(certificate, "solve", lambda p: solve(p, max_iterations=1))
    assert certify_network(network, x, y, **options).tier == "bounded"
    found = certify_network(network, x, y, search=SearchLimits(), **options)
    assert (found.tier, found.proof) == ("certified", "search")
    assert found.best_known <= found.lower * (1 + 1e-3)


@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("gap", [1e-12, 1e-8, 1e-6, 1e-3, 1.0])
def test_certified_is_proven_to_the_gap_that_was_asked_for(rng, gap, normalised):
    options = {"penalty": 0.05, "normalised": normalised, "gap": gap}
    for n in (3, 6, 9):
        x, y = rng.standard_normal((n, 2)), rng.standard_normal(n)
        x[0] = 0
        found = certify_network(random_network(rng, 2, 5), x, y, **options)
        within = found.best_known - found.lower <= gap * found.lower
        assert within == (found.tier == "certified")


def test_a_bound_does_not_rely_on_feasible_multipliers(rng, monkeypatch):
    x, y = rng.standard_normal((6, 2)), rng.standard_normal(6)
    network = random_network(rng, 2, 5)
    full = certify_network(network, x, y, penalty=0.05)
    solve = certificate.solve

    def boasting(program):
        found = solve(program)
        return dataclasses.replace(found, dual=9 * found.dual, lower=9 * found.lower)

    monkeypatch.setattr(certificate, "solve", boasting)
    found = certify_network(network, x, y, penalty=0.05)
    assert found.lower <= full.best_known


@pytest.mark.parametrize(("inputs", "labels"), [(1e-8, 1), (1e-12, 1e12), (1e12, 1e-9)])
def test_certificates_do_not_depend_on_units(rng, inputs, labels):
    x, y = rng.standard_normal((6, 2)), rng.standard_normal(6)
    network = trained_network(rng, x, y, 6, 0.05)
    plain = certify_network(network, x, y, penalty=0.05)
    found = certify_network(
        scaled(network, inputs, labels),
        inputs * x,
        labels * y,
        penalty=0.05 * inputs * labels,
    )
    assert found.tier == plain.tier == "certified"
    for name in ("objective", "lower", "best_known"):
        value = getattr(found, name) / labels**2
        assert value == pytest.approx(getattr(plain, name), rel=1e-5)


def test_a_network_that_diverged_is_refused(rng):
    x, y = rng.standard_normal((4, 2)), rng.standard_normal(4)
    network = TwoLayer(weights=jnp.full((2, 1), jnp.nan), readout=jnp.ones((1, 1)))
    with pytest.raises(DataError, match="diverged"):
        certify_network(network, x, y, penalty=0.1)


@pytest.mark.parametrize("size", [1e-150, 1e-17, 1e-10, 1e10])
def test_certificates_of_normalised_networks_know_no_units_of_columns(rng, size):
    x, y = rng.standard_normal((6, 2)), rng.standard_normal(6)
    network, units = random_network(rng, 2, 4), np.array([1.0, size])
    scaled = dataclasses.replace(network, weights=network.weights / units[:, None])
    options = {"penalty": 0.01, "normalised": True}
    expected = certify_network(network, x, y, **options)
    found = certify_network(scaled, x * units, y, **options)
    assert found.tier == expected.tier == "certified"
    assert found.n_patterns == expected.n_patterns
    for name in ("objective", "lower", "best_known"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=2e-5)


def test_nearly_equal_columns_hide_no_cell_of_normalised_neurons(rng):
    options = {"penalty": 0.01, "normalised": True}
    mixing = np.array([[1, 1, 0], [0, 1e-12, 0], [0, 0, 1]])
    for _ in range(8):
        x, y = rng.standard_normal((6, 3)), rng.standard_normal(6)
        network = random_network(rng, 3, 4)
        best = certify_network(network, x, y, **options).best_known
        # Weights that undo the mixing, up to 1e-4, give every network of `x`.
        found = certify_network(network, x @ mixing, y, **options)
        assert found.lower <= best * (1 + 1e-3)
