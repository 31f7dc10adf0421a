"""Claims that the measured numbers leave open: none of them holds, or does not."""

import math

import numpy as np
import polars as pl
import pytest

from overparam.analysis.intervals import Interval
from overparam.reproductions import told as telling
from overparam.reproductions.features import distribution, random
from overparam.reproductions.heavy_tails.arms import sign_claim
from overparam.reproductions.images import varpro
from overparam.reproductions.lazy import scale
from overparam.reproductions.planted import livni, width
from overparam.reproductions.recovery import noise, normalised, phase, programs, proven
from overparam.reproductions.reproduction import Results, every
from overparam.reproductions.timescales import curves, two
from overparam.running.reproducing import _typed


def results(rows, records=(), size="laptop"):
    found = (pl.DataFrame(each, infer_schema_length=None) for each in (rows, records))
    return Results(size, *found, stored=[])


def test_every_part_must_hold():
    assert every([True, np.True_]) is True
    assert every([True, None, False]) is False
    assert every([True, None]) is None


@pytest.mark.parametrize(
    ("above", "below", "equal", "holds"),
    [(7, 0, 5, True), (6, 0, 7, None), (0, 6, 7, False), (9, 1, 0, True)],
)
def test_pairs_that_are_equal_speak_for_neither(above, below, equal, holds):
    found = np.array([1.0] * above + [-1.0] * below + [0.0] * equal)
    assert sign_claim(found, sentence="", published="").holds is holds
    away = sign_claim(found + 0.5, sentence="", published="", margin=-0.5)
    assert away.holds is holds


@pytest.mark.parametrize(
    ("objectives", "holds"),
    [
        ((1.0, 2.0, 1.0, 0.5), True),
        ((4.0, 3.0, 2.0, 1.0), False),
        ((None, None, None, None), None),
        ((4.0, None, 2.0, 1.0), None),
        ((1.0, 2.0, None, None), True),
    ],
)
def test_that_there_is_no_order_is_not_shown_by_runs_that_diverged(objectives, holds):
    rows = [
        {"train": "all", "readout_rate": 60 / width, "teacher_width": 60}
        | {"width": width, "seed": 0, "objective": value}
        for width, value in zip(livni.WIDTHS, objectives, strict=True)
    ]
    found = livni._order(results(rows), "readout step x r0/r", wanted=False)
    assert found.holds is holds


@pytest.mark.parametrize(
    ("epochs", "holds", "below"),
    [
        (range(50, 60), True, True),
        (range(100, 110), False, False),
        (range(40, 60), None, True),
        (range(50, 70), None, None),
        ([], False, False),
        ([50, 51], None, None),
    ],
)
def test_a_median_is_in_a_band_with_its_interval(epochs, holds, below):
    columns = {"width": 120, width.PASS: pl.Series(epochs, dtype=pl.Int64)}
    told = results(columns)
    assert width._median_in(told, 120, 48, 60, "ours").holds is holds
    assert width._median_in(told, 120, None, 60, "ours").holds is below


def intervals(monkeypatch, module, *ends):
    """Fitted lines with these ends, in the order in which they are asked for."""
    left = [Interval(estimate=sum(e) / 2, low=e[0], high=e[1]) for e in ends]
    monkeypatch.setattr(module, "fitted_half", lambda trials: left.pop(0))


@pytest.mark.parametrize(
    ("risks", "holds"),
    [((1.0, 1.0), True), ((3.0, 1.0), False), ((None, 1.0), None), ((None,), None)],
)
def test_scales_of_which_a_run_diverged(risks, holds):
    ends = min(scale.FACTORS["laptop"]), max(scale.FACTORS["laptop"])
    rows = [
        {"scale": factor, "seed": seed, "distance_to_linear": 0.01}
        | {"risk": risk if factor < 1 else 2.0, "kernel_change": 1 / factor}
        for factor in ends
        for seed, risk in enumerate(risks)
    ]
    told = results(rows)
    told.runs.replace_column(
        told.runs.columns.index("risk"), told.runs["risk"].cast(pl.Float64)
    )
    better, moves, _ = scale.claims(told)
    assert better.holds is holds
    assert moves.holds is True


def test_a_measure_that_no_run_has_is_a_column_of_numbers():
    frame = _typed(pl.DataFrame({"loss": [None, None], "seed": [0, 1]}))
    assert frame.schema == {"loss": pl.Float64, "seed": pl.Int64}
    assert frame.select(pl.col("loss").log())["loss"].to_list() == [None, None]


def short(end):
    """Records of a run up to a time, whose risk is the time itself."""
    facts = {"path": "a", "status": "finished", "seed": 0}
    return [facts | {"time": t, "risk": t} for t in np.linspace(0, end, 9).tolist()]


