"""Published commands as ours: each is one that our parsers and configs take."""

import contextlib
import dataclasses
import importlib
import json
import re
import shlex
from pathlib import Path

import pytest

from overparam.cli.main import run_command
from overparam.cli.options import read
from overparam.cli.verbs import sweep
from overparam.cli.verbs.run import parse_run
from overparam.errors import ConfigError
from overparam.reproductions.features import notes
from overparam.reproductions.features.notes import ROWS, fields_of
from overparam.reproductions.registry import REPRODUCTIONS
from overparam.store import run_id
from overparam.store.identity import option_words
from overparam.studies.features.config import Features
from overparam.studies.presets import defaults_of
from overparam.studies.registry import STUDIES, defaults, study
from overparam.studies.translating import row, rows, translate
from overparam.sweeping.grid import grid


PAGES = Path(__file__).parents[2] / "docs" / "how-to"
EVERY = [(name, key) for name in STUDIES for key in rows(name)]
SINGLE = [
    (name, key) for name, key in EVERY if rows(name)[key][0].verb in ("run", "describe")
]


def settings_of(command):
    """What our own parsers make of a command of ours."""
    program, verb, *words = shlex.split(command, comments=True)
    assert program == "overparam"
    forms = importlib.import_module(f"overparam.cli.verbs.{verb}").forms()
    if verb in ("run", "describe"):
        return parse_run(verb, words)[1][:1]
    if verb == "sweep":
        kind = study(words[0]).config_class()
        return [kind(**setting) for setting in grid(words[1:], kind)]
    if verb == "analyse":
        assert words[0] in ("RUN", "runs/heavy-tails")
        return read(words[2:], forms[words[1]], prog="overparam")[:1]
    assert verb == "reproduce"
    assert words[0] in REPRODUCTIONS
    return read(words, forms[words[0]], prog="overparam")[:1]


def translated(line):
    (found,) = translate(line)
    return found


@pytest.mark.parametrize(("name", "key"), EVERY)
def test_every_published_command_is_one_that_our_parsers_take(name, key):
    assert settings_of(row(name, key).command)


@pytest.mark.parametrize(("name", "key"), EVERY)
def test_a_pasted_row_is_its_row(name, key):
    named = row(name, key)
    pasted = {each.command for each in translate(rows(name)[key][1].line)}
    assert named.command in pasted


def test_what_one_must_know_of_a_row_is_told_wherever_it_is_named():
    """Of a pasted line, of a row that is run, and of one that is no single run."""
    line = rows("features")["22"][1].line
    assert any("`--first-all 4`" in says for says in translate(line)[0].says)
    with pytest.raises(ConfigError, match=r"`overparam analyse .*`\. RUN is .* row 17"):
        parse_run("run", ["features", "--as-published", "18"])


def test_a_run_of_a_row_tells_what_differs(capsys, tmp_path):
    small = ["--dataset", "digits", "--width", "8", "--epochs", "5"]
    small += ["--runs", str(tmp_path)]
    assert run_command(["run", "features", "--as-published", "25", *small]) == 0
    told = capsys.readouterr().err
    for sentence in row("features", "25").says:
        assert f"note: {sentence}" in told


def test_names_of_rows_are_unique():
    for name in STUDIES:
        keys = [key for p in STUDIES[name].published for key in p.rows]
        assert len(keys) == len(set(keys))


def test_a_row_is_a_preset_that_flags_override():
    for name, key in SINGLE:
        verb = rows(name)[key][0].verb
        config = parse_run(verb, [name, "--as-published", key])[1][0]
        assert [config] == settings_of(row(name, key).command)
    config = parse_run("run", ["features", "--as-published=25", "--epochs", "9"])[1][0]
    assert (config.epochs, config.first_all, config.width) == (9, 4, 1000)


