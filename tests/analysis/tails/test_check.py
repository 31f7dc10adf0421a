"""What has no tail index is refused before any work."""

import jax
import pytest

import overparam as op
from overparam.analysis.subject import Subject, Unstored
from overparam.analysis.tails.analyse import check
from overparam.analysis.tails.options import TailsOptions
from overparam.errors import ConfigError


def test_a_network_of_few_weights_is_refused_before_it_is_looked_at():
    network = op.two_layer(3, 20, 1, scaling="ntk", key=jax.random.key(0))
    with pytest.raises(ConfigError, match="at least 100 values, got 60"):
        check(Subject(Unstored(network)), TailsOptions())
    larger = op.two_layer(3, 40, 1, scaling="ntk", key=jax.random.key(0))
    check(Subject(Unstored(larger)), TailsOptions())