@pytest.mark.parametrize("end", [0.04, 0.4, 4.9])
def test_of_a_time_that_no_run_reached_nothing_is_told(end):
    told = results([], short(end))
    assert curves.at_time(told, "risk", 5.0) == []
    assert curves.recorded_times(told, [0.0, end, 5.0]) == [0.0, end]
    assert curves.late_rate(told, "risk", (0.5 * end, 5.0)) == []
    assert curves.one_at(told, "risk", 5.0) is None
    assert "not reached" in curves.listed({"a": curves.at_time(told, "risk", 5.0)})


@pytest.mark.parametrize(
    ("values", "holds"),
    [([3.0, 2.0, 1.0], True), ([1.0, 2.0], False), ([3.0, None], None), ([None], None)],
)
def test_an_order_of_values_one_of_which_is_missing_is_open(values, holds):
    assert curves.falling(values) is holds


@pytest.mark.parametrize(("time", "found"), [(0.5, 0.5), (0.501, 0.5), (0.52, None)])
def test_a_value_is_of_the_time_at_which_it_was_measured(time, found):
    told = results([], short(4.0))
    assert curves.one_at(told, "risk", time) == found


def test_what_has_no_interval_says_why():
    assert telling.rate(3, 3, "seed").startswith("3 of 3 seeds, rate 1 [0.43")
    assert telling.rate(0, 0, "trial") == "0 of 0 trials"
    assert telling.mean([0.5, 0.5]) == "0.5 [0.5, 0.5]"
    assert telling.mean([0.5]) == f"0.5 {telling.ONE_RUN}"


TRIAL = {"n_samples": 40, "input_dim": 5, "seed": 0, "recovered": True}
TRIAL |= {"verdict": "recovered", "condition_holds": True, "planted": "gaussian"}
TRIAL |= {"all_ones_pattern_exists": False, "program": "exact", "n_planted": 1}


@pytest.mark.parametrize(
    ("ends", "holds"),
    [((1.9, 2.1), True), ((2.1, 2.2), False), ((-math.inf, math.inf), None)],
)
def test_a_line_of_which_little_is_known_is_none(monkeypatch, ends, holds):
    intervals(monkeypatch, phase, ends)
    assert phase.claims(results([TRIAL]))[0].holds is holds


@pytest.mark.parametrize(
    ("gated", "exact", "holds"),
    [((2, 3), (1, 1.5), True), ((2, 3), (4, 5), False), ((2, 3), (1, 2.5), None)],
)
def test_transitions_that_overlap_are_in_no_order(monkeypatch, gated, exact, holds):
    intervals(monkeypatch, programs, gated, exact)
    assert programs.claims(results([TRIAL]))[0].holds is holds
    intervals(monkeypatch, normalised, exact, gated, (9, 10))
    assert normalised.claims(results([TRIAL]))[1].holds is holds


@pytest.mark.parametrize(
    ("recovered", "holds"),
    [
        ([True] * 190 + [None] * 10, True),
        ([True] * 170 + [None] * 30, None),
        ([True] * 20 + [None] * 180, None),
        ([True] * 150 + [False] * 50, False),
        ([True] * 19 + [False], None),
    ],
)
def test_trials_that_are_not_decided_may_have_recovered_or_not(recovered, holds):
    rows = [
        TRIAL | {"design": design, "recovered": each}
        for design in noise.DESIGNS
        for each in recovered
    ]
    assert {c.holds for c in noise.design_claims(results(rows))} == {holds}


@pytest.mark.parametrize(
    ("falls_in", "holds"), [(10, True), (9, True), (8, None), (2, None), (1, False)]
)
def test_medians_fall_where_that_of_the_ratios_surely_does(falls_in, holds):
    """Of ten, its interval ends at the second and the ninth."""
    groups = {"8": [1.0] * 10, "16": [0.9] * falls_in + [1.1] * (10 - falls_in)}
    medians, each = curves.falls(results([{}]), "falls", "", groups)
    assert medians.holds is holds
    assert medians.measured.endswith(f"from one to the next in {falls_in} of 10 seeds")
    assert each.holds is (falls_in == 10)
    closer, _ = curves.unbiased_closer(
        results([{}]), [groups["16"]], [groups["8"]], published=""
    )
    assert closer.holds is holds


@pytest.mark.parametrize(
    ("gaps", "holds"),
    [
        (((0.1, 0.11), (0.2, 0.21)), True),
        (((0.2, 0.21), (0.1, 0.11)), False),
        (((0.1, 0.3), (0.2, 0.4)), None),
    ],
)
def test_gaps_grow_where_their_intervals_are_apart(gaps, holds, monkeypatch):
    penalties = dict(zip((0.1, 0.01), gaps, strict=True))
    monkeypatch.setitem(two.PENALTIES, "laptop", tuple(penalties))
    monkeypatch.setitem(two.WIDTHS, "laptop", (32,))

    def at_time(results, column, time, *, dynamics, penalty, width):
        gap = penalties[penalty] if dynamics == "two-timescale" else (0.0, 0.0)
        return [1 + value for value in gap]

    monkeypatch.setattr(two, "at_time", at_time)
    (claim,) = two.claims(results([{}]))
    assert claim.holds is holds