@pytest.mark.parametrize("published", ROWS, ids=lambda r: r.numbers)
def test_the_notes_are_those_of_the_reproduction(published):
    fields = dict(fields_of(published, "paper"))
    fields.pop("keep", None)
    if fields.get("first_all"):
        fields["epochs_include_first"] = True
    elif fields.get("train") == "readout":
        # The penalty of layers that are frozen has no effect.
        fields.pop("feature_penalty", None)
    for key in published.numbers.split(", "):
        config = parse_run("run", ["features", "--as-published", key])[1][0]
        if key == "22":
            # Its command has no `--first_train 1`, which its text has.
            line = ["features", "--as-published", key, "--first-all", "4"]
            config = parse_run("run", line)[1][0]
        elif config.train == "readout" and not config.first_all:
            config = dataclasses.replace(config, feature_penalty=1e-3)
        assert config == Features(**fields)


def test_the_notes_draw_from_the_published_epochs():
    """The folders of the notes count from 0, our epochs from 1."""
    drawn = [(each, ten) for each in ROWS for ten in each.draws if ten.epoch]
    assert len(drawn) == 4
    for source, ten in drawn:
        assert row("features", ten.number).given["epoch"] == ten.epoch
        assert notes._epoch(source, ten, "paper") == ten.epoch
    # Of 20 epochs the nearest one before it that is kept, or the end.
    laptop = [notes._epoch(source, ten, "laptop") for source, ten in drawn]
    assert laptop == [None, 3, None, None]


PASTED = {
    "cd VarPro_ReLU_1d && python Experiment.py --seed 0 --epochs 32000 --lmbda 1e-3 "
    "--student_width 1024": "overparam run timescales --width 1024 --centre 0.0 "
    "--n-steps 32000",
    "python VarPro_convolution_2d/Experiment.py --epochs 32000 --student_width 32 "
    "--lmbda=1e-2 --gamma -1 -N 1024": "overparam run timescales --problem torus "
    "--width 32 --n-samples 1024 --gamma inf --penalty 0.01 --centre 0.0 "
    "--n-steps 32000",
    "CUDA_VISIBLE_DEVICES=0 python3 -u main.py -b 50 --convergence_accuracy=90 \\\n"
    "  --iterate_noise 3": "overparam run heavy-tails --dataset mnist --width 100 "
    "--learning-rate 0.1 --batch-size 50 --n-steps 100001 --evaluate-every 200 "
    "--target-train-accuracy 0.9 --noise isotropic --alpha 1.9 --sigma 1.0 "
    "--isotropic-scale reference",
    "main.py --model vgg11_wide --dataset cifar10 --iterate_noise 1": "overparam "
    "run heavy-tails --dataset cifar-10 --network vgg11-wide --width 100 "
    "--learning-rate 0.1 --batch-size 100 --n-steps 100001 --evaluate-every 200 "
    "--alpha 1.9 --sigma 1.0 --noise-unit kernel",
    "python analyze.py -t filter -c parameter_ratio": "overparam analyse RUN prune "
    "--errors",
    "irr_cond_normal.py --n 20 --d 10 --sample 1 --neu 3": "overparam sweep recovery "
    "network=normalised method=condition n_samples=10..20..10 n_patterns=50 "
    "input_dim=10 n_planted=3",
    "mnist_train.py --num_hidden 10,10 --load_weight_dir ../w/mnist-1000/epoch3": (
        "overparam analyse RUN resample --n-features 10 --sampling squared --n-fit "
        "55000 --readout adam --epochs 1000 --epoch 4 --seed 1234"
    ),
    "mnist_train.py --num_hidden 10,10 --load w/mnist-1000/init --decay 0.95": (
        "overparam analyse RUN resample --n-features 10 --sampling squared --n-fit "
        "55000 --readout adam --epochs 1000 --epoch 0 --seed 1234"
    ),
    "python CIFAR10_Shampoo.py -bs 64 -e 100": "overparam run images --dynamics "
    "shampoo --readout running --penalty 0.01 --time-step 0.001 --shampoo "
    "torch-optimizer --batch-size 64 --epochs 100 --final-epochs 10 --train-per-class "
    "none --test-per-class none",
    "CIFAR10_Shampoo.py -l 1e-3 -bs 64 -ts 1e-2 -m 0.9 -e 100": "overparam run images "
    "--dynamics shampoo --readout running --shampoo torch-optimizer --batch-size 64 "
    "--epochs 100 --final-epochs 10 --train-per-class none --test-per-class none",
    "python Experiment.py --TwoTS --epochs 9 --lmbda 1e-2 --student_width 32": (
        "overparam run timescales --width 32 --penalty 0.01 --dynamics two-timescale "
        "--n-steps 9"
    ),
    "python VarPro_ReLU_1d/Experiment.py --regularization 'biased' --epochs 9 "
    "--lmbda 1e-2 --student_width 32": "overparam run timescales --width 32 "
    "--penalty 0.01 --centre 0.0 --n-steps 9",
    "Experiment.py --TwoTS --reg biased --epochs 9 --student_width 32": "overparam run "
    "timescales --width 32 --centre 0.0 --dynamics two-timescale --n-steps 9",
    "VarPro_convolution_2d/Experiment.py -r unbiased --epochs 9 --student_width 32": (
        "overparam run timescales --problem torus --width 32 --n-steps 9"
    ),
    "python plt_phase.py": "overparam reproduce recovery-phase",
    # What the published program ran, and not what it was meant to run.
    "python minnrm_skip.py --optw 1 --optx 3 --n 10 --d 10 --sample 1": "overparam "
    "sweep recovery n_samples=10 input_dim=10 planted=smallest-singular design=cubic",
    "test_synth_ds(loader)": "overparam describe planted --teacher-seed 2019",
    "VarPro_ReLU_1d/Experiment.py --lmbda 1e-2 --lambda 9 --epochs 9 "
    "--student_width 8": (
        "overparam run timescales --width 8 --penalty 0.01 --centre 0.0 --n-steps 9"
    ),
    "train_single_layer_net(ds, 240, init_lr=0.1, batch_size=10)": "overparam run "
    "planted --width 240 --seed 1904 --teacher-seed 2019",
}


