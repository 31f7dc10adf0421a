"""Which moments of a run are kept."""

import pytest

from overparam.catalogue import STUDIES
from overparam.errors import ConfigError
from overparam.keeping import moments, recorded


@pytest.mark.parametrize(
    ("keep", "found"),
    [
        ("", []),
        ("5,10, 20", [5, 10, 20]),
        ("7,", [7]),
        ("every 5", [0, 5, 10, 15, 20]),
        ("every 7", [0, 7, 14]),
        ("5", [0, 5, 10, 15, 20]),
        ("1", [0]),
        ("1000", list(range(21))),
    ],
)
def test_the_three_forms(keep, found):
    assert moments(keep, 20) == found


def test_the_start_and_the_nearest_records_are_kept():
    assert recorded("", 20, 5) == {0}
    assert recorded("2,3,19", 20, 5) == {0, 5, 20}
    # The last interval is shorter.
    assert recorded("19,22", 22, 5) == {0, 20, 22}


@pytest.mark.parametrize(
    "keep", ["all", "every", "every 0", "every -2", "0", "-3", "1,x", "1.5", "5..9"]
)
def test_another_form_is_refused_with_the_forms(keep):
    with pytest.raises(ConfigError, match="`every 5`"):
        moments(keep, 20)


def test_a_moment_outside_the_run_is_refused():
    with pytest.raises(ConfigError, match="25, which is not between 0 and 20"):
        moments("5,25", 20)


@pytest.mark.parametrize("keep", ["every 1", "1000000000"])
def test_more_than_a_run_keeps_is_refused_at_once(keep):
    with pytest.raises(ConfigError, match="more than 100000"):
        moments(keep, 10**9)


@pytest.mark.parametrize("name", list(STUDIES))
def test_a_number_is_refused_with_the_forms(name):
    with pytest.raises(ConfigError, match=r"must be text, got 3 .*`every 5`.*as `11`"):
        STUDIES[name].config_class()(keep=3)
