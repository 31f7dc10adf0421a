"""Every study's config takes values of the annotated types, and nothing else."""

from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Literal

import numpy as np
import pytest

from overparam import typed
from overparam.analysis.density.options import DensityOptions
from overparam.cli.main import run_command
from overparam.errors import ConfigError
from overparam.field_values import converted, field_value, unknown
from overparam.studies.registry import STUDIES
from overparam.studies.timescales.config import Timescales


CONFIGS = [study.config_class() for study in STUDIES.values()]


@pytest.mark.parametrize("kind", CONFIGS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(
    "value",
    ["3", True, 3.5, (1, 2), [1], {}, b"1", 1j, object, np.array([1, 2]), 10**400],
    ids=lambda value: str(value)[:10],
)
def test_a_seed_of_another_type_is_one_sentence(kind, value):
    with pytest.raises(ConfigError, match="`seed` must be a whole number") as caught:
        kind(seed=value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("kind", CONFIGS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(
    "value", ["float16", ["float32"], None, 1, "\udcff", b"float32"]
)
def test_a_choice_is_one_of_those_listed(kind, value):
    with pytest.raises(
        ConfigError, match="`precision` must be one of float32, float64"
    ):
        kind(precision=value)


@pytest.mark.parametrize("kind", CONFIGS, ids=lambda kind: kind.__name__)
def test_numbers_of_numpy_are_those_of_python(kind):
    config = kind(seed=np.int64(3))
    assert config == kind(seed=3)
    assert type(config.seed) is int


@pytest.mark.parametrize("value", ["a/b.gif", Path("a/b.gif"), PurePath("a/b.gif")])
def test_a_path_is_one_of_python_or_text(value):
    assert field_value(DensityOptions, "animation", value) == Path("a/b.gif")
    with pytest.raises(ConfigError, match="`animation` must be a path or none, got 3"):
        field_value(DensityOptions, "animation", 3)


@pytest.mark.parametrize("problem", ["cifar-10", "cifar-100"])
def test_a_choice_of_another_study_is_told(problem, capsys):
    sentence = (
        f"`problem` must be one of circle, torus, got '{problem}' (which the study "
        "`images` takes)."
    )
    with pytest.raises(ConfigError) as error:
        Timescales(problem=problem)
    assert str(error.value) == sentence
    for words in (
        ["run", "timescales", "--problem", problem],
        ["describe", "timescales", f"--problem={problem}"],
        ["sweep", "timescales", f"problem={problem}"],
    ):
        assert run_command(words) == 2
        assert sentence in capsys.readouterr().err


def test_a_default_of_another_type_is_refused_each_time():
    @dataclass(frozen=True, kw_only=True)
    class Wrong:
        width: int = "wide"  # type: ignore[assignment]
        rate: float = 1

        def __post_init__(self) -> None:
            typed(self)

    for _ in range(2):
        with pytest.raises(ConfigError, match="`width` must be a whole number"):
            Wrong()
    assert type(Wrong(width=3).rate) is float


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("width", 0, "`width` must be at least 1, got 0"),
        ("n_steps", -1, "`n_steps` must be at least 1"),
        ("time_step", 0.0, "`time_step` must be a positive finite number"),
        ("ratio", -1.0, "`ratio` must be a positive finite number"),
        ("centre", float("inf"), "`centre` must be a finite number"),
        ("seed", 2**63, "`seed` must be"),
    ],
)
def test_a_field_has_the_range_of_its_annotation(field, value, says):
    with pytest.raises(ConfigError, match=says):
        Timescales(**{field: value})
    assert Timescales(ratio=None).ratio is None


def test_beside_the_nearest_name_a_screen_full_of_others_is_left_out():
    few, many = ["width", "depth"], ["width", *(f"column_{i}" for i in range(60))]
    nearest = "There is no field 'widht', did you mean `width`?"
    assert unknown("widht", few, what="field") == f"{nearest} Valid are: width, depth."
    assert unknown("widht", many, what="field") == nearest
    assert unknown("zzz", many, what="field").endswith("column_59.")


@pytest.mark.parametrize("value", [1, 2.5, None, {"a": 1}, [1, "adm"], "sgd,adm"])
def test_what_is_no_choice_among_several_is_a_sentence(value):
    """Of any kind: a suggestion is looked for in texts alone."""
    kind = tuple[Literal["adam", "sgd"], ...]
    with pytest.raises(ConfigError, match=r"`fit` must be some of adam, sgd") as error:
        converted(value, kind, name="fit")
    assert ("did you mean adam?" in str(error.value)) == ("adm" in str(value))
