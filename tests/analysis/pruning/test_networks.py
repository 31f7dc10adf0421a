"""Masked and smaller networks, and what counts as removed."""

import dataclasses
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import overparam as op
from overparam import two_layer
from overparam.analysis import counts_for_ratio, pruning_curves
from overparam.analysis.pruning.curves import counts_for_error
from overparam.analysis.pruning.networks import (
    keep_units,
    masked,
    pruning_ratios,
    removed,
    squared_sizes,
    without,
)
from overparam.errors import ConfigError
from overparam.networks import Network, TwoLayer, mlp, resnet, vgg11
from overparam.networks.convolutional.batch_norm import batch_norm
from overparam.networks.convolutional.vgg import NormalisedVGG
from overparam.networks.layers import parameters


class SmallVGG(Network):
    """Two convolutions, a mean over the picture, a readout."""

    kernels: tuple
    gain: jax.Array
    readout: jax.Array
    scale: float = eqx.field(static=True, default=1.0)

    def features(self, x):
        for kernel in self.kernels:
            x = jax.nn.relu(
                jax.lax.conv_general_dilated(
                    x,
                    kernel,
                    (1, 1),
                    "SAME",
                    dimension_numbers=("NHWC", "HWIO", "NHWC"),
                )
            )
        return jnp.mean(x, axis=(1, 2)) * self.gain[None]


