"""The command line: exit codes, one sentence per mistake, quick help."""

import json
import re
import subprocess
import sys

import pytest

from overparam.cli.main import VERBS, run_command
from overparam.cli.options import read
from overparam.reproductions.registry import costs
from overparam.studies.registry import study


SMALL = ["--input-dim", "8", "--teacher-width", "2", "--n-outputs", "2", "--width", "4"]
SMALL += ["--samples-per-epoch", "200", "--epochs", "2"]


@pytest.fixture
def runs(tmp_path, monkeypatch):
    monkeypatch.setenv("OVERPARAM_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def complaint(capsys, *argv: str) -> tuple[int, str]:
    code = run_command(argv)
    error = capsys.readouterr().err
    assert error.startswith("overparam: ")
    assert error.count("\n") == 1
    return code, error


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb, capsys):
    try:
        code = run_command([verb, "--help"])
    except SystemExit as stop:
        code = stop.code
    assert code == 0
    assert "usage: overparam" in capsys.readouterr().out


def test_names_to_cite_fit_into_the_terminal(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    assert run_command(["cite", "--help"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 40


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["import"], "[PATH ...]"),
        (["run", "heavy-tails"], "--standardise-inputs {true,false,none}"),
        (["run", "heavy-tails"], "--n-train INT|none"),
        (["run", "features"], "--ridge FLOAT|none"),
        (["analyse", "3f2a", "resample"], "--n-features INT ..."),
        (["analyse", "3f2a", "resample"], "--dataset STR|none"),
        (["analyse", "3f2a", "resample"], "resample options"),
    ],
)
def test_help_shows_values_as_a_person_writes_them(words, shown, capsys):
    assert run_command([*words, "--help"]) == 0
    printed = capsys.readouterr().out
    assert shown in printed
    assert "None" not in printed
    assert "[[" not in printed


@pytest.mark.parametrize(
    "arguments", [["--help"], ["run", "planted", "--help"], ["sweep", "--help"]]
)
def test_help_imports_nothing_heavy(arguments):
    script = (
        "import sys\n"
        "from overparam.cli.main import run_command\n"
        "try:\n"
        f"    run_command({arguments!r})\n"
        "except SystemExit:\n"
        "    pass\n"
        "heavy = {'jax', 'numpy', 'polars', 'matplotlib', 'scipy'} & set(sys.modules)\n"
        "sys.exit(f'imported {sorted(heavy)}' if heavy else 0)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--width", "0", "`width` must be at least 1, got 0."),
        ("--learning-rate", "-0.1", "`learning_rate` must be a positive finite number"),
        ("--learning-rate", "nan", "`learning_rate` must be a positive finite number"),
        ("--batch-size", "30", "got 10000 and 30; nearest are 9990 and 10020."),
        ("--init-scale", "-1", "`init_scale` must be at least 0, got -1.0."),
        ("--halve-every", "0", "at least 1 epoch, got 0; use `none` for a constant"),
        ("--stop-below", "-1e-06", "`stop_below` must be at least 0, got -1e-06."),
    ],
)
def test_a_bad_value_is_one_sentence_and_code_2(runs, capsys, option, value, sentence):
    code, error = complaint(capsys, "run", "planted", f"{option}={value}")
    assert code == 2
    assert sentence in error
    assert not runs.exists()


