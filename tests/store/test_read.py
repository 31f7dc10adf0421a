import contextlib
import dataclasses
import json

import polars as pl
import pytest
from storing import DEFAULTS, record, store

from overparam.errors import StoreError
from overparam.store import find_runs, open_run, read_run, resolve_run
from overparam.store.files import stamp_of
from overparam.store.status import read_status, write_status


PARTS = {
    "config.json": "config",
    "status.json": "status",
    "summary.json": "summary",
    "environment.json": "environment",
    "metrics.parquet": "metrics",
    "arrays.safetensors": "arrays",
    "network.safetensors": "network",
    "network.json": "network",
}


def touch_all(run, part):
    return getattr(run, part)


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "altered", "a folder"])
def test_damage_is_one_sentence_that_names_the_file(tmp_path, name, damage):
    path = store(tmp_path)
    file = path / name
    content = file.read_bytes()
    file.unlink()
    if damage == "empty":
        file.touch()
    elif damage == "cut":
        file.write_bytes(content[: len(content) // 2])
    elif damage == "altered":
        # A character that leaves neither JSON nor a digest as it was.
        middle = len(content) // 2
        file.write_bytes(content[:middle] + b"\xff" + content[middle + 1 :])
    elif damage == "a folder":
        file.mkdir()
    with pytest.raises(StoreError) as error:
        touch_all(read_run(path), PARTS[name])
    sentence = str(error.value)
    assert name in sentence
    assert "\n" not in sentence
    assert sentence.endswith(".")


@pytest.mark.parametrize("values", [["2", "1"], [[2.0], [1.0]], [b"2", b"1"]])
def test_records_that_are_no_numbers_are_refused_whatever_their_digest(
    tmp_path, values
):
    path = store(tmp_path)
    file = path / "metrics.parquet"
    pl.DataFrame({"risk": values}).write_parquet(file)
    status = read_status(path)
    forged = dict(status.files) | {file.name: stamp_of(file.read_bytes())}
    write_status(path, dataclasses.replace(status, files=forged))
    with pytest.raises(StoreError, match=r"metrics\.parquet.*`risk` holds no numbers"):
        _ = read_run(path).metrics
    with pytest.raises(StoreError, match="numbers, got"):
        store(tmp_path, width=3, outcome=record(metrics={"risk": ["2", "1"]}))


def test_the_other_parts_of_a_damaged_run_are_readable(tmp_path):
    path = store(tmp_path)
    (path / "arrays.safetensors").unlink()
    assert read_run(path).metrics.height == 3


def test_a_newer_schema_is_refused(tmp_path):
    path = store(tmp_path)
    content = json.loads((path / "status.json").read_text())
    (path / "status.json").write_text(json.dumps(content | {"schema": 99}))
    with pytest.raises(StoreError, match=r"newer overparam \(schema 99.*upgrade"):
        read_run(path)


def test_a_damaged_run_is_not_overwritten_but_forced_into_a_new_attempt(tmp_path):
    path = store(tmp_path)
    (path / "status.json").write_text("{")
    with (
        pytest.raises(StoreError, match=r"status\.json.*--force"),
        open_run(tmp_path, "toy", DEFAULTS, DEFAULTS),
    ):
        pass
    assert store(tmp_path, force=True).name == f"{path.name}.2"


def test_an_unfinished_run_with_a_damaged_config_can_be_forced(tmp_path):
    with open_run(tmp_path, "toy", DEFAULTS, DEFAULTS) as run:
        (run.path / "config.json").write_text("{")
    assert store(tmp_path, force=True).name == f"{run.path.name}.2"


def test_folders_that_are_no_stored_run_are_told_apart(tmp_path):
    with pytest.raises(StoreError, match="There is no run at"):
        read_run(tmp_path / "nowhere")
    with pytest.raises(StoreError, match=r"is no run: it has no `config\.json`"):
        read_run(tmp_path)
    with open_run(tmp_path, "toy", DEFAULTS, DEFAULTS) as run:
        pass
    with pytest.raises(StoreError, match=r"not finished.*same command"):
        read_run(run.path)


def test_runs_are_found_by_study(tmp_path):
    one = store(tmp_path, study="one")
    other = store(tmp_path, study="other")
    assert find_runs(tmp_path) == sorted([one, other])
    assert find_runs(tmp_path, "other") == [other]
    assert find_runs(tmp_path, "none") == []
    with pytest.raises(StoreError, match="no folder of runs"):
        find_runs(tmp_path / "nowhere")


def test_a_run_is_meant_by_path_or_beginning_of_its_id(tmp_path):
    paths = [store(tmp_path, width=width) for width in range(40)]
    path = paths[7]
    assert resolve_run(tmp_path, str(path)) == path
    assert resolve_run(tmp_path, path.name) == path
    second = store(tmp_path, width=7, force=True)
    assert resolve_run(tmp_path, path.name) == second
    assert resolve_run(tmp_path, second.name) == second
    assert resolve_run(tmp_path, path.name + ".1") == path
    # 40 ids have 16 first digits: some digit begins more than one.
    digits = [p.name[0] for p in paths]
    shared = next(digit for digit in digits if digits.count(digit) > 1)
    with pytest.raises(StoreError, match=r"beginning of \d+ ids .*: give more"):
        resolve_run(tmp_path, shared)
    with pytest.raises(StoreError, match=r"No run under .* 'xyz'.*overparam table"):
        resolve_run(tmp_path, "xyz")


def test_parts_are_read_when_asked_for(tmp_path):
    run = read_run(store(tmp_path, outcome=record(metrics={"a": [1, 2]})))
    assert run.metrics is run.metrics
    assert run.metrics["a"].to_list() == [1, 2]


def test_a_run_that_was_moved_is_no_damaged_one(tmp_path):
    path = store(tmp_path)
    run, whole = read_run(path), read_run(path)
    _ = whole.metrics
    path.rename(tmp_path / "elsewhere")
    for look in (lambda: run.metrics, lambda: run.summary, run.check_files):
        with pytest.raises(StoreError, match="not there any more") as caught:
            look()
        assert "--force" not in str(caught.value)
    assert whole.metrics.height
    (tmp_path / "elsewhere").rename(path)
    (path / "summary.json").unlink()
    with pytest.raises(StoreError, match=r"`summary.json` is missing; .*--force"):
        _ = read_run(path).summary


@pytest.mark.parametrize("n_records", [999, 1000, 1001])
def test_all_records_are_read_unless_they_are_too_many(
    tmp_path, monkeypatch, n_records
):
    metrics = {"a": range(n_records), "b": range(n_records)}
    path = store(tmp_path, outcome=record(metrics=metrics))
    assert read_run(path).metrics["b"].to_list() == list(range(n_records))
    monkeypatch.setattr("overparam.store.read._MOST_VALUES", 1999)
    refused = pytest.raises(StoreError, match=f"unpacks to {n_records} rows")
    with refused if n_records >= 1000 else contextlib.nullcontext():
        _ = read_run(path).metrics
