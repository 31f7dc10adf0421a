"""What is made of stored runs: nothing under a name of another, nothing from damage."""

import json
import shutil
import sys
from pathlib import Path

import polars as pl
import pytest

from overparam.analysis.balance.options import BalanceOptions
from overparam.cli.main import run_command
from overparam.cli.verbs import analyse
from overparam.errors import StoreError
from overparam.running.analysing import analyse_runs
from overparam.store import read_run


SCHEMA_1 = Path(__file__).parents[1] / "store" / "schema_1"


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Two finished runs and one that was cut off, of an older version."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OVERPARAM_RUNS", "runs")
    return Path(shutil.copytree(SCHEMA_1, tmp_path / "runs"))


def the(runs, study):
    (path,) = (path.parent for path in runs.glob(f"{study}/*/status.json"))
    return path


def folders(runs, analysis):
    return sorted((runs / "analyses" / analysis).iterdir())


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_terminal_shows_the_first_rows_and_names_the_file(runs, capsys, monkeypatch):
    run = the(runs, "planted")
    capsys.readouterr()
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(analyse, "ROWS_OF_A_TERMINAL", 1)
    assert run_command(["analyse", run.name, "balance"]) == 0
    said = capsys.readouterr().err
    folder = folders(runs, "balance")[0].relative_to(runs)
    assert f" rows more are in runs/{folder}/neurons.csv" in said


def test_all_cuts_long_tables_in_a_pipe_too(runs, capsys, monkeypatch):
    """The answers of many analyses are read one after the other."""
    run = the(runs, "planted")
    monkeypatch.setattr(analyse, "ROWS_OF_A_TERMINAL", 1)
    assert run_command(["analyse", run.name, "balance"]) == 0
    whole = capsys.readouterr().out
    only = {"balance": None}
    monkeypatch.setattr(analyse, "refusals", lambda subjects: only)
    assert run_command(["analyse", run.name, "all"]) == 0
    cut, told = capsys.readouterr()
    *_, first, _, last = whole.splitlines()
    assert first in cut
    assert last not in cut
    assert " rows more are in " in told


def test_an_analysis_with_other_options_lies_elsewhere(runs, capsys):
    run = the(runs, "planted")
    assert run_command(["analyse", run.name, "surplus"]) == 0
    (one,) = folders(runs, "surplus")
    before = contents(one)
    assert run_command(["analyse", run.name, "surplus", "--slack", "0.5"]) == 0
    assert len(folders(runs, "surplus")) == 2
    assert contents(one) == before
    # The same question finds its folder.
    assert run_command(["analyse", run.name, "surplus"]) == 0
    assert len(folders(runs, "surplus")) == 2
    asked = json.loads((one / "analysis.json").read_text())
    assert asked["schema"] == 2
    assert asked["analysis"] == "surplus"
    assert [each["run"] for each in asked["runs"]] == [f"planted/{run.name}"]
    assert asked["options"]["slack"] in (0.1, 0.5)


def test_a_damaged_run_of_many_is_left_out_with_a_word(runs, capsys):
    run = the(runs, "planted")
    shutil.copytree(run, run.with_name(".hidden"))
    (run / "status.json").write_text("[]")
    assert run_command(["table", "runs"]) == 0
    told = capsys.readouterr().err
    assert "`status.json` is not valid" in told
    assert ".hidden` is no run" in told
    assert "1 of these runs is unverified" in told


def test_a_name_that_is_not_utf_8_or_has_control_characters_is_escaped(runs, capfd):
    name = b"\xff\x1b[31m\n".decode(errors="surrogateescape")
    shutil.copytree(the(runs, "planted"), runs / "planted" / name)
    assert run_command(["table", "runs"]) == 0
    told = capfd.readouterr().err
    assert r"\udcff\x1b[31m\n` is no run" in told


