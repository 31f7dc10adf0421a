"""Exports, read back with each tool's own reader."""

import contextlib
import errno
import importlib.util
import math

import numpy as np
import pytest

from overparam.cli.main import run_command
from overparam.errors import ConfigError
from overparam.export import export as exports
from overparam.export.export import TARGETS, export
from overparam.store import RunRecord, open_run, read_run


DEFAULTS = {"width": 10, "rate": 0.1, "layers": (1, 2), "label": "plain", "deep": False}
LOSS = [3.0, math.nan, 0.125]


@pytest.fixture
def runs(tmp_path):
    """Two runs and a failed one."""
    root = tmp_path / "runs"
    for width in (10, 20):
        with open_run(root, "toy", DEFAULTS | {"width": width}, DEFAULTS) as run:
            run.write(
                RunRecord(
                    status="finished",
                    metrics={"step": [5, 10, 15], "loss": np.array(LOSS) * width},
                    summary={"risk": width / 2, "epoch": None},
                    notes=["A note."],
                    seconds=2.0,
                )
            )
    with open_run(root, "toy", DEFAULTS | {"width": 30}, DEFAULTS) as run:
        run.fail(ValueError("it broke"))
    return root


def stored(root):
    return [read_run(path) for path in sorted((root / "toy").iterdir())]


def needs(*packages):
    absent = [name for name in packages if importlib.util.find_spec(name) is None]
    return pytest.mark.skipif(bool(absent), reason=f"{absent} are not installed.")


@needs("tensorboardX", "tensorboard")
# TensorBoard's reader, not ours, uses what its dependencies give up.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_reads_every_number_back(runs, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    out = tmp_path / "events"
    assert export(stored(runs), to="tensorboard", folder=out) == (3, [])
    for run in stored(runs):
        read = EventAccumulator(str(out / "toy" / run.path.name))
        read.Reload()
        assert "config/text_summary" in read.Tags()["tensors"]
        if run.status == "failed":
            assert not read.Tags()["scalars"]
            continue
        points = read.Scalars("loss")
        assert [point.step for point in points] == [5, 10, 15]
        width = run.config["width"]
        # Event files hold single precision.
        expected = np.float32(LOSS) * width
        np.testing.assert_array_equal([p.value for p in points], expected)
        assert read.Scalars("summary/risk")[0].value == width / 2
        assert "_hparams_/session_start_info" in read.summary_metadata


