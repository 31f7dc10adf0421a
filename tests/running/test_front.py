"""Python's own way to run, sweep and open studies: what the command line does."""

import inspect
import signal
import subprocess
import sys

import jax
import numpy as np
import pandas as pd
import pytest

import overparam as op
from overparam.errors import ConfigError, Interrupted, OverparamError, StoreError
from overparam.field_values import field_names
from overparam.networks import Network
from overparam.processes import STOP
from overparam.progress import Reporter
from overparam.running import Run, Runs, execute, front
from overparam.store import read_run
from overparam.studies.registry import STUDIES
from overparam.sweeping.jobs import SweepResult
from overparam.training import Checkpointer


SMALL = {"input_dim": 6, "n_outputs": 2, "teacher_width": 2, "width": 4, "epochs": 2}
SMALL |= {"samples_per_epoch": 200}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def run(root):
    return op.run("planted", runs=root, progress=False, **SMALL)


@pytest.fixture(scope="module")
def runs(root):
    return op.sweep(
        "planted", runs=root, progress=False, **SMALL | {"width": [4, 5]}, seed=range(2)
    )


def test_a_run_has_records_summary_config_and_a_network(run):
    assert (run.study, run.status, run.config["width"]) == ("planted", "finished", 4)
    assert run.frame["risk"][-1] == pytest.approx(run.summary["risk"])
    assert isinstance(run.network, Network)
    x = np.ones((3, 6), np.float32)
    # Products of one row and of three are rounded differently.
    one = run.network(x[:1]).repeat(3, axis=0)
    np.testing.assert_allclose(run.network(x), one, rtol=1e-5, atol=1e-7)


def test_a_run_has_the_networks_that_it_kept(tmp_path):
    fields = SMALL | {"keep": "1,2"}
    run = op.run("planted", runs=tmp_path, progress=False, **fields)
    assert run.kept_steps == (0, 20, 40)
    x = np.ones((3, 6), np.float32)
    np.testing.assert_array_equal(run.kept(40)(x), run.network(x))
    assert not np.array_equal(run.kept(20)(x), run.network(x))
    with pytest.raises(StoreError, match="no network of step 3"):
        run.kept(3)


def test_a_run_is_the_stored_one_and_is_found_again(run, root):
    assert run.stored.path == root / "planted" / run.stored.id
    again = op.run("planted", runs=root, progress=False, **SMALL)
    assert again.stored.seconds == run.stored.seconds
    forced = op.run("planted", runs=root, progress=False, force=True, **SMALL)
    assert forced.stored.path.name == f"{run.stored.id}.2"
    assert forced.frame.drop("seconds").equals(run.frame.drop("seconds"))


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_precision_is_of_the_run_and_not_of_the_process(tmp_path, precision):
    """Tests have x64 on; a user has not."""
    for flag in (False, True):
        with jax.enable_x64(flag):
            made = op.run(
                "planted",
                runs=tmp_path / str(flag),
                progress=False,
                precision=precision,
                **SMALL,
            )
            assert jax.numpy.zeros(()).dtype == ("float64" if flag else "float32")
        weights, _ = made.stored.network
        assert weights["readout"].dtype == precision
        runs = [read_run(p.parent) for p in tmp_path.rglob("status.json")]
    one, other = (r.metrics.drop("seconds") for r in runs)
    assert one.equals(other)


def test_a_sweep_gives_the_runs_in_the_order_of_the_grid(runs):
    given = [(run.config["width"], run.config["seed"]) for run in runs]
    assert given == [(4, 0), (4, 1), (5, 0), (5, 1)]
    assert all(run.status == "finished" for run in runs)


def test_frames_hold_records_and_a_row_for_each_run(run, runs):
    assert runs.table.height == 4
    assert set(runs.frame["path"]) == {str(run.stored.path) for run in runs}
    assert runs.frame.height == sum(run.frame.height for run in runs)


def test_frames_become_pandas_without_pyarrow(run, runs):
    assert "pyarrow" not in sys.modules
    frame = run.to_pandas()
    assert list(frame.columns) == run.frame.columns
    np.testing.assert_array_equal(frame["risk"], run.frame["risk"])
    table = op.to_pandas(runs.table)
    with pytest.raises(ConfigError, match="must be a frame of Polars, got 3"):
        op.to_pandas(3)  # pyright: ignore[reportArgumentType]
    assert isinstance(table, pd.DataFrame)
    assert list(table["width"]) == [4, 4, 5, 5]
    assert table["width"].dtype.kind == "i"
    assert pd.isna(op.to_pandas(runs.table)["input_decay"]).sum() == sum(
        value is None for value in runs.table["input_decay"]
    )


