import json
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overparam.errors import StoreError
from overparam.store import run_id
from overparam.store.json_values import parsed, plain


DEFAULTS = {"width": 10, "learning_rate": 0.1, "layers": (1, 2), "clip": None}

VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(), st.floats(), st.tuples()
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"width": 1}, {"width": 1.0}),
        ({"layers": (3, 4)}, {"layers": [3, 4]}),
        ({"width": 7}, {"width": np.int64(7)}),
        ({"learning_rate": 0.5}, {"learning_rate": np.float32(0.5)}),
        ({}, DEFAULTS),
        ({"width": 10.0}, {}),
        ({"width": 2, "clip": 1.0}, {"clip": 1, "width": 2}),
        ({"clip": math.nan}, {"clip": math.nan}),
    ],
)
def test_configs_that_mean_the_same_have_one_id(one, other):
    assert run_id("s", one, DEFAULTS) == run_id("s", other, DEFAULTS)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"width": 1}, {"width": 2}),
        ({"width": 1}, {"width": True}),
        ({"width": 1}, {"learning_rate": 1}),
        ({"clip": 0}, {"clip": None}),
        ({"clip": math.nan}, {"clip": math.inf}),
        ({"clip": "nan"}, {"clip": math.nan}),
    ],
)
def test_configs_that_differ_have_two_ids(one, other):
    assert run_id("s", one, DEFAULTS) != run_id("s", other, DEFAULTS)


def test_studies_have_their_own_ids():
    assert run_id("one", {}, DEFAULTS) != run_id("other", {}, DEFAULTS)


@given(width=st.integers(), added=VALUES)
@settings(max_examples=50)
def test_a_field_added_with_a_default_keeps_old_ids(width, added):
    old = run_id("s", {"width": width}, {"width": 10})
    config, defaults = {"width": width, "new": added}, {"width": 10, "new": added}
    assert run_id("s", config, defaults) == old


def test_ids_are_the_same_in_another_process():
    code = (
        "from overparam.store.identity import run_id; print(run_id('s', {'b': 1}, {}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == run_id("s", {"b": 1}, {})


@given(st.dictionaries(st.text(), st.one_of(VALUES, st.lists(VALUES))))
@settings(max_examples=100)
def test_values_survive_strict_json(value):
    text = json.dumps(plain(value), allow_nan=False)
    assert repr(parsed(text.encode())) == repr(_without_tuples(value))


def _without_tuples(value):
    if isinstance(value, dict):
        return {name: _without_tuples(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_tuples(item) for item in value]
    return value


def test_a_value_that_json_cannot_hold_is_refused():
    with pytest.raises(StoreError, match="type object cannot be stored"):
        plain({"value": object()})


@pytest.mark.parametrize(
    "module",
    ["overparam.store.identity", "overparam.sweeping.grid", "overparam.sweeping.plan"],
)
def test_what_the_command_line_imports_is_light(module):
    code = (
        f"import {module}, sys\n"
        "print({'numpy', 'polars', 'safetensors', 'jax'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("number", ["1e309", "-1e999", "1" + "0" * 309])
def test_a_number_beyond_the_range_of_floats_is_none(number):
    for _ in range(2):
        with pytest.raises(ValueError, match="beyond the range of floats"):
            parsed(f'{{"x": [{number}]}}'.encode())
    assert parsed(b"[1e308, 18446744073709551616]") == [1e308, 2**64]


def test_very_many_numbers_are_read_as_they_are_written():
    numbers = [k if k % 3 else k / 7 for k in range(-20_000, 20_000)]
    numbers += [1, 1.0, True, 0, -0.0, 0.0, 2**100, 5e-324]
    for _ in range(2):
        read = parsed(json.dumps(numbers).encode())
        assert [*map(repr, read)] == [*map(repr, numbers)]
