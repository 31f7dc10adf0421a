"""What a run keeps along its way outlives the process."""

import jax.numpy as jnp
import pytest

from overparam.errors import StoreError
from overparam.networks import LinearReadout
from overparam.store import files
from overparam.training.kept import Kept


def network(value):
    return LinearReadout(readout=jnp.full((3, 1), float(value)), scale=1.0)


def kept_in(folder):
    return Kept(folder, lambda: network(0.0))


def values(kept):
    return {step: float(found.readout[0, 0]) for step, found in kept.networks.items()}


def test_networks_are_found_again_by_their_steps(tmp_path):
    first, again = kept_in(tmp_path / "kept"), kept_in(tmp_path / "kept")
    for step in (10, 2, 0):
        first.keep(step, network(step))
    first.keep(2, network(7))  # The same step once more.
    again.restore(first.store())
    assert values(first) == values(again) == {10: 10.0, 2: 7.0, 0: 0.0}
    assert again.store() == first.store()


def test_a_network_in_the_place_of_one_that_lies_in_a_file_is_written_again(tmp_path):
    first, again = kept_in(tmp_path / "kept"), kept_in(tmp_path / "kept")
    first.keep(2, network(2))
    first.store()
    first.keep(2, network(7))
    again.restore(first.store())
    assert values(again) == {2: 7.0}


def test_a_process_killed_while_it_writes_leaves_what_was_there(tmp_path, monkeypatch):
    kept, again = kept_in(tmp_path / "kept"), kept_in(tmp_path / "kept")
    kept.keep(1, network(1))
    stamps = kept.store()

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "replace", killed)
    kept.keep(1, network(2))
    with pytest.raises(KeyboardInterrupt):
        kept.store()
    again.restore(stamps)
    assert values(again) == {1: 1.0}


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "kept").write_text("a file")
    kept = kept_in(tmp_path / "kept")
    kept.keep(1, network(1))
    with pytest.raises(StoreError, match="kept"):
        kept.store()


def test_without_a_folder_networks_stay_in_memory():
    kept = Kept(None, lambda: network(0))
    kept.keep(3, network(3))
    assert values(kept) == {3: 3.0}


@pytest.mark.parametrize("damage", ["missing", "cut", "of another step"])
def test_what_is_not_as_it_was_is_not_found_again(tmp_path, damage):
    kept, again = kept_in(tmp_path), kept_in(tmp_path)
    kept.keep(1, network(1))
    kept.keep(2, network(2))
    stamps = kept.store()
    one, other = (tmp_path / f"{step}.leaves" for step in (1, 2))
    if damage == "missing":
        one.unlink()
    else:
        content = other.read_bytes()
        one.write_bytes(content[:-1] if damage == "cut" else content)
    with pytest.raises(StoreError, match=r"1\.leaves"):
        again.restore(stamps)
    assert again.networks == {}
