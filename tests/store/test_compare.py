import numpy as np
import pytest
from storing import DEFAULTS, record, store

from overparam.errors import StoreError
from overparam.store import open_run
from overparam.store.compare import Difference, compare


def test_a_run_and_its_repetition_have_the_same_numbers(tmp_path):
    metrics = {"risk": [2.0, np.nan], "seconds": [0.1, 0.2]}
    one = store(tmp_path, outcome=record(metrics=metrics))
    later = record(seconds=99.0, metrics=metrics | {"seconds": [0.1, 0.3]})
    other = store(tmp_path, force=True, outcome=later)
    found = compare(one, other)
    assert found.same_numbers
    assert found.config == ()
    assert [difference.name for difference in found.outcome] == ["seconds"]
    assert [difference.name for difference in found.metrics] == ["seconds, record 1"]


def test_every_kind_of_difference_is_named(tmp_path):
    one = store(tmp_path, width=1)
    metrics = {"epoch": range(3), "risk": [2.0, 1.5, np.nan], "new": [1, 2, 3]}
    outcome = record(status="diverged", summary={"risk": np.inf}, metrics=metrics)
    other = store(tmp_path, study="other", width=2, outcome=outcome)
    found = compare(one, other)
    assert not found.same_numbers
    assert found.config == (
        Difference("study", "toy", "other"),
        Difference("width", 1, 2),
    )
    assert found.outcome == (
        Difference("status", "finished", "diverged"),
        Difference("summary.risk", 0.5, np.inf),
        Difference("summary.lost", 2, None),
    )
    assert found.metrics == (
        Difference("risk, record 1", 1.0, 1.5),
        Difference("new", None, "Int64"),
    )


def test_a_difference_in_the_last_bit_is_one(tmp_path):
    one = store(tmp_path, outcome=record(metrics={"x": [0.1]}))
    metrics = {"x": [np.nextafter(0.1, 1)]}
    other = store(tmp_path, force=True, outcome=record(metrics=metrics))
    assert not compare(one, other).same_numbers


def test_environments_are_compared_by_dotted_names(tmp_path, monkeypatch):
    one = store(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "17")
    other = store(tmp_path, force=True)
    names = {difference.name for difference in compare(one, other).environment}
    assert "threads.OMP_NUM_THREADS" in names
    assert "python" not in names


def test_a_failed_run_can_be_compared(tmp_path):
    one = store(tmp_path, width=1)
    with open_run(tmp_path, "toy", DEFAULTS, DEFAULTS) as run:
        run.fail(ValueError("No."))
    found = compare(one, run.path)
    assert Difference("error", None, "No.") in found.outcome
    with pytest.raises(StoreError, match="There is no run"):
        compare(one, tmp_path / "nowhere")
