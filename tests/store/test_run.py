import contextlib
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from storing import DEFAULTS, record, snapshot, store

from overparam.errors import ConfigError, StoreError
from overparam.store import (
    RunLockedError,
    attempts,
    open_run,
    read_run,
    run_id,
    run_status,
)


def test_a_stored_run_reads_back_as_it_was(tmp_path):
    path = store(tmp_path, width=3)
    assert path == tmp_path / "toy" / run_id("toy", {"width": 3}, DEFAULTS)
    run, written = read_run(path), record()
    assert run.study == "toy"
    assert run.config == {"width": 3, "learning_rate": 0.1, "layers": [1, 2]}
    assert (run.status, run.seconds, run.error) == ("finished", 1.5, None)
    assert (run.id, run.attempt) == (path.name, 1)
    assert run.summary == {"risk": 0.5, "lost": 2}
    assert run.notes == ["A note."]
    np.testing.assert_array_equal(
        run.metrics["risk"].to_numpy(), written.metrics["risk"]
    )
    assert run.arrays.keys() == written.arrays.keys()
    for name, array in run.arrays.items():
        np.testing.assert_array_equal(array, written.arrays[name])
        assert array.dtype == written.arrays[name].dtype
        assert array.shape == written.arrays[name].shape
    weights, description = run.network
    np.testing.assert_array_equal(weights["readout"], np.ones((4, 2)))
    assert description == {"class": "x:Y", "scale": 0.5}
    assert run.environment["python"] == sys.version.split()[0]


@pytest.mark.parametrize(
    "value", [np.nan, np.inf, -np.inf, None, "nan", True, [1, "a"]]
)
def test_summaries_survive_strict_json(tmp_path, value):
    path = store(tmp_path, outcome=record(summary={"value": value}))
    json.loads((path / "summary.json").read_text(), parse_constant=pytest.fail)
    assert repr(read_run(path).summary["value"]) == repr(value)


def test_a_run_without_network_or_arrays_is_a_run(tmp_path):
    path = store(tmp_path, outcome=record(network=None, arrays={}, metrics={}))
    run = read_run(path)
    assert run.network is None
    assert run.arrays == {}
    assert run.metrics.height == 0


def test_a_finished_run_is_not_written_again(tmp_path):
    path = store(tmp_path)
    before = snapshot(tmp_path)
    with open_run(tmp_path, "toy", DEFAULTS, DEFAULTS) as run:
        assert run.finished
        assert run.path == path
        with pytest.raises(StoreError, match="finished or closed"):
            run.write(record(status="other"))
    assert snapshot(tmp_path) == before


def test_force_makes_new_attempts_and_overwrites_nothing(tmp_path):
    first = store(tmp_path)
    before = snapshot(tmp_path)
    paths = [store(tmp_path, force=True) for _ in range(10)]
    assert [p.name for p in paths] == [f"{first.name}.{i}" for i in range(2, 12)]
    assert snapshot(tmp_path).items() >= before.items()
    with open_run(tmp_path, "toy", DEFAULTS, DEFAULTS) as run:
        assert run.finished
        assert run.path == paths[-1]


def test_attempts_are_found_beyond_one_that_was_deleted(tmp_path):
    first, second, third = store(tmp_path), *(store(tmp_path, force=True) for _ in "23")
    shutil.rmtree(second)
    assert attempts(first) == [first, third]
    assert store(tmp_path, force=True).name == f"{first.name}.4"
    shutil.rmtree(first)
    assert attempts(first) == [third, first.with_name(f"{first.name}.4")]
    assert attempts(tmp_path / "toy" / ("0" * 12)) == []


def test_a_forced_attempt_that_was_cut_off_is_gone_on_with(tmp_path):
    store(tmp_path)
    with open_run(tmp_path, "toy", DEFAULTS, DEFAULTS, force=True) as run:
        (run.checkpoints / "step").write_text("5")
    for force in (False, True):
        with open_run(tmp_path, "toy", DEFAULTS, DEFAULTS, force=force) as again:
            assert not again.finished
            assert (again.checkpoints / "step").read_text() == "5"


def test_checkpoints_outlive_a_cut_and_go_once_the_status_is_stored(tmp_path):
    with open_run(tmp_path, "toy", DEFAULTS, DEFAULTS) as run:
        (run.checkpoints / "step").write_text("5")
    assert run_status(run.path) == "unfinished"
    with open_run(tmp_path, "toy", DEFAULTS, DEFAULTS) as run:
        assert run_status(run.path) == "running"
        assert (run.checkpoints / "step").exists()
        run.write(record())
        assert not run.checkpoints.exists()
    assert run_status(run.path) == "finished"


