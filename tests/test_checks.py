"""Single values: every number is taken or refused in one sentence."""

import math

import pytest

from overparam.checks import MOST, at_least, in_range, one_of, positive
from overparam.errors import ConfigError


HOSTILE = [math.nan, math.inf, -math.inf, 10**400, -(10**400), 10**5000, "3", True, []]


@pytest.mark.parametrize("value", HOSTILE, ids=lambda v: f"{type(v).__name__}")
def test_what_is_no_usable_number_is_refused_in_a_short_sentence(value):
    for check in (
        lambda: at_least(1, width=value),
        lambda: positive(width=value),
        lambda: in_range(0, 1, width=value),
    ):
        with pytest.raises(ConfigError, match=r"^`width` must .*, got .*\.$") as error:
            check()
        assert len(str(error.value)) < 120


def test_the_nearest_choice_is_suggested():
    with pytest.raises(ConfigError, match=r"got 'mnits' \(did you mean mnist\?\)\.$"):
        one_of(["digits", "mnist"], dataset="mnits")


def test_whole_numbers_end_where_64_bits_end():
    at_least(0, seed=MOST)
    with pytest.raises(ConfigError, match=r"`seed` must be at most 2\^63 - 1, got 9"):
        at_least(0, seed=MOST + 1)
    at_least(0, none=None)
