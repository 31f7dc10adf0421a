"""Packed runs are read as if nothing had happened, and nothing is ever lost."""

import errno
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from storing import DEFAULTS, record, snapshot, store

from overparam.errors import StoreError
from overparam.store import (
    attempts,
    find_runs,
    gather,
    open_run,
    read_run,
    resolve_run,
    run_status,
)
from overparam.store.files import Stamp, read_file
from overparam.store.find import stored_names
from overparam.store.packed import NAME, TABLE
from overparam.store.packing import Packed, pack, unpack
from overparam.sweeping.watch import glance


@pytest.fixture
def root(tmp_path):
    """Runs of two studies: finished ones, a second attempt, a failed, an unfinished."""
    root = tmp_path / "runs"
    for width in range(1, 4):
        store(root, width=width)
    store(root, width=1, force=True, outcome=record(summary={"risk": 0.25}))
    store(root, study="other", outcome=record(network=None))
    with open_run(root, "toy", DEFAULTS | {"width": 7}, DEFAULTS) as run:
        run.fail(ZeroDivisionError("never"))
    with open_run(root, "toy", DEFAULTS | {"width": 9}, DEFAULTS):
        pass
    return root


def everything(path):
    """All that can be asked of a run."""
    run = read_run(path)
    arrays = [(name, array.tolist()) for name, array in sorted(run.arrays.items())]
    parts = run.status, run.config, run.summary, run.notes, run.environment, arrays
    return *parts, run.metrics.to_dict(as_series=False), run.reference, str(run.network)


def test_every_reader_finds_what_it_found_before(root):
    runs = find_runs(root)
    finished = [path for path in runs if run_status(path) == "finished"]
    before = {path: repr(everything(path)) for path in finished}
    tables = [gather(root, metrics=rows).frame for rows in ("summary", "records")]
    names = {path: resolve_run(root, path.name) for path in runs}
    tried = {path: attempts(path) for path in runs}
    stored, seen = stored_names(root, "toy"), glance(root, best="risk")

    packing = pack(root)

    assert (packing.moved, packing.left) == (5, ())
    assert not any(map(os.path.exists, finished))
    assert find_runs(root) == runs
    assert {path: repr(everything(path)) for path in finished} == before
    for rows, table in zip(("summary", "records"), tables, strict=True):
        assert gather(root, metrics=rows).frame.equals(table)
    assert {path: resolve_run(root, path.name) for path in runs} == names
    assert {path: attempts(path) for path in runs} == tried
    assert stored_names(root, "toy") == stored
    assert glance(root, best="risk") == seen
    for path in finished:
        read_run(path).check_files()


def test_unpacked_runs_are_what_they_were_byte_for_byte(root):
    before = snapshot(root)
    dates = {path: path.stat().st_mtime for path in before}
    locks = {path: path.read_bytes() for path in root.glob("*/*/lock")}
    pack(root)
    unpack(root)
    assert snapshot(root) == before
    assert {path: path.read_bytes() for path in root.glob("*/*/lock")} == locks
    assert {p: p.stat().st_mtime for p in before} == pytest.approx(dates, abs=1e-5)
    assert not (root / NAME).exists()


def test_a_packed_run_is_not_run_again_and_force_makes_a_new_attempt(root):
    pack(root)
    config = DEFAULTS | {"width": 2}
    with open_run(root, "toy", config, DEFAULTS) as run:
        assert run.finished
    assert not run.path.exists()
    with open_run(root, "toy", config, DEFAULTS, force=True) as run:
        assert not run.finished
        run.write(record(summary={"risk": 0.125}))
    assert run.path.name.endswith(".2")
    assert [path.name for path in attempts(resolve_run(root, run.path.name[:12]))]
    rows = {row["id"]: row["risk"] for row in gather(root).frame.to_dicts()}
    assert rows[run.path.name[:12]] == 0.125


def test_what_comes_later_is_added_and_what_failed_can_be_tried_again(root):
    pack(root)
    store(root, width=20)
    store(root, width=7)
    assert pack(root).moved == 2
    assert pack(root).moved == 0
    assert len(gather(root).runs) == 6


