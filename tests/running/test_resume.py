"""A run that was cut off goes on, or starts from its beginning, to the same bits."""

import contextlib
import shutil
from pathlib import Path

import numpy as np
import pytest

from overparam.errors import Interrupted
from overparam.running.execute import execute
from overparam.store import read_run
from overparam.studies.planted.config import Planted


KEPT = "training.kept-0"
SCHEMA_1 = Path(__file__).parents[1] / "store" / "schema_1"

CONFIG = Planted(
    input_dim=3,
    n_outputs=1,
    teacher_width=2,
    width=3,
    epochs=2,
    samples_per_epoch=20,
    batch_size=10,
    seed=1,
    keep="every 1",
)


def stop():
    return 143


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return read_run(execute("planted", CONFIG, tmp_path_factory.mktemp("whole")).path)


@pytest.fixture
def cut(tmp_path):
    """The checkpoints of a run that was stopped after its first epoch."""
    with contextlib.suppress(Interrupted):
        execute("planted", CONFIG, tmp_path, stop_requested=stop)
    [path] = tmp_path.rglob("training.checkpoint")
    return path.parent


def same(path, whole):
    """Whether a stored run has the numbers of another to the last bit."""
    run = read_run(path)
    for name, array in whole.arrays.items():
        np.testing.assert_array_equal(run.arrays[name], array)
    for name, array in whole.network[0].items():
        np.testing.assert_array_equal(run.network[0][name], array)
    for step in whole.kept_steps:
        for name, array in whole.kept(step)[0].items():
            np.testing.assert_array_equal(run.kept(step)[0][name], array)
    assert run.kept_steps == whole.kept_steps != ()
    timings = run.metrics.drop("seconds"), whole.metrics.drop("seconds")
    return timings[0].equals(timings[1]) and run.notes == whole.notes


def nothing(folder):
    pass


def a_damaged_checkpoint(folder):
    path = folder / "training.checkpoint"
    content = bytearray(path.read_bytes())
    # A bit of the last array: a number that is as good as any other.
    content[-2] ^= 1
    path.write_bytes(content)


def a_lost_network(folder):
    (folder / KEPT / "2.leaves").unlink()


def a_swapped_network(folder):
    shutil.copy(folder / KEPT / "0.leaves", folder / KEPT / "2.leaves")


def a_network_of_nobody(folder):
    shutil.copy(folder / KEPT / "0.leaves", folder / KEPT / "1.leaves")


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (nothing, False),
        (a_network_of_nobody, False),
        (a_damaged_checkpoint, True),
        (a_lost_network, True),
        (a_swapped_network, True),
    ],
)
def test_whatever_happens_to_a_checkpoint_the_numbers_are_right(
    cut, whole, caplog, damage, told
):
    damage(cut)
    done = execute("planted", CONFIG, cut.parents[2])
    assert same(done.path, whole)
    sentences = [record.getMessage() for record in caplog.records]
    assert bool(sentences) == told
    assert all("starts from its beginning" in sentence for sentence in sentences)


def test_a_checkpoint_of_schema_1_is_not_gone_on_from(tmp_path, whole, caplog):
    root = Path(shutil.copytree(SCHEMA_1, tmp_path / "runs"))
    done = execute("planted", CONFIG, root)
    assert done.path.name in {path.name for path in SCHEMA_1.glob("planted/*")}
    assert same(done.path, whole)
    assert "of an older version" in caplog.text


def test_a_checkpoint_of_another_run_is_not_gone_on_from(cut, tmp_path, caplog):
    other = Planted(**{**vars(CONFIG), "seed": 2})
    elsewhere = tmp_path / "elsewhere"
    with contextlib.suppress(Interrupted):
        execute("planted", other, elsewhere, stop_requested=stop)
    [path] = elsewhere.rglob("training.checkpoint")
    shutil.copy(cut / path.name, path)
    done = execute("planted", other, elsewhere)
    assert "another run" in caplog.text
    assert same(done.path, read_run(execute("planted", other, tmp_path / "new").path))
