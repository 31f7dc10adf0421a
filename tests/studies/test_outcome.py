"""What a study of one's own may give, and what is told of what it may not."""

import jax
import numpy as np
import pytest

import overparam as op
from overparam import Outcome, plugins
from overparam.catalogue import STUDIES
from overparam.cli.main import run_command
from overparam.errors import ConfigError


NETWORK = op.two_layer(3, 4, 1, key=jax.random.key(0))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"status": "great"}, "`status` must be one of converged, finished"),
        ({"network": np.ones(3)}, "`network` must be a `Network`, got ndarray"),
        ({"kept": {0: np.ones(3)}}, "`kept` must be a `Network`, got ndarray"),
        ({"kept": {-1: NETWORK}}, "`kept` has the step -1: steps count"),
        ({"kept": {"a": NETWORK}}, "`kept` has the step 'a': steps count"),
        ({"notes": "one"}, "`notes` are several, got 'one' alone"),
    ],
)
def test_what_is_no_outcome_is_one_sentence(fields, sentence):
    with pytest.raises(ConfigError, match=sentence):
        Outcome(**{"status": "finished", "metrics": {"step": [0]}} | fields)


STUDY = """
from dataclasses import dataclass
import jax, numpy as np, overparam as op

@dataclass(frozen=True, kw_only=True)
class Odd:
    \"\"\"What comes of it?\"\"\"
    case: str = "none"
    \"\"\"What is odd.\"\"\"

def network(width):
    return op.two_layer(3, width, 1, key=jax.random.key(width))

def data(config, stored):
    if config.case == "raises":
        raise RuntimeError("no data today")
    x = np.random.default_rng(0).standard_normal((20, 3)).astype("f4")
    return op.TrainTest(op.Batch(x, x[:, :1]))

def run(config, context):
    if config.case == "none":
        return None
    kept = {0: network(5 if config.case == "grows" else 4)}
    return op.Outcome(
        status="finished", metrics={"step": [0, 9]}, network=network(4), kept=kept
    )

STUDY = op.Study(question="Odd?", code=__name__, config="Odd", gives=("data",))
op.register("odd", study=STUDY)
"""


@pytest.fixture
def line(tmp_path, monkeypatch):
    """The command line with a study of one's own, which is forgotten afterwards."""
    file = tmp_path / "odd_study.py"
    file.write_text(STUDY)
    monkeypatch.setattr(STUDIES, "_own", dict(STUDIES._own))
    monkeypatch.setattr(plugins, "FILES", {})
    plugins.load_file(file)
    yield lambda *words: run_command([*words, "--runs", str(tmp_path / "runs")])
    plugins.sys.modules.pop("overparam_with_odd_study")


def ran(line, tmp_path, case):
    assert line("run", "odd", "--case", case) == 0
    (folder,) = (tmp_path / "runs" / "odd").iterdir()
    return str(folder)


def test_a_run_that_gives_no_outcome_is_one_sentence(line, capsys):
    assert line("run", "odd") != 0
    said = capsys.readouterr().err
    assert "`run` of a study must give an `Outcome`, got NoneType." in said


def test_a_start_of_other_weights_is_a_reason(line, tmp_path, capsys):
    run = ran(line, tmp_path, "grows")
    assert line("analyse", run, "lazy") != 0
    assert "they differ in `" in capsys.readouterr().err


def test_what_fails_in_own_code_leaves_other_analyses_alone(line, tmp_path, capsys):
    run = ran(line, tmp_path, "raises")
    assert line("analyse", run) == 0
    said = capsys.readouterr().out
    assert "RuntimeError: no data today" in said
    assert "balance      yes" in said
    assert line("analyse", run, "all") != 0  # `prune` does without data, until then.
    said = capsys.readouterr().err
    assert "analyses/balance" in said
    assert "density does not apply" in said
