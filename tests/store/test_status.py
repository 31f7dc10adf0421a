"""A run is believed where its files agree with each other and with its name."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest
from storing import DEFAULTS, store

from overparam.errors import StoreError
from overparam.running.execute import execute
from overparam.store import gather, open_run, read_run, run_id, run_status
from overparam.store.files import stamp_of
from overparam.studies import registry


SCHEMA_1 = Path(__file__).parent / "schema_1"


def edit(path, **changes):
    """Change entries of a JSON file and nothing else."""
    path.write_text(json.dumps(json.loads(path.read_text()) | changes, indent=1))


def change_config(run):
    path = run / "config.json"
    path.write_text(path.read_text().replace('"width": 1', '"width": 8'))


def change_study(run):
    edit(run / "config.json", study="other")


def change_config_and_its_stamp(run):
    change_config(run)
    stamp = stamp_of((run / "config.json").read_bytes())
    content = json.loads((run / "status.json").read_text())
    edit(run / "status.json", files=content["files"] | {"config.json": asdict(stamp)})


def change_status(run):
    edit(run / "status.json", status="converged")


def change_seconds(run):
    edit(run / "status.json", seconds=0.5)


def add_an_entry(run):
    edit(run / "status.json", note="Believe me.")


def empty_the_stamps(run):
    edit(run / "status.json", files={})


def drop_the_network(run):
    content = json.loads((run / "status.json").read_text())
    del content["files"]["network.json"]
    edit(run / "status.json", files=content["files"])


def claim_an_older_schema(run):
    content = json.loads((run / "status.json").read_text())
    del content["digest"], content["hashed"], content["study"], content["run"]
    (run / "status.json").write_text(json.dumps(content | {"schema": 1}))


def take_the_status_of_another(run):
    shutil.copy(run.parent / other(run) / "status.json", run)


def take_the_config_of_another(run):
    shutil.copy(run.parent / other(run) / "config.json", run)


def take_all_of_another(run):
    shutil.rmtree(run)
    shutil.copytree(run.parent / other(run), run)


def other(run):
    return run_id("toy", {"width": 2}, DEFAULTS)


CHANGES = [
    change_config,
    change_study,
    change_config_and_its_stamp,
    change_status,
    change_seconds,
    add_an_entry,
    empty_the_stamps,
    drop_the_network,
    claim_an_older_schema,
    take_the_status_of_another,
    take_the_config_of_another,
    take_all_of_another,
]


@pytest.mark.parametrize("change", CHANGES)
def test_no_change_of_a_run_is_believed(tmp_path, change):
    run, good = store(tmp_path, width=1), store(tmp_path, width=2)
    before = read_run(good)
    change(run)
    for read in (read_run, run_status):
        with pytest.raises(StoreError) as error:
            read(run)
        assert run.name in str(error.value)
        assert "\n" not in str(error.value)
    with (
        pytest.raises(StoreError),
        open_run(tmp_path, "toy", DEFAULTS | {"width": 1}, DEFAULTS),
    ):
        pass
    gathered = gather(tmp_path)
    assert [each.path for each in gathered.unreadable] == [run]
    assert gathered.frame["path"].to_list() == [str(good)]
    assert read_run(good).config == before.config


@pytest.mark.parametrize("name", ["metrics.parquet", "arrays.safetensors"])
def test_a_run_that_lost_a_file_is_not_found_again(tmp_path, name):
    run = store(tmp_path)
    (run / name).unlink()
    with (
        pytest.raises(StoreError, match=rf"{name}.*--force"),
        open_run(tmp_path, "toy", DEFAULTS, DEFAULTS),
    ):
        pass


def test_files_swapped_between_runs_are_noticed(tmp_path):
    run, good = store(tmp_path, width=1), store(tmp_path, width=2)
    # Both hold the same summary; their environments differ in nothing but the date.
    shutil.copy(good / "status.json", run / "summary.json")
    with pytest.raises(StoreError, match=r"summary\.json"):
        _ = read_run(run).summary


def test_a_copy_of_a_run_is_not_another_attempt_at_it(tmp_path):
    run = store(tmp_path)
    copied = run.with_name(f"{run.name}.2")
    shutil.copytree(run, copied)
    with pytest.raises(StoreError, match=r"not named as the run.*name back"):
        read_run(copied)


def test_the_fields_that_were_hashed_make_the_id(tmp_path):
    run = store(tmp_path, width=3, layers="all")
    content = json.loads((run / "status.json").read_text())
    assert content["hashed"] == {"width": 3, "layers": "all"}
    assert run_id(content["study"], content["hashed"], {}) == run.name


def test_a_default_that_changes_leaves_stored_runs_verified(tmp_path):
    run = store(tmp_path)
    changed = {**DEFAULTS, "width": 99, "added": 1}
    assert run_id("toy", changed, changed) == run.name
    assert read_run(run).verified


@pytest.fixture
def schema_1(tmp_path):
    """Runs as a version before schema 2 stored them."""
    return Path(shutil.copytree(SCHEMA_1, tmp_path / "runs"))


def test_a_name_that_a_run_lacks_is_one_sentence(schema_1):
    run = gather(schema_1).runs[0]
    for held, file in (
        (run.config, "config.json"),
        (run.summary, "summary.json"),
        (run.arrays, "arrays.safetensors"),
    ):
        assert held.get("nothing") is None
        with pytest.raises(StoreError, match=f"has no `nothing` in its `{file}`"):
            _ = held["nothing"]


def test_runs_of_schema_1_are_read_and_said_to_be_unverified(schema_1):
    gathered = gather(schema_1)
    assert gathered.frame["status"].to_list() == ["finished", "converged"]
    assert gathered.frame["verified"].to_list() == [False, False]
    assert [run.verified for run in gathered.runs] == [False, False]
    for run in gathered.runs:
        assert run.metrics.height > 0
        assert run.arrays
        assert run.network is not None
        assert run.environment["python"]
    (unfinished,) = gathered.unreadable
    assert "not finished" in unfinished.reason


@pytest.mark.parametrize("study", ["planted", "recovery"])
def test_runs_of_schema_1_keep_their_ids(schema_1, study):
    fields = {
        "planted": {
            "input_dim": 3,
            "n_outputs": 1,
            "teacher_width": 2,
            "width": 3,
            "epochs": 2,
            "samples_per_epoch": 20,
            "batch_size": 10,
        },
        "recovery": {"n_samples": 6, "dimension": 2},
    }[study]
    config = registry.study(study).config_class()(**fields)
    found = execute(study, config, schema_1)
    assert not found.fresh
    assert read_run(found.path).study == study


def wrong_values(value):
    """Values of other types than `value`."""
    kinds = [None, True, -1, 1.5, "x", [], [{}], {}, {"a": {"b": 1}}, 10**400]
    return [other for other in kinds if type(other) is not type(value)]


@pytest.mark.parametrize("name", ["status.json", "config.json", "summary.json"])
def test_entries_of_wrong_types_break_their_run_alone(schema_1, name):
    (good,) = (schema_1 / "recovery").iterdir()
    (run,) = (path.parent for path in schema_1.glob("planted/*/status.json"))
    text = (run / name).read_text()
    content = json.loads(text)
    for key, value in content.items():
        for wrong in wrong_values(value):
            (run / name).write_text(json.dumps(content | {key: wrong}))
            gathered = gather(schema_1, metrics="records")
            assert str(good) in gathered.frame["path"].to_list(), (key, wrong)
    for key in content:
        (run / name).write_text(
            json.dumps({k: content[k] for k in content if k != key})
        )
        assert str(good) in gather(schema_1).frame["path"].to_list(), key


@pytest.mark.parametrize(
    "stamp", [None, {}, [], {"bytes": "x", "sha256": "x"}, {"bytes": 1, "md5": "x"}]
)
def test_stamps_of_another_shape_are_one_sentence(schema_1, stamp):
    (run,) = (path.parent for path in schema_1.glob("planted/*/status.json"))
    content = json.loads((run / "status.json").read_text())
    edit(run / "status.json", files=content["files"] | {"metrics.parquet": stamp})
    with pytest.raises(StoreError, match=r"status\.json"):
        read_run(run)


def nested(depth):
    return b"[" * depth + b"]" * depth


NO_JSON = {
    "a list": b"[]",
    "a number": b"1",
    "null": b"null",
    "too deep for the parser": b'{"schema": 1, "status": '
    + b"[" * 100_000
    + b"]" * 100_000
    + b"}",
    "too deep for its readers": b'{"schema": 1, "status": '
    + b"[" * 500
    + b"]" * 500
    + b"}",
    "no number": b'{"schema": 1, "status": NaN}',
    "a number of a million digits": b'{"schema": 1, "seconds": ' + b"9" * 10**6 + b"}",
    "a name twice": b'{"schema": 1, "status": "a", "status": "b"}',
    "a byte order mark": b'\xef\xbb\xbf{"schema": 1}',
    "UTF-16": '{"schema": 1}'.encode("utf-16"),
    "a float that is none": b'{"schema": 1, "seconds": {"float": "x"}}',
    "schema true": b'{"schema": true}',
    "schema 1.5": b'{"schema": 1.5}',
    "schema -1": b'{"schema": -1}',
    "schema a text": b'{"schema": "1"}',
    "empty": b"",
}


@pytest.mark.parametrize("content", NO_JSON.values(), ids=NO_JSON)
@pytest.mark.parametrize("name", ["status.json", "config.json"])
def test_what_is_no_json_of_ours_breaks_its_run_alone(tmp_path, content, name):
    run, good = store(tmp_path, width=1), store(tmp_path, width=2)
    (run / name).write_bytes(content)
    gathered = gather(tmp_path)
    assert gathered.frame["path"].to_list() == [str(good)]
    (left_out,) = gathered.unreadable
    assert left_out.path == run
    assert "\n" not in left_out.reason


def test_text_that_utf_8_cannot_hold_is_escaped(tmp_path):
    name = b"caf\xe9".decode(errors="surrogateescape")
    run = store(tmp_path, layers=name)
    assert read_run(run).config["layers"] == "caf\\udce9"
