"""A network with stored moments, and the samples of its readouts."""

import jax.numpy as jnp
import numpy as np
import pytest

from overparam.analysis.resampling.refit import Sample
from overparam.networks import StandardisedTwoLayer, with_moments


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((120, 5))
    y = (x @ rng.standard_normal((5, 3))).argmax(axis=1).astype(np.int32)
    network = StandardisedTwoLayer(
        weights=jnp.asarray(rng.standard_normal((5, 9))),
        readout=jnp.asarray(rng.standard_normal((9, 3))),
    )
    train = Sample(jnp.asarray(x[:80]), jnp.asarray(y[:80]))
    test = Sample(jnp.asarray(x[80:]), jnp.asarray(y[80:]))
    return with_moments(network, train.x), train, test
