import contextlib
import errno
import os
import shutil
import time

import pytest
from work_for_tests import DEFAULTS, jobs, work

from overparam.cli.main import run_command
from overparam.errors import StoreError
from overparam.store import RunRecord, open_run
from overparam.store.files import write_sealed
from overparam.sweeping import sweep
from overparam.sweeping.record import latest_sweep
from overparam.sweeping.watch import glance


def test_a_sweep_is_seen_while_it_runs(tmp_path):
    seen = []
    todo = jobs(tmp_path, ["finish", "raise", "finish", "diverge"])
    sweep(todo, work=work, report=lambda state: seen.append(glance(tmp_path)))
    assert {look.total for look in seen} == {4}
    # In this process a run has ended when the state is reported.
    assert [look.done + look.failed for look in seen][-1] == 4
    last = seen[-1]
    assert last.statuses == {"finished": 2, "failed": 1, "diverged": 1}
    assert (last.done, last.failed, last.running) == (3, 1, 0)
    assert last.rate > 0
    assert last.seconds_left == 0


def test_running_and_cut_off_runs_are_told_apart(tmp_path):
    configs = [DEFAULTS | {"number": number} for number in range(2)]
    with open_run(tmp_path, "toy", configs[0], DEFAULTS):
        pass
    with open_run(tmp_path, "toy", configs[1], DEFAULTS):
        look = glance(tmp_path)
    assert look.statuses == {"running": 1, "unfinished": 1}
    assert (look.total, look.running, look.cut_off) == (2, 1, 1)
    assert look.seconds_left is None


def test_that_nothing_is_running_is_told_once_until_something_runs(
    tmp_path, monkeypatch, capsys
):
    """Three looks at a run that was cut off, one while it runs, one when it is done."""
    config, looks = DEFAULTS | {"number": 0}, iter(range(5))
    with open_run(tmp_path, "toy", config, DEFAULTS):
        pass
    goes_on = contextlib.ExitStack()

    def sleep(_):
        look = next(looks)
        if look == 2:
            run = goes_on.enter_context(open_run(tmp_path, "toy", config, DEFAULTS))
            goes_on.callback(run.write, RunRecord(status="finished"))
        if look == 3:
            goes_on.close()

    monkeypatch.setattr(time, "sleep", sleep)
    assert run_command(["watch", str(tmp_path)]) == 0
    told = capsys.readouterr()
    assert told.out.splitlines() == [
        "0 of 1 done, 0 running, 1 cut off",
        "0 of 1 done, 1 running",
        "1 of 1 done, 0 running",
    ]
    assert told.err.count("Nothing is running") == 1


def test_a_sweep_that_was_cut_off_keeps_its_rate_and_tells_no_time_left(
    tmp_path, monkeypatch
):
    todo = jobs(tmp_path, ["finish"] * 3)
    sweep(todo, work=work)
    shutil.rmtree(tmp_path / "toy" / todo[0].id)  # As if it had not come to it.
    first, now = glance(tmp_path), time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3600)
    later = glance(tmp_path)
    assert (first.done, first.left, first.running) == (2, 1, 0)
    assert first.rate > 0
    assert later == first
    assert later.seconds_left is None
    with open_run(tmp_path, "toy", todo[0].config, DEFAULTS):
        look = glance(tmp_path)
    assert look.running == 1
    assert look.seconds_left == pytest.approx(1800, rel=0.1)  # 2 runs in an hour


def test_the_best_run_has_the_lowest_finite_value(tmp_path):
    values = [3.0, float("nan"), 1.0, None, 2.0, -float("inf")]
    for number, value in enumerate(values):
        config = DEFAULTS | {"number": number}
        with open_run(tmp_path, "toy", config, DEFAULTS) as run:
            run.write(RunRecord(status="finished", summary={"risk": value}))
        if value == 1.0:
            path = run.path
    best = glance(tmp_path, best="risk").best
    assert best is not None
    assert (best.value, best.path) == (1.0, path)
    other = glance(tmp_path, best="unknown")
    assert other.best is None
    assert other.summaries == ("risk",)


def test_the_sweep_started_last_counts(tmp_path):
    sweep(jobs(tmp_path, ["finish"] * 3), work=work)
    first = latest_sweep(tmp_path)
    assert first is not None
    assert len(first.runs) == 3
    sweep(jobs(tmp_path, ["finish"] * 5), work=work)
    assert glance(tmp_path).total == 5
    assert len(list((tmp_path / "sweeps").iterdir())) == 2


def test_a_damaged_run_is_unreadable_and_hides_no_other(tmp_path):
    sweep(jobs(tmp_path, ["finish"] * 2), work=work)
    next(tmp_path.glob("toy/*/status.json")).write_text("{")
    assert glance(tmp_path).statuses == {"finished": 1, "unreadable": 1}


def test_a_closed_folder_is_counted_and_nothing_waits_for_it(tmp_path, monkeypatch):
    def refuse(path, *arguments, **options):
        if str(path).startswith(f"{closed}/"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return stat(path, *arguments, **options)

    stat = os.stat
    for sweeps in ("one", "none"):
        sweep(jobs(tmp_path, ["finish"] * 2), work=work)
        if sweeps == "none":
            shutil.rmtree(tmp_path / "sweeps")
        with monkeypatch.context() as patch:
            # Modes do not bind the superuser, whom tests may run as.
            closed = next(tmp_path.glob("toy/*"))
            patch.setattr(os, "stat", refuse)
            look = glance(tmp_path)
        assert look.statuses == {"finished": 1, "unreadable": 1}
        assert (look.total, look.done, look.unreadable, look.left) == (2, 1, 1, 0)


def test_a_folder_that_does_not_exist_is_one_sentence(tmp_path):
    with pytest.raises(StoreError, match="no folder of runs"):
        glance(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"runs": "toy/a", "command": []},
        {"runs": ["toy/a"], "command": [1]},
        {"runs": ["/etc/passwd"], "command": []},
        {"runs": ["../toy"], "command": []},
        {"runs": ["toy/../../a"], "command": []},
    ],
)
def test_a_damaged_sweep_is_one_sentence_and_leads_nowhere_else(tmp_path, content):
    write_sealed(tmp_path / "sweeps" / "a.json", content)
    with pytest.raises(StoreError, match="holds no sweep"):
        latest_sweep(tmp_path)