@pytest.mark.parametrize(
    ("low", "high", "p", "holds"),
    [
        (-0.005, 0.005, 0.5, True),
        (-0.005, 0.02, 0.5, None),
        (0.02, 0.03, 0.5, False),
        (-0.005, 0.005, 0.001, False),
    ],
)
def test_an_effect_is_none_where_its_interval_is_small(low, high, p, holds):
    row = {"representation": "raw", "mmd": (low + high) / 2, "low": low, "high": high}
    row |= {"travelled": 1.0, "rho": (low + high) / 2, "p_upper": p}
    assert distribution._same(pl.DataFrame([row]), "raw", True).holds is holds


@pytest.mark.parametrize(
    ("p", "opposite", "holds"),
    [(0.001, 0.999, True), (0.4, 0.6, None), (0.999, 0.001, False)],
)
def test_a_test_that_is_not_significant_refutes_nothing(p, opposite, holds):
    row = {"mmd": 1.0, "low": 0.5, "high": 2.0, "null_std": 1.0}
    rows = [
        row | {"representation": space, "p_upper": p, "p_lower": opposite}
        for space in distribution.SPACES
    ]
    frame = pl.DataFrame(rows)
    assert distribution._control_claim(frame, True).holds is holds
    swapped = frame.rename({"p_upper": "p_lower", "p_lower": "p_upper"})
    assert distribution._repulsion(swapped, True).holds is holds


@pytest.mark.parametrize(
    ("accuracies", "holds"),
    [
        ([0.99], True),
        ([0.97], False),
        ([0.985, 0.986, 0.984], True),
        ([0.97, 0.975, 0.972], False),
        ([0.975, 0.99, 0.985], None),
    ],
)
def test_an_accuracy_is_above_its_aim_with_its_interval(accuracies, holds):
    found = pl.DataFrame({"train_accuracy": accuracies, "test_accuracy": accuracies})
    assert random._pair("", found, 0.98, "").holds is holds


def problem(seed, *, bound):
    """A proof, programmes, and trainings of which the widest diverge under SGD."""
    one = {"n_samples": 20, "input_dim": 3, "penalty": 0.1 / 20, "seed": seed}
    one |= {"width": 20, "optimiser": "adam", "patterns": "sampled", "primal": None}
    yield one | {"method": "global", "lower_bound": bound, "objective": 1.0}
    for patterns in ("sampled", "column-generation"):
        program = {"method": "interior-point", "patterns": patterns}
        yield one | program | {"lower_bound": None, "objective": 1.005}
    for optimiser in proven.TRAININGS:
        for share in proven.WIDTHS:
            lost = optimiser == "sgd" and share == proven.WIDTHS[-1]
            training = {"method": "training", "optimiser": optimiser}
            training |= {"width": int(share * 20), "lower_bound": None}
            training |= {"objective": None if lost else 2 - 0.1 * share}
            yield one | training


def verdicts(bound):
    rows = [row for seed in range(20) for row in problem(seed, bound=bound)]
    frame = pl.DataFrame(rows, infer_schema_length=None)
    frame = frame.with_columns(pl.col("lower_bound").cast(pl.Float64))
    told = Results("laptop", frame, pl.DataFrame(), stored=[])
    return proven.claims(told)


def test_what_was_not_proven_is_not_missed():
    _, always, sometimes, adam, *_ = verdicts(bound=0.9999)
    assert (always.holds, sometimes.holds, adam.holds) == (True, False, False)
    proof, always, sometimes, adam, *_ = verdicts(bound=None)
    assert proof.holds is False
    assert (always.holds, sometimes.holds) == (None, None)
    assert adam.holds is False  # It is far from the best network that is known.


def test_a_wide_training_that_diverged_is_no_nearer():
    *_, adam, sgd, _ = verdicts(bound=0.9999)
    assert (adam.holds, sgd.holds) == (True, False)
    assert sgd.measured.startswith("0 of 20 pairs")


def test_methods_of_which_a_run_diverged():
    rows = [
        {"batch_size": batch, "seed": seed, "readout": "gram", "readout_average": 0.5}
        | {"dynamics": "varpro", "shampoo": "torch-optimizer", **method}
        | {"test_accuracy_mean": None if lost else 0.1 * index + batch / 1e4}
        | {
            "test_accuracy_full_mean": None if lost else 0.9,
            "path": f"{index} {batch} {seed}",
        }
        for index, method in enumerate(varpro.METHODS.values())
        for batch in (64, 1024)
        for seed in range(3)
        for lost in [(index, batch, seed) == (1, 64, 0)]
    ]
    records = [row | {"epoch": 95, "test_accuracy": 0.5} for row in rows]
    above, exact, rises, *_, spread = varpro.claims(results(rows, records, "paper"))
    assert (above.holds, exact.holds, rises.holds) == (None, None, True)
    assert "diverged" in above.measured
    assert spread.holds is None