def test_a_damaged_run_stays_where_it_is(root):
    path = store(root, width=30)
    (path / "metrics.parquet").write_bytes(b"x")
    packing = pack(root)
    assert [each.path for each in packing.left] == [path]
    assert "metrics.parquet" in packing.left[0].reason
    assert path.is_dir()


def test_a_run_with_a_link_in_it_stays_where_it_is(root, tmp_path):
    path = store(root, width=30)
    (path / "notes").symlink_to(tmp_path)
    packing = pack(root)
    assert [each.path for each in packing.left] == [path]
    assert (path / "notes").is_symlink()


def test_another_run_under_the_name_of_a_packed_one_stays(root):
    pack(root)
    path = find_runs(root, "other")[0]
    unpacked = root / "elsewhere"
    unpacked.mkdir()
    (unpacked / NAME).write_bytes((root / NAME).read_bytes())
    unpack(unpacked)
    (unpacked / path.relative_to(root)).rename(path)
    (path / "my notes.txt").write_text("mine")
    packing = pack(root)
    assert [each.path for each in packing.left] == [path]
    assert (path / "my notes.txt").read_text() == "mine"
    with pytest.raises(StoreError, match="other contents"):
        unpack(root)
    assert (path / "my notes.txt").read_text() == "mine"
    assert (root / NAME).exists()


