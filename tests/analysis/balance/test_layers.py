"""Networks of any depth: the best rescaling against closed forms and other factors."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from overparam.analysis import conserved
from overparam.analysis.balance.layers import balanced, deep_penalty, hidden_layers_of
from overparam.analysis.balance.measures import homogeneous_neurons
from overparam.errors import ConfigError
from overparam.networks import (
    MLP,
    GatedTwoLayer,
    SkipNeuron,
    ThresholdReLU,
    TwoLayer,
    vgg11,
)
from overparam.objectives import PowerPenalty, minimal_penalty, path_norm


def network(*sizes, seed=0, bias=True, **options):
    rng = np.random.default_rng(seed)
    pairs = list(itertools.pairwise(sizes))
    weights = [jnp.asarray(rng.normal(size=pair)) for pair in pairs]
    biases = [jnp.asarray(rng.normal(size=size)) for _, size in pairs[:-1]]
    return MLP(
        tuple(weights[:-1]), weights[-1], tuple(biases) if bias else (), **options
    )


@pytest.mark.parametrize("activation", ["relu", "leaky-relu"])
def test_balancing_leaves_the_function_and_every_residual_is_zero(activation):
    deep = network(3, 6, 5, 4, 2, activation=activation)
    moved = balanced(deep, mu=2.0, nu=0.3)
    x = jnp.asarray(np.random.default_rng(1).normal(size=(10, 3)))
    assert_allclose(moved(x), deep(x), rtol=1e-10)
    *inner, last = hidden_layers_of(moved)
    for layer in inner:
        assert_allclose(layer.residual(), 0, atol=1e-10)
    assert_allclose(last.residual(2.0 / 0.3), 0, atol=1e-10)


def test_an_output_bias_is_of_no_unit_and_stays():
    alone = network(3, 6, 5, 2)
    row = jnp.asarray([[3.0, -1.0]])
    readout = jnp.concatenate([alone.readout, row])
    moved = balanced(eqx.tree_at(lambda n: n.readout, alone, readout))
    assert_allclose(moved.readout[-1:], row)
    assert_allclose(moved.readout[:-1], balanced(alone).readout, rtol=1e-12)
    assert deep_penalty(moved) == deep_penalty(balanced(alone))


def test_two_layers_have_the_closed_form_of_the_path_norm():
    shallow = network(3, 6, 2, bias=False)
    plain = TwoLayer(shallow.layers[0], shallow.readout)
    least = minimal_penalty(float(path_norm(plain)), PowerPenalty(2, 2, 0.7, 0.2))
    found = deep_penalty(balanced(shallow, mu=0.7, nu=0.2), mu=0.7, nu=0.2)
    assert found == pytest.approx(least, rel=1e-11)


def test_a_chain_of_numbers_has_the_mean_inequality():
    chain = network(1, 1, 1, 1, 1, bias=False)
    weights = [*chain.layers, chain.readout]
    product = float(np.prod([np.abs(np.asarray(w)) for w in weights]))
    # Four equal squares have the least sum at a given product.
    assert deep_penalty(balanced(chain)) == pytest.approx(2 * np.sqrt(product))


def test_no_other_rescaling_has_a_smaller_penalty():
    deep = network(3, 5, 4, 2, seed=2)
    least = deep_penalty(balanced(deep))
    rng = np.random.default_rng(3)
    for _ in range(20):
        first, second = (np.exp(rng.normal(size=size)) for size in (5, 4))
        other = MLP(
            (
                deep.layers[0] / first[None],
                first[:, None] * deep.layers[1] / second[None],
            ),
            second[:, None] * deep.readout,
            (deep.biases[0] / first, deep.biases[1] / second),
        )
        assert deep_penalty(other) > least
        assert deep_penalty(balanced(other)) == pytest.approx(least, rel=1e-9)


def test_units_that_carry_nothing_are_set_to_zero():
    deep = network(3, 4, 4, 2, bias=False)
    first = deep.layers[0].at[:, 0].set(0)  # Nothing reaches unit 0.
    readout = deep.readout.at[1].set(0)  # Nothing leaves unit 1 of layer 2.
    dead = MLP((first, deep.layers[1]), readout)
    moved = balanced(dead)
    x = jnp.asarray(np.random.default_rng(1).normal(size=(10, 3)))
    assert_allclose(moved(x), dead(x), rtol=1e-10)
    assert not moved.layers[1][0].any()  # pyright: ignore
    assert not moved.layers[1][:, 1].any()  # pyright: ignore


def test_gradient_flow_conserves_the_differences_of_both_sides():
    deep = network(3, 5, 4, 2, bias=True)
    rng = np.random.default_rng(4)
    x, y = (jnp.asarray(rng.normal(size=shape)) for shape in ((20, 3), (20, 2)))

    def conserved(at):
        return np.concatenate(
            [layer.outgoing**2 - layer.incoming**2 for layer in hidden_layers_of(at)]
        )

    gradient = jax.grad(lambda at: jnp.mean((at(x) - y) ** 2))(deep)
    drifts = []
    for step in (1e-3, 5e-4):
        moved = jax.tree.map(lambda w, g, h=step: w - h * g, deep, gradient)
        drifts.append(np.abs(conserved(moved) - conserved(deep)).max())
    # One step of descent drifts by the square of its length.
    assert drifts[0] / drifts[1] == pytest.approx(4, rel=1e-6)


@pytest.mark.parametrize("kind", ["skip", "bias", "gated", "skip neuron"])
def test_gradient_flow_conserves_the_balance_of_the_neurons_of_any_network(kind):
    rng = np.random.default_rng(5)
    weights, readout = rng.normal(size=(3, 4)), rng.normal(size=(7, 2))
    weights, readout = jnp.asarray(weights), jnp.asarray(readout)
    gates, linear = jnp.asarray(rng.normal(size=(3, 4))), weights[:, :1]
    start = {
        "skip": TwoLayer(weights, readout, skip=True),
        "bias": MLP((weights,), readout[:4], (readout[:4, 0],)),
        "gated": GatedTwoLayer(gates, weights, readout, skip=True),
        "skip neuron": SkipNeuron(weights, linear, readout[:5, :1]),
    }[kind]
    x, y = (jnp.asarray(rng.normal(size=shape)) for shape in ((20, 3), (20, 1)))
    gradient = jax.grad(lambda at: jnp.mean((at(x) - y) ** 2))(start)
    before = conserved(homogeneous_neurons(start, "a test"))
    drifts = []
    for step in (1e-3, 5e-4):
        moved = jax.tree.map(lambda w, g, h=step: w - h * g, start, gradient)
        after = conserved(homogeneous_neurons(moved, "a test"))
        drifts.append(float(jnp.abs(after - before).max()))
    # One step of descent drifts by the square of its length.
    assert drifts[0] / drifts[1] == pytest.approx(4, rel=1e-6)


def test_neurons_that_may_not_be_rescaled_are_refused():
    other = ThresholdReLU(jnp.ones((2, 3)), jnp.ones((3, 1)))
    with pytest.raises(ConfigError, match="changes the function of a ThresholdReLU"):
        homogeneous_neurons(other, "balance")


def test_filters_of_a_vgg_are_units():
    shaped = eqx.filter_eval_shape(
        vgg11, 2, channels=1, multiplier=1 / 32, key=jax.random.key(0)
    )
    rng = np.random.default_rng(0)
    vgg = jax.tree.map(lambda w: jnp.asarray(rng.normal(size=w.shape)), shaped)
    layers = hidden_layers_of(vgg)
    assert [layer.name for layer in layers] == [f"kernels.{i}" for i in range(8)]
    norm = np.linalg.norm(np.asarray(vgg.kernels[1])[:, :, 0])
    assert layers[0].outgoing[0] == pytest.approx(norm)
    assert deep_penalty(balanced(vgg)) < deep_penalty(vgg)


def test_networks_of_other_kinds_are_refused():
    with pytest.raises(ConfigError, match=r"MLP \(tanh\) cannot be rescaled"):
        hidden_layers_of(network(3, 4, 4, 2, activation="tanh"))
