import math
import os
from dataclasses import dataclass
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overparam.errors import ConfigError
from overparam.sweeping import plan_from_toml
from overparam.sweeping.grid import grid


@dataclass(frozen=True)
class Toy:
    width: int = 3
    learning_rate: float = 0.1
    init: Literal["mean-field", "ntk"] = "ntk"
    hidden: tuple[int, ...] = ()
    interval: tuple[float, float] = (0.0, 1.0)
    clip: float | None = None
    stop: Literal["auto"] | float = "auto"
    noisy: bool = False
    folder: str = ""


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("width=1,2", [1, 2]),
        ("width=1e4,1_000", [10_000, 1000]),
        ("width=0..3", [0, 1, 2, 3]),
        ("width=0..100..50,7", [0, 50, 100, 7]),
        ("width=9..0..-4", [9, 5, 1]),
        ("width=3,1,3", [3, 1]),
        ("learning_rate=1e-3,1", [1e-3, 1.0]),
        ("learning-rate=0..0.5..0.1", [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]),
        ("init=mean-field,ntk", ["mean-field", "ntk"]),
        ("hidden=(64,32),[8],()", [(64, 32), (8,), ()]),
        ("interval=(0,2)", [(0.0, 2.0)]),
        ("clip=none,1", [None, 1.0]),
        ("stop=auto,2", ["auto", 2.0]),
        ("noisy=true,no", [True, False]),
        ("folder=../a,b", ["../a", "b"]),
    ],
)
def test_values_have_the_type_of_their_field(text, values):
    [name] = {name for setting in grid([text], Toy) for name in setting}
    got = [setting[name] for setting in grid([text], Toy)]
    assert got == values
    assert [type(value) for value in got] == [type(value) for value in values]


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        (["widht=1"], "no field 'widht', did you mean `width`. Valid are: width, lea"),
        (["width"], "'width' sets nothing; write key=value"),
        (["width="], "`width` has no value"),
        (["width=1", "width=2"], "`width` is given twice"),
        (["width=a"], "`width` must be a whole number, got 'a'"),
        (["width=1.5"], "`width` must be a whole number, got '1.5'"),
        (["width=inf"], "`width` must be a whole number, got 'inf'"),
        (["init=nkt"], "one of mean-field, ntk, got 'nkt' .did you mean ntk"),
        (["hidden=(a,b)"], r"`hidden` must be whole numbers such as \(1,2\)"),
        (["interval=(1,2,3)"], "`interval` must be numbers"),
        (["clip=x"], "`clip` must be a number or none, got 'x'"),
        (["stop=atuo"], "one of auto or a number, got 'atuo' .did you mean auto"),
        (["noisy=maybe"], "`noisy` must be true or false"),
        (["width=9..0"], "`width=9..0` is empty"),
        (["width=0..x"], "is no range; write 0..9"),
        (["width=0..9..0"], "is no range"),
        (["width=0..1..2..3"], "is no range"),
        (["width=0..1e12"], "1,000,000,000,001 values, at most 100,000"),
        (["width=0..999", "clip=0..999"], "1,000,000 runs, at most"),
        (["width=0..1e999999"], "far more values, at most"),
        (["width=0..1..1e-999999"], "values, at most"),
        (["width=0..inf"], "is no range"),
        (["width=0...9"], "`width=0...9` is no range; write 0..9"),
        (["width=0.."], "is no range"),
        (["width=0..٩"], "is no range"),
        (["width=0..9..20"], "one value only, the step 20 leads beyond 9"),
        (["learning_rate=1e-3..1e-1"], "has no step; write 1e-3..1e-1..STEP"),
        (["width=1,,2"], "`width=1,,2` has nothing beside a comma"),
        (["width=1,2,"], "nothing beside a comma"),
        (["hidden=(1,2"], "has an unmatched bracket"),
        (["hidden=1)"], "has an unmatched bracket"),
        (["hidden=64,32"], r"hidden=\(64,32\) for one run, or hidden=\(64\),\(32\)"),
        (["hidden=(1,,2)"], "`hidden` must be whole numbers"),
        (["width=٣"], "`width` must be a whole number"),
        (["width=9223372036854775808"], "`width` must be a whole number"),
        (["width=" + "9" * 5000], r"a whole number, got '9+\.\.\. \(5000 characters"),
        (["learning_rate=1e999"], "`learning_rate` must be a number, got '1e999'"),
        (["learning_rate=1e-999"], "`learning_rate` must be a number, got '1e-999'"),
    ],
)
def test_a_mistake_is_one_sentence(texts, sentence):
    with pytest.raises(ConfigError, match=sentence) as error:
        grid(texts, Toy)
    assert "\n" not in str(error.value)


def test_keys_are_combined_with_the_last_one_fastest():
    settings = grid(["width=1,2", "init=ntk,mean-field"], Toy)
    got = [(setting["width"], setting["init"]) for setting in settings]
    assert got == [(1, "ntk"), (1, "mean-field"), (2, "ntk"), (2, "mean-field")]
    assert grid([], Toy) == [{}]


