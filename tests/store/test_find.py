"""Odd folders among runs are passed over with a word, whatever they are."""

import errno
import os
import shutil

import pytest
from storing import DEFAULTS, store

from overparam.errors import StoreError
from overparam.store import find_runs, gather, open_run, read_run, resolve_run
from overparam.store.files import temporary_name
from overparam.store.find import look
from overparam.store.packed import NAME


@pytest.fixture
def run(tmp_path):
    return store(tmp_path, width=1)


def odd_names(run):
    """Names that a copy of a run may have and a run may not."""
    suffixes = [
        ".bak",
        ".0",
        ".01",
        ".1",
        ".-1",
        ".x",
        ".2.3",
        ".",
        " ",
        "\n",
        "\x1b[m",
    ]
    names = [run.name + suffix for suffix in suffixes]
    no_utf_8 = b"caf\xe9".decode(errors="surrogateescape")
    return [
        *names,
        ".hidden",
        "café",
        no_utf_8,
        run.name.upper(),
        run.name[:-1],
        "x" * 255,
    ]


def test_a_copy_under_any_other_name_is_passed_over_with_a_word(tmp_path, run):
    copies = [run.with_name(name) for name in odd_names(run)]
    for copied in copies:
        shutil.copytree(run, copied)
    assert find_runs(tmp_path) == [run]
    gathered = gather(tmp_path, metrics="records")
    assert set(gathered.frame["path"]) == {str(run)}
    assert {each.path for each in gathered.unreadable} == set(copies)
    assert all("is no run: its name" in each.reason for each in gathered.unreadable)
    with open_run(tmp_path, "toy", DEFAULTS | {"width": 1}, DEFAULTS) as found:
        assert found.path == run
    assert resolve_run(tmp_path, run.name) == run
    for copied in copies:
        with pytest.raises(StoreError, match="is no run: its name"):
            read_run(copied)


def test_a_copy_of_the_folder_of_a_study_hides_no_id(tmp_path, run):
    for name in (".hidden", run.parent.name + ".bak", "other"):
        shutil.copytree(run.parent, tmp_path / name)
    assert resolve_run(tmp_path, run.name) == run
    assert resolve_run(tmp_path, run.name[:4]) == run


def test_what_holds_no_run_is_passed_over(tmp_path, run):
    (tmp_path / "a file").write_text("x")
    (run.parent / "another file").write_text("x")
    (run.parent / "notes").mkdir()
    (run.parent / "nowhere").symlink_to("not there")
    (run.parent / "loop").symlink_to("loop")
    (run.parent / "0123456789ab").write_text("a file named as a run")
    looked = look(tmp_path)
    assert (looked.runs, looked.foreign) == ([run], [])


def test_what_is_being_unpacked_is_not_looked_at(tmp_path, run):
    made = temporary_name(tmp_path / NAME)
    shutil.copytree(run.parent, made)
    shutil.copytree(run, made / "a b")
    looked = look(tmp_path)
    assert (looked.runs, looked.foreign) == ([run], [])


def test_a_finished_run_without_its_config_is_told(tmp_path, run):
    (run / "config.json").unlink()
    (left_out,) = gather(tmp_path).unreadable
    assert "`config.json` is missing" in left_out.reason


def test_a_folder_that_cannot_be_looked_into_is_passed_over(tmp_path, monkeypatch, run):
    closed = [run.with_name(".hidden"), run.with_name("0123456789ab")]
    closed += [tmp_path / "closed"]
    for folder in closed:
        folder.mkdir()
    refused = {str(folder) for folder in closed}

    # Modes do not bind the superuser, whom tests may run as.
    def refusing(function, folder_of):
        def refuse(path, *arguments, **options):
            if str(folder_of(path)) in refused:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            return function(path, *arguments, **options)

        return refuse

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", refusing(os.scandir, lambda path: path))
        patch.setattr(os, "stat", refusing(os.stat, os.path.dirname))
        gathered = gather(tmp_path)
        with pytest.raises(StoreError, match=r"cannot be read .*check its permissions"):
            read_run(closed[1])
    assert gathered.frame["path"].to_list() == [str(run)]
    assert {each.path for each in gathered.unreadable} == set(closed)
    assert all("Permission denied" in each.reason for each in gathered.unreadable)


def test_a_run_among_those_of_another_study_is_told(tmp_path, run):
    moved = tmp_path / "other" / run.name
    shutil.copytree(run, moved)
    gathered = gather(tmp_path)
    assert gathered.frame["path"].to_list() == [str(run)]
    (left_out,) = gathered.unreadable
    assert "lies among those of 'other'" in left_out.reason
    assert read_run(moved).study == "toy"


def test_the_folder_that_one_is_in_is_a_run(run, monkeypatch, tmp_path):
    monkeypatch.chdir(run)
    assert resolve_run(tmp_path, ".") == run


@pytest.mark.parametrize("text", ["\0", "x" * 5000, "", "a.b.c", "*", "../.."])
def test_a_text_that_means_no_run_is_one_sentence(tmp_path, text):
    (tmp_path / "empty").mkdir()
    with pytest.raises(StoreError, match="No run under"):
        resolve_run(tmp_path / "empty", text)


def test_a_folder_whose_folders_are_closed_says_so(tmp_path, monkeypatch):
    (tmp_path / "toy").mkdir()

    def closed(path):
        if os.fspath(path) != os.fspath(tmp_path):
            raise PermissionError(errno.EACCES, "Permission denied", os.fspath(path))
        return listed(path)

    # As root nothing is closed: a folder without the right to search answers like this.
    listed = os.scandir
    monkeypatch.setattr(os, "scandir", closed)
    monkeypatch.setattr(os.path, "isdir", lambda path: path == tmp_path)
    (foreign,) = look(tmp_path).foreign
    assert foreign.path == tmp_path / "toy"
    assert "cannot be read (Permission denied)" in foreign.reason


def test_a_folder_inside_a_folder_of_runs_names_the_one_above(tmp_path, run):
    for path in (run.parent, run):
        with pytest.raises(
            StoreError, match=f"folder of all runs above it, `{tmp_path}`"
        ):
            look(path)
        with pytest.raises(StoreError, match="folder of all runs above it"):
            look(path, "toy")
    assert look(tmp_path, "another").runs == []
    (tmp_path / "empty" / "toy").mkdir(parents=True)
    assert look(tmp_path / "empty").runs == []
