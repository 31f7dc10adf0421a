"""What every study that trains has in common: its start is kept, and more if asked."""

import dataclasses

import equinox as eqx
import numpy as np
import pytest

from overparam import Context
from overparam.errors import ConfigError
from overparam.studies.registry import STUDIES, defaults, study


# A study, a small problem of it, what to keep, and the steps at which that is.
CASES = {
    "planted": (
        {"input_dim": 3, "n_outputs": 1, "teacher_width": 2, "width": 3, "epochs": 4}
        | {"samples_per_epoch": 20, "batch_size": 10},
        ("every 2", [0, 4, 8]),
    ),
    "features": (
        {"dataset": "digits", "width": 5, "n_train": 140, "n_validation": 40}
        | {"epochs": 3, "batch_size": 70},
        ("1,", [0, 2, 6]),
    ),
    "heavy-tails": (
        {"dataset": "mixture", "n_train": 40, "n_test": 40, "width": 4}
        | {"n_steps": 4, "evaluate_every": 1, "batch_size": 20},
        ("3", [0, 2, 4]),
    ),
    "timescales": (
        {"width": 4, "n_samples": 8, "teacher_width": 8, "n_steps": 8, "records": 9}
        | {"limits": ()},
        ("3,5", [0, 3, 5, 8]),
    ),
    "recovery": (
        {"method": "training", "fit": "penalised", "n_samples": 8, "input_dim": 3}
        | {"width": 4, "n_steps": 20},
        ("10,", [0, 10]),
    ),
    "lazy": (
        {"n_train": 12, "n_test": 8, "input_dim": 3, "width": 4, "n_steps": 4}
        | {"evaluate_every": 1},
        ("3", [0, 2, 4]),
    ),
}


@pytest.mark.parametrize("name", list(CASES))
def test_what_is_kept_changes_no_number_of_the_run(name):
    fields, (keep, steps) = CASES[name]
    kind, run = study(name).config_class(), study(name).function("run")
    plain, keeping = (
        run(kind(**fields, **more), Context())
        for more in ({"keep": ""}, {"keep": keep})
    )
    assert list(keeping.kept) == steps
    assert plain.kept.keys() <= keeping.kept.keys()
    for step, network in plain.kept.items():
        assert eqx.tree_equal(network, keeping.kept[step])
    assert eqx.tree_equal(plain.network, keeping.network)
    for column in plain.metrics.keys() - {"seconds"}:
        np.testing.assert_array_equal(
            plain.metrics[column], keeping.metrics[column], err_msg=column
        )
    # The start is another network of the same shapes.
    assert not eqx.tree_equal(plain.kept[0], plain.network)


@pytest.mark.parametrize("name", list(STUDIES))
def test_every_study_says_what_to_keep_by_one_field(name):
    kind = study(name).config_class()
    default = "101" if name == "timescales" else ""
    assert defaults(kind)["keep"] == default
    assert "keep" in {field.name for field in dataclasses.fields(kind)}


@pytest.mark.parametrize("name", list(STUDIES))
@pytest.mark.parametrize("keep", ["sometimes", "9" * 400 + ",", "x" * 5000, "every 0"])
def test_what_cannot_be_kept_is_one_sentence(name, keep):
    fields, _ = CASES.get(name, ({}, None))
    with pytest.raises(ConfigError, match="`keep`") as error:
        study(name).config_class()(**fields, keep=keep)
    assert len(str(error.value)) < 200
