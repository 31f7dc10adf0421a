"""Residual networks: published sizes, states, and the law of the initial weights."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.core import jaxprs_in_params

from overparam.errors import ConfigError
from overparam.networks import from_arrays, resnet, to_arrays
from overparam.networks.layers import hidden_layers, parameters
from overparam.networks.stateful import train_features, with_statistics


@pytest.fixture(scope="module")
def small():
    return resnet(8, multiplier=0.25, dtype="float64", key=jax.random.key(1))


@pytest.mark.parametrize(("depth", "published"), [(20, 271_824), (32, 466_256)])
def test_parameter_counts_are_the_published_ones(depth, published, key):
    network = jax.eval_shape(lambda: resnet(depth, key=key))
    sizes = {
        jax.tree_util.keystr(path, simple=True, separator="."): leaf.size
        for path, leaf in jax.tree_util.tree_leaves_with_path(network)
    }
    features = sum(
        size
        for name, size in sizes.items()
        if name != "readout" and not name.startswith("statistics")
    )
    assert (features, sizes["readout"]) == (published, 640)


# Products of padding zeros count, as in the published numbers.
@pytest.mark.parametrize(("depth", "published"), [(20, 40.81e6), (32, 69.12e6)])
def test_multiply_adds_are_the_published_ones(depth, published, key):
    network = jax.eval_shape(lambda: resnet(depth, key=key))
    x = jax.ShapeDtypeStruct((1, 32, 32, 3), jnp.float32)
    jaxpr = jax.make_jaxpr(lambda network, x: network(x))(network, x)
    assert multiply_adds(jaxpr.jaxpr) == pytest.approx(published, rel=1e-3)


def multiply_adds(jaxpr):
    total = 0
    for equation in jaxpr.eqns:
        shapes = [v.aval.shape for v in (*equation.invars, *equation.outvars)]
        if equation.primitive.name == "conv_general_dilated":
            _, kernel, output = shapes
            total += np.prod(output) * np.prod(kernel[:3])
        elif equation.primitive.name == "dot_general":
            left, _, output = shapes
            total += np.prod(output) * left[-1]
        else:
            total += sum(map(multiply_adds, jaxprs_in_params(equation.params)))
    return int(total)


def test_features_have_one_row_per_image_and_are_not_negative(small, key):
    x = jax.random.normal(key, (3, 32, 32, 3))
    features = small.features(x)
    assert features.shape == (3, 16)
    assert bool((features >= 0).all())
    assert small.scale == 1 / 16


def test_in_evaluation_the_features_of_an_image_ignore_its_batch(small, key):
    x = jax.random.normal(key, (4, 8, 8, 3))
    alone = small.features(x[:1])
    # Another batch size may sum in another order.
    np.testing.assert_allclose(small.features(x)[:1], alone, rtol=1e-12)
    trained, _ = train_features(small, x)
    assert not np.allclose(trained[:1], train_features(small, x[:1])[0])


def test_training_moves_every_running_moment_and_nothing_else(small, key):
    x = jax.random.normal(key, (4, 8, 8, 3))
    _, statistics = train_features(small, x)
    moved = with_statistics(small, statistics)
    assert jax.tree.structure(moved) == jax.tree.structure(small)
    same = jax.tree.map(lambda a, b: bool((a == b).all()), small, moved)
    assert all(jax.tree.leaves(eqx.tree_at(lambda n: n.statistics, same, True)))
    assert not any(jax.tree.leaves(same.statistics))


def test_permuting_feature_channels_with_the_readout_changes_no_output(small, key):
    x = jax.random.normal(key, (2, 8, 8, 3))
    order = jax.random.permutation(key, 16)
    last = small.blocks[-1]
    shortcut = eqx.tree_at(
        lambda s: (s.kernel, s.norm.gain, s.norm.shift),
        last.shortcut,
        (
            last.shortcut.kernel[..., order],
            last.shortcut.norm.gain[order],
            last.shortcut.norm.shift[order],
        ),
    )
    permuted = eqx.tree_at(
        lambda n: (
            n.blocks[-1].kernels[1],
            n.blocks[-1].norms[1],
            n.blocks[-1].shortcut,
            n.readout,
        ),
        small,
        (
            last.kernels[1][..., order],
            jax.tree.map(lambda leaf: leaf[order], last.norms[1]),
            shortcut,
            small.readout[order],
        ),
    )
    np.testing.assert_allclose(permuted(x), small(x), rtol=1e-10)


def test_initial_weights_have_the_law_of_the_document(key):
    network = resnet(20, key=key)
    for name, leaf in parameters(network).items():
        if leaf.ndim < 2:
            continue
        bound = 1 / np.sqrt(np.prod(leaf.shape[:-1]))
        values = np.asarray(leaf, np.float64).ravel()
        assert np.abs(values).max() <= bound * (1 + 1e-6), name
        # The standard deviation of a uniform sample's std is about 0.45 std/sqrt(n).
        error = 4 * 0.45 / np.sqrt(values.size)
        assert values.std() / (bound / np.sqrt(3)) == pytest.approx(1, abs=error)


def test_statistics_are_no_parameters_and_no_weight_layers(small):
    assert not any(name.startswith("statistics") for name in parameters(small))
    layers = hidden_layers(small)
    assert "stem" not in layers
    assert "readout" not in layers
    assert len(layers) == 2 * 3 + 2 + 0


def test_a_network_survives_its_stored_form(small, key):
    arrays, description = to_arrays(small)
    x = jax.random.normal(key, (2, 8, 8, 3))
    assert np.array_equal(from_arrays(arrays, description)(x), small(x))


def test_impossible_depths_are_refused(key):
    with pytest.raises(ConfigError, match=r"must be 6n \+ 2 .*got 21"):
        resnet(21, key=key)