def test_runs_are_chosen_by_their_fields(root, run, runs):
    stored = op.open(root)
    assert len(stored) == 4
    assert [r.stored.id for r in stored.where(width=5, seed=1)] == [runs[3].stored.id]
    assert len(stored.where(study="planted", seed=[0, 1], status="finished")) == 4
    assert len(stored.where(width=range(9))[1:3]) == 2
    with pytest.raises(ConfigError, match="`width` must be a whole number"):
        stored.where(width=(4, 5))
    # A number as an array is one value, as `run` takes it.
    assert len(stored.where(width=np.array(5), seed=np.array([0, 1]))) == 2
    with pytest.raises(ConfigError, match=r"no field 'widht'.*`?width"):
        stored.where(widht=5)
    with pytest.raises(ConfigError, match="`seed` must be a whole number, got True"):
        stored.where(seed=True)


def test_a_first_spelling_is_that_of_its_study_whatever_others_have(tmp_path):
    """The summary of heavy-tails has `steps`, once a field of timescales."""
    small = {"runs": tmp_path, "progress": False}
    run = op.run("timescales", width=4, n_samples=8, n_steps=3, **small)
    noisy = op.run("heavy-tails", dataset="digits", width=8, max_steps=3, **small)
    stored = op.open(tmp_path)
    found = stored.where(steps=[3, noisy.summary["steps"]])
    assert {r.study for r in found} == {"timescales", "heavy-tails"}
    assert [r.study for r in stored.where(steps=3, samples=8)] == ["timescales"]
    assert run.config["steps"] == run.config.get("steps") == 3


def test_a_figure_has_a_line_for_each_value(runs):
    figure = runs.plot("risk", by="width", log_y=True)
    labels = [line.get_label() for line in figure.axes[0].lines]
    assert labels == ["width 4", "width 5"]
    with pytest.raises(ConfigError, match="differ in `width`"):
        runs.plot("risk")
    assert len(runs[0].plot("risk").axes[0].lines) == 1


def test_objects_say_what_they_are_in_a_line(run, runs):
    assert repr(run) == f"Run(planted/{run.stored.id}, finished)"
    assert repr(runs) == "Runs(4 planted finished)"
    assert "risk" in run._repr_html_()
    assert "width" in runs._repr_html_()
    assert runs.plot("risk", by="width")._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: op.run("plante"), "`planted`"),
        (lambda: op.run("planted", widht=3), "'widht'.*`width`"),
        (lambda: op.run("planted", width=0), "`width` must be at least 1, got 0"),
        (lambda: op.run("planted", width="3"), "got text"),
        (lambda: op.sweep("planted", width=(3, 4)), "`width` must be a whole number"),
        (lambda: op.sweep("planted", width=[]), "`width` has no value"),
        (lambda: op.sweep("planted", jobs=0), "`jobs` must be at least 1"),
        (lambda: op.reproduce("planted-widht"), "`planted-width`"),
        (lambda: op.reproduce("planted-width", scale="huge"), "`scale` must be one of"),
        (lambda: op.open("nowhere"), "no folder of runs at `nowhere`"),
        (lambda: op.open(3), "`runs` must be a path, got 3"),
        (lambda: op.run("planted", runs=["runs"]), "`runs` must be a path"),
        (lambda: op.sweep("planted", runs=b"runs"), "`runs` must be a path"),
        (lambda: op.reproduce("planted-width", runs=0), "`runs` must be a path"),
        (lambda: op.read_run(None), "`path` must be a path, got None"),
        (lambda: op.table(3), "`runs` must be a path, got 3"),
        (lambda: op.load_network(3), "a file, several, or a PyTorch module, got 3"),
        (lambda: op.load_network([3]), "`source` must be a path, got 3"),
        (lambda: op.import_network("a.npz", runs=3), "`runs` must be a path"),
        (lambda: op.load_data(3), "has a name, or a path, got 3"),
        (lambda: op.sweep("planted", jobs=1.5), "`jobs` must be a whole number"),
        (lambda: op.sweep("planted", threads=1.5), "`threads` must be a whole"),
        (lambda: op.reproduce("planted-width", jobs=1.5), "`jobs` must be a whole"),
        (lambda: op.sweep("planted", cluster=3), "`--cluster` must be"),
        (lambda: op.sweep("planted", width=b"34"), "`width` must be a whole number"),
    ],
)
def test_what_is_wrong_is_a_sentence(tmp_path, monkeypatch, call, sentence):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OverparamError, match=sentence) as raised:
        call()
    assert str(raised.value).endswith(".")
    assert not list(tmp_path.iterdir())


def test_a_tuple_is_one_value_and_a_list_holds_several(tmp_path, monkeypatch):
    asked = []

    def run_jobs(jobs, **_):
        asked.extend(job.config["limits"] for job in jobs)
        return SweepResult(state=None)

    monkeypatch.setattr(front, "run_jobs", run_jobs)
    both = ("ultra-fast", "projected")
    op.sweep("timescales", runs=tmp_path, limits=both)
    op.sweep("timescales", runs=tmp_path, limits=[both, ()])
    op.sweep("timescales", runs=tmp_path, limits=[both, both], seed=np.arange(2))
    assert asked == [both, both, (), both, both]


