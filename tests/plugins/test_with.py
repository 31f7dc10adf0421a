"""A file of one's own, from the command line: what it brings, and what is refused."""

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from overparam import plugins
from overparam.catalogue import ACTIVATIONS, ANALYSES, STUDIES
from overparam.cli.main import run_command
from overparam.reproductions.registry import REPRODUCTIONS
from overparam.store import read_run


PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "extend.md"
ANALYSIS, REPRODUCTION, STUDY = re.findall(
    r"^```py\n(.*?)^```", PAGE.read_text(), re.S | re.M
)
"""The files that the page shows."""
SQUARE = STUDY + 'op.register("square", activation=lambda z: z**2)\n'


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    """What a test loads is no longer there after it."""
    for catalogue in (STUDIES, ACTIVATIONS, ANALYSES, REPRODUCTIONS):
        monkeypatch.setattr(catalogue, "_own", {})
    monkeypatch.setattr(plugins, "FILES", {})
    modules = dict(sys.modules)
    yield
    for name in sys.modules.keys() - modules.keys():
        if name.startswith(plugins.PREFIX):
            del sys.modules[name]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "average.py"
    path.write_text(STUDY)
    return path


def test_a_study_of_a_file_is_listed_and_runs(file, tmp_path, capsys):
    runs = ["--runs", str(tmp_path / "runs")]
    assert run_command(["list", "--json", f"--with={file}"]) == 0
    assert (
        json.loads(capsys.readouterr().out)["study"]["average"]
        == "How fast does a mean settle?"
    )
    assert run_command(["--with", str(file), "run", "average", "--n", "4", *runs]) == 0
    expected = abs(np.random.default_rng(0).normal(size=4).mean())
    assert f"{expected:.4g}" in capsys.readouterr().out
    (run,) = (tmp_path / "runs" / "average").iterdir()
    (made_by,) = json.loads((run / "status.json").read_text())["plugins"]
    assert made_by["name"] == "average"
    # Stored data name no file that could be loaded.
    assert str(file) not in "".join(
        path.read_text() for path in run.glob("*.json") if path.stem != "environment"
    )


def test_the_page_has_an_analysis_and_a_reproduction_that_work(tmp_path, capsys):
    (tmp_path / "largest.py").write_text(ANALYSIS)
    (tmp_path / "wider.py").write_text(REPRODUCTION)
    runs, root = ["--runs", str(tmp_path / "runs")], tmp_path / "runs"
    wider = ["reproduce", "wider", "--scale=smoke", f"--with={tmp_path / 'wider.py'}"]
    assert run_command([*wider, *runs]) == 0
    folder = root / "reproductions" / "wider" / "smoke"
    names = {"claims.json", "medians.csv", "readouts.gif", "risk.png", "risk.svg"}
    assert {path.name for path in folder.iterdir()} == names
    (claim,) = json.loads((folder / "claims.json").read_text())["claims"]
    assert claim["holds"] is None
    run = next((root / "planted").iterdir())
    capsys.readouterr()
    largest = ["analyse", str(run), "largest", f"--with={tmp_path / 'largest.py'}"]
    assert run_command([*largest, "--top=2", "--json", *runs]) == 0
    found = json.loads(capsys.readouterr().out)
    arrays, _ = read_run(run).network
    assert found["summary"]["largest"] == pytest.approx(np.abs(arrays["readout"]).max())
    assert run_command([*largest, "--top=200", *runs]) == 2
    assert "has fewer than 200 weights" in capsys.readouterr().err