@pytest.mark.parametrize("verb", ["pack", "unpack"])
def test_killed_at_any_step_it_loses_nothing_and_goes_on(tmp_path, verb):
    root = tmp_path / "runs"
    for width in (1, 2):
        store(root, width=width)
    if verb == "unpack":
        pack(root)
    command = [
        sys.executable,
        str(Path(__file__).with_name("kills.py")),
        str(root),
        verb,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 30


def test_runs_are_found_while_they_are_packed_and_made(tmp_path):
    for width in range(1, 5):
        store(tmp_path, width=width)
    script = (
        "import sys; from storing import store\n"
        "for width in range(5, 45): store(sys.argv[1], width=width)\n"
    )
    folder = str(Path(__file__).parent)
    command = [sys.executable, "-c", script, str(tmp_path)]
    maker = subprocess.Popen(command, cwd=folder)
    found = 4
    while maker.poll() is None:
        pack(tmp_path)
        runs = [path for path in find_runs(tmp_path) if run_status(path) == "finished"]
        assert len(runs) >= found
        found = len(runs)
    assert maker.returncode == 0
    pack(tmp_path)
    gathered = gather(tmp_path)
    assert sorted(gathered.frame["width"]) == [*range(1, 45)]
    assert gathered.unreadable == ()


def changed(root, *statements):
    """An archive in which somebody has worked."""
    pack(root)
    with sqlite3.connect(root / NAME) as rows:
        for statement in statements:
            rows.execute(statement)
    rows.close()
    # Within one tick of the clock of files an archive looks as it was opened.
    os.utime(root / NAME, (1e9, 1e9))


def added(name):
    """A file that a sound run has beside its own ones."""
    copied = f"SELECT study, run, {name}, bytes, modified, content FROM file"
    return f"INSERT INTO file {copied} WHERE name = 'summary.json'"


HOSTILE = {
    "traversal": added("'../../../evil'"),
    "absolute": added("'/tmp/evil'"),
    "windows": added(r"'C:\evil'"),
    "dots": added("'..'"),
    "empty": added("''"),
    "deep": added("'a/b/c/d/e/f'"),
    "newline": added("'a' || char(10)"),
    "study": "UPDATE file SET study = '../evil' WHERE study = 'other'",
    "study-absolute": "UPDATE file SET study = '/evil' WHERE study = 'other'",
    "run": "UPDATE file SET run = '..' WHERE study = 'other'",
    "size": "UPDATE file SET bytes = 1000000000000 WHERE name = 'summary.json'",
    "negative": "UPDATE file SET bytes = -1 WHERE name = 'summary.json'",
    "date": "UPDATE file SET modified = 1e300 WHERE name = 'summary.json'",
    "long": added("printf('%0256d', 1)"),
    "folder": added("'status.json/x'"),
    "study-temporary": "UPDATE file SET study = '.other.tmp' WHERE study = 'other'",
    "study-lock": "UPDATE file SET study = 'lock' WHERE study = 'other'",
    "study-archive": f"UPDATE file SET study = '{NAME}' WHERE study = 'other'",
    "table": "CREATE TABLE other (x)",
    "trigger": "CREATE TRIGGER t AFTER INSERT ON file BEGIN SELECT 1; END",
    "view": "CREATE VIEW v AS SELECT * FROM file",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_an_archive_of_somebody_else_writes_nothing_of_its_own(root, case):
    changed(root, HOSTILE[case])
    before = snapshot(root.parent)
    with pytest.raises(StoreError) as refused:
        unpack(root)
    assert re.fullmatch(r"[^\n]+\.", str(refused.value))
    assert snapshot(root.parent) == before


def test_an_archive_with_two_of_a_name_is_refused(root):
    pack(root)
    with sqlite3.connect(root / NAME) as rows:
        kept = rows.execute("SELECT * FROM file").fetchall()
        rows.execute("DROP TABLE file")
        rows.execute(TABLE.replace(",\n PRIMARY KEY (study, run, name)", ""))
        rows.executemany("INSERT INTO file VALUES (?, ?, ?, ?, ?, ?)", [*kept, kept[0]])
    rows.close()
    for function in (find_runs, unpack, pack):
        with pytest.raises(StoreError, match="other tables"):
            function(root)


@pytest.mark.parametrize("n_bytes", [0, 10, 100, 5000, -4096, -1])
def test_half_an_archive_is_refused_in_a_sentence(root, n_bytes):
    pack(root)
    content = (root / NAME).read_bytes()
    (root / NAME).write_bytes(content[:n_bytes])
    with pytest.raises(StoreError, match=r"no sound archive of runs [^\n]*\.$"):
        unpack(root)


def refusal(function, root):
    """What a function refuses a folder of runs for."""
    try:
        function(root)
    except StoreError as error:
        return str(error)
    return None


def test_zeros_anywhere_are_told_in_a_sentence_or_were_there(root, tmp_path):
    before = {path.relative_to(root): text for path, text in snapshot(root).items()}
    pack(root)
    content, length, refused = (root / NAME).read_bytes(), 512, 0
    for start in range(0, len(content), length):
        harmed = tmp_path / str(start)
        harmed.mkdir()
        zeros = bytes(len(content[start : start + length]))
        (harmed / NAME).write_bytes(content[:start] + zeros + content[start + length :])
        for function in (find_runs, gather, unpack):
            told = refusal(function, harmed)
            assert told is None or re.fullmatch(r"[^\n]{,800}\.", told)
        if told is not None:
            refused += 1
            assert not [*harmed.glob("*/*")]
        for path, text in snapshot(harmed).items():
            assert path.name == NAME or text == before[path.relative_to(harmed)]
    assert refused > 10


def test_what_is_no_file_is_no_archive(tmp_path):
    os.mkfifo(tmp_path / NAME)
    with pytest.raises(StoreError, match="no regular file"):
        find_runs(tmp_path)


def test_changed_contents_are_noticed_as_on_disk(root):
    changed(
        root,
        "UPDATE file SET content = CAST(replace(content, '0.5', '0.7') AS BLOB)"
        " WHERE name = 'summary.json'",
    )
    path = next(path for path in find_runs(root, "toy") if ".2" not in path.name)
    with pytest.raises(StoreError, match="differs from what was written"):
        _ = read_run(path).summary


@pytest.mark.parametrize("n_bytes", [-5, -1, 0, 10**12])
def test_a_size_that_is_wrong_leaves_out_its_run_alone(root, n_bytes):
    def left_out():
        return {each.path.name for each in gather(root).unreadable}

    before = left_out()
    where = "name = 'status.json' AND run LIKE '%.2'"
    changed(root, f"UPDATE file SET bytes = {n_bytes} WHERE {where}")
    (name,) = left_out() - before
    assert name.endswith(".2")


def shadowed(path):
    """A folder has the name of a packed run, and a file of it, which is damaged."""
    path.mkdir()
    (path / "config.json").write_text("{}")


def linked(path):
    """A link that leads nowhere has the name of a packed run."""
    path.symlink_to("nowhere")


@pytest.mark.parametrize(
    "harm",
    [
        "DELETE FROM file WHERE run LIKE '%.2' AND name = 'summary.json'",
        "DELETE FROM file WHERE study = 'other' AND name = 'config.json'",
        "UPDATE file SET content = CAST('{}' AS BLOB) WHERE name = 'config.json'",
        "UPDATE file SET content = CAST('{' AS BLOB), bytes = 1 WHERE run LIKE '%.2'",
        "UPDATE file SET bytes = bytes + 1 WHERE study = 'other'",
        shadowed,
        linked,
    ],
)
def test_runs_that_are_read_together_are_what_they_are_one_by_one(root, harm):
    if isinstance(harm, str):
        changed(root, harm)
    else:
        pack(root)
        harm(next(path for path in find_runs(root) if not path.exists()))
    together, single = gather(root, attempts="all"), gather(find_runs(root))
    assert together.frame.equals(single.frame)
    assert together.runs == single.runs
    assert together.unreadable == single.unreadable


@pytest.mark.parametrize("n_bytes", [-(2**70), 2**63, 10**30])
def test_a_stamp_of_a_size_that_no_archive_knows_is_not_that_of_a_file(root, n_bytes):
    pack(root)
    path, stamp = find_runs(root)[0] / "config.json", Stamp(n_bytes, "0")
    with pytest.raises(StoreError, match=f"bytes instead of {n_bytes}"):
        read_file(path, expected=stamp)


def test_nothing_is_unpacked_through_a_link(root, tmp_path_factory):
    pack(root)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (root / "other").rmdir()
    (root / "other").symlink_to(elsewhere)
    with pytest.raises(StoreError, match="is a link"):
        unpack(root)
    assert not [*elsewhere.iterdir()]


def test_what_does_not_fit_is_not_begun(root, monkeypatch):
    pack(root)
    full = SimpleNamespace(total=100, used=90, free=10)
    monkeypatch.setattr("shutil.disk_usage", lambda path: full)
    with pytest.raises(StoreError, match="make room"):
        unpack(root)


@pytest.mark.parametrize("name", ["lock", "held.3"])
def test_who_asked_for_a_run_just_when_it_was_packed_is_in_nobodys_way(root, name):
    before = snapshot(root)
    pack(root)
    path = find_runs(root, "other")[0]
    path.mkdir()
    (path / name).write_text("process 1 on another machine")
    assert pack(root) == Packed(0, ())
    unpack(root)
    assert snapshot(root) == before


def test_a_disk_that_fills_up_while_unpacking_keeps_no_stump(root, monkeypatch):
    pack(root)
    before, utime, left = snapshot(root), os.utime, 12

    def filling(*words):
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        utime(*words)

    with monkeypatch.context() as patched:
        patched.setattr("os.utime", filling)
        with pytest.raises(StoreError, match="The disk is full"):
            unpack(root)
    assert not [*root.rglob(".*")]
    made = [path for path in find_runs(root) if (path / "summary.json").exists()]
    assert len(made) == 1
    pack(root)
    assert snapshot(root).keys() == before.keys()


def test_the_folder_of_a_study_is_none_of_all_runs(root):
    """Packed, it is empty, and nothing in it says that it is the wrong one."""
    pack(root)
    study = next(run.parent for run in find_runs(root))
    study.mkdir(exist_ok=True)
    for use in (find_runs, pack, glance):
        with pytest.raises(StoreError, match="holds the runs of one study"):
            use(study)
    assert not list(study.iterdir())


def test_there_must_be_something_to_unpack(tmp_path):
    with pytest.raises(StoreError, match="no archive"):
        unpack(tmp_path)
    assert pack(tmp_path).moved == 0
    assert not list(tmp_path.iterdir())
    with pytest.raises(StoreError, match="no folder of runs"):
        pack(tmp_path / "nowhere")