def test_a_folder_of_runs_that_is_not_utf_8_is_read(runs, capfd):
    folder = Path(b"caf\xe9".decode(errors="surrogateescape"))
    runs.rename(folder)
    run = the(folder, "planted")
    for command in (
        ["table", str(folder), "--out", "table.csv"],
        ["report", str(folder)],
        ["plot", str(folder), "--study", "planted", "--y", "risk"],
        ["compare", str(run), str(the(folder, "recovery"))],
        ["analyse", str(run), "surplus", "--runs", str(folder)],
    ):
        assert run_command(command) == 0, (command, capfd.readouterr().err)
    assert r"caf\udce9" in pl.read_csv("table.csv")["path"][0]


@pytest.mark.parametrize(
    "line",
    [
        "table {}",
        "table {} --study planted",
        "report {}",
        "watch {}",
        "plot {} --study planted",
        "export {} --to tensorboard --out there",
        "analyse {} tails",
        "analyse {} compare",
        "pack {}",
    ],
)
@pytest.mark.parametrize("inside", ["runs/planted", "{}/runs/planted"])
def test_a_study_s_folder_names_the_folder_above_it(runs, capsys, line, inside):
    folder = inside.format(Path.cwd())
    assert run_command(line.format(folder).split()) != 0
    (said,) = capsys.readouterr().err.splitlines()
    above = inside.removesuffix("/planted").format(Path.cwd())
    assert f"name the folder of all runs above it, `{above}`" in said


def test_a_folder_of_runs_is_no_run_of_another_folder(runs, capsys):
    assert run_command(["analyse", "runs", "tails"]) == 2
    said = capsys.readouterr().err
    assert "`runs` is a folder of runs, and this takes single ones" in said
    assert "id that starts with" not in said


def test_the_defaults_of_plot_and_report_are_a_file_for_each_question(runs):
    for y in ("risk", "loss"):
        command = ["plot", "runs", "--study", "planted", "--y", y]
        assert run_command(command) == 0
    for study in ("planted", "recovery"):
        assert run_command(["report", "runs", "--study", study]) == 0
    assert run_command(["report", "runs"]) == 0
    written = {path.name for path in Path().iterdir() if path.is_file()}
    assert written == {
        "planted-risk-over-step.png",
        "planted-risk-over-step.svg",
        "planted-loss-over-step.png",
        "planted-loss-over-step.svg",
        "report-planted.html",
        "report-recovery.html",
        "report.html",
    }


def test_a_report_names_the_run_whose_records_are_damaged(runs, capsys):
    run = the(runs, "planted")
    (run / "metrics.parquet").write_bytes(b"PAR1")
    assert run_command(["report", "runs"]) == 0
    page = Path("report.html").read_text()
    left_out = page[page.index("Left out") :]
    assert run.name in left_out
    assert "metrics.parquet" in left_out
    assert "left out: 2 unfinished or damaged" in capsys.readouterr().err


@pytest.mark.parametrize("where", ["runs", "a file"])
def test_an_analysis_that_cannot_be_written_is_one_sentence(
    runs, capsys, monkeypatch, where
):
    run = the(runs, "planted")
    if where == "a file":
        (runs / "analyses").write_text("not a folder")
    else:

        def refuse(*_, **__):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "mkdir", refuse)
    assert run_command(["analyse", run.name, "surplus"]) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("overparam: `")
    assert "cannot be written" in last


REPRODUCTION = ["reproduce", "planted-livni", "--scale", "smoke"]


@pytest.mark.parametrize("file", ["metrics.parquet", "status.json", "config.json"])
def test_a_reproduction_refuses_a_damaged_run_and_keeps_its_claims(
    tmp_path, monkeypatch, capsys, file
):
    monkeypatch.setenv("OVERPARAM_RUNS", str(tmp_path))
    monkeypatch.setattr(
        "overparam.cli.verbs.reproduce.reproduction", lambda name: tiny()
    )
    for missing in (2, 0):
        assert run_command([*REPRODUCTION, "--dry-run"]) == 0
        told = capsys.readouterr().err
        assert told.startswith(f"2 runs, {missing} of them not stored yet;")
        assert run_command(REPRODUCTION) == 0
        capsys.readouterr()
    folder = tmp_path / "reproductions" / "planted-livni" / "smoke"
    before = contents(folder)
    assert "claims.json" in before
    run = sorted(tmp_path.glob("planted/*"))[0]
    content = (run / file).read_bytes()
    middle = len(content) // 2
    changed = bytes([content[middle] ^ 1])
    (run / file).write_bytes(content[:middle] + changed + content[middle + 1 :])
    with pytest.raises(Exception, match=run.name):
        read_run(run).metrics.height  # noqa: B018
    capsys.readouterr()
    assert run_command(REPRODUCTION) in (1, 4)
    told = capsys.readouterr()
    assert run.name in told.out + told.err
    assert "Warning" not in told.err
    assert contents(folder) == before


