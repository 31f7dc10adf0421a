"""A run goes on from its checkpoint bit for bit, or starts from its beginning."""

import shutil
from dataclasses import replace
from pathlib import Path

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.networks import LinearReadout
from overparam.training import Checkpointer
from overparam.training.kept import Kept


STATES = {"weights": jnp.arange(6.0).reshape(2, 3), "n": jnp.array(7)}
FRESH = {"weights": jnp.zeros((2, 3)), "n": jnp.array(0)}
HEADER = {"step": 40, "records": [[{"loss": float("nan")}]]}


class Keeping(Checkpointer):
    """A checkpointer with one network kept beside the states."""

    def beside(self):
        folder = self.folder_of_kept(0)
        return Kept(folder, lambda: LinearReadout(readout=jnp.zeros(2), scale=1.0))

    def load(self, states, *, kept=()):
        self.found = self.beside()
        return super().load(states, kept=[self.found])


@pytest.fixture
def keeper(tmp_path):
    """A checkpointer that has written a checkpoint, and a network kept beside it."""
    keeper = Keeping(tmp_path / "c", owner="this run")
    kept = keeper.beside()
    kept.keep(20, LinearReadout(readout=jnp.ones(2), scale=1.0))
    keeper.save(STATES, HEADER, kept=[kept])
    return keeper


def test_what_was_saved_is_loaded(keeper):
    states, before, header = keeper.load(FRESH)
    assert eqx.tree_equal(states, STATES)
    assert eqx.tree_equal(before, STATES)
    assert repr(header) == repr(HEADER)
    np.testing.assert_array_equal(keeper.found.networks[20].readout, 1.0)


def test_states_to_go_back_to_are_loaded_where_they_are_others(keeper):
    keeper.save(STATES, HEADER, before=FRESH, kept=[keeper.beside()])
    states, before, _ = keeper.load(FRESH)
    assert eqx.tree_equal(states, STATES)
    assert eqx.tree_equal(before, FRESH)


def refused(keeper, caplog, states=FRESH):
    """The sentence with which a checkpoint is refused."""
    assert keeper.load(states) is None
    assert keeper.found.networks == {}
    [record] = caplog.records
    assert record.getMessage().endswith("the run starts from its beginning.")
    return record.getMessage()


def test_no_damaged_byte_is_believed(keeper):
    content = keeper.path.read_bytes()
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 4
        keeper.path.write_bytes(changed)
        found = keeper.load(FRESH)
        # A byte of the number of the format alone says nothing of the states.
        assert found is None or eqx.tree_equal(found[0], STATES)


@pytest.mark.parametrize("n_bytes", [0, 1, 50, 200, -1])
def test_a_checkpoint_that_was_cut_is_not_believed(keeper, caplog, n_bytes):
    keeper.path.write_bytes(keeper.path.read_bytes()[:n_bytes])
    assert "damaged" in refused(keeper, caplog)


def test_a_checkpoint_of_another_run_or_of_other_data_is_not_believed(keeper, caplog):
    other = replace(keeper, owner="another run")
    assert "another run, or of other data" in refused(other, caplog)


def test_a_checkpoint_of_other_shapes_is_not_believed(keeper, caplog):
    other = {"weights": jnp.zeros((3, 3)), "n": jnp.array(0)}
    assert "does not fit" in refused(keeper, caplog, other)


def test_a_checkpoint_without_what_was_kept_beside_it_is_not_believed(keeper, caplog):
    shutil.rmtree(keeper.folder_of_kept(0))
    assert "lost what was kept" in refused(keeper, caplog)


def test_a_checkpoint_of_schema_1_cannot_be_verified(tmp_path, caplog):
    stored = Path(__file__).parents[1] / "store" / "schema_1"
    [path] = stored.rglob("training.checkpoint")
    copied = shutil.copy(path, tmp_path)
    assert "older version" in refused(Keeping(Path(copied)), caplog)


def test_where_nothing_is_stored_a_run_begins_without_a_word(tmp_path, caplog):
    assert Checkpointer(tmp_path / "c").load(FRESH) is None
    assert not caplog.records


def test_states_of_any_size_are_loaded_and_files_longer_than_theirs_are_not(
    tmp_path, caplog, monkeypatch
):
    keeper = Keeping(tmp_path / "c")
    states = {"weights": jnp.arange(4096.0)}
    keeper.save(states, {}, kept=[keeper.beside()])
    monkeypatch.setattr("overparam.training.checkpoint.MOST_BYTES", 2000)
    found = keeper.load({"weights": jnp.zeros(4096)})
    assert found is not None
    np.testing.assert_array_equal(found[0]["weights"], states["weights"])
    with open(keeper.path, "ab") as file:
        file.truncate(10**9)
    assert "cannot be read" in refused(keeper, caplog, {"weights": jnp.zeros(4096)})