def test_files_that_the_environment_names_are_loaded_once_and_in_order(tmp_path):
    """Also where a catalogue asks for them first, and while they register."""
    (tmp_path / "square.py").write_text(
        "import overparam as op\nop.register('square', activation=lambda z: z**2)\n"
    )
    (tmp_path / "cube.py").write_text(
        "import overparam as op\n"
        "from overparam.catalogue import ACTIVATIONS\n"
        "square = ACTIVATIONS['square']\n"
        "op.register('cube', activation=lambda z: z * square(z))\n"
    )
    named = os.pathsep.join(str(tmp_path / f"{name}.py") for name in ("square", "cube"))
    told = "from overparam.catalogue import ACTIVATIONS as a; print(a['cube'](2.0))"
    for words in (
        ["-c", told],
        ["-m", "overparam", "list", "--json"],
    ):
        ended = subprocess.run(
            [sys.executable, *words],
            env=os.environ | {plugins.ENVIRONMENT: named},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (ended.returncode, ended.stderr) == (0, "")
        assert "8.0" in ended.stdout or "cube" in ended.stdout


def test_worker_processes_load_it_too(file, tmp_path, capsys):
    line = ["--with", str(file), "sweep", "average", "n=2,4", "--jobs", "2"]
    assert run_command([*line, "--runs", str(tmp_path / "runs")]) == 0
    assert "2 finished" in capsys.readouterr().err


def test_a_run_of_a_file_that_is_not_there_is_read(file, tmp_path, capsys, monkeypatch):
    root = tmp_path / "runs"
    run_command(["--with", str(file), "run", "average", "--runs", str(root)])
    monkeypatch.setattr(STUDIES, "_own", {})
    assert run_command(["table", str(root)]) == 0
    assert "distance" in capsys.readouterr().out
    assert run_command(["run", "average", "--runs", str(root)]) == 2
    assert "There is no study 'average'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "cannot be loaded: No such file"),
        ("def f(:", r"it is no Python (invalid syntax, line 1)"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("import nowhere_to_be_found", "No module named 'nowhere_to_be_found'"),
        ("\0", "it is no Python"),
        (STUDY.replace('"average"', '"planted"'), "study `planted` is built in"),
        (STUDY.replace('"average"', '"../up"'), "lower-case letters"),
        (STUDY.replace('"average"', '"sweeps"'), "reserved"),
        (STUDY.replace("n: int", "n: dict"), "`n` of `Average` is of the type"),
        (STUDY.replace("frozen=True, ", ""), "`Average` must be frozen"),
        (STUDY.replace('config="Average"', 'config="None"'), "has no `None`"),
        (STUDY + 'op.register("toy-2", study=3)', "must be a `Study`, got 3"),
        (STUDY + 'op.register("toy-2", analysis=op.Study)', "must be an `Analysis`"),
        (STUDY + 'op.register("relu", activation=run)', "`relu` is built in"),
        (STUDY + 'op.register("a", activation=run)', "`a` takes no array"),
        (STUDY + 'op.register("a", activation=lambda z: z[0])', "shape and type"),
        (STUDY + 'op.register("a")', "nothing to register as 'a'"),
        (SQUARE + 'op.register("square", activation=run)', "takes no array"),
        (SQUARE + 'op.register("square", activation=abs)', "already"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_sentence(text, said, tmp_path, capsys):
    path = tmp_path / "broken.py"
    if text is not None:
        path.write_text(text)
    assert run_command(["list", "--with", str(path)]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1


@pytest.mark.parametrize("words", [["--with"], ["--with", "x.txt"], ["--with="]])
def test_a_file_that_is_none_is_one_sentence(words, capsys):
    assert run_command(["list", *words]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_folder_of_a_package_is_to_be_installed(tmp_path, capsys):
    assert run_command(["list", "--with", str(tmp_path)]) == 2
    assert f"`pip install -e {tmp_path}`" in capsys.readouterr().err


SOFT = """
import jax
import overparam as op

op.register("soft", activation=lambda z: jax.nn.softplus(z))
"""
SMALL = ["run", "heavy-tails", "--dataset", "digits", "--labels", "normal-vs-rest"]
SMALL += ["--network", "mlp", "--width", "4", "--n-train", "60", "--n-test", "40"]


def test_an_activation_of_ones_own_is_trained_in_a_study(tmp_path, capsys):
    runs = [*SMALL, "--n-steps", "4", "--evaluate-every", "2"]
    runs += ["--runs", str(tmp_path / "runs")]
    assert run_command([*runs, "--activation", "soft"]) == 2
    assert "one of relu, sigmoid, tanh, gelu" in capsys.readouterr().err
    (tmp_path / "soft.py").write_text(SOFT)
    own = ["--with", str(tmp_path / "soft.py"), "--activation"]
    assert run_command([*runs, *own, "soft"]) == 0
    (folder,) = (tmp_path / "runs" / "heavy-tails").iterdir()
    status = json.loads((folder / "status.json").read_text())
    assert [origin["name"] for origin in status["plugins"]] == ["soft"]
    told = json.loads((folder / "network.json").read_text())
    assert "soft" in json.dumps(told)
    assert run_command([*runs, *own, "sotf"]) == 2
    assert "did you mean soft?" in capsys.readouterr().err


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A scheduler with one worker on loopback, which knows overparam alone."""
    pytest.importorskip("distributed")
    folder = tmp_path_factory.mktemp("cluster")
    file = folder / "scheduler.json"
    common = ["--no-dashboard", "--scheduler-file", str(file)]
    commands = [
        ["distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port=0", *common],
        ["distributed.cli.dask_worker", "--nthreads", "1", *common],
    ]
    with contextlib.ExitStack() as stack:
        for command in commands:
            child = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=folder,
                stderr=subprocess.DEVNULL,
            )
            stack.callback(child.wait)
            stack.callback(child.kill)
            while not file.exists():
                time.sleep(0.05)
        yield f"dask:{file}"


def test_a_file_goes_to_the_workers_and_a_package_must_be_there(
    installed, cluster, file
):
    line = ["sweep", "average", "n=2,4", "--cluster", cluster, "--with", str(file)]
    assert "2 finished" in installed(*line)
    said = installed("sweep", "sine-wave", "steps=40", "--cluster", cluster, code=2)
    assert "The study `sine-wave` is not installed there." in said
    assert not (installed.runs / "sine-wave").exists()
