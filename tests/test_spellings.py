"""Fields that were stored under another name first: ids stay, both names are taken."""

import dataclasses
import itertools
import json
import re
import shutil
from pathlib import Path

import polars as pl
import pytest

import overparam as op
from overparam.cli.main import run_command
from overparam.cli.options import read
from overparam.errors import ConfigError
from overparam.running.drawing import draw_records
from overparam.spellings import as_spelled, first_spellings, spellings_of_study
from overparam.store import gather, read_run, run_id
from overparam.studies.heavy_tails.config import HeavyTails
from overparam.studies.planted.config import Planted
from overparam.studies.recovery.config import Recovery
from overparam.studies.registry import STUDIES, defaults
from overparam.studies.translating import published_defaults
from overparam.sweeping import plan_from_toml
from overparam.sweeping.grid import grid


ROOT = Path(__file__).parents[1]
SCHEMA_1 = ROOT / "tests" / "store" / "schema_1"

# Of commit 2283e90, in which the fields had their first spellings.
ID_OF_DEFAULTS = {
    "planted": "c0e1658271e9",
    "features": "d293375d079e",
    "heavy-tails": "c24ac959d90b",
    "timescales": "b181c74b7c72",
    "images": "dc61b1903f1c",
    "recovery": "2116c1081a06",
    # Of its first commit.
    "lazy": "2ccf0caa0c48",
}
ID_WITH_12345 = {
    ("recovery", "input_dim"): "5d6002d2019d",
    ("recovery", "n_test"): "affb83f4d800",
    ("timescales", "n_samples"): "f0c2f98e45de",
    ("timescales", "n_steps"): "c46a09d6cedd",
    ("heavy-tails", "penalty"): "c43a514a89fb",
    ("heavy-tails", "n_steps"): "bbe161b3ffc5",
    ("features", "init"): "09fd8521dd79",
    ("images", "dataset"): "660707885cd7",
}
# Of values of another kind: what was kept first, as it is said today, and the id.
KEPT = {
    "planted": (5, "every 5", "e6f6c2bde23b"),
    "features": ((5, 10), "5,10", "01c188c06b00"),
    "timescales": (3, "3", "d3c7e7e32947"),
}
ID_OF_5_10 = "1c3c0bb6bd5c"
"""Of planted, which had no other name for this."""
RENAMED = [
    (study, field, first.name)
    for study, entry in STUDIES.items()
    for field, first in first_spellings(entry.config_class()).items()
]


def test_ids_are_those_of_the_first_spellings():
    assert {study for study, _, _ in RENAMED} <= ID_OF_DEFAULTS.keys()
    for study, entry in STUDIES.items():
        known = defaults(entry.config_class())
        assert run_id(study, known, known) == ID_OF_DEFAULTS[study]
    for study, field, first in RENAMED:
        known = defaults(STUDIES[study].config_class())
        value, wanted = 12345, ID_WITH_12345.get((study, field))
        if field == "keep":
            _, value, wanted = KEPT[study]
        assert run_id(study, known | {field: value}, known) == wanted, first
    known = defaults(Planted)
    assert run_id("planted", known | {"keep": "5,10"}, known) == ID_OF_5_10


@pytest.mark.parametrize(
    ("name", "id"),
    [("cifar-100", "ba9f7d468c37"), ("mine", "b2fba6744135")],
)
def test_a_data_set_has_one_name_and_its_runs_the_ids_they_had(name, id):
    """Stored is `cifar100`; data of one's own have one name."""
    images = STUDIES["images"].config_class()
    known = defaults(images)
    changed = {"dataset": name} | ({"seed": 3} if name == "mine" else {})
    assert run_id("images", known | changed, known) == id
    assert images(dataset="cifar100") == images(dataset="cifar-100")
    assert images().dataset == "cifar-10"