def test_runs_that_fail_are_told_of_and_the_others_come_back(tmp_path, monkeypatch):
    from overparam.studies.planted import run as study

    def run(config, context):
        if config.seed:
            raise RuntimeError("It broke.")
        return made(config, context)

    made = study.run
    monkeypatch.setattr(study, "run", run)
    with pytest.warns(UserWarning, match="1 of 2 runs failed"):
        runs = op.sweep("planted", runs=tmp_path, progress=False, **SMALL, seed=[0, 1])
    assert [run.status for run in runs] == ["finished", "failed"]
    assert isinstance(runs[1], Run)
    assert isinstance(runs[:1], Runs)


def test_an_interrupt_keeps_the_checkpoint(tmp_path, monkeypatch, run):
    class Impatient(Reporter):
        def __call__(self, done, total, **values):
            if done == total:
                raise KeyboardInterrupt

    monkeypatch.setattr(Checkpointer, "due", lambda self: True)
    with monkeypatch.context() as patched:
        patched.setattr(front, "Reporter", Impatient)
        with pytest.raises(KeyboardInterrupt):
            op.run("planted", runs=tmp_path, progress=False, **SMALL)
    assert len(list(tmp_path.rglob("training.checkpoint"))) == 1
    again = op.run("planted", runs=tmp_path, progress=False, **SMALL)
    assert again.frame.drop("seconds").equals(run.frame.drop("seconds"))


def test_an_interrupt_that_python_would_drop_stops_a_run(tmp_path, monkeypatch):
    class Collected:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)

    class Collecting(Reporter):
        def __call__(self, done, total, **values):
            if not asked:
                asked.append(Collected())
                asked[0] = None

    asked = []
    monkeypatch.setattr(front, "Reporter", Collecting)
    with pytest.raises(Interrupted):
        op.run("planted", runs=tmp_path, progress=False, **SMALL)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("call", [op.run, op.sweep])
def test_an_interrupt_that_arrives_before_a_run_is_heard(tmp_path, monkeypatch, call):
    def interrupted(*given):
        Collected()
        return study(*given)

    class Collected:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)

    study = front.study_called
    monkeypatch.setattr(front, "study_called", interrupted)
    with pytest.raises(Interrupted):
        call("planted", runs=tmp_path, progress=False, **SMALL)


def test_no_field_of_a_study_has_a_name_that_python_uses():
    """It could not be given to `overparam.run` or `sweep`."""
    reserved = {
        name
        for call in (op.run, op.sweep)
        for name, given in inspect.signature(call).parameters.items()
        if given.kind is given.KEYWORD_ONLY
    }
    for entry in STUDIES.values():
        assert not reserved & set(field_names(entry.config_class()))


def test_progress_is_silent_if_asked(tmp_path, capsys):
    op.run("planted", runs=tmp_path, **SMALL)
    assert "planted: 100 %" in capsys.readouterr().err
    op.run("planted", runs=tmp_path, **SMALL | {"width": 5}, progress=False)
    assert capsys.readouterr().err == ""


def test_a_script_without_a_guard_sweeps_on_two_processes(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import overparam as op\n"
        f"runs = op.sweep('planted', seed=range(3), jobs=2, **{SMALL})\n"
        "print(len(runs), {run.status for run in runs})\n"
    )
    ended = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (0, "3 {'finished'}\n"), ended.stderr


@pytest.mark.parametrize("name", [3, None, ["planted"], {"study": "planted"}])
@pytest.mark.parametrize("verb", ["run", "sweep", "reproduce"])
def test_what_is_no_name_is_one_sentence(verb, name):
    with pytest.raises(ConfigError, match=r"There is no (study|reproduction)"):
        getattr(op, verb)(name)


@pytest.mark.parametrize("name", [3, None, ["risk"], {"risk"}, np.arange(2)])
def test_what_names_no_column_or_step_is_one_sentence(run, name):
    with pytest.raises(ConfigError, match="A column has a name, got"):
        run.plot(name)
    with pytest.raises(ConfigError, match="A column has a name, got"):
        Runs([run]).plot("risk", by=[name])
    with pytest.raises(StoreError, match="kept no network of step"):
        run.kept(name)


def test_an_interrupt_reaches_the_run_of_a_sweep(tmp_path, monkeypatch):
    """Not what comes after it: a run may take hours."""

    def interrupted(*given, stop_requested, **options):
        signal.raise_signal(signal.SIGINT)
        seen.append(stop_requested())
        return run_one(*given, stop_requested=stop_requested, **options)

    seen, run_one = [], execute.execute
    monkeypatch.setattr(execute, "execute", interrupted)
    with pytest.raises(Interrupted):
        op.sweep("planted", runs=tmp_path, progress=False, seed=[0], **SMALL)
    assert seen == [130]
    assert STOP.exit_code is None
