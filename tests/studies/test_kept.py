"""What a run keeps along its way outlives the process."""

import os
import zipfile

import numpy as np
import pytest

from overparam.errors import StoreError
from overparam.store import files
from overparam.studies.kept import Kept


def test_arrays_are_found_again_in_the_order_of_their_numbers(tmp_path):
    first = Kept(tmp_path, "students")
    for number in (10, 2, 0):
        first.keep(number, {"weights": np.full(3, float(number)), "n": np.array(1)})
    first.keep(2, {"weights": np.full(3, 7.0)})  # The same moment once more.
    for kept in (first, Kept(tmp_path, "students")):
        found = kept.all()
        assert list(found) == [0, 2, 10]
        assert set(found[2]) == {"weights"}
        np.testing.assert_array_equal(found[2]["weights"], 7.0)
        np.testing.assert_array_equal(found[10]["weights"], 10.0)
    assert Kept(tmp_path, "others").all() == {}


def test_a_process_killed_while_it_writes_leaves_what_was_there(tmp_path, monkeypatch):
    kept = Kept(tmp_path, "students")
    kept.keep(1, {"weights": np.ones(3)})

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        kept.keep(1, {"weights": np.zeros(3)})
    (tmp_path / "students" / ".2.npz.99.tmp").write_bytes(b"PK")  # Killed with -9.
    [(number, found)] = Kept(tmp_path, "students").all().items()
    assert number == 1
    np.testing.assert_array_equal(found["weights"], 1.0)


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "students").write_text("a file")
    with pytest.raises(StoreError, match="students"):
        Kept(tmp_path, "students").keep(1, {"weights": np.ones(3)})


def test_without_checkpoints_arrays_stay_in_memory():
    kept = Kept(None, "students")
    kept.keep(3, {"weights": np.ones(2)})
    assert list(kept.all()) == [3]


def packed(path, method):
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("weights.npy", bytes(10**6))


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:100]),
        lambda path: packed(path, zipfile.ZIP_DEFLATED),
        lambda path: packed(path, zipfile.ZIP_STORED),
        lambda path: np.savez(path, weights=np.array([{}])),
        lambda path: (path.unlink(), os.mkfifo(path)),
    ],
)
def test_a_damaged_file_is_one_sentence(tmp_path, damage):
    Kept(tmp_path, "students").keep(1, {"weights": np.ones(3)})
    damage(tmp_path / "students" / "1.npz")
    with pytest.raises(StoreError, match=r"1.npz` is damaged"):
        Kept(tmp_path, "students")
