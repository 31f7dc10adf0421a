"""Tangent kernels of networks against JAX's Jacobians on small ones."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from numpy.testing import assert_allclose

from overparam.errors import ConfigError
from overparam.limits import leading_eigenvalues, tangent_kernel
from overparam.limits.kernels import empirical
from overparam.networks import (
    MLP,
    GatedTwoLayer,
    NormalisedTwoLayer,
    RadialFeatures,
    SkipNeuron,
    StandardisedTwoLayer,
    ThresholdReLU,
    TwoLayer,
    resnet,
    with_moments,
)
from overparam.networks.layers import parameters


RNG = np.random.default_rng(0)


def normal(*shape):
    return jnp.asarray(RNG.normal(size=shape))


X, OTHERS = normal(5, 3), normal(4, 3)
STANDARDISED = StandardisedTwoLayer(normal(3, 4), normal(4, 2))
NETWORKS = {
    "two-layer": TwoLayer(normal(3, 4), normal(4, 2), scale=0.5),
    "skip": TwoLayer(normal(3, 4), normal(7, 2), "tanh", 0.5, True),
    "mlp": MLP((normal(3, 4), normal(4, 5)), normal(5, 2), activation="gelu"),
    "mlp, biases": MLP(
        (normal(3, 4), normal(4, 5)), normal(5, 2), (normal(4), normal(5))
    ),
    "threshold": ThresholdReLU(normal(3, 4), normal(4, 2), scale=0.5),
    "standardised": STANDARDISED,
    "normalised": NormalisedTwoLayer(normal(3, 4), normal(4, 2)),
    "radial": RadialFeatures(normal(3, 4), normal(4, 2)),
    "gated": GatedTwoLayer(normal(3, 4), normal(3, 4), normal(4, 2)),
    "skip neuron": SkipNeuron(normal(3, 4), normal(3, 1), normal(5, 1)),
}


def by_jacobians(network, x, others):
    moving, fixed = eqx.partition(network, eqx.is_inexact_array)
    flat, unravel = ravel_pytree(moving)

    @jax.jit
    def jacobian(x):
        return jax.jacobian(lambda w: eqx.combine(unravel(w), fixed)(x))(flat)

    return np.asarray(jnp.einsum("iap,jbp->ijab", jacobian(x), jacobian(others)))


def trace(kernel):
    return np.trace(kernel, axis1=2, axis2=3) / kernel.shape[2]


SMALL = ["mlp, biases", "normalised", "radial"]


# Blocks of all rows, and of one or two.
@pytest.mark.parametrize(
    ("name", "block_bytes"),
    [*((name, 2**20) for name in NETWORKS), *((name, 700) for name in SMALL)],
)
def test_kernels_are_products_of_jacobians(name, block_bytes):
    network, size = NETWORKS[name], {"block_bytes": block_bytes}
    for others in (None, OTHERS):
        expected = by_jacobians(network, X, X if others is None else others)
        full = tangent_kernel(network, X, others, outputs="full", **size)
        assert_allclose(full, expected, rtol=1e-9, atol=1e-10)
        traced = tangent_kernel(network, X, others, **size)
        assert_allclose(traced, trace(expected), rtol=1e-9, atol=1e-10)


def test_moments_that_a_network_carries_are_constants():
    network = with_moments(STANDARDISED, OTHERS)
    bare = StandardisedTwoLayer(network.weights, network.readout)

    def outputs(weights, readout):
        moved = eqx.tree_at(
            lambda n: (n.weights, n.readout), network, (weights, readout)
        )
        return moved(X)

    parts = jax.jacobian(outputs, argnums=(0, 1))(bare.weights, bare.readout)
    jacobian = jnp.concatenate([part.reshape(5, 2, -1) for part in parts], axis=2)
    expected = jnp.einsum("iap,jbp->ijab", jacobian, jacobian)
    found = tangent_kernel(network, X, outputs="full")
    assert_allclose(found, expected, rtol=1e-12)


def test_convolutions_go_by_blocks(key):
    sizes = {"n_outputs": 2, "multiplier": 0.07, "dtype": "float64"}
    network, x = resnet(8, **sizes, key=key), normal(3, 4, 4, 3)
    moving, fixed = eqx.partition(network, eqx.is_inexact_array)
    jacobian = jax.jit(jax.jacrev(lambda w: eqx.combine(w, fixed)(x)))(moving)
    # Running statistics are no weights.
    leaves = [leaf.reshape(3, 2, -1) for leaf in parameters(jacobian).values()]
    flat = jnp.concatenate(leaves, axis=2)
    expected = np.asarray(jnp.einsum("iap,jbp->ijab", flat, flat))
    found = tangent_kernel(network, x, outputs="full", block_bytes=flat[:2].nbytes)
    assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["two-layer", "mlp, biases", "normalised", "radial"])
def test_lanczos_finds_the_largest_eigenvalues(name, monkeypatch):
    monkeypatch.setattr(empirical, "_DENSE", 0)
    network, told = NETWORKS[name], []
    flat = by_jacobians(network, X, X).swapaxes(1, 2).reshape(10, 10)
    found = leading_eigenvalues(network, X, count=3, block_rows=2, progress=told.append)
    assert_allclose(found, np.linalg.eigvalsh(flat)[::-1][:3], rtol=1e-6)
    assert told == list(range(1, len(told) + 1))


def test_a_few_eigenvalues_come_of_the_whole_matrix():
    network = NETWORKS["two-layer"]
    flat = by_jacobians(network, X, X).swapaxes(1, 2).reshape(10, 10)
    found = leading_eigenvalues(network, X, count=10)
    assert_allclose(found, np.linalg.eigvalsh(flat)[::-1], atol=1e-12)


def test_the_order_of_neurons_and_zero_padding_change_nothing():
    network, order = NETWORKS["mlp"], jnp.asarray([2, 0, 3, 1])
    first, second = network.layers
    permuted = MLP((first[:, order], second[order]), network.readout, activation="gelu")
    padded = MLP(
        (jnp.pad(first, ((0, 2), (0, 0))), second), network.readout, activation="gelu"
    )
    expected = tangent_kernel(network, X)
    assert_allclose(tangent_kernel(permuted, X), expected, rtol=1e-12)
    more = jnp.pad(X, ((0, 0), (0, 2)))
    assert_allclose(tangent_kernel(padded, more), expected, rtol=1e-12)


def test_the_fields_that_train_add_up():
    network = NETWORKS["mlp, biases"]
    parts = [
        tangent_kernel(network, X, trained=(field,))
        for field in ("layers", "biases", "readout")
    ]
    assert_allclose(sum(parts), tangent_kernel(network, X), rtol=1e-12)
    radial = NETWORKS["radial"]
    parts = [tangent_kernel(radial, X, trained=(f,)) for f in ("weights", "readout")]
    assert_allclose(sum(parts), tangent_kernel(radial, X), rtol=1e-12)


def test_progress_counts_pairs_of_blocks():
    told = []
    tangent_kernel(
        NETWORKS["two-layer"],
        X,
        block_bytes=400,
        progress=lambda done, total: told.append((done, total)),
    )
    n = told[-1][1]
    assert n > 1
    assert told == [(done, n) for done in range(1, n + 1)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": X * np.nan}, "`x` must hold finite inputs"),
        ({"x": X[:0]}, "`x` must hold inputs"),
        ({"x": X[:, :2]}, r"other inputs than those of shape \(2,\) that `x` has"),
        ({"others": X[:, :2]}, r"that `others` has"),
        ({"outputs": "all"}, "`outputs` must be one of full, traced"),
        ({"trained": ("heads",)}, "no part `heads` to train"),
        (
            {"network": TwoLayer(normal(3, 4) * jnp.inf, normal(4, 2))},
            "non-finite weights",
        ),
        (
            {"network": None},
            "`network` must be a network, .* got an object of type NoneType",
        ),
        ({"x": 1e200 * X}, "kernel at these inputs is beyond the range of its type"),
        ({"x": np.zeros((10**7, 3))}, "This needs .* tangent kernel .*; lower rows"),
    ],
)
def test_bad_input_gets_a_sentence(change, message):
    given = {"network": NETWORKS["two-layer"], "x": X} | change
    with pytest.raises(ConfigError, match=message):
        tangent_kernel(**given)


@pytest.mark.parametrize("count", [1, 12, 20])
@pytest.mark.parametrize("trained", [("readout",), ()])
def test_equal_eigenvalues_count_as_often_as_they_occur(count, trained):
    # Each eigenvalue of the features is one of each of ten outputs.
    network = TwoLayer(normal(3, 40), normal(40, 10))
    x = RNG.normal(size=(30, 3))
    found = leading_eigenvalues(network, x, count=count, trained=trained)
    kernel = tangent_kernel(network, x, outputs="full", trained=trained)
    expected = np.linalg.eigvalsh(kernel.swapaxes(1, 2).reshape(300, 300))[::-1]
    # Within the residual that was asked for.
    assert_allclose(found, expected[:count], rtol=1e-6)


@pytest.mark.parametrize("rank", [0, 2])
def test_a_kernel_of_few_directions_has_zeros(rank):
    network = TwoLayer(jnp.eye(3), jnp.ones((3, 1)), "linear")
    x = RNG.normal(size=(300, 3)) * (np.arange(3) < rank)
    found = leading_eigenvalues(network, x, count=5, trained=("readout",))
    expected = np.zeros(5)
    expected[:rank] = np.linalg.eigvalsh(x.T @ x)[::-1][:rank]
    assert_allclose(found, expected, rtol=1e-6, atol=1e-12 * len(x))


def test_a_field_without_weights_gets_a_sentence():
    with pytest.raises(ConfigError, match="No weights of TwoLayer lie in `activation`"):
        tangent_kernel(NETWORKS["two-layer"], X, trained=("activation",))


@pytest.mark.parametrize("n", [5, 300])
def test_eigenvalues_beyond_the_range_of_floats_get_a_sentence(n):
    with pytest.raises(ConfigError, match="beyond the range of its type"):
        leading_eigenvalues(NETWORKS["two-layer"], 1e200 * np.ones((n, 3)), count=2)


def test_more_eigenvalues_than_there_are_get_a_sentence():
    with pytest.raises(ConfigError, match=r"`count` must be at most 10, .* got 11"):
        leading_eigenvalues(NETWORKS["two-layer"], X, count=11)