@needs("mlflow", "sqlalchemy", "alembic")
@pytest.mark.filterwarnings("ignore")
def test_mlflow_reads_every_number_back(runs, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    out = tmp_path / "tracked"
    assert export(stored(runs), to="mlflow", folder=out) == (3, [])
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{out}/mlflow.db")
    experiment = client.get_experiment_by_name("toy")
    found = {r.info.run_name: r for r in client.search_runs([experiment.experiment_id])}
    assert found.keys() == {run.path.name for run in stored(runs)}
    for run in stored(runs):
        read = found[run.path.name]
        assert read.data.params["width"] == str(run.config["width"])
        assert read.data.params["layers"] == "[1, 2]"
        assert read.data.tags["status"] == run.status
        if run.status == "failed":
            assert read.info.status == "FAILED"
            assert read.data.tags["error"] == "it broke"
            continue
        points = client.get_metric_history(read.info.run_id, "loss")
        assert [p.step for p in points] == [5, 10, 15]
        expected = np.array(LOSS) * run.config["width"]
        np.testing.assert_array_equal([p.value for p in points], expected)
        assert read.data.metrics["summary/risk"] == run.summary["risk"]


@needs("wandb")
@pytest.mark.filterwarnings("ignore")
def test_wandb_reads_every_number_back(runs, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    out = tmp_path / "offline"
    assert export(stored(runs), to="wandb", folder=out) == (3, [])
    from wandb.proto import wandb_internal_pb2

    losses = set()
    for path in out.glob("wandb/offline-run-*/*.wandb"):
        for data in log_records(path.read_bytes()):
            entry = wandb_internal_pb2.Record()
            entry.ParseFromString(data)
            for item in entry.history.item:
                name = item.key or "/".join(item.nested_key)
                losses |= {item.value_json} if name == "loss" else set()
    assert {float(value) for value in losses if "NaN" not in value} == {
        value * width for value in (3.0, 0.125) for width in (10, 20)
    }


def log_records(content):
    """Records of a LevelDB log, which W&B writes behind a header of seven bytes.

    Each block of 32 kB holds pieces: checksum (4 bytes), length (2), kind (1), data;
    kind 1 is whole, 2 begins, 3 goes on, 4 ends a record.
    """
    place, parts = 7, []
    while place + 7 <= len(content):
        left = 2**15 - place % 2**15
        if left < 7:
            place += left
            continue
        length = int.from_bytes(content[place + 4 : place + 6], "little")
        parts.append(content[place + 7 : place + 7 + length])
        if content[place + 6] in (1, 4):
            yield b"".join(parts)
            parts = []
        place += 7 + length


@pytest.mark.parametrize("name", TARGETS)
def test_a_missing_package_is_one_sentence_with_the_command(
    name, monkeypatch, tmp_path
):
    monkeypatch.setattr(exports, "missing", lambda target: target.packages[0])
    with pytest.raises(ConfigError, match=rf'pip install "overparam\[{name}\]"'):
        export([], to=name, folder=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_every_extra_is_in_the_project():
    from importlib.metadata import metadata

    extras = metadata("overparam").get_all("Provides-Extra") or []
    assert {target.extra for target in TARGETS.values()} <= set(extras)


def test_an_unknown_target_is_one_sentence(tmp_path):
    with pytest.raises(ConfigError, match="Valid are: tensorboard, mlflow, wandb"):
        export([], to="excel", folder=tmp_path / "out")


def test_a_folder_that_holds_something_is_refused(runs, tmp_path, monkeypatch):
    monkeypatch.setattr(exports, "missing", lambda target: None)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "file").touch()
    with pytest.raises(ConfigError, match="is not empty: name a new folder"):
        export(stored(runs), to="tensorboard", folder=tmp_path / "out")


@needs("tensorboardX")
def test_the_verb_exports_what_is_readable(runs, tmp_path, capsys, caplog):
    (stored(runs)[0].path / "status.json").unlink()
    out = str(tmp_path / "events")
    arguments = ["export", str(runs), "--to", "tensorboard", "--out", out]
    assert run_command(arguments) == 0
    told = capsys.readouterr().err
    assert "is not finished" in told
    assert f"2 runs in {out}" in told
    assert f"tensorboard --logdir {out}" in told
    assert not caplog.records


@pytest.fixture
def target(monkeypatch):
    """A target of our own: a file per run, and no room for more than so many."""
    room = {"left": 10}

    @contextlib.contextmanager
    def opening(folder):
        def write(run):
            if room["left"] == 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            room["left"] -= 1
            (folder / run.path.name).write_text(run.status)

        yield write

    monkeypatch.setattr(exports, "_opening", lambda name, target: opening)
    return room


@pytest.mark.parametrize("file", ["metrics.parquet", "environment.json"])
def test_a_damaged_run_is_passed_over_and_the_code_is_1(
    runs, tmp_path, capsys, target, file
):
    one, *others = stored(runs)
    (one.path / file).write_bytes(b"")
    out = tmp_path / "out"
    arguments = ["export", str(runs), "--to", "wandb", "--out", str(out)]
    assert run_command(arguments) == 1
    told = capsys.readouterr().err
    assert f"left out: The run `{one.path}` is damaged: `{file}`" in told
    assert {path.name for path in out.iterdir()} == {run.path.name for run in others}


@pytest.mark.parametrize("left", [0, 1])
def test_an_export_that_cannot_be_finished_leaves_no_folder(
    runs, tmp_path, capsys, target, left
):
    target["left"] = left
    out = tmp_path / "out"
    arguments = ["export", str(runs), "--to", "wandb", "--out", str(out)]
    assert run_command(arguments) == 1
    assert "The disk is full" in capsys.readouterr().err
    assert not out.exists()
