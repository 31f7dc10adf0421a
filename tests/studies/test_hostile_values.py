"""Every number of every study and analysis: usable, or refused in one sentence."""

import dataclasses
import math
import typing

import pytest

from overparam.analysis.catalogue import ANALYSES
from overparam.errors import ConfigError
from overparam.field_values import is_number, is_tuple
from overparam.studies.registry import STUDIES


CLASSES = [entry.config_class() for entry in STUDIES.values()]
CLASSES += [entry.options for entry in ANALYSES.values()]
FIELDS = [
    (kind, name, hint)
    for kind in CLASSES
    for name, hint in typing.get_type_hints(kind).items()
]
NUMBERS = [(k, n, h) for k, n, h in FIELDS if is_number(h)]
SEVERAL = [
    (k, n) for k, n, h in FIELDS if is_tuple(h) and is_number(typing.get_args(h)[0])
]
HUGE = [2**63, 10**400, -(10**400), 10**5000]


def is_whole(hint):
    return int in (hint, *typing.get_args(hint))


def sentence(kind, name, value):
    with pytest.raises(ConfigError) as error:
        kind(**{name: value})
    text = str(error.value)
    assert "\n" not in text
    assert len(text) < 300
    return text


@pytest.mark.parametrize(("kind", "name", "hint"), NUMBERS)
def test_no_config_takes_a_number_that_a_machine_has_not(kind, name, hint):
    for value in HUGE if is_whole(hint) else [math.nan, -math.inf, -(10**400)]:
        sentence(kind, name, value)


@pytest.mark.parametrize(("kind", "name"), SEVERAL)
def test_no_config_takes_such_a_number_among_several(kind, name):
    for value in [10**400, -(10**400), math.nan]:
        sentence(kind, name, (value,))


@pytest.mark.parametrize(("kind", "name", "hint"), NUMBERS)
def test_infinity_is_taken_only_where_it_means_something(kind, name, hint):
    if (kind.__name__, name) != ("Timescales", "gamma"):
        sentence(kind, name, math.inf)


def required(kind):
    return [f for f in dataclasses.fields(kind) if f.default is dataclasses.MISSING]


def test_every_study_and_analysis_has_defaults():
    assert not [kind for kind in CLASSES if required(kind)]


@pytest.mark.parametrize(
    ("config", "name"),
    [("Timescales", "inner_steps"), ("ResampleOptions", "n_draws")],
)
def test_what_nothing_interrupts_has_an_end(config, name):
    (kind,) = (kind for kind in CLASSES if kind.__name__ == config)
    assert "must lie in [1, 1e+06]" in sentence(kind, name, 10**12)


def test_samples_that_are_not_there_are_refused_without_a_name_of_ours():
    import numpy as np

    from overparam.data import Split

    samples = Split(np.zeros((3, 2)), np.arange(3))
    with pytest.raises(ConfigError, match="There are 3 samples to take from, and 9"):
        samples.hold_out(9)