@given(st.floats(allow_nan=False))
def test_every_float_is_read_back_as_it_is_printed(value):
    [setting] = grid([f"learning_rate={value!r}"], Toy)
    assert setting["learning_rate"] == value


def test_whole_numbers_written_as_decimals_are_exact():
    [setting] = grid(["width=9007199254740993.0"], Toy)
    assert setting["width"] == 2**53 + 1


def test_nan_is_a_number():
    [setting] = grid(["learning_rate=nan"], Toy)
    assert math.isnan(setting["learning_rate"])


TOML = """
[sweep]
study = "toy"

[fixed]
folder = "here"

[grid]
width = "0..1"
hidden = [[64, 64], []]

[[cases]]
learning_rate = [0.1, 0.1, 1]
init = ["ntk", "mean-field", "ntk"]

[[cases]]
learning_rate = 7
interval = [0, 3]
"""


def read(tmp_path, text):
    path = tmp_path / "sweep.toml"
    path.write_text(text)
    return plan_from_toml(path, lambda name: Toy)


def test_a_file_combines_its_grid_with_every_case(tmp_path):
    plan = read(tmp_path, TOML)
    assert plan.study == "toy"
    assert len(plan.settings) == (3 + 1) * 2 * 2
    assert plan.settings[0] == {
        "folder": "here",
        "learning_rate": 0.1,
        "init": "ntk",
        "width": 0,
        "hidden": (64, 64),
    }
    assert plan.settings[-1] == {
        "folder": "here",
        "learning_rate": 7.0,
        "interval": (0.0, 3.0),
        "width": 1,
        "hidden": (),
    }
    rates = [setting["learning_rate"] for setting in plan.settings]
    assert rates == [0.1] * 8 + [1.0] * 4 + [7.0] * 4
    assert all(Toy(**setting) for setting in plan.settings)


def test_a_file_and_arguments_give_the_same_settings(tmp_path):
    head = '[sweep]\nstudy = "toy"\n[grid]\n'
    plan = read(tmp_path, head + 'width = [1, 2]\nclip = ["none", 0.5]\n')
    assert list(plan.settings) == grid(["width=1,2", "clip=none,0.5"], Toy)


HEAD = '[sweep]\nstudy = "toy"\n'


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", r"sweep\.toml`: It names no study"),
        ("[sweep]\nstudy = 1", "It names no study"),
        ("[sweep]\nstudie = 'toy'", "no entry of .sweep. 'studie', did you mean"),
        ("sweep = 1", "`sweep` must be a table"),
        ("[sweep\n", "It is no valid TOML.*line 1"),
        (HEAD + "[gird]", "no table 'gird', did you mean `grid`"),
        (HEAD + "[grid]\nwidht = 1", "no field 'widht', did you mean `width`"),
        (HEAD + "[grid]\nwidth = [1, 'a']", "`width` must be a whole number, got 'a'"),
        (
            HEAD + "[grid]\nwidth = [1, true]",
            "`width` must be a whole number, got True",
        ),
        (HEAD + "[grid]\nwidth = []", "`width` has no value"),
        (
            HEAD + "[grid]\nwidth = 1\n[fixed]\nwidth = 2",
            "`width` is set in two tables",
        ),
        (HEAD + "[[cases]]\nwidth=1\n[fixed]\nwidth = 2", "is set in two tables"),
        (HEAD + "[cases]\nwidth = 1", r"must be written \[\[cases\]\]"),
        (HEAD + "[[cases]]\nwidth = [1, 2]\nclip = [1, 2, 3]", "`width` 2, `clip` 3"),
        (HEAD + "[fixed]\nfolder = 3", "`folder` must be text, got 3"),
        (HEAD + "[fixed]\nnoisy = 1", "`noisy` must be true or false, got 1"),
        ("cases = [1]\n" + HEAD, r"must be written \[\[cases\]\]"),
        ("cases = []\n" + HEAD, r"must be written \[\[cases\]\]"),
        (HEAD + "[grid]\nhidden = { 1 = 2 }", "`hidden` must be whole numbers"),
        (HEAD + "[grid]\nwidth = " + "9" * 5000, "It is no valid TOML"),
        (HEAD + "[grid]\nwidth = " + "[" * 9999, "It is no valid TOML"),
        (
            HEAD + "[grid]\nwidth = '0..99999'\n[[cases]]\nclip = [1, 2]",
            "200,000 runs, at most",
        ),
    ],
)
def test_a_mistake_in_a_file_is_one_sentence_that_names_it(tmp_path, text, sentence):
    with pytest.raises(ConfigError, match=sentence) as error:
        read(tmp_path, text)
    assert "sweep.toml" in str(error.value)


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(ConfigError, match=r"It cannot be read \(No such file"):
        plan_from_toml(tmp_path / "none.toml", lambda name: Toy)


def test_a_file_of_no_end_is_one_sentence(tmp_path):
    path = tmp_path / "sweep.toml"
    path.write_text(HEAD)
    os.truncate(path, 3_000_000_000)
    with pytest.raises(ConfigError, match="It has 3000000000 bytes, at most"):
        plan_from_toml(path, lambda name: Toy)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ConfigError, match=r"It cannot be read \(it is no regular"):
        plan_from_toml(path, lambda name: Toy)