def test_names_of_fields_follow_the_table_of_names():
    rows = re.findall(r"^\| `.*", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    banned = {
        word for row in rows for word in re.findall(r"`(\w+)`", row.split("|")[3])
    }
    # The tail index of a stable law has this name everywhere; a scale has not.
    banned -= {"alpha"}
    assert {"dimension", "max_steps", "weight_decay"} < banned
    for study, entry in STUDIES.items():
        fields = {field.name for field in dataclasses.fields(entry.config_class())}
        assert not fields & banned, study


@pytest.mark.parametrize(("study", "field", "first"), RENAMED)
def test_both_spellings_are_one_field(study, field, first, tmp_path):
    kind = STUDIES[study].config_class()
    others = {"init": "unit", "penalty": 0.5, "dataset": "cifar-100"}
    then = value = others.get(field, 70)
    if field == "dataset":
        then = "cifar100"
    if field == "keep":
        then, value, _ = KEPT[study]
    meant = kind(**{field: value})
    assert kind(**{first: then}) == kind(**{first: then, field: value}) == meant
    for name, value_of in ((field, value), (first, then)):
        flag = f"--{name.replace('_', '-')}"
        if isinstance(value_of, tuple):
            words = map(str, value_of)
            assert read([flag, *words], [kind], prog="") == [meant]
        assert read([flag, str(value_of)], [kind], prog="") == [meant]
        tables = ["[fixed]"]
        if value_of != "5,10":  # A comma parts the values of a grid.
            assert grid([f"{name}={value_of}"], kind) == [{field: value}]
            tables += ["[grid]", "[[cases]]"]
        for table in tables:
            text = f'[sweep]\nstudy = "{study}"\n{table}\n{name} = '
            (tmp_path / "sweep.toml").write_text(f"{text}{json.dumps(value_of)}\n")
            plan = plan_from_toml(tmp_path / "sweep.toml", lambda _: kind)
            assert plan.settings == ({field: value},)


def test_two_values_of_one_field_are_a_sentence():
    sentence = r"`input_dim` and `dimension` are one field, got 4 and 5: give `input_d"
    with pytest.raises(ConfigError, match=sentence):
        STUDIES["recovery"].config_class()(dimension=5, input_dim=4)
    with pytest.raises(ConfigError, match=sentence):
        op.run("recovery", dimension=5, input_dim=4)
    for words in itertools.permutations(["--dimension=5", "--input-dim=4"]):
        with pytest.raises(ConfigError, match=sentence):
            read(words, [Recovery], prog="")
    with pytest.raises(ConfigError, match="`input_dim` is given twice"):
        grid(["dimension=5", "input_dim=4"], Recovery)


def test_a_published_default_gives_way_to_the_first_spelling():
    published = published_defaults("heavy-tails")
    given = read(
        ["--max-steps", "7"], [HeavyTails], prog="", preset=lambda _: published
    )
    assert given[0].n_steps == 7


def test_a_flag_of_a_sweep_is_told_how_to_be_written(capsys):
    assert run_command(["sweep", "recovery", "--dimension=5"]) == 2
    assert "`dimension=5`, got `--dimension`" in capsys.readouterr().err


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs") / "runs"
    shutil.copytree(SCHEMA_1 / "recovery", root / "recovery")
    op.run("recovery", runs=root, progress=False, n_samples=6, dimension=3)
    return root


def test_what_is_written_has_the_first_spelling_and_what_is_shown_today_s(root):
    for path in (root / "recovery").iterdir():
        stored = json.loads((path / "config.json").read_text())["config"]
        assert "dimension" in stored
        assert "input_dim" not in stored
        config = read_run(path).config
        assert "dimension" not in config
        assert config["input_dim"] == config["dimension"] == stored["dimension"]
    (new,) = (p for p in (root / "recovery").iterdir() if read_run(p).verified)
    hashed = json.loads((new / "status.json").read_text())["hashed"]
    assert hashed == {"n_samples": 6, "dimension": 3}


def test_a_table_merges_runs_of_both_spellings(root):
    frame = gather(root, study="recovery").frame
    assert sorted(frame["input_dim"]) == [2, 3]
    assert frame["input_dim"].dtype == pl.Int64
    assert "dimension" not in frame.columns


def test_runs_are_chosen_and_drawn_by_either_spelling(root, tmp_path):
    runs = op.open(root)
    assert len(runs.where(dimension=3)) == len(runs.where(input_dim=3)) == 1
    page = ["--by", "dimension", "--out", str(tmp_path / "page.html")]
    assert run_command(["report", str(root), *page]) == 0
    gathered = gather(root, study="recovery", metrics="records")
    column = next(n for n, kind in gathered.frame.schema.items() if kind.is_float())
    figure, _ = draw_records(gathered, x="dimension", y=column, by=["dimension"])
    assert figure.axes[0].get_xlabel() == "input dim"
    # Both spellings of one column, and the column that tells runs apart, are colours.
    twice = ["dimension", "input_dim"]
    assert draw_records(gathered, x="dimension", y=column, by=twice)
    assert draw_records(gathered, x="dimension", y=column, by=["path"])


def test_what_was_kept_is_found_by_what_was_said_first(tmp_path):
    """A config says all, and a run is found, stored and chosen by either spelling."""
    small = {"input_dim": 2, "n_outputs": 1, "teacher_width": 1, "width": 2}
    small |= {"samples_per_epoch": 10, "epochs": 3, "halve_every": None}
    run = op.run("planted", runs=tmp_path, progress=False, snapshot_every=2, **small)
    again = op.run("planted", runs=tmp_path, progress=False, keep="every 2", **small)
    assert run.stored.path == again.stored.path
    stored = json.loads((run.stored.path / "config.json").read_text())["config"]
    assert stored["snapshot_every"] == 2
    assert "keep" not in stored
    assert run.config["keep"] == "every 2"
    runs = op.open(tmp_path)
    assert len(runs.where(snapshot_every=2)) == len(runs.where(keep="every 2")) == 1
    assert not runs.where(snapshot_every=3)
    both = op.sweep(
        "planted", runs=tmp_path, progress=False, snapshot_every=[2, 3], **small
    )
    assert [each.config["keep"] for each in both] == ["every 2", "every 3"]
    listed = op.run("planted", runs=tmp_path, progress=False, keep="1,2", **small)
    stored = json.loads((listed.stored.path / "config.json").read_text())["config"]
    assert stored["keep"] == "1,2"
    assert "snapshot_every" not in stored


@pytest.mark.parametrize(
    ("study", "stored", "keep"),
    [
        ("planted", {"snapshot_every": 2, "keep": ""}, "every 2"),
        ("planted", {"snapshot_every": None, "keep": "5,10"}, "5,10"),
        ("features", {"keep": "", "keep_epochs": [5, 10]}, "5,10"),
        ("features", {"keep": "3", "keep_epochs": []}, "3"),
        ("features", {"keep_epochs": []}, ""),
        ("timescales", {"snapshots": 101, "keep": ""}, "101"),
        ("timescales", {"snapshots": 101, "keep": "5,10"}, "5,10"),
    ],
)
def test_a_file_may_hold_both_of_two_fields_that_are_one(study, stored, keep):
    firsts = spellings_of_study(study)
    assert as_spelled(stored, firsts, stored=True) == {"keep": keep}