@pytest.mark.parametrize(("line", "ours"), PASTED.items())
def test_a_pasted_line_is_translated(line, ours):
    found = translated(line)
    assert found.command == ours
    assert settings_of(ours)


def test_a_file_of_several_folders_is_all_of_them(capsys):
    line = "python Experiment.py --epochs 32000 --lambda 1e-3 --student_width 32"
    assert run_command(["translate", line]) == 0
    told = capsys.readouterr()
    lines = told.out.splitlines()
    assert len(lines) == 5
    assert all(settings_of(each) for each in lines)
    assert "drops it unseen and needs `--lmbda`" in told.err
    assert "The published program needs" not in told.err


def test_a_file_of_several_folders_is_those_that_take_the_line():
    found = translate("python Experiment.py --epochs 9 --student_width 8 --gamma -1")
    assert [each.program.name.partition("/")[0] for each in found] == [
        "VarPro_convolution_2d",
        "VarPro_convolution_2d_unbiased",
    ]


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        ("run_experiment([60], [1e-3])", ["batch_sizes"]),
        ("train_single_layer_net(r=60)", ["ds", "init_lr"]),
        ("make_diffusion.py", ["--epochs"]),
        ("VarPro_ReLU_1d/Experiment.py --student_width 8 --epochs 9", ["--lmbda"]),
    ],
)
def test_what_the_published_program_needs_is_told(line, missing):
    needed = [says for says in translated(line).says if "needs" in says]
    assert [says.split("`")[1] for says in needed] == missing


