import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

import overparam as op
from overparam.data import add_data, load_data
from overparam.data.catalogue import entries, verify
from overparam.data.own.description import FILE, folder_of, own_folder
from overparam.data.own.kept import keep, remove
from overparam.data.own.reference import reference
from overparam.errors import ConfigError, DataError, StoreError
from overparam.store.lock import Lock


@pytest.fixture
def mine(own, x, y):
    """Data that are kept, as they were given."""
    dataset = op.dataset(x, y, test=(x[:6] + 1, y[:6]), name="mine")
    return dataset, keep(dataset)


def test_what_is_kept_comes_back_bit_for_bit(mine):
    dataset, about = mine
    found = load_data("mine")
    for part, kept in ((dataset.train, found.train), (dataset.test, found.test)):
        np.testing.assert_array_equal(part.x, kept.x)
        np.testing.assert_array_equal(part.y, kept.y)
        assert (part.x.dtype, part.y.dtype) == (kept.x.dtype, kept.y.dtype)
    assert found.labels == dataset.labels == ("-1", "0", "1")
    assert found.normalisation == dataset.normalisation
    assert found.name == about.reference == reference("mine")
    assert load_data(about.reference).name == about.reference


@pytest.mark.parametrize(
    "change",
    [
        {"x": lambda x, y: (x + 1, y)},
        {"y": lambda x, y: (x, y[::-1])},
        {"labels": lambda x, y: (x, y + 10)},
        {"task": lambda x, y: (x, y.astype(float))},
        {"dtype": lambda x, y: (x.astype(np.float32), y)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_part_of_the_content_is_in_the_digest(own, x, y, change):
    (alter,) = change.values()
    digests = {
        keep(op.dataset(*pair, name=name)).digest
        for name, pair in {"a": (x, y), "same": (x, y), "b": alter(x, y)}.items()
    }
    assert len(digests) == 2


def test_a_name_keeps_its_content_unless_it_is_forced(mine, x, y):
    _, about = mine
    keep(mine[0])  # The same again is no other.
    other = op.dataset(x + 1, y, name="mine")
    with pytest.raises(ConfigError, match="is kept with another content"):
        keep(other)
    assert reference("mine") == about.reference
    replaced = keep(other, force=True)
    assert reference("mine") == replaced.reference != about.reference
    assert len(list(folder_of("mine").iterdir())) == 2
    with pytest.raises(DataError, match=r"and [0-9a-f]{12} is asked for") as error:
        load_data(about.reference)
    assert "\n" not in str(error.value)


def test_a_kill_while_writing_leaves_what_was_there(mine, x, y, monkeypatch):
    _, about = mine

    def dies(path, content):
        if path.name == FILE:
            raise KeyboardInterrupt
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)

    monkeypatch.setattr("overparam.data.own.kept.write_file", dies)
    with pytest.raises(KeyboardInterrupt):
        keep(op.dataset(x + 1, y, name="mine"), force=True)
    with pytest.raises(KeyboardInterrupt):
        keep(op.dataset(x + 1, y, name="new"))
    assert load_data("mine").name == about.reference
    assert [entry.name for entry in entries() if entry.status == "own"] == [
        about.reference
    ]


def test_a_damaged_file_is_refused_in_one_sentence(mine):
    _, about = mine
    content = bytearray(about.arrays.read_bytes())
    content[-1] ^= 1
    about.arrays.write_bytes(content)
    with pytest.raises(DataError, match="is damaged: add the data set again"):
        load_data("mine")
    (check,) = verify("mine")
    assert check.status == "damaged"


@pytest.mark.parametrize(
    "change",
    [
        {"digest": "0" * 64},
        {"digest": "../../secret"},
        {"labels": ["a", "b", "c"]},
        {"task": "regression"},
        {"shape": "wide"},
        {"name": "other"},
        {"more": 1},
    ],
    ids=str,
)
def test_a_changed_description_is_refused(mine, change):
    path = folder_of("mine") / FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(DataError, match="is damaged"):
        load_data("mine")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format": "x"}'])
def test_a_description_that_is_none_is_refused(mine, text):
    (folder_of("mine") / FILE).write_text(text)
    with pytest.raises(DataError, match="is damaged"):
        load_data("mine")


def test_a_newer_format_says_so(mine):
    path = folder_of("mine") / FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 2}))
    with pytest.raises(DataError, match="of a newer overparam"):
        load_data("mine")


def test_a_list_and_a_removal_know_them(mine):
    _, about = mine
    (entry,) = (entry for entry in entries() if entry.status == "own")
    assert (entry.name, entry.n_train, entry.n_test) == (about.reference, 40, 6)
    assert [check.status for check in verify("mine")] == ["ok"]
    remove("mine")
    assert not list(own_folder().glob("*/"))
    with pytest.raises(ConfigError, match="no data set `mine`"):
        remove("mine")
    with pytest.raises(DataError, match="is not on this machine"):
        load_data(about.reference)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "a b", "a.b", "x" * 65, "mnist", "MNIST"]
)
def test_a_name_that_may_not_be_is_refused(own, x, y, name):
    with pytest.raises(ConfigError, match="`name`"):
        keep(op.dataset(x, y, name=name))
    assert not own_folder().exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nothing", "must be one of"),
        ("mine@", "must be one of"),
        ("mine@xyz", "must be one of"),
        ("../mine@0123456789ab", "gives no name"),
        ("nothing.npz", "No such file"),
        ("/", "gives no name"),
        ("a b.npz", "gives no name"),
        ("", "must be one of"),
    ],
)
def test_what_names_no_data_is_refused(own, text, says):
    with pytest.raises((ConfigError, DataError), match=says) as error:
        load_data(text)
    assert "\n" not in str(error.value)


def test_a_path_keeps_the_data_under_the_name_of_the_file(own, x, y):
    np.savez(own / "shells.npz", x=x, y=y)
    found = load_data("shells.npz")
    assert found.name == reference("shells") == reference(str(own / "shells.npz"))
    shutil.copy("shells.npz", "mnist.npz")
    with pytest.raises(ConfigError, match="is taken"):
        load_data("mnist.npz")


def test_a_full_disk_is_one_sentence(own, x, y, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    np.savez("m.npz", x=x, y=y)
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreError, match="disk is full"):
        add_data("mine", "m.npz")
    assert [entry for entry in entries() if entry.status == "own"] == []


ADDING = """
import sys
import numpy as np
import overparam as op
from overparam.data.own.kept import keep

value = int(sys.argv[1])
made = op.dataset(np.eye(40) * value, np.arange(40.0) * value, name="mine")
print("ready", flush=True)
sys.stdin.readline()
for _ in range(30):
    keep(made, force=True)
"""


def test_processes_that_add_one_name_leave_one_whole_set(own):
    command = [sys.executable, "-c", ADDING]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    adding = [subprocess.Popen([*command, str(i)], **pipes) for i in (1, 2)]
    for each in adding:
        each.stdout.readline()
    for each in adding:
        each.stdin.write("\n")
        each.stdin.flush()
    for each in adding:
        each.communicate()
        assert not each.returncode
    assert load_data("mine").train.x.max() in (1, 2)
    assert len(list(folder_of("mine").glob("*.safetensors"))) == 1


def test_data_that_are_being_changed_are_waited_for(mine, monkeypatch):
    monkeypatch.setattr("overparam.data.own.kept._LONGEST_WAIT", 0.0)
    lock = Lock(own_folder())
    try:
        with pytest.raises(StoreError, match="is being written by"):
            remove("mine")
    finally:
        lock.release()
    remove("mine")