@pytest.mark.parametrize(
    ("argv", "code", "sentence"),
    [
        (["fly"], 2, "There is no verb 'fly'"),
        (["runn"], 2, "did you mean `run`?"),
        (["RUN"], 2, "did you mean `run`?"),
        (["help"], 2, "did you mean `--help`?"),
        (["version"], 2, "did you mean `--version`?"),
        (["run", "plantd"], 2, "did you mean `planted`?"),
        (["run", "planted", "width=3"], 2, "write `--width 3`"),
        (["run", "planted", "widht=3"], 2, "write `--width 3`"),
        (["run", "planted", "tanh"], 2, "did you mean `--activation tanh`?"),
        (["run", "features", "mnist"], 2, "has no place in `overparam run features`"),
        (["run", "planted", "--wdith", "3"], 2, "did you mean `--width`?"),
        (["run", "features", "--dataset", "MNIST"], 2, "did you mean mnist?"),
        (["run", "lazy", "--no-lineraise"], 2, "did you mean `--no-linearise`?"),
        (["run", "timescales", "--limits", "x,ultra-fats"], 2, "mean ultra-fast?)"),
        (["table", "--fromat", "csv"], 2, "has no option '--fromat'. All are in"),
        (["table", "runs", "jsno"], 2, "did you mean `--json`?"),
        (["list", "studys"], 2, "did you mean studies?"),
        (["reproduce", "planted-width", "smok"], 2, "did you mean `--scale smoke`?"),
        (
            ["sweep", "planted", "--width", "3"],
            2,
            "as `width=VALUE,...`, got `--width`",
        ),
        (["plot", "runs"], 2, "needs `--study`: for example `overparam plot runs --st"),
        (["compare"], 2, "needs `ONE`: for example `overparam compare 3f2a 9b1c`."),
        (["new", "study"], 2, "for example `overparam new study my-study`."),
        (["analyse", "balance"], 2, "takes at least 1 run, got 0: write"),
        (["run", "nonsense"], 2, "of your own is there once `--with` loads its file"),
        (["run", "--force"], 2, "Name a study first"),
        (["reproduce"], 2, "Name a reproduction"),
        (
            ["reproduce", "recovery-phase", "--n-samples=3"],
            2,
            "`overparam sweep recovery n_samples=3`",
        ),
        (
            ["reproduce", "--width", "3", "planted-width"],
            2,
            "which `--scale` chooses; others are `overparam sweep planted width=",
        ),
        (["reproduce", "nonsense"], 2, "There is no reproduction 'nonsense'"),
        (["sweep"], 2, "Name a study and its values"),
        (["sweep", "planted", "wdith=3"], 2, "wdith"),
        (["sweep", "planted", "seed=5..1"], 2, "of 1 leads from 5 away from 1"),
        (["sweep", "planted", "width=three"], 2, "width"),
        (["sweep", "planted", "width=0..3"], 2, "`width` must be at least 1"),
        (["data", "fetch", "nonsense"], 2, "nonsense"),
        (["data", "shred"], 2, "Valid are: add, list, fetch"),
        (["analyse", "abc"], 1, "There is no folder of runs"),
        (["analyse", "--json"], 2, "Name a run: `overparam analyse RUN`"),
        (["analyse", "abc", "balanc"], 2, "did you mean `balance`?"),
        (["analyse", "balance", "abc"], 2, "write `overparam analyse abc balance`"),
        (["analyse", "abc", "balance"], 1, "There is no folder of runs"),
        (["cite", "nonsense"], 2, "There is no name to cite"),
        (["completion", "tcsh"], 2, "There is no shell 'tcsh'"),
        (["table", "no-such-folder"], 1, "no-such-folder"),
    ],
)
def test_bad_usage_is_one_sentence(runs, capsys, argv, code, sentence):
    found, error = complaint(capsys, *argv)
    assert sentence in error
    assert found == code


def test_a_switch_has_a_flag_for_either_value(capsys):
    """Of `--no-x` alone, help would say `(default: True)` of what sets it to false."""
    assert run_command(["run", "lazy", "--help"]) == 0
    assert "--linearise, --no-linearise" in capsys.readouterr().out
    kind = study("lazy").config_class()
    for flags, value in (
        ([], True),
        (["--linearise"], True),
        (["--no-linearise"], False),
        (["--no-linearise", "--linearise"], True),
        (["--no-linearise", "--linearise", "--no-linearise"], False),
    ):
        (config,) = read(flags, [kind], prog="overparam run lazy")
        assert config.linearise is value


def test_a_command_in_a_sentence_can_be_typed(tmp_path, capsys):
    """A path with a space is one word of the command that a sentence names."""
    folder = tmp_path / "of a sweep"
    grid = ["input_dim=4", "teacher_width=2", "width=2", "epochs=1"]
    grid += ["samples_per_epoch=10", "--runs", str(folder)]
    assert run_command(["sweep", "planted", *grid]) == 0
    assert f"`overparam table '{folder}'`" in capsys.readouterr().err
    for argv in (["analyse", "xyz"], ["analyse", str(folder), "hessian"]):
        run_command([*argv, "--runs", str(folder)])
        assert f"table '{folder}'`" in capsys.readouterr().err


def test_a_dry_run_tells_what_the_published_size_costs(tmp_path, capsys):
    command = ["reproduce", "planted-width", "--dry-run", "--runs", str(tmp_path)]
    assert run_command([*command, "--scale", "paper"]) == 0
    cost = costs()["planted-width"]
    told = capsys.readouterr().err
    assert f"All {cost['runs']} of them cost about" in told
    assert f"{cost['processor_hours']:g} processor hours" in told
    assert run_command([*command, "--scale", "smoke"]) == 0
    assert "hours" not in capsys.readouterr().err


def test_a_run_is_stored_once_and_forced_runs_get_their_own_folder(runs, capsys):
    command = ["run", "planted", *SMALL, "--json"]
    assert run_command(command) == 0
    first = json.loads(capsys.readouterr().out)
    assert run_command(command) == 0
    again = capsys.readouterr()
    assert json.loads(again.out) == first
    assert "stored before" in again.err
    assert run_command([*command, "--force"]) == 0
    forced = json.loads(capsys.readouterr().out)
    assert forced["run"] == first["run"] + ".2"
    assert forced["summary"] == first["summary"]


