"""Jobs of a grid: as if each config had been made, without making each."""

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest

import overparam as op
from overparam import Study
from overparam.errors import ConfigError
from overparam.running import jobs_of
from overparam.running.execute import data_at_hand
from overparam.running.watched import reads_of, watched
from overparam.store import run_id
from overparam.studies.registry import STUDIES, defaults, origins, study


# Of each study fields that its checks join, and such as stand alone.
AXES = {
    "planted": {"width": (120, 7), "batch_size": (10, 20), "momentum": (0.0, 0.5)},
    "features": {"width": (10, 1000), "dataset": ("mnist", "letter")},
    "heavy-tails": {"width": (10, 20), "noise": ("none", "multiplicative")},
    "timescales": {"width": (8, 1024), "keep": ("", "3")},
    "images": {"penalty": (0.1, 1.0), "epochs": (1, 2)},
    "recovery": {"width": (3, 5), "input_dim": (4, 6)},
    "lazy": {"width": (3, 5), "keep": ("", "2")},
}


def settings_of(name):
    """Every combination, with seeds of kinds that are converted and that are not."""
    axes = AXES[name] | {"seed": (0, 1, 2**40, np.int64(5), 3.0)}
    return [
        dict(zip(axes, each, strict=True)) for each in itertools.product(*axes.values())
    ]


def one_by_one(name, fields):
    """What a job says of a config that is made in full."""
    kind = study(name).config_class()
    config = kind(**fields)
    values = dataclasses.asdict(config)
    shape = repr([values[field] for field in study(name).shapes])
    made_by = origins(name, values)
    id = run_id(name, values, defaults(kind), made_by)
    return id, values, shape, data_at_hand(config)


def sentence(function, *arguments):
    """With what a call refuses its arguments, if it does."""
    try:
        function(*arguments)
    except ConfigError as error:
        return str(error)
    return None


@pytest.mark.parametrize("name", AXES)
def test_jobs_say_what_their_configs_say_one_by_one(name):
    settings, expected = [], []
    for fields in settings_of(name):
        refused = sentence(one_by_one, name, fields)
        told = sentence(jobs_of, name, [*settings, fields], Path("runs"))
        assert told == refused
        if refused is None:
            settings.append(fields)
            expected.append(one_by_one(name, fields))
    assert len(settings) > 5
    jobs = jobs_of(name, settings, Path("runs"))
    found = [(job.id, dict(job.config), job.shape, job.data) for job in jobs]
    assert found == expected
    kinds = [[type(value) for value in values.values()] for _, values, *_ in found]
    assert kinds == [[type(v) for v in values.values()] for _, values, *_ in expected]


def test_every_study_is_tried():
    assert set(AXES) == set(STUDIES.built_in)


def test_a_config_is_made_for_each_value_of_what_is_joined_and_for_no_seed(monkeypatch):
    kind, made = study("planted").config_class(), []
    whole = kind.__post_init__
    counted = lambda self: made.append(self.epochs) or whole(self)  # noqa: E731
    monkeypatch.setattr(kind, "__post_init__", counted)
    seeds = range(300)
    settings = [{"epochs": epochs, "seed": n} for epochs in (5, 6) for n in seeds]
    assert len({job.id for job in jobs_of("planted", settings, Path("runs"))}) == 600
    assert made == [5, 6]


@pytest.mark.parametrize("seed", [-1, "7", True, 2**63, None, 1.5])
def test_a_value_that_stands_alone_is_refused_as_ever(seed):
    settings = [{"seed": 0}, {"seed": 1}, {"seed": seed}]
    refused = sentence(lambda: study("planted").config_class()(seed=seed))
    assert refused is not None
    assert sentence(jobs_of, "planted", settings, Path("runs")) == refused


@dataclasses.dataclass(frozen=True, kw_only=True)
class Odd:
    """Its checks look at a seed in one branch only, and write and read aside."""

    width: int = 1
    seed: int = 0
    sign: int = 0

    def __post_init__(self):
        if self.width > 2 and self.seed > 3:
            raise ConfigError(f"The seed {self.seed} is too large.")
        if self.width == 2:
            object.__setattr__(self, "sign", 1 - 2 * (vars(self)["seed"] % 2))


def test_checks_with_branches_that_write_and_look_aside(monkeypatch):
    monkeypatch.setattr(STUDIES, "_own", {})
    op.register("odd", study=Study(question="Is it?", code=__name__, config="Odd"))
    axes = itertools.product((1, 2, 3), range(4))
    settings = [{"width": width, "seed": seed} for width, seed in axes]
    jobs = jobs_of("odd", settings, Path("runs"))
    found = [(job.id, dict(job.config), job.shape, job.data) for job in jobs]
    assert found == [one_by_one("odd", fields) for fields in settings]
    with pytest.raises(ConfigError, match="seed 4 is too large"):
        jobs_of("odd", [*settings, {"width": 3, "seed": 4}], Path("runs"))


def test_reads_are_those_of_checks_and_leave_no_trace():
    odd = watched(Odd)(width=1, seed=5)
    assert reads_of(odd) >= {"width"}
    assert "seed" not in reads_of(odd)
    assert dataclasses.asdict(odd) == vars(odd) == vars(Odd(width=1, seed=5))
    assert repr(odd) == repr(Odd(width=1, seed=5))
    assert reads_of(watched(Odd)(width=2)) >= {"width", "seed", "sign"}


def test_a_field_that_a_study_lacks_is_refused_with_the_nearest(tmp_path):
    with pytest.raises(ConfigError, match=r"'widht', did you mean `width`\?"):
        jobs_of("planted", [{"widht": 3}], tmp_path)
