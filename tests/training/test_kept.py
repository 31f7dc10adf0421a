"""What a run keeps along its way outlives the process."""

import numpy as np
import pytest

from overparam.errors import StoreError
from overparam.store import files
from overparam.training.kept import Kept


def test_arrays_are_found_again_in_the_order_of_their_numbers(tmp_path):
    first = Kept(tmp_path, "students")
    for number in (10, 2, 0):
        first.keep(number, {"weights": np.full(3, float(number)), "n": np.array(1)})
    first.keep(2, {"weights": np.full(3, 7.0)})  # The same moment once more.
    again = Kept(tmp_path, "students")
    again.restore(first.stamps())
    for kept in (first, again):
        found = kept.all()
        assert list(found) == [0, 2, 10]
        assert set(found[2]) == {"weights"}
        np.testing.assert_array_equal(found[2]["weights"], 7.0)
        np.testing.assert_array_equal(found[10]["weights"], 10.0)
    assert again.stamps() == first.stamps()


def test_a_process_killed_while_it_writes_leaves_what_was_there(tmp_path, monkeypatch):
    kept = Kept(tmp_path, "students")
    kept.keep(1, {"weights": np.ones(3)})

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        kept.keep(1, {"weights": np.zeros(3)})
    again = Kept(tmp_path, "students")
    again.restore(kept.stamps())
    [(number, found)] = again.all().items()
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


@pytest.mark.parametrize("damage", ["missing", "cut", "of another moment"])
def test_what_is_not_as_it_was_is_not_found_again(tmp_path, damage):
    kept = Kept(tmp_path, "students")
    kept.keep(1, {"weights": np.ones(3)})
    kept.keep(2, {"weights": np.zeros(3)})
    one, other = (tmp_path / "students" / f"{n}.safetensors" for n in (1, 2))
    if damage == "missing":
        one.unlink()
    else:
        content = other.read_bytes()
        one.write_bytes(content[:-1] if damage == "cut" else content)
    again = Kept(tmp_path, "students")
    with pytest.raises(StoreError, match=r"1\.safetensors"):
        again.restore(kept.stamps())
    assert again.all() == {}
