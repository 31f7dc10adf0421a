"""Draws of one network share its features: intervals over several are of networks."""

import numpy as np
import polars as pl
import pytest

from overparam.analysis.intervals import mean_interval
from overparam.reproductions.features import resampled


@pytest.fixture
def drawn(monkeypatch):
    """Draws that differ little in a network, whose means differ."""

    def of(n_networks):
        means = 0.7 + 0.05 * np.arange(n_networks)
        rows = [
            {"source": "initial", "features": "uniform", "k": 10, "seed": seed}
            | {"readout": "logistic", "test_accuracy": mean + 1e-3 * draw}
            | {"train_accuracy": mean, "duplicates": 0}
            for seed, mean in enumerate(means)
            for draw in (-1, 0, 1)
        ]
        monkeypatch.setattr(resampled, "_frame", lambda results: pl.DataFrame(rows))
        return means

    return of


def test_the_interval_of_several_networks_is_over_their_means(drawn):
    means = drawn(4)
    claim = resampled._band(None, ("initial", "uniform"), (0.7, 0.85), "")
    assert claim.measured.startswith(str(mean_interval(means, within=(0, 1))))
    assert claim.measured.endswith("over 4 networks of 3 draws")
    assert claim.holds is None  # The 12 draws, taken for independent, would decide.
    row = resampled._summary(None).row(0, named=True)
    assert (row["networks"], row["draws"]) == (4, 12)
    expected = mean_interval(means)
    assert row["low"] == pytest.approx(expected.low)
    assert row["high"] == pytest.approx(expected.high)


def test_that_of_one_network_is_over_its_draws_and_says_so(drawn):
    drawn(1)
    claim = resampled._band(None, ("initial", "uniform"), (0.6, 0.8), "")
    expected = mean_interval([0.699, 0.7, 0.701])
    assert claim.measured.startswith(str(expected))
    assert claim.holds
    assert claim.measured.endswith("over 3 draws of one network")
    row = resampled._summary(None).row(0, named=True)
    assert (row["networks"], row["high"]) == (1, pytest.approx(expected.high))