def small_vgg(dtype="float64", classes=10):
    keys = jax.random.split(jax.random.key(3), 4)
    return SmallVGG(
        tuple(
            jax.random.normal(k, shape, dtype)
            for k, shape in zip(
                keys, [(3, 3, 2, 6), (3, 3, 6, 8), (3, 3, 8, classes)], strict=False
            )
        ),
        jnp.ones(classes, dtype),
        jax.random.normal(keys[3], (classes, classes), dtype),
    )


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float32", 1e-6), ("float64", 1e-12)]
)
@pytest.mark.parametrize("ratio", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("sizes", [(5, 30, 3), (5, 30, 20, 10, 3)])
def test_the_smaller_mlp_has_the_outputs_of_the_masked_one(
    sizes, ratio, dtype, tolerance, key
):
    network = mlp(sizes, dtype=dtype, key=key)
    curves = pruning_curves(network)
    counts = counts_for_ratio(curves, ratio)
    x = jax.random.normal(jax.random.key(1), (20, 5), dtype)
    one, other = masked(network, curves, counts), removed(network, curves, counts)
    # Sums of at most 30 terms of order one, in another order.
    np.testing.assert_allclose(one(x), other(x), atol=tolerance)
    widths = [w.shape[1] for w in other.layers]
    assert widths == [n - int(n * ratio + 1e-9) for n in sizes[1:-1]]


@pytest.mark.parametrize("bias", [False, True])
def test_removed_parameters_are_counted_with_their_biases_and_readout_rows(bias, key):
    network = mlp((5, 30, 20, 3), bias=bias, key=key)
    curves = pruning_curves(network)
    left = {"layers.0": 30 - 6, "layers.1": 20 - 13}
    counts = {"layers.0": 6, "layers.1": 13}

    def size(one, two):
        return 5 * one + one * two + two * 3 + bias * (one + two)

    found = pruning_ratios(network, curves, counts).removed
    expected = 1 - size(*left.values()) / size(30, 20)
    assert found == pytest.approx(expected, abs=1e-14)


def test_the_smaller_two_layer_network_keeps_its_skip_rows(key):
    plain = two_layer(4, 10, 2, dtype="float64", key=key)
    readout = jax.random.normal(key, (14, 2), "float64")
    network = TwoLayer(plain.weights, readout, skip=True)
    curves = pruning_curves(network)
    counts = {"weights": 7}
    x = jax.random.normal(jax.random.key(1), (20, 4), "float64")
    smaller = removed(network, curves, counts)
    assert smaller.readout.shape == (3 + 4, 2)
    np.testing.assert_allclose(
        smaller(x), masked(network, curves, counts)(x), atol=1e-12
    )


def test_filters_of_a_chain_of_convolutions_can_be_removed():
    network = small_vgg()
    curves = pruning_curves(network)
    counts = counts_for_ratio(curves, 0.5)
    kept = [None] + [
        np.delete(np.arange(len(c)), c.removed(counts[n])) for n, c in curves.items()
    ]
    *kernels, readout = keep_units([*network.kernels, network.readout], kept)
    smaller = SmallVGG(tuple(kernels), network.gain[kept[-1]], readout)
    x = jax.random.normal(jax.random.key(1), (2, 5, 5, 2), "float64")
    expected = masked(network, curves, counts)(x)
    np.testing.assert_allclose(smaller(x), expected, atol=1e-11)
    assert kernels[1].shape == (3, 3, 6, 4)
    assert kernels[2].shape == (3, 3, 4, 5)


def test_the_smaller_vgg_has_the_outputs_of_the_masked_one(key):
    network = vgg11(3, multiplier=1 / 16, dtype="float64", key=key)
    curves = pruning_curves(network)
    counts = counts_for_ratio(curves, 0.4)
    x = jax.random.normal(jax.random.key(1), (2, 32, 32, 3), "float64")
    one, other = masked(network, curves, counts), removed(network, curves, counts)
    np.testing.assert_allclose(one(x), other(x), atol=1e-12)
    left, total = (
        sum(leaf.size for leaf in jax.tree.leaves(n)) for n in (other, network)
    )
    found = pruning_ratios(network, curves, counts)
    assert found.removed == pytest.approx(1 - left / total, abs=1e-14)
    assert next(iter(curves)) == "kernels.1"


@pytest.mark.parametrize("part", ["filter", "kernel", "entry"])
def test_ratios_count_the_zeros_of_the_masked_network(part):
    network = small_vgg()
    curves = pruning_curves(network, part=part)
    counts = counts_for_error(curves, 0.3)
    pruned = masked(network, curves, counts, part=part)
    leaves = [*pruned.kernels, pruned.gain]
    zeros = sum(int(jnp.sum(leaf == 0)) for leaf in leaves)
    size = sum(leaf.size for leaf in leaves)
    ratios = pruning_ratios(network, curves, counts, part=part)
    assert zeros > 0
    assert ratios.zeroed == zeros / size
    assert ratios.zeroed_with_readout == zeros / (size + 100)
    assert ratios.legacy == (zeros + network.kernels[0].size) / size


@pytest.mark.parametrize("part", ["filter", "kernel"])
def test_ratios_agree_with_a_count_by_torch(part):
    torch = pytest.importorskip("torch")
    network = small_vgg()
    curves = pruning_curves(network, part=part)
    counts = counts_for_error(curves, 0.3)
    # Torch's layout, as in the published code: (out, in, height, width).
    kernels = [torch.tensor(np.array(k)).permute(3, 2, 0, 1) for k in network.kernels]
    kept = 0
    for kernel in kernels[1:]:
        columns = kernel.reshape(-1, 9) if part == "kernel" else kernel.flatten(1)
        squares = columns.pow(2).sum(1).sort().values
        n_removed = int((squares.cumsum(0) <= 0.3 * squares.sum()).sum())
        kept += (columns.shape[0] - n_removed) * columns.shape[1]
    vectors, last = network.gain.size, network.readout.size
    total = sum(k.numel() for k in kernels) + vectors + last
    ratios = pruning_ratios(network, curves, counts, part=part)
    assert ratios.legacy == pytest.approx(
        1 - (kept + vectors) / (total - last), abs=1e-14
    )
    first = kernels[0].numel()
    zeroed = 1 - (kept + first + vectors) / (total - last)
    assert ratios.zeroed == pytest.approx(zeroed, abs=1e-14)


def test_the_first_convolution_does_not_count_as_pruned():
    network = small_vgg()
    curves = pruning_curves(network)
    ratios = pruning_ratios(network, curves, counts_for_error(curves, 1e-12))
    assert ratios.zeroed == 0
    assert ratios.legacy > 0


def test_ratio_of_a_two_layer_network_is_the_fraction_of_its_neurons(key):
    network = mlp((784, 50, 10), key=key)
    curves = pruning_curves(network)
    ratios = pruning_ratios(network, curves, {"layers.0": 11})
    assert ratios.zeroed == ratios.legacy == 11 / 50
    smaller = removed(network, curves, {"layers.0": 11})
    left = sum(leaf.size for leaf in jax.tree.leaves(smaller))
    assert ratios.removed == pytest.approx(1 - left / (794 * 50), abs=1e-14)


def test_removed_ratio_counts_the_smaller_deep_network(key):
    network = mlp((6, 20, 15, 4), key=key)
    curves = pruning_curves(network)
    counts = {"layers.0": 7, "layers.1": 3}
    smaller = removed(network, curves, counts)
    left, total = (
        sum(leaf.size for leaf in jax.tree.leaves(n)) for n in (smaller, network)
    )
    ratio = pruning_ratios(network, curves, counts).removed
    assert ratio == pytest.approx(1 - left / total, abs=1e-14)


def test_a_hidden_width_that_equals_the_classes_is_pruned_and_the_readout_is_not(key):
    network = mlp((10, 10, 10), key=key)
    assert list(pruning_curves(network)) == ["layers.0"]


def test_parts_add_up_to_the_squared_norm():
    kernel = small_vgg().kernels[1]
    for part, n in [
        ("filter", 8),
        ("kernel", 48),
        ("entry", 432),
        ("singular-value", 8),
    ]:
        sizes = squared_sizes(kernel, part=part)
        assert sizes.shape == (n,)
        assert sizes.sum() == pytest.approx(float(jnp.sum(kernel**2)), rel=1e-12)


@pytest.mark.parametrize("part", ["filter", "kernel", "entry", "singular-value"])
def test_the_error_of_the_curve_is_that_of_the_weights(part):
    network = small_vgg()
    curve = pruning_curves(network, part=part)["kernels.1"]
    kernel = network.kernels[1]
    for k in [0, 1, len(curve) // 2, len(curve)]:
        difference = without(kernel, curve, k, part=part) - kernel
        error = float(jnp.sum(difference**2) / jnp.sum(kernel**2))
        assert curve.error(k) == pytest.approx(error, abs=1e-12)


def test_low_rank_weights_have_the_rank_that_was_kept():
    kernel = small_vgg().kernels[1]
    curve = pruning_curves(small_vgg(), part="singular-value")["kernels.1"]
    kept = without(kernel, curve, 5, part="singular-value")
    assert np.linalg.matrix_rank(np.asarray(kept).reshape(-1, 8)) == 3


def test_non_finite_weights_are_named(key):
    network = mlp((4, 5, 2), key=key)
    broken = eqx.tree_at(
        lambda n: n.layers[0], network, network.layers[0].at[:, 2].set(jnp.nan)
    )
    with pytest.raises(ConfigError, match=r"`layers.0` holds 4 non-finite .*diverged"):
        pruning_curves(broken)


@pytest.mark.parametrize(
    "changes", [{"activation": "sigmoid"}, {"bias": True}], ids=["sigmoid", "bias"]
)
def test_neurons_that_still_give_an_output_are_not_removed(changes, key):
    network = mlp((4, 5, 2), key=key, **changes)
    curves = pruning_curves(network)
    with pytest.raises(ConfigError, match="an output"):
        removed(network, curves, {"layers.0": 1})
    # What it gives is a constant: a fifth of the parameters of neurons is free.
    found = pruning_ratios(network, curves, {"layers.0": 1}).removed
    assert found == pytest.approx(0.2, abs=1e-14)


def test_removed_neurons_of_a_class_of_one_s_own_are_counted(key):
    class Own(Network):
        first: jax.Array
        readout: jax.Array
        scale: float = eqx.field(static=True, default=1.0)

        def features(self, x):
            return jax.nn.relu(x @ self.first)

    network = Own(jax.random.normal(key, (5, 8)), jnp.ones((8, 3)))
    curves = pruning_curves(network)
    # Each of 8 neurons has 5 weights and a row of 3.
    assert pruning_ratios(network, curves, {"first": 2}).removed == pytest.approx(2 / 8)
    other = Own(jnp.ones((5, 8)), jnp.ones((32, 3)))
    assert pruning_ratios(other, pruning_curves(other), {"first": 2}).removed is None


def n_parameters(network):
    return sum(leaf.size for leaf in parameters(network).values())


def of_units(norm, kept):
    return jax.tree.map(lambda leaf: leaf[kept], norm)


def assert_is_pruned(smaller, network, curves, counts, *, pixels):
    """A network is another one without its pruned filters, and counted as that."""
    found = pruning_ratios(network, curves, counts).removed
    expected = 1 - n_parameters(smaller) / n_parameters(network)
    assert found == pytest.approx(expected, abs=1e-14)
    # Fresh normalisations take 0 to 0, so that nothing is lost with a zeroed filter.
    x = jax.random.normal(jax.random.key(1), (2, pixels, pixels, 3), "float32")
    masks = masked(network, curves, counts)
    np.testing.assert_allclose(smaller(x), masks(x), rtol=1e-4, atol=1e-5)


def test_filters_of_a_vgg_are_removed_with_their_normalisation(key):
    plain = vgg11(4, multiplier=1 / 16, key=key)
    norms, moments = zip(
        *(batch_norm(k.shape[-1], "float32") for k in plain.kernels), strict=True
    )
    network = NormalisedVGG(plain.kernels, norms, plain.readout, moments)
    curves = pruning_curves(network)
    counts = counts_for_ratio(curves, 0.4)
    kept = [np.arange(network.kernels[0].shape[-1])] + [
        np.delete(np.arange(len(c)), c.removed(counts[n])) for n, c in curves.items()
    ]
    *kernels, readout = keep_units([*network.kernels, network.readout], kept)
    norms, moments = (
        tuple(of_units(*pair) for pair in zip(parts, kept, strict=True))
        for parts in (norms, moments)
    )
    smaller = NormalisedVGG(tuple(kernels), norms, readout, moments)
    assert_is_pruned(smaller, network, curves, counts, pixels=32)


def test_filters_within_the_blocks_of_a_residual_network_are_removed(key):
    network = resnet(8, n_outputs=4, multiplier=0.25, key=key)
    within = [f"blocks.{i}.kernels.0" for i in range(len(network.blocks))]
    curves = {n: c for n, c in pruning_curves(network).items() if n in within}
    counts = counts_for_ratio(curves, 0.5)
    blocks, statistics, used = [], list(network.statistics), 1
    for name, block in zip(within, network.blocks, strict=True):
        kept = np.delete(
            np.arange(len(curves[name])), curves[name].removed(counts[name])
        )
        statistics[used] = of_units(statistics[used], kept)
        used += 2 + (block.shortcut is not None)
        blocks.append(
            dataclasses.replace(
                block,
                kernels=tuple(keep_units(block.kernels, [kept])),
                norms=(of_units(block.norms[0], kept), block.norms[1]),
            )
        )
    smaller = dataclasses.replace(
        network, blocks=tuple(blocks), statistics=tuple(statistics)
    )
    assert_is_pruned(smaller, network, curves, counts, pixels=8)


def test_a_filter_that_is_added_to_the_inputs_of_a_block_leaves_its_channel(key):
    """Its weights, gain and shift are gone; what reads the channel stays."""
    network = resnet(8, n_outputs=4, multiplier=0.25, key=key)
    curves = pruning_curves(network)
    kernel = network.blocks[0].kernels[1]
    ratio = pruning_ratios(network, curves, {"blocks.0.kernels.1": 2}).removed
    gone = 2 * (kernel.size // kernel.shape[-1] + 2)
    assert ratio == pytest.approx(gone / n_parameters(network), abs=1e-14)


class OneLayer(eqx.Module):
    """A layer of equinox, its biases, and a readout."""

    layer: eqx.Module
    readout: jax.Array

    def features(self, x):
        hidden = jax.nn.relu(jax.vmap(self.layer)(x))
        return hidden.reshape(*hidden.shape[:2], -1).mean(axis=2)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", [eqx.nn.Linear, partial(eqx.nn.Conv2d, kernel_size=3)])
def test_neurons_of_a_layer_of_equinox_are_removed_with_their_biases(kind, bias, key):
    network = op.wrap(OneLayer(kind(2, 8, use_bias=bias, key=key), jnp.ones((8, 3))))
    curves = pruning_curves(network)
    assert list(curves) == ["module.layer.weight"]
    counts = counts_for_ratio(curves, 0.5)
    before, after = (
        sum(
            leaf.size
            for leaf in jax.tree.leaves(
                OneLayer(kind(2, n, use_bias=bias, key=key), jnp.ones((n, 3)))
            )
            if eqx.is_inexact_array(leaf)
        )
        for n in (8, 4)
    )
    found = pruning_ratios(network, curves, counts).removed
    assert found == pytest.approx(1 - after / before)
    [zeroed] = np.unique(
        np.count_nonzero(masked(network, curves, counts).module.layer.weight) / 4
    )
    assert zeroed == network.module.layer.weight[0].size


def test_biases_of_a_convolution_of_equinox_are_vectors(key):
    layer = eqx.nn.Conv2d(2, 8, 3, key=key)
    network = op.wrap(OneLayer(layer, jnp.ones((8, 3))))
    curves = pruning_curves(network, layers=["*.bias"])
    smaller = masked(network, curves, {"module.layer.bias": 3})
    kept = np.abs(np.ravel(layer.bias)) >= np.sort(np.abs(np.ravel(layer.bias)))[3]
    np.testing.assert_array_equal(
        np.ravel(smaller.module.layer.bias), np.where(kept, np.ravel(layer.bias), 0)
    )
    tails = op.analyse(network, "tails", progress=False, n_resamples=3).tables["tails"]
    assert tails["layer"].unique().to_list() == ["module.layer.weight"]


def test_what_cannot_be_counted_is_said(key):
    found = op.analyse(two_layer(3, 8, 2, key=key), "prune", progress=False)
    assert not any("parameters_removed" in note for note in found.notes)

    class Two(OneLayer):
        other: eqx.Module

    layers = [eqx.nn.Linear(2, 8, key=key), eqx.nn.Linear(2, 8, key=key)]
    network = op.wrap(Two(layers[0], jnp.ones((8, 3)), layers[1]))
    found = op.analyse(network, "prune", progress=False)
    assert found.tables["pruning"]["parameters_removed"].is_nan().all()
    assert any("not a number: nothing says which lay" in note for note in found.notes)
    found = op.analyse(network, "prune", part="entry", progress=False)
    assert any("parts of the kind entry are no neurons" in n for n in found.notes)