def test_a_failed_run_is_run_again_and_keeps_the_record_of_its_failures(tmp_path):
    for sentence in ("First.", "Second."):
        with open_run(tmp_path, "toy", DEFAULTS, DEFAULTS) as run:
            assert not run.finished
            (run.checkpoints / "step").touch()
            try:
                raise ValueError(sentence)
            except ValueError as error:
                run.fail(error, seconds=2.0)
        stored = read_run(run.path)
        assert (stored.status, stored.error) == ("failed", sentence)
        assert "Traceback" in (run.path / "error.txt").read_text()
        with pytest.raises(StoreError, match=f"failed.*metrics.*{sentence}"):
            _ = stored.metrics
    with open_run(tmp_path, "toy", DEFAULTS, DEFAULTS) as run:
        assert (run.checkpoints / "step").exists()
        run.write(record())
    assert run_status(run.path) == "finished"
    failures = [
        json.loads((run.path / f"failures/{i}.json").read_text()) for i in (1, 2)
    ]
    assert [failure["error"] for failure in failures] == ["First.", "Second."]
    assert "Second." in (run.path / "failures/2.txt").read_text()


@pytest.mark.parametrize("status", ["diverged", "stopped", "converged"])
def test_every_answer_is_kept(tmp_path, status):
    store(tmp_path, outcome=record(status=status))
    with open_run(tmp_path, "toy", DEFAULTS, DEFAULTS) as run:
        assert run.finished


def test_only_one_process_writes_a_run(tmp_path):
    code = (
        "import sys; from storing import *\n"
        "with open_run(sys.argv[1], 'toy', DEFAULTS, DEFAULTS):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.path.dirname(__file__)},
    )
    with other:
        assert other.stdout.readline() == b"held\n"
        with (
            pytest.raises(RunLockedError, match=f"process {other.pid}"),
            open_run(tmp_path, "toy", DEFAULTS, DEFAULTS),
        ):
            pass
        other.kill()
    with open_run(tmp_path, "toy", DEFAULTS, DEFAULTS) as run:
        assert not run.finished


def test_other_runs_of_the_study_stay_open_to_all(tmp_path):
    with (
        open_run(tmp_path, "toy", DEFAULTS | {"width": 1}, DEFAULTS),
        open_run(tmp_path, "toy", DEFAULTS | {"width": 2}, DEFAULTS) as run,
    ):
        assert not run.finished


def test_a_default_that_changed_is_noticed(tmp_path):
    store(tmp_path)
    changed = DEFAULTS | {"learning_rate": 0.2}
    with (
        pytest.raises(StoreError, match=r"`learning_rate` 0\.1.*--force"),
        open_run(tmp_path, "toy", changed, changed),
    ):
        pass
    with open_run(tmp_path, "toy", changed, changed, force=True) as run:
        run.write(record())
    with open_run(tmp_path, "toy", changed, changed) as run:
        assert run.finished


def test_a_write_cut_anywhere_leaves_no_status_and_the_next_try_succeeds(
    tmp_path, monkeypatch
):
    class Cut(BaseException):
        pass

    replace = os.replace
    n_files = 8
    for n_written in range(n_files):
        left = iter(range(n_written))

        def cut(source, target, left=left):
            if next(left, None) is None:
                raise Cut
            replace(source, target)

        config = DEFAULTS | {"width": n_written}
        monkeypatch.setattr(os, "replace", cut)
        with (
            contextlib.suppress(Cut),
            open_run(tmp_path, "toy", config, DEFAULTS) as run,
        ):
            run.write(record())
        monkeypatch.setattr(os, "replace", replace)
        path = tmp_path / "toy" / run_id("toy", config, DEFAULTS)
        assert not (path / "status.json").exists(), n_written
        assert read_run(store(tmp_path, width=n_written)).metrics.height == 3
    monkeypatch.undo()
    assert not list(tmp_path.rglob("*.tmp"))


def test_stumps_of_a_killed_process_are_removed(tmp_path):
    with open_run(tmp_path, "toy", DEFAULTS, DEFAULTS) as run:
        stump = run.path / ".metrics.parquet.123.tmp"
        stump.write_bytes(b"half")
    assert not (store(tmp_path) / stump.name).exists()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"metrics": {"a": [1], "b": [1, 2]}}, "columns of one length"),
        ({"metrics": {"a": np.ones((2, 2))}}, "columns of one length"),
        ({"arrays": {"names": np.array(["a"])}}, "`names` of type <U1"),
        ({"summary": {"x": object()}}, "type object cannot be stored"),
    ],
)
def test_what_cannot_be_stored_is_told_and_nothing_is_lost(tmp_path, changes, sentence):
    with open_run(tmp_path, "toy", DEFAULTS, DEFAULTS) as run:
        (run.checkpoints / "step").touch()
        with pytest.raises(StoreError, match=sentence):
            run.write(record(**changes))
    assert run_status(run.path) == "unfinished"
    assert (run.checkpoints / "step").exists()


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "../b", "/tmp", "a\\b", "a\nb"])
def test_a_study_has_its_folder_among_the_runs(name, tmp_path):
    root = tmp_path / "runs"
    with pytest.raises(ConfigError, match="A study names a file or a folder, got"):
        open_run(root, name, DEFAULTS, DEFAULTS).__enter__()
    assert not list(tmp_path.iterdir())