@pytest.mark.parametrize(
    ("line", "about", "n_told"),
    [
        ("mnist_train.py --load_weight_dir a/init", "Steps shrink", 1),
        ("mnist_train.py --load_weight_dir a/init --decay 0.95", "Steps shrink", 1),
        ("mnist_train.py --load_weight_dir a/init --decay 1.0", "Steps shrink", 0),
        ("mnist_train.py --first_train 1", "first 4 of the epochs", 1),
        ("mnist_train.py --first_train 0", "first 4 of the epochs", 0),
        ("main.py", "noise", 0),
        ("main.py --iterate_noise 3", "noise lacks", 1),
        ("main.py --iterate_noise 3", "At index 2", 0),
        ("VarPro_ReLU_1d/Experiment.py -r biased", "ratio", 0),
        ("VarPro_ReLU_1d/Experiment.py -r biased --TwoTS", "ratio", 1),
    ],
)
def test_what_differs_is_told_where_it_does(line, about, n_told):
    says = translated(f"python {line}").says
    assert sum(about in sentence for sentence in says) == n_told
    assert all(sentence.split(": ")[-1] for sentence in says)


@pytest.mark.parametrize(("name", "key"), SINGLE)
def test_a_row_gives_nothing_that_does_not_act(name, key):
    """Runs that are the same have one id, which idle fields would change."""
    command = row(name, key).command
    assert ("--shampoo" in command) == ("--dynamics shampoo" in command)
    assert ("--isotropic-scale" in command) == ("--noise isotropic" in command)


