"""Claims of grids in which a run diverged, or a trial was not decided."""

import math

import numpy as np
import polars as pl
import pytest

from overparam.analysis.intervals import median_interval
from overparam.analysis.phase import success_rates
from overparam.reproductions.heavy_tails.arms import sign_claim
from overparam.reproductions.lazy import width as width_of_lazy
from overparam.reproductions.planted import learning_rate, livni
from overparam.reproductions.recovery import figures, proven, training
from overparam.reproductions.reproduction import Results
from overparam.reproductions.timescales import curves


def results(rows, records=()):
    """Of the scale that decides, without stored runs."""
    found = (pl.DataFrame(each, infer_schema_length=None) for each in (rows, records))
    return Results("laptop", *found, stored=[])


def test_the_median_of_values_some_of_which_are_infinite():
    values = [1.0, math.inf, 2.0, 3.0, math.inf, 5.0]
    found = median_interval(values)
    assert (found.estimate, found.low, found.high) == (4.0, 1.0, math.inf)


@pytest.mark.parametrize("lost", [0, 1])
def test_a_run_that_diverged_leaves_the_others_with_those_of_their_seed(lost):
    """Dropped from both widths the seeds 0 and 1 would be paired with each other."""
    ends: dict[int, list[float | None]] = {8: [4.0, 2.0], 16: [3.0, 1.0]}
    ends[8][lost], ends[16][1 - lost] = None, None
    rows = [
        {"width": width, "seed": seed, "end": end}
        for width, column in ends.items()
        for seed, end in enumerate(column)
    ]
    told = results(rows)
    groups = {str(w): curves.final(told, "end", width=w) for w in ends}
    medians, each = curves.falls(told, "falls", "", groups)
    assert each.measured.startswith("0 of 2 seeds")
    assert (medians.holds, each.holds) == (False, False)
    wide, narrow = ([groups[name]] for name in ("16", "8"))
    for claim in curves.unbiased_closer(told, wide, narrow, published=""):
        assert claim.holds is False


def test_a_run_that_ended_before_a_time_has_no_value_there():
    def records(path, status, times):
        facts = {"path": path, "status": status, "seed": len(path)}
        return [facts | {"time": t, "risk": 1 + t} for t in times]

    rows = records("a", "diverged", [0.0, 1.0]) + records("bb", "finished", [0.0, 4.99])
    told = results([], rows)
    assert np.array_equal(curves.at_time(told, "risk", 5.0), [np.nan, 5.99], True)
    assert curves.at_time(told, "risk", 1.0) == [2.0]
    assert curves.at_time(told, "risk", 0.0) == [1.0, 1.0]


def test_cells_in_which_no_trial_is_decided_have_no_rate():
    columns = {"n_samples": [20, 20, 40], "input_dim": 5, "seed": [0, 1, 0]}
    trials = pl.DataFrame(columns | {"recovered": [None, None, True]})
    some, none = (success_rates(t, "recovered") for t in (trials, trials[:2]))
    assert some["n_samples"].to_list() == [40]
    assert none.is_empty()
    assert none.schema == some.schema
    assert figures.pooled_rates(none).is_empty()


