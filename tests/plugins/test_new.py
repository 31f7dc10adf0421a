"""What `overparam new study` writes does all that a built-in study does."""

import json
import os

import pytest

from overparam.cli.main import run_command


def ids(installed):
    return {path.name for path in (installed.runs / "sine-wave").iterdir()}


def test_it_is_listed_described_and_has_help(installed):
    listed = json.loads(installed("list", "--json"))
    assert "sine-wave" in listed["study"]
    assert "sine-wave-share" in listed["analysis"]
    assert "sine-wave-width" in listed["reproduction"]
    assert "--frequency" in installed("run", "sine-wave", "--help")
    assert "mean squared target" in installed("describe", "sine-wave")


def test_its_own_tests_pass(installed):
    options = ["-q", "-p", "no:cacheprovider", str(installed.package / "tests")]
    assert "3 passed" in installed("-m", "pytest", *options)


def test_it_sweeps_on_processes_is_analysed_reproduced_and_reported(installed):
    said = installed("reproduce", "sine-wave-width", "--scale", "smoke", "--jobs", "2")
    assert "The median loss falls with the width" in said
    run = min(ids(installed))
    assert "neurons_of_part" in installed("analyse", run, "sine-wave-share")
    (answer,) = (installed.runs / "analyses" / "sine-wave-share").iterdir()
    (plugin,) = json.loads((answer / "analysis.json").read_text())["plugins"]
    assert plugin["name"] == "sine-wave"
    page = installed.runs / "report.html"
    installed("report", str(installed.runs), "--out", str(page))
    assert "How well does a network of some width learn a wave?" in page.read_text()


def test_changed_code_is_another_run_and_the_old_one_stays(installed):
    installed("run", "sine-wave", "--steps", "40", "--width", "3")
    before = ids(installed)
    source = installed.package / "src" / "sine_wave" / "problem.py"
    text = source.read_text()
    try:
        source.write_text(text.replace("jnp.sin(", "jnp.cos("))
        installed("run", "sine-wave", "--steps", "40", "--width", "3")
    finally:
        source.write_text(text)
    (new,) = ids(installed) - before
    said = installed("run", "sine-wave", "--steps", "40", "--width", "3")
    assert "was stored before" in said
    assert new not in said
    assert "plugins" in installed("table", str(installed.runs))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("planted", "built in"),
        ("Sine", "lower-case"),
        ("../up", "lower-case"),
        ("json", "Python module"),
        ("sys", "Python module"),
        ("class", "Python module"),
        ("reproductions", "reserved"),
    ],
)
def test_names_that_cannot_be_are_refused(name, said, tmp_path, capsys):
    assert run_command(["new", "study", name, "--folder", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err
    assert os.listdir(tmp_path) == []
