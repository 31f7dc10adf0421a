"""Single values: every number is taken or refused in one sentence."""

import math

import pytest

from overparam.checks import MOST, at_least, counts, in_range, one_of, positive
from overparam.cli.main import run_command
from overparam.data import lattice_inputs
from overparam.errors import ConfigError
from overparam.training import Plan


HOSTILE = [math.nan, math.inf, -math.inf, 10**400, -(10**400), 10**5000, "3", True, []]


@pytest.mark.parametrize("value", HOSTILE, ids=lambda v: f"{type(v).__name__}")
def test_what_is_no_usable_number_is_refused_in_a_short_sentence(value):
    for check in (
        lambda: at_least(1, width=value),
        lambda: counts(width=value),
        lambda: positive(width=value),
        lambda: in_range(0, 1, width=value),
    ):
        with pytest.raises(ConfigError, match=r"^`width` must .*, got .*\.$") as error:
            check()
        assert len(str(error.value)) < 120


@pytest.mark.parametrize("value", [2.5, 2.0, None, 0, -1])
def test_what_counts_is_a_whole_number_from_one_on(value):
    with pytest.raises(ConfigError, match=r"^`n` must be (a whole|at least 1)"):
        counts(n=value)
    with pytest.raises(ConfigError, match="`batch_size`"):
        Plan(n_steps=1, batch_size=value, record_every=1)
    with pytest.raises(ConfigError, match="`n_samples`"):
        lattice_inputs(value)


def test_the_nearest_choice_is_suggested():
    with pytest.raises(ConfigError, match=r"got 'mnits' \(did you mean mnist\?\)\.$"):
        one_of(["digits", "mnist"], dataset="mnits")


def test_whole_numbers_end_where_64_bits_end():
    at_least(0, seed=MOST)
    with pytest.raises(ConfigError, match=r"`seed` must be at most 2\^63 - 1, got 9"):
        at_least(0, seed=MOST + 1)
    at_least(0, none=None)


@pytest.mark.parametrize(
    ("line", "flag"),
    [
        ("run planted --lr 0.1", "--learning-rate"),
        ("run planted --bs 3", "--batch-size"),
        ("run planted --num-epochs 3", "--epochs"),
        ("run lazy --n_epochs 3", "--n-steps"),
        ("run heavy-tails --wd 0.1", "--weight-decay"),
        ("run recovery --wd 0.1", "--penalty"),
        ("sweep planted lr=0.1,1", "learning_rate"),
    ],
)
def test_what_others_call_a_field_is_known(line, flag, capsys):
    assert run_command(line.split()) == 2
    assert f"did you mean `{flag}`?" in capsys.readouterr().err


def test_words_are_shown_as_words(capsys):
    assert run_command(["run", "timescales", "--limits", "projected", "foo"]) == 2
    assert "got 'projected', 'foo'." in capsys.readouterr().err
