import contextlib
import itertools
import os
import signal
import subprocess
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
import work_for_tests
from work_for_tests import (
    DEFAULTS,
    events,
    is_alive,
    jobs,
    started,
    stored,
    until,
    work,
)

from overparam.errors import ConfigError, Interrupted, OverparamError
from overparam.store import find_runs, open_run, read_run
from overparam.sweeping import sweep
from overparam.sweeping.workers import Borrowed


def begin(root, n_jobs, actions):
    """A sweep in a process of its own."""
    script = work_for_tests.__file__
    command = [sys.executable, script, str(root), str(n_jobs), *actions]
    return subprocess.Popen(command, start_new_session=True)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_every_job_is_done_once_and_not_again(tmp_path, n_jobs):
    todo = jobs(tmp_path, ["finish"] * 5 + ["diverge"])
    result = sweep(todo + todo[:2], work=work, n_jobs=n_jobs)
    assert result.statuses == {"finished": 5, "diverged": 1}
    assert not result.failures
    again = sweep(todo, work=work, n_jobs=n_jobs)
    assert again.statuses == result.statuses
    assert (again.state.stored, again.state.done) == (6, 0)
    assert sorted(number for number, _ in events(tmp_path, "start")) == [*range(6)]


def test_one_job_at_a_time_starts_no_process(tmp_path):
    sweep(jobs(tmp_path, ["finish"] * 2), work=work, n_jobs=1)
    assert {pid for _, pid in events(tmp_path, "start")} == {os.getpid()}


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_failing_run_does_not_stop_the_others_and_is_tried_again(tmp_path, n_jobs):
    todo = jobs(tmp_path, ["finish", "raise", "finish"])
    result = sweep(todo, work=work, n_jobs=n_jobs)
    assert result.statuses == {"finished": 2, "failed": 1}
    [failure] = result.failures
    assert failure.job.id == todo[1].id
    assert "Asked to fail" in failure.sentence
    sweep(todo, work=work, n_jobs=n_jobs)
    assert Counter(n for n, _ in events(tmp_path, "start")) == {0: 1, 1: 2, 2: 1}


def test_a_killed_worker_costs_no_finished_run_and_its_run_is_tried_again(tmp_path):
    todo = jobs(tmp_path, ["finish", "kill-once", "finish", "finish"])
    result = sweep(todo, work=work, n_jobs=2)
    assert result.statuses == {"finished": 4}
    assert Counter(n for n, _ in events(tmp_path, "end")) == dict.fromkeys(range(4), 1)


def test_a_run_that_kills_its_worker_twice_fails_and_the_rest_goes_on(tmp_path):
    todo = jobs(tmp_path, ["kill", "finish", "finish", "finish"])
    result = sweep(todo, work=work, n_jobs=2)
    assert result.statuses == {"finished": 3, "failed": 1}
    [failure] = result.failures
    assert failure.job.id == todo[0].id
    assert "died 2 times" in failure.sentence


