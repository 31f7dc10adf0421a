"""Decoupled decay against the update written out by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from overparam.dynamics import decoupled
from overparam.networks import LinearReadout


def test_one_adam_step_decays_the_weights_outside_the_moments():
    network = LinearReadout(readout=jnp.asarray([[1.0, -2.0]]))
    gradient = LinearReadout(readout=jnp.asarray([[0.5, 0.1]]))
    rule = decoupled(0.1, optimiser="adam", coefficients={"readout": jnp.asarray(0.3)})
    with jax.numpy_dtype_promotion("standard"):
        updates, _ = rule.update(gradient, rule.init(network), network)
    # The first bias-corrected Adam direction is the sign of the gradient.
    expected = -0.1 * (np.array([[1.0, 1.0]]) + 2 * 0.3 * np.array([[1.0, -2.0]]))
    np.testing.assert_allclose(updates.readout, expected, rtol=1e-6)


def test_fields_without_coefficient_do_not_decay():
    network = LinearReadout(readout=jnp.asarray([[1.0, -2.0]]))
    gradient = LinearReadout(readout=jnp.asarray([[0.5, 0.1]]))
    rule = decoupled(0.1, optimiser="sgd", coefficients={})
    with jax.numpy_dtype_promotion("standard"):
        updates, _ = rule.update(gradient, rule.init(network), network)
        plain, _ = optax.sgd(0.1).update(gradient, optax.sgd(0.1).init(network))
    np.testing.assert_allclose(updates.readout, plain.readout)
