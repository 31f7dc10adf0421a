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
    again.restore(first.stamps)
    assert values(first) == values(again) == {10: 10.0, 2: 7.0, 0: 0.0}
    assert again.stamps == first.stamps


def test_a_process_killed_while_it_writes_leaves_what_was_there(tmp_path, monkeypatch):
    kept, again = kept_in(tmp_path / "kept"), kept_in(tmp_path / "kept")
    kept.keep(1, network(1))

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        kept.keep(1, network(2))
    again.restore(kept.stamps)
    assert values(again) == {1: 1.0}


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "kept").write_text("a file")
    with pytest.raises(StoreError, match="kept"):
        kept_in(tmp_path / "kept").keep(1, network(1))


def test_without_a_folder_networks_stay_in_memory():
    kept = Kept(None, lambda: network(0))
    kept.keep(3, network(3))
    assert values(kept) == {3: 3.0}


@pytest.mark.parametrize("damage", ["missing", "cut", "of another step"])
def test_what_is_not_as_it_was_is_not_found_again(tmp_path, damage):
    kept, again = kept_in(tmp_path), kept_in(tmp_path)
    kept.keep(1, network(1))
    kept.keep(2, network(2))
    one, other = (tmp_path / f"{step}.leaves" for step in (1, 2))
    if damage == "missing":
        one.unlink()
    else:
        content = other.read_bytes()
        one.write_bytes(content[:-1] if damage == "cut" else content)
    with pytest.raises(StoreError, match=r"1\.leaves"):
        again.restore(kept.stamps)
    assert again.networks == {}
