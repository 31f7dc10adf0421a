"""The script `.ci/data`, run on a stand-in for the shared data."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


SCRIPT = Path(__file__).parents[2] / ".ci" / "data"
UNPACK = """
import sys
from pathlib import Path

folder = Path(sys.argv[1], "cifar-10-batches-bin")
folder.mkdir(parents=True)
(folder / "test_batch.bin").write_bytes(b"0")
"""


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    data = tmp_path / "shared" / "data"
    for file in ("mnist/train-images-idx3-ubyte.gz", "ecg5000/ECG5000.zip"):
        (data / file).parent.mkdir(parents=True)
        (data / file).touch()
    (data / "cifar-10").mkdir()
    (data / "cifar-10" / "unpack.py").write_text(UNPACK)
    return tmp_path / "shared"


def prepare(
    shared: Path, target: Path, **variables: str
) -> subprocess.CompletedProcess:
    """Run the script with an `apt-get` that always fails."""
    tools = shared.parent / "tools"
    tools.mkdir(exist_ok=True)
    (tools / "apt-get").write_text("#!/bin/sh\nexit 100\n")
    (tools / "apt-get").chmod(0o755)
    environment = {
        name: value for name, value in os.environ.items() if name != "CI"
    } | {
        "OVERPARAM_SHARED": str(shared),
        "PYTHON": sys.executable,
        "PATH": f"{tools}:{os.environ['PATH']}",
        **variables,
    }
    command = ["bash", str(SCRIPT), str(target)]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def test_every_set_is_made_ready_with_one_line(shared: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    run = prepare(shared, target)
    assert run.returncode == 0, run.stderr
    names = [line.partition(":")[0] for line in run.stdout.splitlines()]
    assert names == ["mnist", "ecg5000", "cifar-10", "fashion-mnist"]
    assert (target / "mnist" / "train-images-idx3-ubyte.gz").exists()
    assert (target / "ecg5000" / "ECG5000.zip").exists()
    assert (target / "cifar-10" / "cifar-10-batches-bin" / "test_batch.bin").exists()


def test_the_second_time_nothing_is_unpacked(shared: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    first = prepare(shared, target)
    (shared / "data" / "cifar-10" / "unpack.py").write_text("raise SystemExit(1)")
    second = prepare(shared, target)
    assert (second.returncode, second.stdout) == (0, first.stdout)


def test_a_failure_to_unpack_fails_and_is_not_taken_for_done(
    shared: Path, tmp_path: Path
) -> None:
    unpack = shared / "data" / "cifar-10" / "unpack.py"
    unpack.write_text("raise SystemExit('MD5 differs')")
    target = tmp_path / "target"
    assert prepare(shared, target).returncode != 0
    assert not (target / "cifar-10").exists()
    unpack.write_text(UNPACK)
    assert prepare(shared, target).returncode == 0


@pytest.mark.parametrize(("ci", "code"), [("", 0), ("true", 1)])
def test_without_the_shared_data_only_ci_fails(ci: str, code: int, tmp_path) -> None:
    (tmp_path / "absent").mkdir()
    run = prepare(tmp_path / "absent" / "shared", tmp_path / "target", CI=ci)
    assert run.returncode == code
    assert run.stdout.startswith("data: no shared data at")
    assert not (tmp_path / "target").exists()
