"""A run is found again where the data that it was made from are those at hand."""

import dataclasses
import gzip
import hashlib
import os

import numpy as np
import pytest

from overparam.cli.main import run_command
from overparam.data.files import fingerprint as fingerprints
from overparam.errors import StoreError
from overparam.running import execute as executing
from overparam.running import jobs_of, run_jobs
from overparam.running.execute import execute
from overparam.store import RunRecord, read_run
from overparam.studies.heavy_tails.config import HeavyTails
from overparam.studies.registry import STUDIES, study


CONFIG = HeavyTails(dataset="ecg5000", network="mlp")
FIELDS = {"dataset": "ecg5000", "network": "mlp"}


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A folder with ECG5000 as .npy files, of which there is no official checksum."""
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("OVERPARAM_DATA", str(folder))
    write(folder, seed=0)
    return folder


def write(folder, *, seed):
    rng = np.random.default_rng(seed)
    for part, n in (("train", 6), ("test", 10)):
        np.save(folder / f"X_{part}.npy", rng.standard_normal((n, 140)))
        np.save(folder / f"y_{part}.npy", np.arange(n) % 5)


@pytest.fixture
def owners(monkeypatch):
    """The owners of the checkpoints of runs that are not really made."""
    found = []

    def record(name, config, checkpoints, owner, progress, stop_requested):
        found.append(owner)
        return RunRecord(status="finished")

    monkeypatch.setattr(executing, "_record", record)
    return found


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_of_data_sets_says_which_it_reads(name):
    config = study(name).config_class()
    fields = {field.name for field in dataclasses.fields(config)}
    assert hasattr(config, "data_set") == ("dataset" in fields)


def test_a_run_of_other_data_is_not_found_again(tmp_path, data, owners):
    made = execute("heavy-tails", CONFIG, tmp_path / "runs")
    assert set(read_run(made.path).data) == {
        "ecg5000/X_train.npy",
        "ecg5000/y_train.npy",
        "ecg5000/X_test.npy",
        "ecg5000/y_test.npy",
    }
    assert not execute("heavy-tails", CONFIG, tmp_path / "runs").fresh
    write(data, seed=1)
    with pytest.raises(StoreError, match=r"X_test.*X_train\.npy\).*--force"):
        execute("heavy-tails", CONFIG, tmp_path / "runs")
    forced = execute("heavy-tails", CONFIG, tmp_path / "runs", force=True)
    assert forced.path.name == f"{made.path.name}.2"
    assert not execute("heavy-tails", CONFIG, tmp_path / "runs").fresh
    # What has no data to compare with is found as it was.
    for path in data.iterdir():
        path.unlink()
    assert not execute("heavy-tails", CONFIG, tmp_path / "runs").fresh


def test_a_checkpoint_belongs_to_a_run_and_its_data(tmp_path, data, owners):
    for seed in (0, 0, 1):
        write(data, seed=seed)
        execute("heavy-tails", CONFIG, tmp_path / f"runs-{len(owners)}")
    other = dataclasses.replace(CONFIG, seed=3)
    execute("heavy-tails", other, tmp_path / "runs")
    assert owners[0] == owners[1]
    assert len(set(owners)) == 3


def test_a_sweep_does_not_count_runs_of_other_data(tmp_path, data, owners):
    execute("heavy-tails", CONFIG, tmp_path / "runs")
    for seed, stored in ((0, 1), (1, 0)):
        write(data, seed=seed)
        jobs = jobs_of("heavy-tails", [FIELDS], tmp_path / "runs")
        result = run_jobs(jobs, n_jobs=1)
        assert result.state.stored == stored
        assert all("of another content" in f.sentence for f in result.failures)
        assert len(result.failures) == 1 - stored


def test_a_digest_is_that_of_the_content_and_follows_the_file(data):
    path = data / "X_train.npy"
    content = path.read_bytes()
    found = fingerprints.fingerprint("ecg5000")
    assert found["ecg5000/X_train.npy"] == hashlib.sha256(content).hexdigest()
    path.unlink()
    (data / "X_train.npy.gz").write_bytes(gzip.compress(content))
    assert fingerprints.fingerprint("ecg5000") == found
    state = os.stat(data / "y_test.npy")
    write(data, seed=1)
    os.utime(data / "y_test.npy", ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    assert fingerprints.fingerprint_at_hand("ecg5000") != found
    assert fingerprints.fingerprint("digits") == {}


def test_data_list_tells_the_sizes_of_the_files_found(data, capsys):
    assert run_command(["data", "list"]) == 0
    (line,) = [t for t in capsys.readouterr().out.splitlines() if "ecg5000" in t]
    assert line.split()[2:4] == ["6", "10"]
    (data / "y_test.npy").write_bytes(b"")
    assert run_command(["data", "list"]) == 0
    (line,) = [t for t in capsys.readouterr().out.splitlines() if "ecg5000" in t]
    assert line.split()[2:4] == ["6", "-"]


def test_an_analysis_on_other_data_says_so(tmp_path, data, owners, capsys):
    run = execute("heavy-tails", CONFIG, tmp_path / "runs").path
    for seed, said in ((0, False), (1, True)):
        write(data, seed=seed)
        # It holds no network: the analysis ends after it has looked at the data.
        assert run_command(["analyse", str(run), "tails"]) == 2
        assert ("data of another content" in capsys.readouterr().err) == said
