"""`overparam plot`: a median is over seeds only, and every other wish is answered."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from matplotlib.figure import Figure

import overparam as op
from overparam.cli.main import run_command
from overparam.cli.verbs.plot import Plotting
from overparam.errors import ConfigError
from overparam.report.differences import unlike
from overparam.running.drawing import draw_records
from overparam.store import RunRecord, gather, open_run
from overparam.store.files import FIGURES, figure_name


def store(root, *, n_records=4, loss=None, **config):
    defaults = {"width": 10, "optimiser": "sgd", "n_train": None, "seed": 0}
    with open_run(root, "toy", defaults | config, defaults) as run:
        steps = np.arange(n_records)
        losses = 1.0 / (1 + steps) if loss is None else np.asarray(loss, float)
        metrics = {"step": steps, "loss": losses, "negative": -1.0 - steps}
        run.write(RunRecord(status="finished", metrics=metrics))


@pytest.fixture
def plot(tmp_path, capsys):
    """`plot(*options)`: exit code and what was said."""

    def call(*options):
        out = str(tmp_path / "figure")
        command = ["plot", str(tmp_path / "runs"), "--study", "toy", "--out", out]
        code = run_command([*command, *options])
        said = capsys.readouterr().err
        assert len(said.strip().splitlines()) <= 1 or code == 0
        return code, said

    return call


@pytest.fixture
def runs(tmp_path):
    return tmp_path / "runs"


def test_runs_that_differ_in_more_than_seeds_have_no_median(runs, plot):
    for optimiser in ("sgd", "adam"):
        for seed in (0, 1):
            store(runs, optimiser=optimiser, seed=seed)
    code, said = plot()
    assert code == 2
    assert "differ in `optimiser` (adam, sgd)" in said
    assert plot("--by", "optimiser")[0] == 0
    store(runs, width=20)
    code, said = plot("--by", "optimiser")
    assert code == 2
    assert "`width` (10, 20)" in said
    assert plot("--by", "optimiser", "width")[0] == 0


def test_runs_are_chosen_by_their_fields(runs, plot, tmp_path, capsys):
    """What `where` of Python takes, in the words of a sweep."""
    for optimiser in ("sgd", "adam"):
        for width in (10, 20, 40):
            store(runs, optimiser=optimiser, width=width)
    code, said = plot("--where", "width=20")
    assert code == 2
    assert "`--where optimiser=VALUE`" in said
    assert plot("--where", "width=20", "optimiser=adam")[0] == 0
    folder, out = str(runs), tmp_path / "chosen.csv"
    assert (
        run_command(["table", folder, "--where", "width=20,40", "--out", str(out)]) == 0
    )
    assert set(pl.read_csv(out)["width"]) == {20, 40}
    where = ["--where", "width=10..20..10", "optimiser=adam"]
    assert run_command(["table", folder, *where, "--out", str(out)]) == 0
    table = pl.read_csv(out)
    assert table["width"].sort().to_list() == [10, 20]
    assert set(table["optimiser"]) == {"adam"}
    mine = op.open(folder).where(width=[10, 20], optimiser="adam")
    assert {run.stored.id for run in mine} == set(table["id"])
    page = tmp_path / "page.html"
    assert run_command(["report", folder, *where, "--out", str(page)]) == 0
    shown = {
        run.stored.id for run in op.open(folder) if run.stored.id in page.read_text()
    }
    assert shown == set(table["id"])
    for wrong, sentence in (
        ("widht=10", "width"),
        ("width", "FIELD=VALUES"),
        ("width=11", "None of the 6 runs has width=11"),
        ("width=ten", "`width` must be"),
    ):
        for verb in ("table", "report"):
            capsys.readouterr()
            assert run_command([verb, folder, "--where", wrong]) == 2
            assert sentence in capsys.readouterr().err


def test_a_value_that_nothing_can_have_is_refused(runs, tmp_path, capsys):
    """It would silently choose no run; one that a run could have chooses none."""
    small = {"input_dim": 2, "n_outputs": 1, "teacher_width": 1, "width": 2}
    small |= {"samples_per_epoch": 10, "epochs": 1, "runs": runs, "progress": False}
    op.run("planted", **small)
    store(runs, width=10)
    stored = op.open(runs)
    for wrong, sentence in (
        ({"study": "plantd"}, r"no study 'plantd', did you mean `planted`"),
        ({"width": "a"}, r"`width` must be a whole number, got 'a'"),
        ({"width": "2"}, r"`width` must be a whole number, got text: '2'"),
        ({"width": (2, 10)}, r"`width` must be a whole number"),
        ({"width": [2, True]}, r"`width` must be a whole number, got True"),
        ({"status": "finishd"}, r"`status` must be one of .*mean finished"),
        ({"id": "3f2a"}, r"`id` must be 12 hexadecimal digits"),
        ({"risk": "low"}, r"`risk` must be a number or none, got 'low'"),
    ):
        with pytest.raises(ConfigError, match=sentence):
            stored.where(**wrong)
    with pytest.raises(ConfigError, match=r"`optimiser` must be .*mean adam"):
        stored.where(study="planted").where(optimiser="admm")
    for absent in (
        {"study": "lazy"},
        {"optimiser": "admm"},  # For all that is known the toy takes it.
        {"status": "diverged"},
        {"width": 11},
        {"n_train": 5},
    ):
        assert not stored.where(**absent)
    assert len(stored.where(width=range(11))) == 2
    for options, sentence in (
        (["--where", "study=plantd"], "no study 'plantd', did you mean `planted`"),
        (["--study", "planted", "--where", "optimiser=admm"], "did you mean adam?"),
        (["--where", "n_train=5"], "None of the 2 runs has n_train=5."),
        (["--study", "plantd"], "no study 'plantd', did you mean `planted`"),
        (["--study", "toys"], "no study 'toys', did you mean `toy`"),
    ):
        verbs = ["table", "report", *["plot"] * ("--study" in options)]
        for verb in verbs:
            capsys.readouterr()
            assert run_command([verb, str(runs), *options]) == 2
            assert sentence in capsys.readouterr().err
    with pytest.raises(ConfigError, match="no study 'plantd'"):
        op.table(runs, study="plantd")
    assert run_command(["table", str(runs), "--study", "lazy"]) == 0


def test_data_are_chosen_by_every_spelling_of_their_names(runs, capsys):
    for name in ("cifar-10", "cifar-100", "mine@0123456789ab"):
        store(runs, dataset=name)
    stored = op.open(runs)
    for asked, name in (
        ("cifar10", "cifar-10"),
        ("cifar-10", "cifar-10"),
        ("mine", "mine@0123456789ab"),
        ("mine@0123456789ab", "mine@0123456789ab"),
    ):
        (found,) = stored.where(dataset=asked)
        assert found.config["dataset"] == name
    assert not stored.where(dataset=[None, "digits"])
    capsys.readouterr()
    assert run_command(["table", str(runs), "--where", "dataset=cifar_100"]) == 2
    assert "did you mean `dataset=cifar-100`?" in capsys.readouterr().err


def test_what_cannot_be_read_is_named_where_no_run_is_found(runs, capsys, tmp_path):
    """The run that is looked for may be the one that was left out."""
    store(runs, width=10)
    store(runs, width=20)
    (unread,) = (r for r in op.open(runs) if r.config["width"] == 20)
    (unread.stored.path / "status.json").unlink()
    sentence = "None of the 1 run has width=20, and 1 more cannot be read."
    for verb, *options in (["table"], ["plot", "--study", "toy"], ["report"]):
        command = [verb, str(runs), *options, "--where", "width=20"]
        assert run_command(command) == 2
        said = capsys.readouterr().err
        assert sentence in said
        assert verb == "report" or f"{unread.stored.id}` is not finished" in said


def test_a_table_says_how_runs_ended_though_all_ended_alike(runs, capsys):
    for seed in (0, 1):
        store(runs, seed=seed)
    assert run_command(["table", str(runs)]) == 0
    assert capsys.readouterr().out.splitlines()[0].split()[:2] == ["id", "status"]


def test_a_caption_says_of_how_many_runs_a_figure_is(runs, plot, tmp_path):
    for seed in (0, 1):
        store(runs, seed=seed)
    assert plot()[0] == 0
    picture = tmp_path / "figure.svg"
    assert "toy: 2 stored runs" in picture.read_text()
    store(runs, seed=2, loss=[np.nan] * 4)
    assert plot()[0] == 0
    assert "toy: 2 of 3 stored runs" in picture.read_text()


@pytest.mark.parametrize("name", ["figure", "figure.png", "figure.svg"])
def test_a_suffix_is_not_doubled(runs, plot, tmp_path, name):
    store(runs)
    assert plot("--out", str(tmp_path / name))[0] == 0
    drawn = {path.name for path in tmp_path.glob("figure*")}
    assert drawn == {"figure.png", "figure.svg"}


def test_a_field_may_be_missing_in_some_runs(runs, plot):
    store(runs)
    store(runs, n_train=5)
    assert plot("--by", "n_train")[0] == 0


def test_runs_of_other_lengths_are_lines(runs, plot):
    store(runs)
    store(runs, seed=1, n_records=3)
    code, said = plot()
    assert code == 0
    assert "each is a line" in said


def test_the_columns_of_the_colours_are_in_the_file_name():
    plotting = Plotting(study="planted", y="risk", by=("width", "seed"))
    assert str(plotting.target) == "planted-risk-over-step-by-width-seed"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--y", "status"], "`status` holds no numbers; these do:"),
        (["--x", "optimiser"], "`optimiser` holds no numbers"),
        (["--y", "negative", "--log-y"], "`negative` has no positive value"),
        (["--by", "loss"], "`loss` changes along a run"),
        (["--by", "nonsense"], "There is no column 'nonsense'"),
    ],
)
def test_what_cannot_be_drawn_is_a_sentence(runs, plot, options, sentence):
    store(runs)
    code, said = plot(*options)
    assert code == 2
    assert sentence in said


def test_one_value_of_a_run_is_no_curve(runs, plot):
    """Along the steps it would be a line of points that nothing measured."""
    store(runs)
    code, said = plot("--y", "width")
    assert code == 2
    assert "`width` is one value of each run, and `step` has many" in said
    assert plot("--y", "loss")[0] == 0


def test_values_that_are_no_numbers_are_left_out_and_told(runs, plot):
    store(runs, loss=[1.0, np.inf, np.nan, 0.5])
    code, said = plot("--log-y")
    assert code == 0
    assert "2 records without a finite number" in said
    store(runs, loss=[np.nan] * 4, seed=1)
    assert plot()[0] == 0


def test_nothing_finite_is_a_sentence(runs, plot):
    store(runs, loss=[np.nan] * 4)
    code, said = plot()
    assert code == 2
    assert "`loss` has no finite value" in said


def test_runs_without_a_record_are_found_and_said_to_have_none(runs, plot):
    store(runs, n_records=0)
    code, said = plot()
    assert code == 2
    assert "hold no records" in said


def test_only_seeds_may_differ_within_a_colour():
    configs = [
        {"width": width, "seed": seed, "teacher_seed": seed}
        for width in (1, 2)
        for seed in (0, 1)
    ]
    colours = [config["width"] for config in configs]
    assert unlike(configs, colours) == []
    assert [spread.name for spread in unlike(configs, [None] * 4)] == ["width"]


def test_runs_of_one_record_are_seen(runs, plot, monkeypatch):
    seen = drawn(monkeypatch)
    for seed in (0, 1):
        store(runs, n_records=1, seed=seed)
    assert plot()[0] == 0
    assert [line.get_marker() for line in seen[-1].lines] == ["o"]


def test_swept_values_are_ticks_and_the_legend_says_what_is_drawn(
    runs, plot, monkeypatch
):
    from overparam.plots import figure as figures

    kept = []
    monkeypatch.setattr(figures, "save", lambda figure, path: kept.append(figure) or [])
    widths = [4, 8, 16, 32, 64]
    for width in widths:
        for seed in (0, 1):
            store(runs, width=width, seed=seed)
    assert plot("--x", "width", "--log-x")[0] == 0
    assert plot("--by", "width")[0] == 0
    against, along = (figure.axes[0] for figure in kept)
    told = [label.get_text() for label in against.get_xticklabels()]
    assert told == ["4", "8", "16", "32", "64"]
    assert not len(against.get_xticks(minor=True))
    assert against.lines[0].get_marker() == "o"
    for axes in (against, along):
        assert axes.get_legend().get_title().get_text() == "median, 10-90 % band"
    # Steps are whole, and so are the ticks.
    assert not np.any(along.get_xticks() % 1)


def test_against_a_field_the_last_record_of_each_run_is_drawn(runs, plot, monkeypatch):
    seen = drawn(monkeypatch)
    for width, losses in ((5, [[9, 3], [9, 5]]), (20, [[9, 1], [9, 2, 2]])):
        for seed, loss in enumerate(losses):
            store(runs, width=width, seed=seed, n_records=len(loss), loss=loss)
    code, said = plot("--x", "width")
    assert code == 0
    assert "each is a line" not in said
    (line,) = seen[-1].lines
    np.testing.assert_array_equal(line.get_xydata(), [[5, 4], [20, 1.5]])
    store(runs, width=20, optimiser="adam")
    code, said = plot("--x", "width")
    assert code == 2
    assert "differ in `optimiser` (adam, sgd)" in said


def drawn(monkeypatch):
    """The axes of every figure that is saved from now on."""
    seen = []
    monkeypatch.setattr(
        "overparam.plots.figure.save",
        lambda figure, path: [seen.append(figure.axes[0])][1:],
    )
    return seen


def axes_of(runs, **options):
    gathered = gather(runs, metrics="records")
    figure, _ = draw_records(gathered, x="step", **options)
    return figure.axes[0]


def test_a_record_of_the_name_of_a_field_is_drawn(runs, plot):
    """Of `loss`, the loss that is trained on and the one along the way."""
    for seed in (0, 1):
        with open_run(runs, "toy", {"loss": "hinge", "seed": seed}, {}) as run:
            metrics = {"step": np.arange(3), "loss": np.array([4.0, 2.0, 1.0])}
            run.write(RunRecord(status="finished", metrics=metrics))
    assert plot("--y", "loss")[0] == 0
    assert plot("--y", "metrics.loss")[0] == 0
    axes = axes_of(runs, y="loss")
    assert axes.get_ylabel() == "loss"
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), [4, 2, 1])


def test_a_logarithmic_line_ends_where_it_is_zero(runs):
    """Drawn to the edge of the picture, it would fall where nothing was measured."""
    store(runs, loss=[0.0, 1.0, 0.5, 0.0])
    (line,) = axes_of(runs, y="loss", log_y=True).lines
    np.testing.assert_array_equal(line.get_ydata(), [np.nan, 1, 0.5, np.nan])
    (line,) = axes_of(runs, y="loss").lines
    np.testing.assert_array_equal(line.get_ydata(), [0, 1, 0.5, 0])


def test_a_legend_names_a_column_in_words(runs):
    for seed in (0, 1):
        with open_run(runs, "toy", {"seed": seed}, {}) as run:
            metrics = {"step": np.arange(2), "test_loss": np.ones(2)}
            run.write(RunRecord(status="finished", metrics=metrics))
    axes = axes_of(runs, y="test_loss")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["test loss"]


@pytest.mark.parametrize(
    "words",
    [
        ["plot", "--study", "toy", "--out", "x.pdf"],
        ["plot", "--study", "toy", "--out", "x.EPS"],
        ["report", "--out", "x.pdf"],
        ["report", "--out", "x"],
        ["table", "--out", "x.xlsx"],
        ["export", "--to", "tensorboard", "--out", "x.onnx"],
    ],
    ids=" ".join,
)
def test_no_file_has_the_ending_of_another_format(words, runs, tmp_path, capsys):
    store(runs, width=10)
    out = tmp_path / words[-1]
    assert run_command([words[0], str(runs), *words[1:-1], str(out)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert words[-1] in said
    assert not list(tmp_path.glob("x*"))


def test_a_name_is_refused_before_anything_is_read(tmp_path, capsys):
    """There are no runs to read."""
    for line, sentence in (
        ("report nowhere --out x.pdf", "ends in .html or .htm, got `x.pdf`"),
        ("report nowhere --title=", "`--title` is empty"),
        ("table nowhere --out x.xlsx", "got `x.xlsx`"),
        ("plot nowhere --study toy --out x.pdf", "got `x.pdf`: name it `x`"),
    ):
        assert run_command(line.split()) == 2
        assert sentence in capsys.readouterr().err


def test_no_format_of_matplotlib_is_taken_for_a_part_of_a_name():
    for ending in Figure().canvas.get_supported_filetypes():
        if f".{ending}" not in FIGURES:
            with pytest.raises(ConfigError, match="and convert"):
                figure_name(Path(f"x.{ending}"))


@pytest.mark.parametrize("name", ["x", "x.svg", "x.0.5", "x.loss-over-step"])
def test_a_name_without_a_format_may_have_dots(name, runs, tmp_path):
    store(runs, width=10)
    command = ["plot", str(runs), "--study", "toy", "--by", "width"]
    assert run_command([*command, "--out", str(tmp_path / name)]) == 0
    stem = name.removesuffix(".svg")
    assert {file.name for file in tmp_path.glob("x*")} == {f"{stem}.png", f"{stem}.svg"}


@pytest.mark.parametrize("size", [1e200, 1e308])
def test_the_largest_numbers_are_drawn_or_left_out(size, runs, plot):
    """Matplotlib's margins would overflow; warnings are errors here."""
    for width in (1, 2):
        for seed in (0, 1):
            loss = [size, -size, (1 - 2 * seed) * size, 0.5]
            store(runs, width=width * size / 2, seed=seed, loss=loss)
    for axes in ([], ["--log-y"], ["--x", "loss"], ["--x", "loss", "--log-x"]):
        code, said = plot("--by", "width", *axes)
        assert code == 0
        assert ("records without a finite number up to 1e+200" in said) == (
            size > 1e200
        )
    assert run_command(["report", str(runs), "--out", str(runs.parent / "r.html")]) == 0
    assert run_command(["table", str(runs)]) == 0


def test_a_text_in_a_run_is_no_formula_and_no_markup(runs, plot):
    for optimiser in ("$x^$", r"$\frac{$", "a\x01b\ufffe", "<script>", "x" * 300):
        for seed in (0, 1):
            store(runs, optimiser=optimiser, seed=seed)
    assert plot("--by", "optimiser")[0] == 0
    page = runs.parent / "r.html"
    assert run_command(["report", str(runs), "--out", str(page)]) == 0
    assert "optimiser $x^$" in page.read_text()


def test_a_table_of_no_runs_says_so(runs, capsys):
    runs.mkdir()
    assert run_command(["table", str(runs)]) == 0
    assert capsys.readouterr().err == f"`{runs}` holds no finished run.\n"


def test_a_field_may_have_no_name(runs, plot, capsys):
    """That of a config from elsewhere: what there is beside it has a place."""
    for value in (1, 2):
        for seed in (0, 1):
            store(runs, seed=seed, **{"": value})
    for words in (
        ["report", "--by", "", "--out", str(runs.parent / "r.html")],
        ["table"],
    ):
        assert run_command([words[0], str(runs), *words[1:]]) == 0
    assert "" in gather(runs).frame.columns
    assert plot("--x", "")[0] == 0
