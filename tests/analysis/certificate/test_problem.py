"""The certified problem is the one that was trained, in other units."""

import jax.numpy as jnp
import numpy as np
import pytest

from overparam.analysis.certificate.problem import own_penalty
from overparam.errors import ConfigError
from overparam.networks.view import TwoLayerView
from overparam.objectives import cross_entropy, half_squared_error
from overparam.objectives.objective import Objective


def view(rng, **parts):
    shapes = ((2, 1), (1, 3))
    weights, readout = (jnp.asarray(rng.standard_normal(shape)) for shape in shapes)
    return TwoLayerView(weights, readout, scale=0.25, **parts)


def objective(**parts):
    options = {"loss": half_squared_error, "name": "squared", "penalty": "l2"}
    return Objective(**(options | parts))


@pytest.mark.parametrize("sums", [False, True])
@pytest.mark.parametrize("c_readout", [0.3, 0.02])
def test_the_penalty_is_what_the_best_rescaling_pays(sums, c_readout):
    neuron = view(np.random.default_rng(0))
    trained = objective(
        sums=sums, factor=3.0, penalties={"weights": 0.3, "readout": c_readout}
    )
    w, u = (float(np.linalg.norm(part)) for part in (neuron.weights, neuron.readout))
    factors = np.exp(np.linspace(-5, 5, 200_001))
    least = np.min(0.3 * (w / factors) ** 2 + c_readout * (u * factors) ** 2)
    # Half the squared error has the factor 3 / n; that of the problem is 1.
    n_samples = 7
    expected = least * (1 if sums else n_samples) / 3.0
    found = own_penalty(trained, neuron, n_samples) * w * neuron.scale * u
    # The grid of factors has steps of 5e-5, whose square is the error.
    assert found == pytest.approx(expected, rel=1e-8)


def test_networks_that_are_not_penalised_everywhere_name_a_penalty():
    rng = np.random.default_rng(0)
    plain = view(rng)
    biased = view(rng, bias=jnp.ones(1))
    equal = {"layers": 0.1, "readout": 0.1}
    with pytest.raises(ConfigError, match="no positive penalty on every weight"):
        own_penalty(objective(penalties={"readout": 0.1}), plain, 5)
    with pytest.raises(ConfigError, match="no positive penalty on every weight"):
        own_penalty(objective(penalties=equal), biased, 5)
    found = own_penalty(objective(penalties=equal | {"biases": 0.1}), biased, 5)
    assert found == pytest.approx(2 * 0.1 * 5 / 0.25)
    other = objective(loss=cross_entropy, name="cross-entropy", penalties=equal)
    with pytest.raises(ConfigError, match="trained on the cross-entropy loss"):
        own_penalty(other, plain, 5)
