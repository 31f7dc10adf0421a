"""What the figure of `surplus` shows, and that its work is counted to the end."""

import jax
import numpy as np
import pytest

import overparam as op
from overparam.analysis.surplus.options import SurplusOptions
from overparam.running.analysing import analyse_subjects, as_subject
from overparam.training.plan import silent


@pytest.mark.parametrize(("width", "scale"), [(8, "linear"), (80, "symlog")])
def test_few_of_many_neurons_are_seen_and_curves_are_named(width, scale):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((20, 3)).astype(np.float32)
    data = op.dataset(x, x[:, 0], test=(x[:5], x[:5, 0]), name="mine")
    network = op.two_layer(3, width, 1, key=jax.random.key(0))
    counted = []
    found = analyse_subjects(
        "surplus",
        [as_subject(network, data)],
        SurplusOptions(),
        lambda done, total, **told: counted.append((done, total)),
    )
    (axes,) = found.figures["surplus"].axes
    assert axes.get_xscale() == scale
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["kept neurons", "whole network"]
    done, total = counted[-1]
    assert done == total


@pytest.mark.parametrize(
    ("times", "noted"), [(1, None), (20, "that all neurons gain"), (-3, "than none")]
)
def test_a_slack_is_held_against_what_the_neurons_gain(times, noted):
    """A tenth of a large loss may be all that a poor network has learnt."""
    x = np.random.default_rng(0).standard_normal((200, 3)).astype(np.float32)
    network = op.two_layer(3, 8, 1, key=jax.random.key(0))
    # In units of their mean square the loss without neurons is 1, 400 and 9; with all
    # of them it is 0, 361 and 16.
    data = op.dataset(x, times * np.asarray(network(x))[:, 0], name="mine")
    found = analyse_subjects(
        "surplus", [as_subject(network, data)], SurplusOptions(), silent
    )
    told = [note for note in found.notes if "than none" in note or "gain" in note]
    assert len(told) == (noted is not None)
    assert all(noted in note for note in told)