def test_what_differs_is_told(capsys):
    line = "python main.py --iterations 500 --path x --dataset ecg5000"
    assert run_command(["translate", *line.split()]) == 0
    told = capsys.readouterr().err
    assert "one step more than it is told" in told
    assert "`--path` has no counterpart here" in told
    assert "five classes" in told
    assert run_command(["translate", "--json", "python CIFAR10_SGDM.py"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["command"].startswith("overparam run images --dynamics descent")
    assert any("needs `--batch_size`" in sentence for sentence in found["differs"])


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("python main.py --iterate_nois_scale 1", "mean `--iterate_noise_scale`"),
        ("python main.py --width", "`--width` of `main.py` needs a value"),
        ("python main.py --width wide", "`width` must be a whole number"),
        ("python main.py --dataset imagenet", "`--dataset` must be one of mnist"),
        ("python main.py --iterations 1e5", "`--iterations` cannot be '1e5'"),
        ("python main.py --inf=1", "`--iterate_noise_filter` of `main.py` takes no"),
        ("mnist_train.py --load_weight_dir a", "`--load_weight_dir` cannot be 'a'"),
        ("train_single_layer_net(f(9), 60, 0.1)", "`ds` must be a name, got 'f(9)'"),
        ("python main.py 7", "'7' has no place in `main.py`"),
        ("python analyze.py -c both", "`--pruning_criterion` cannot be 'both'"),
        ("python maim.py", "did you mean `main.py`?"),
        ("python main.py --lr '0.1", "is no command line"),
        ("python main.py; rm -rf x", "a line of a shell"),
        ("python main.py --width 9 &> log.txt", "a line of a shell"),
        ("python main.py --width 9 2>&1 | tee log.txt", "a line of a shell"),
        ("ls", "names no Python file"),
        ("", "names no Python file"),
        ("run_experiment([60], [0.1]", "is no call of a function"),
        ("run_experiment(epochs=)", "give a published one, such as `run_experiment("),
        (
            "mnist_train.py --num_hidden 9,9,10",
            "it takes the width of one hidden layer",
        ),
        ("run_experiment(rates=[60])", "There is no argument of `run_experiment()`"),
        ("run_experiment(1, 2, 3, 4, 5, 6)", "takes no argument '6'"),
        ("open('x', 'w')", "There is no published program 'open()'"),
        ("run_experiment(open('x', 'w'))", "`width` must be a whole number"),
        ("python rec_rate_skip.py --n 5", "`--n` cannot be '5'"),
        ("python minnrm_skip.py --optx 2", "whitened data is not defined"),
        ("mnist_train.py --epochs 3", "did you mean `--num_epoches`?"),
        ("python prob.py", "isometry.cluster_probability` of Python"),
        ("SingleLayerNet(10, 2, 3)", "`overparam.two_layer` of Python"),
        ("python foo.py", " mnist_train.py, main.py,"),
    ],
)
def test_what_cannot_be_translated_is_one_sentence(
    line, sentence, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert run_command(["translate", line]) == 2
    told = capsys.readouterr()
    assert sentence in told.err
    assert "Traceback" not in told.err
    assert not told.out
    assert not list(tmp_path.iterdir())


OFFERED = [(v, n, k) for v in ("run", "describe", "sweep") for n, k in EVERY]


@pytest.mark.parametrize(("verb", "name", "key"), OFFERED)
def test_a_row_is_done_by_every_verb_that_offers_it(verb, name, key, capsys):
    line = [name, "--as-published", key]
    if key not in rows(name, verb):
        line += ["--dry-run"] if verb == "sweep" else []
        assert run_command([verb, *line]) == 2
        told = capsys.readouterr().err
        command = re.search("`(overparam .*?)`", told)
        assert command is not None
        assert settings_of(command[1]) == settings_of(row(name, key).command)
    elif verb == "sweep":
        kind = study(name).config_class()
        made = [kind(**each) for each in sweep._settings([name], key)[1]]
        assert made == settings_of(row(name, key).command)
    else:
        parse_run(verb, line)


@pytest.mark.parametrize(
    ("line", "changes"),
    [
        ("recovery --as-published rec-rate-skip", {"n_samples": 20}),
        ("recovery --as-published rec-rate-skip", {"penalty": 0.5, "fit": "penalised"}),
        ("planted --as-published c", {"width": 3, "keep": "1,2"}),
        ("planted --as-published a", {"width": 3}),
        ("features --as-published 18", {"epochs": 7, "seed": 5}),
    ],
)
def test_a_refused_row_is_told_with_what_was_changed(line, changes):
    name, *rest = line.split()
    words = option_words(changes, {})
    with pytest.raises(ConfigError, match="no single run here but") as refused:
        parse_run("run", [name, *rest, *words, "--runs", "my runs"])
    command = re.search("`(overparam .*?)`", str(refused.value))
    assert command is not None
    words = shlex.split(command[1])
    assert words[-2:] == ["--runs", "my runs"]
    for made in settings_of(shlex.join(words[:-2])):
        assert changes.items() <= dataclasses.asdict(made).items()


def test_what_a_row_has_no_place_for_is_told():
    line = ["features", "--as-published", "18", "--width", "9", "--force"]
    with pytest.raises(ConfigError, match="That leaves out `width`, `force`"):
        parse_run("run", line)


def test_a_sweep_goes_over_the_settings_of_a_row():
    """The same grid as by hand, with the values given in the place of the row's own."""
    own = sweep._settings(["features", "seed=0,1", "epochs=9"], "25")[1]
    made = [Features(**fields) for fields in own]
    one = parse_run("run", ["features", "--as-published", "25", "--epochs", "9"])[1][0]
    assert made == [dataclasses.replace(one, seed=seed) for seed in (0, 1)]
    # What `depends` settles is asked of each run: no first epochs where all train.
    own = sweep._settings(["features", "train=all,readout"], "25")[1]
    assert [fields["first_all"] for fields in own] == [0, 4]
    own = sweep._settings(["recovery", "n_samples=20", "dimension=5"], "minnrm-skip")[1]
    assert {(f["n_samples"], f["input_dim"]) for f in own} == {(20, 5)}
    assert len(own) == 5


def test_a_row_that_there_is_not_is_told_with_those_that_there_are(capsys):
    assert run_command(["run", "features", "--as-published", "99"]) == 2
    told = capsys.readouterr().err
    assert "published command of `features`" in told
    assert " 18," not in told  # An analysis, which `run` does not do.
    assert run_command(["run", "recovery", "--as-published"]) == 2
    assert "`overparam list --published recovery`" in capsys.readouterr().err
    assert run_command(["sweep", "lazy", "--as-published", "a"]) == 2
    assert "`lazy` has no published commands" in capsys.readouterr().err
    assert run_command(["sweep", "grid.toml", "--as-published", "a"]) == 2
    assert "stands alone" in capsys.readouterr().err
    assert run_command(["run", "features", "--as-published", "2", "3"]) == 2
    assert "takes one published command" in capsys.readouterr().err


def test_the_list_holds_every_row(capsys):
    assert run_command(["list", "--published", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(each["study"], each["row"]) for each in listed] == EVERY
    assert run_command(["list", "--published"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [tuple(line.split()[:2]) for line in lines[2:]] == EVERY


def test_the_list_is_of_a_study_or_of_a_row_whole(capsys):
    assert run_command(["list", "planted", "--published", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [each["row"] for each in listed] == list(rows("planted"))
    assert run_command(["list", "--published", "features", "18"]) == 0
    told = capsys.readouterr()
    assert row("features", "18").command in told.out
    assert "note: RUN is the run of row 17." in told.err
    assert run_command(["list", "--published", "plantd"]) == 2
    assert "did you mean `planted`?" in capsys.readouterr().err
    assert run_command(["list", "--published", "planted", "a", "c"]) == 2
    assert "got also 'c'" in capsys.readouterr().err
    assert run_command(["list", "planted"]) == 2
    assert "`overparam list planted --published`" in capsys.readouterr().err


@pytest.mark.parametrize("name", [n for n in STUDIES if STUDIES[n].published])
def test_the_page_of_a_study_names_every_program_and_flag(name):
    page = (PAGES / f"run-{name}.md").read_text()
    for program in STUDIES[name].published:
        assert program.name.split(" ")[0].removesuffix("()") in page, program.name
        for flag in program.flags:
            if flag.means_something:
                assert re.search(rf"{re.escape(flag.names[0])}\b", page), flag.names


def test_a_row_has_the_id_of_what_it_is():
    config = parse_run("run", ["features", "--as-published", "2"])[1][0]
    given = {"dataset": "mnist", "epochs": 100, "seed": 1234}
    ids = {
        run_id("features", dataclasses.asdict(each), defaults(Features))
        for each in (config, Features(**given))
    }
    assert len(ids) == 1


def test_a_condition_sees_the_defaults_before_it():
    preset = (({}, {"a": 1}), ({"a": 1}, {"b": 2}))
    assert defaults_of(preset, {}) == {"a": 1, "b": 2}
    assert defaults_of(preset, {"a": 3}) == {"a": 1}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("run_experiment([60], epochs=200, epochs=3)", "is given `epochs` twice"),
        ("run_experiment([60], rs=[120])", "twice"),
        ("run_experiment(*[60])", "without `*`"),
        ("run_experiment(**{'epochs': 3})", "without `*`"),
    ],
)
def test_a_call_that_python_refuses_or_hides_is_refused(line, said):
    with pytest.raises(ConfigError, match=re.escape(said)):
        translate(line)


def test_a_flag_that_refuses_a_value_says_what_it_takes():
    programs = [program for entry in STUDIES.values() for program in entry.published]
    for flag in [flag for program in programs for flag in program.flags]:
        if flag.reads is not None and not flag.values:
            with contextlib.suppress(ConfigError):
                flag.fields("?")
                continue
            with pytest.raises(ConfigError, match=r"it takes \w|must be"):
                flag.fields("?")


@pytest.mark.parametrize(
    "line",
    [
        "run features --as-published 25 --epochs 2",
        "sweep features --as-published 25 epochs=2,3 seed=0,1 --dry-run",
    ],
)
def test_a_refused_change_names_the_field_of_the_row(line, capsys):
    """Nobody gave it, so that the sentence alone would be about something else."""
    assert run_command(line.split()) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert "`first_all` must be at most the 2 `epochs`" in told
    assert told.endswith("The published command has `first_all` 4: give your own.")
