"""Rates with intervals, the 50 % line, and the reference's result files."""

import numpy as np
import polars as pl
import pytest
from scipy.special import expit

from overparam.analysis.phase import half_line, on_grid, read_reference, success_rates
from overparam.errors import ConfigError, DataError


def test_rates_count_trials_and_leave_undecided_ones_out():
    trials = pl.DataFrame(
        {
            "n_samples": [10, 10, 10, 20],
            "input_dim": [5, 5, 5, 5],
            "recovered": [True, False, None, True],
        }
    )
    rates = success_rates(trials, "recovered")
    first, second = rates.iter_rows(named=True)
    assert (first["trials"], first["undecided"], first["rate"]) == (2, 1, 0.5)
    assert (second["trials"], second["rate"]) == (1, 1.0)
    # Wilson's interval of 1 of 2.
    assert (first["low"], first["high"]) == pytest.approx((0.0945, 0.9055), abs=1e-4)
    samples, dimensions, grid = on_grid(rates, "rate")
    np.testing.assert_array_equal(samples, [10, 20])
    np.testing.assert_array_equal(dimensions, [5])
    np.testing.assert_array_equal(grid, [[0.5, 1.0]])


def test_the_half_line_of_logistic_data_is_found():
    rng = np.random.default_rng(0)
    ratios = rng.uniform(1, 4, 3000)
    successes = rng.random(3000) < expit(6 * (ratios - 2.3))
    found = half_line(ratios, successes)
    # The standard error is about 0.013; five of them.
    assert found.estimate == pytest.approx(2.3, abs=0.07)
    assert found.low < found.estimate < found.high
    assert found.high - found.low < 0.15


def test_separated_trials_have_their_line_between_them():
    ratios = np.array([1.0, 1.5, 3.0, 3.5])
    found = half_line(ratios, ratios > 2)
    assert 1.5 < found.estimate < 3.0


def test_trials_of_one_seed_are_one_piece_of_evidence():
    rng = np.random.default_rng(0)
    ratios = rng.uniform(1, 4, 200)
    successes = rng.random(200) < expit(3 * (ratios - 2.3))
    alone = half_line(ratios, successes)
    copied = half_line(
        np.tile(ratios, 9), np.tile(successes, 9), units=np.tile(np.arange(200), 9)
    )
    width, expected = copied.high - copied.low, alone.high - alone.low
    # Quantiles of 200 resamples are known to about 10 %; nine copies would give 1/3.
    assert width == pytest.approx(expected, rel=0.3)


def test_a_line_needs_success_and_failure():
    with pytest.raises(ConfigError, match="succeed and trials that fail"):
        half_line(np.array([1.0, 2.0]), np.array([True, True]))


def test_result_files_of_the_published_code_are_read(tmp_path):
    values = np.random.default_rng(0).random((4, 2, 3))
    path = tmp_path / "dis_abs_minnrm_skip_n40_d20_w1_X2_sig0.05_sample3.npy"
    np.save(path, values)
    grid = read_reference(path)
    assert grid.quantity == "dis_abs"
    assert grid.options["method"] == "minnrm_skip"
    assert grid.options["sig"] == "0.05"
    chosen = grid.trials.filter(
        (pl.col("n_samples") == 30) & (pl.col("input_dim") == 20)
    )
    np.testing.assert_array_equal(chosen["value"], values[2, 1])


@pytest.mark.parametrize(
    ("name", "shape"), [("notes.npy", (4, 2, 3)), ("rec_rate_skip_n40_d20.npy", (4, 2))]
)
def test_other_files_are_refused(tmp_path, name, shape):
    path = tmp_path / name
    np.save(path, np.zeros(shape))
    with pytest.raises(DataError):
        read_reference(path)
