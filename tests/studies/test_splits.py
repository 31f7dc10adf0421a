"""No part of a data set holds one class in silence, whatever the order of its files."""

import dataclasses

import numpy as np
import pytest

from overparam.errors import ConfigError
from overparam.store import run_id
from overparam.studies.features.config import Features
from overparam.studies.features.problem import Problem
from overparam.studies.heavy_tails.config import HeavyTails
from overparam.studies.heavy_tails.data import load_data
from overparam.studies.registry import defaults


@pytest.fixture
def own_series(tmp_path, monkeypatch):
    """A user's files of ECG5000: 300 and 200 series, one class after the other."""
    rng = np.random.default_rng(5)
    for part, n in (("train", 300), ("test", 200)):
        np.save(tmp_path / f"X_{part}.npy", rng.standard_normal((n, 140)))
        np.save(
            tmp_path / f"y_{part}.npy",
            np.repeat([0, 1, 2], [n // 2, n // 3, n - n // 2 - n // 3]),
        )
    monkeypatch.setenv("OVERPARAM_DATA", str(tmp_path))


def features(**fields):
    return Problem.of(Features(dataset="ecg5000", batch_size=2, **fields))


def heavy(**fields):
    return load_data(HeavyTails(dataset="ecg5000", **fields))


def share(y):
    return float(np.mean(np.asarray(y) == 0))


@pytest.mark.parametrize(
    "fields", [{}, {"n_validation": 40, "n_train": 100}, {"n_validation": 2}]
)
def test_sorted_series_are_split_into_parts_of_equal_shares(own_series, fields):
    for part in features(**fields).splits().values():
        # Half are of class 0; a part rounds each of two classes by less than one.
        assert abs(share(part.y) - 0.5) <= 1 / len(part.y)


@pytest.mark.parametrize("labels", ["normal-vs-rest", "five"])
@pytest.mark.parametrize("n", [2, 3, 50, 250])
def test_some_of_sorted_series_hold_the_classes_of_all(own_series, labels, n):
    found = heavy(labels=labels, n_train=n, n_test=min(n, 199))
    for part in (found.train, found.test):
        classes = 2 if labels == "normal-vs-rest" else 3
        assert len(np.unique(part.y)) == min(n, classes)


def test_the_official_series_are_split_alike(real_data):
    real_data("ecg5000")
    assert abs(share(features().validation.y) - 292 / 500) < 1 / 41
    assert abs(share(heavy(n_train=250).train.y) - 292 / 500) < 1 / 250


@pytest.mark.parametrize(
    "fields",
    [
        {"n_train": 1},
        {"n_test": 1},
        {"n_train": 250, "subsets": "first"},
        {"dataset": "digits", "n_test": 1},
        {"dataset": "mixture", "n_train": 1},
    ],
)
def test_one_class_in_a_part_is_an_error(own_series, fields):
    with pytest.raises(ConfigError, match="classes"):
        load_data(HeavyTails(**{"dataset": "ecg5000"} | fields))


def test_one_class_in_a_validation_part_is_an_error():
    with pytest.raises(ConfigError, match="at least 2 classes in every part"):
        Problem.of(Features(n_validation=1))


def test_mixed_files_are_cut_as_they_come():
    whole = Problem.of(Features(n_validation=0))
    cut = Problem.of(Features(n_validation=100, n_train=500))
    np.testing.assert_array_equal(cut.train.x, whole.train.x[:500])
    np.testing.assert_array_equal(cut.validation.x, whole.train.x[-100:])


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "cifar-10", "digits"])
@pytest.mark.parametrize("part", ["train", "test"])
def test_official_images_count_as_mixed_at_every_size(real_data, name, part):
    from overparam.data import Split
    from overparam.data.parts import hold_out, take

    y = getattr(real_data(name), part).y
    numbered = Split(np.arange(len(y)), y)
    for n in (5, 20, 100, 500, 1000, 5000, 20_000, 55_000):
        if n < len(y):
            first = take(numbered, n, rule="first", what=part).x
            last = hold_out(numbered, n, rule="first", what=part)[1].x
            assert (first[0], last[-1]) == (0, len(y) - 1)


def new_fields(study, config, added):
    """The id with all fields, and the one of a version without the added one."""
    fields, known = dataclasses.asdict(config), defaults(type(config))
    before = {name: value for name, value in fields.items() if name not in added}
    return run_id(study, fields, known), run_id(study, before, known)


@pytest.mark.parametrize(
    ("study", "config", "keeps"),
    [
        ("features", Features(dataset="mnist", n_train=1000), True),
        ("features", Features(dataset="mnist", n_train=1000, subsets="first"), True),
        ("features", Features(dataset="ecg5000", n_validation=0), True),
        ("features", Features(dataset="ecg5000"), False),
        ("heavy-tails", HeavyTails(n_train=100), True),
        ("heavy-tails", HeavyTails(dataset="ecg5000"), True),
        ("heavy-tails", HeavyTails(dataset="digits", n_train=99), True),
        (
            "heavy-tails",
            HeavyTails(dataset="ecg5000", split="shuffled", n_train=99),
            True,
        ),
        ("heavy-tails", HeavyTails(dataset="ecg5000", n_train=250), False),
    ],
)
def test_only_runs_whose_parts_changed_have_a_new_id(study, config, keeps):
    now, before = new_fields(study, config, {"subsets", "epochs_include_first"})
    assert (now == before) == keeps