def test_sweep_table_plot_and_describe(runs, capsys, tmp_path):
    fixed = ["input_dim=8", "teacher_width=2", "n_outputs=2", "epochs=2"]
    grid = ["width=2,4", "seed=0..1", "samples_per_epoch=200"]
    assert run_command(["sweep", "planted", *fixed, *grid]) == 0
    assert "4 runs (0 stored before)" in capsys.readouterr().err
    assert run_command(["sweep", "planted", *fixed, *grid]) == 0
    assert "4 runs (4 stored before)" in capsys.readouterr().err
    assert run_command(["table", str(runs), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert sorted((r["width"], r["seed"]) for r in rows) == [
        (2, 0),
        (2, 1),
        (4, 0),
        (4, 1),
    ]
    figure = str(tmp_path / "figure")
    command = [
        "plot",
        str(runs),
        "--study",
        "planted",
        "--by",
        "width",
        "--out",
        figure,
    ]
    assert run_command(command) == 0
    assert (tmp_path / "figure.png").stat().st_size > 1000
    assert run_command([*command, "--y", "nonsense"]) == 2
    assert run_command(["describe", "planted", *SMALL, "--json"]) == 0


def test_a_sweep_with_a_failing_run_finishes_the_others_with_code_4(
    runs, capsys, monkeypatch
):
    from overparam.studies.planted import run as planted

    def explode(config):
        raise RuntimeError("boom")

    problem = planted.Problem.of
    monkeypatch.setattr(
        planted.Problem, "of", lambda c: explode(c) if c.seed == 1 else problem(c)
    )
    fixed = ["input_dim=8", "teacher_width=2", "n_outputs=2", "epochs=1", "width=3"]
    command = ["sweep", "planted", *fixed, "samples_per_epoch=200", "seed=0..2"]
    assert run_command(command) == 4
    out = capsys.readouterr()
    assert "2 finished" in out.err
    assert "boom" in out.out
    # The fields that were said, not all of them.
    row = out.out.split("\n", 2)[2]
    assert set(re.findall(r"(\w+)=", row)) == {f.split("=")[0] for f in command[2:]}
    assert "\noverparam: 1 of 3 runs failed: " in out.err
    monkeypatch.undo()
    monkeypatch.setenv("OVERPARAM_RUNS", str(runs))
    assert run_command(command) == 0
    assert "3 runs (2 stored before)" in capsys.readouterr().err


def test_what_is_listed_can_be_chosen(capsys):
    assert run_command(["list", "analyses", "studies", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)) == ["analysis", "study"]


def test_list_doctor_cite_and_completion_print(capsys):
    for argv in (["list", "--json"], ["doctor", "--json"]):
        assert run_command(argv) == 0
        assert json.loads(capsys.readouterr().out)
    assert run_command(["cite", "planted"]) == 0
    assert "1410.1141" in capsys.readouterr().out
    assert run_command(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def test_a_missing_data_file_is_code_3(tmp_path, capsys, monkeypatch):
    code, error = complaint(
        capsys, "data", "verify", "mnist", "--folder", str(tmp_path)
    )
    assert code == 3
    assert "missing" in error


def test_a_terminal_shows_both_runs_of_a_comparison(runs, capsys, monkeypatch):
    for seed in "01":
        assert run_command(["run", "planted", *SMALL, "--seed", seed]) == 0
    ids = [path.name for path in runs.glob("planted/*")]
    capsys.readouterr()
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    assert run_command(["compare", *ids]) == 0
    out = capsys.readouterr().out
    assert out.count(ids[0]) == out.count(ids[1]) > 0
    assert max(map(len, out.splitlines())) <= 80


def test_watch_and_compare_tell_of_stored_runs(runs, capsys):
    fixed = ["input_dim=8", "teacher_width=2", "n_outputs=2", "epochs=1", "width=3"]
    grid = ["samples_per_epoch=200", "seed=0..1"]
    assert run_command(["sweep", "planted", *fixed, *grid]) == 0
    capsys.readouterr()
    assert run_command(["watch", str(runs), "--best", "risk", "--once"]) == 0
    assert "2 of 2 done, 0 running" in capsys.readouterr().out
    ids = [path.name for path in sorted((runs / "planted").iterdir())]
    assert run_command(["compare", *ids, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [d["name"] for d in found["config"]] == ["seed"]
    assert run_command(["compare", ids[0], ids[0]]) == 2
    assert "name two runs" in capsys.readouterr().err
    assert run_command(["run", "planted", *SMALL]) == 0
    assert run_command(["run", "planted", *SMALL, "--force"]) == 0
    (again,) = (runs / "planted").glob("*.2")
    assert run_command(["compare", again.name, str(again.with_suffix(""))]) == 0
    assert "the same to the last bit" in capsys.readouterr().err


def test_text_that_is_not_utf_8_is_said_to_be_none(runs, capsys):
    code, error = complaint(capsys, "data", "add", "mine", "caf\udce9.npz")
    assert code == 2
    assert "must be text in UTF-8, got" in error
    assert "values such as" not in error