def test_a_search_that_told_no_bound_leaves_all_distances_open():
    problem = {"n_samples": 20, "input_dim": 3, "penalty": 0.1, "seed": 0}
    problem |= {"width": 20, "optimiser": "adam", "patterns": "sampled"}
    rows = [
        problem | {"method": method, "lower_bound": None, "primal": None} | told
        for method, told in (
            ("global", {"objective": None, "primal": 1.0}),
            ("training", {"objective": 2.0}),
        )
    ]
    frame = pl.DataFrame(rows, infer_schema_length=None)
    frame = frame.with_columns(pl.col("lower_bound").cast(pl.Float64))
    found = proven.distances(frame)
    assert found["farthest"].to_list() == [math.inf, math.inf]
    assert found["nearest"].to_list() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("exponents", "of_a_rate", "falls"),
    [
        ((-0.6, -0.7, -0.65), True, True),
        ((-0.2, -0.3, -0.1), False, None),
        ((-0.25, -0.3, -0.2), False, True),
        ((-0.5, -0.45, -0.55), True, True),
        # It reaches the rate, and slopes that are nearer to a constant.
        ((-0.4, -0.5, -0.28), None, True),
        ((0.2, 0.3, 0.25), False, False),
        ((-2, 2, 0.1), None, None),
    ],
)
def test_a_slope_whose_interval_reaches_everything_decides_nothing(
    exponents, of_a_rate, falls
):
    rows = [
        {"dataset": "digits", "classes": "", "width": width, "seed": seed}
        | dict.fromkeys(width_of_lazy.MEASURES, width**exponent)
        for width in (64, 256)
        for seed, exponent in enumerate(exponents)
    ]
    claims = width_of_lazy.claims(results(rows))
    assert [claim.holds for claim in claims] == [*[of_a_rate] * 3, falls]
    lost = [row | dict.fromkeys(width_of_lazy.MEASURES) for row in rows]
    assert {c.holds for c in width_of_lazy.claims(results(lost))} == {None}


def test_pairs_with_a_run_that_diverged_are_counted_apart():
    found = np.array([np.nan, *np.linspace(1, 2, 12)])
    claim = sign_claim(found, sentence="", published="")
    assert claim.holds is True
    assert claim.measured.startswith("12 of 12 pairs")
    assert claim.measured.endswith("1 pair diverged")
    nothing = sign_claim(found[:1], sentence="", published="")
    assert (nothing.measured, nothing.holds) == ("no pairs, 1 pair diverged", None)


def test_rates_are_compared_seed_by_seed_where_a_run_diverged():
    rows = [
        {"path": f"{rate}-{seed}", "learning_rate": rate, "seed": seed, "epochs": 20}
        for rate in learning_rate.RATES
        for seed in range(2)
    ]
    records = [
        {**row, "epoch": epoch, "loss": 1 / (1 + row["learning_rate"] * epoch)}
        for row in rows
        for epoch in (0, 19)
        if (row["path"], epoch) != ("0.1-0", 19)
    ]
    order, *_, best = learning_rate.claims(results(rows, records))
    assert order.measured.startswith("1 of 2 seeds, rate 0.5 [")
    assert order.holds is False
    assert best.measured.startswith("inf [")
    assert best.holds is False


def test_no_ratio_is_made_with_a_run_that_diverged():
    rows = [
        {"train": "all", "readout_rate": 1.0, "teacher_width": 60}
        | {"width": width, "seed": seed, "objective": None if lost else 1 / width}
        for width in livni.WIDTHS
        for seed in range(2)
        for lost in [(width, seed) == (480, 0)]
    ]
    order, *_, last = livni.claims(results(rows))
    assert order.measured.startswith("in 1 of 2 seeds, rate 0.5 [")
    assert order.holds is False
    assert last.measured.startswith("0.125 [")
    for row in rows:
        row["objective"] = row["objective"] if row["seed"] else None
    _, *_, last = livni.claims(results([row for row in rows if not row["seed"]]))
    assert last.holds is None


def test_a_training_that_diverged_is_far_from_what_was_planted():
    rows = [
        {"legacy": legacy, "noise": 0.1, "n_samples": 40, "input_dim": 5}
        | {"network": "skip", "n_planted": 1, "distance_high": distance}
        for legacy in (False, True)
        for distance in (1e-3, None)
    ]
    told = results(rows)
    penalised, _ = training.claims(told)
    assert penalised.holds is False
    rows = [{**row, "noise": noise} for row in rows for noise in figures.NOISES]
    told = results(rows)
    assert figures.noise_claim(told, told.runs).holds is None
    lost = results([row for row in rows if row["distance_high"] is None] * 8)
    assert figures.noise_claim(told, lost.runs).holds is False


@pytest.mark.parametrize(
    ("recovered", "holds"),
    [
        ([True, True], True),
        ([True, None], None),
        ([False, None], False),
        ([], None),
    ],
)
def test_a_trial_that_is_not_decided_is_no_counter_example(recovered, holds):
    assert figures.implied(pl.Series(recovered, dtype=pl.Boolean)) is holds