def test_work_of_a_script_is_refused_where_processes_would_not_find_it(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(work, "__module__", "__main__")
    with pytest.raises(ConfigError, match="`work` of a script"):
        sweep(jobs(tmp_path, ["finish", "finish"]), work=work, n_jobs=2)


def test_killing_one_worker_leaves_the_run_of_the_other_alone(tmp_path):
    driver = begin(tmp_path, 2, ["wait", "wait"])
    until(started(tmp_path, 2))
    (number, victim), (other, _) = events(tmp_path, "start")
    os.kill(victim, signal.SIGKILL)
    until(started(tmp_path, 3))
    (tmp_path / "go").touch()
    assert driver.wait() == 0
    starts = Counter(n for n, _ in events(tmp_path, "start"))
    assert starts == {number: 2, other: 1}


@pytest.mark.parametrize("group", [False, True], ids=["parent", "everything"])
def test_after_kill_9_nothing_lives_on_and_the_same_command_finishes(tmp_path, group):
    actions = ["finish", "finish", "wait", "wait", "finish"]
    driver = begin(tmp_path, 2, actions)
    until(started(tmp_path, 4))
    workers = {pid for _, pid in events(tmp_path, "start")}
    for pid in [driver.pid, *(workers if group else ())]:
        os.kill(pid, signal.SIGKILL)
    driver.wait()
    until(lambda: not any(is_alive(pid) for pid in workers))
    assert stored(tmp_path) == {0: "finished", 1: "finished"}

    (tmp_path / "go").touch()
    assert begin(tmp_path, 2, actions).wait() == 0
    assert stored(tmp_path) == dict.fromkeys(range(5), "finished")
    ends = Counter(n for n, _ in events(tmp_path, "end"))
    assert ends == dict.fromkeys(range(5), 1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_sweep_leaves_no_process_and_keeps_finished_runs(tmp_path, number):
    driver = begin(tmp_path, 2, ["finish", "wait", "wait"])
    until(started(tmp_path, 3))
    workers = {pid for _, pid in events(tmp_path, "start")}
    driver.send_signal(number)
    assert driver.wait() != 0
    until(lambda: not any(is_alive(pid) for pid in workers))
    assert stored(tmp_path) == {0: "finished"}


def test_an_interrupt_lets_runs_write_their_checkpoint(tmp_path):
    driver = begin(tmp_path, 2, ["checkpoint", "finish", "finish"])
    until((tmp_path / "listening").exists)
    driver.send_signal(signal.SIGINT)
    driver.wait()
    assert len(list(tmp_path.glob("toy/*/checkpoints/kept"))) == 1


def test_a_worker_that_is_terminated_does_its_run_again(tmp_path):
    driver = begin(tmp_path, 2, ["checkpoint", "finish"])
    until((tmp_path / "listening").exists)
    [pid] = [pid for number, pid in events(tmp_path, "start") if number == 0]
    (tmp_path / "listening").unlink()
    os.kill(pid, signal.SIGTERM)
    until((tmp_path / "listening").exists)
    (tmp_path / "go").touch()
    assert driver.wait() == 0
    assert stored(tmp_path) == {0: "finished", 1: "finished"}


def test_in_this_process_an_interrupted_run_ends_the_sweep(tmp_path):
    def stopped(study, config, root):
        raise Interrupted("Stopped.")

    with pytest.raises(Interrupted):
        sweep(jobs(tmp_path, ["finish"] * 2), work=stopped, n_jobs=1)


def test_two_sweeps_on_one_folder_share_the_work(tmp_path):
    actions = ["wait"] * 2 + ["finish"] * 6
    one = begin(tmp_path, 2, actions)
    until(started(tmp_path, 2))
    other = begin(tmp_path, 2, actions)
    until(started(tmp_path, 8))
    assert other.poll() is None, "the runs of the other sweep are awaited"
    (tmp_path / "go").touch()
    assert one.wait() == other.wait() == 0
    assert Counter(n for n, _ in events(tmp_path, "start")) == dict.fromkeys(
        range(8), 1
    )


def test_a_sweep_takes_over_a_run_whose_process_was_killed(tmp_path):
    one = begin(tmp_path, 1, ["wait"])
    until(started(tmp_path, 1))
    other = begin(tmp_path, 1, ["wait"])
    until(lambda: other.poll() is None)
    one.kill()
    one.wait()
    until(started(tmp_path, 2))
    (tmp_path / "go").touch()
    assert other.wait() == 0


def test_runs_held_elsewhere_are_reported_as_waiting_until_they_are_free(tmp_path):
    [job] = jobs(tmp_path, ["finish"])
    waiting = []
    with contextlib.ExitStack() as holder:
        holder.enter_context(open_run(tmp_path, "toy", job.config, DEFAULTS))

        def report(state):
            waiting.append(state.waiting)
            if state.waiting:
                holder.close()

        result = sweep([job], work=work, n_jobs=1, report=report)
    assert 1 in waiting
    assert result.statuses == {"finished": 1}


def test_states_count_up_to_the_total(tmp_path):
    states = []
    todo = jobs(tmp_path, ["finish", "raise", "finish", "finish"])
    sweep(todo[:1], work=work)
    result = sweep(todo, work=work, n_jobs=2, report=states.append)
    assert {state.total for state in states} == {4}
    last = result.state
    assert (last.stored, last.done, last.failed, last.running) == (1, 2, 1, 0)
    assert last.seconds_left == 0
    ended = [state.done + state.failed for state in states]
    assert ended == sorted(ended)


def test_the_first_state_is_told_before_any_run(tmp_path):
    states = []
    sweep(jobs(tmp_path, ["finish"]), work=work, report=states.append)
    assert (states[0].done, states[-1].done) == (0, 1)


def test_a_worker_keeps_to_one_shape(tmp_path):
    shapes = ["a", "b"] * 6
    sweep(jobs(tmp_path, ["finish"] * 12, shapes), work=work, n_jobs=2)
    by_process = {}
    for number, pid in events(tmp_path, "start"):
        by_process.setdefault(pid, []).append(shapes[number])
    for seen in by_process.values():
        changes = sum(a != b for a, b in itertools.pairwise(seen))
        # A worker changes its shape at most once, to help the other at the end.
        assert changes <= 1


def test_a_broken_executor_is_told_and_finished_runs_are_kept(tmp_path):
    todo = jobs(tmp_path, ["finish", "kill", "finish"])
    pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    with pool, pytest.raises(OverparamError, match="executor is lost"):
        sweep(todo, work=work, workers=[Borrowed(pool)])
    assert stored(tmp_path) == {0: "finished"}


def test_no_jobs_is_a_sweep_too(tmp_path):
    assert sweep([], work=work, n_jobs=2).statuses == {}


def test_the_number_of_jobs_is_checked(tmp_path):
    with pytest.raises(ConfigError, match="`n_jobs` must be at least 1, got 0"):
        sweep([], work=work, n_jobs=0)


def test_results_do_not_depend_on_faults(tmp_path):
    clean, faulty = tmp_path / "clean", tmp_path / "faulty"
    clean.mkdir()
    faulty.mkdir()
    sweep(jobs(clean, ["finish"] * 4), work=work)
    actions = ["finish", "kill-once", "finish", "kill-once"]
    sweep(jobs(faulty, actions), work=work, n_jobs=2)
    squares = [
        sorted(read_run(path).summary["square"] for path in find_runs(root))
        for root in (clean, faulty)
    ]
    assert squares[0] == squares[1]