def tiny():
    """A reproduction of two small runs."""
    from overparam import Claim, Reproduction

    small = {
        "input_dim": 3,
        "n_outputs": 1,
        "teacher_width": 2,
        "width": 3,
        "epochs": 1,
        "samples_per_epoch": 20,
    }

    def claims(results):
        height = str(results.records.height)
        return [Claim(sentence="It ran.", published="-", measured=height, holds=True)]

    return Reproduction(
        title="Two runs",
        source="ours",
        study="planted",
        grid=lambda scale: [small | {"seed": seed} for seed in (0, 1)],
        figures=lambda results: {},
        tables=lambda results: {"runs": results.runs.select("seed", "risk")},
        claims=claims,
    )


@pytest.mark.parametrize(
    ("line", "code", "sentence"),
    [
        ("report runs --by widht", 2, "There is no config field 'widht'"),
        ("table runs --study plantde", 2, "'plantde', did you mean `planted`?"),
        ("watch runs --once --best nothing", 0, "no summary of a number 'nothing'. V"),
    ],
)
def test_a_name_that_nothing_has_is_said(runs, capsys, line, code, sentence):
    assert run_command(line.split()) == code
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    "line",
    [
        "table runs",
        "plot runs --study planted --y risk",
        "compare {planted} {recovery}",
        "analyse {planted} surplus",
        "export runs --to tensorboard --out exported",
    ],
)
def test_what_is_made_of_unverified_runs_says_so(runs, capsys, line):
    names = {name: the(runs, name).name for name in ("planted", "recovery")}
    assert run_command(line.format(**names).split()) == 0
    assert "unverified: in schema 1" in capsys.readouterr().err


def test_an_export_without_the_damaged_runs_says_so_with_its_code(runs, capsys):
    (the(runs, "planted") / "summary.json").write_text("{}")
    assert (
        run_command(["export", "runs", "--to", "tensorboard", "--out", "exported"]) == 1
    )
    told = capsys.readouterr().err.splitlines()
    assert told[-1] == "overparam: Left out for damage: 1 of the runs."


def test_what_applies_to_a_run_is_listed_and_done(runs, capsys):
    run = the(runs, "planted")
    capsys.readouterr()
    assert run_command(["analyse", run.name, "--json"]) == 0
    refused = json.loads(capsys.readouterr().out)
    applies = {name for name, why in refused.items() if why is None}
    assert {"balance", "surplus", "prune", "resample"} <= applies
    assert refused["compare"] == "It takes at least 2 runs."
    assert all(why is None or why.endswith(".") for why in refused.values())
    assert run_command(["analyse", run.name]) == 0
    assert "It takes at least 2 runs." in capsys.readouterr().out


def test_all_does_what_applies_and_tells_of_what_fails(runs, capsys, monkeypatch):
    run = the(runs, "planted")

    def balanced(name, stored, options, progress):
        if name == "surplus":
            raise StoreError("The surplus is lost.")
        return analyse_runs("balance", stored, BalanceOptions(), progress)

    monkeypatch.setattr(analyse, "analyse_runs", balanced)
    capsys.readouterr()
    assert run_command(["analyse", run.name, "all", "--json"]) == StoreError.exit_code
    captured = capsys.readouterr()
    assert {"balance", "hessian", "prune"} <= set(json.loads(captured.out))
    assert "surplus: The surplus is lost." in captured.err
    assert "compare does not apply: It takes at least 2 runs." in captured.err
