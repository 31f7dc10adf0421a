"""Every size of every study: one that no machine holds is refused before it is made."""

import pytest

from overparam import memory
from overparam.errors import ConfigError, DataError
from overparam.studies.registry import STUDIES


SIZES = {
    "planted": ["input_dim", "n_outputs", "teacher_width", "width"],
    "features": ["width"],
    "heavy-tails": ["width", "n_train", "n_test"],
    "timescales": ["width", "n_samples", "teacher_width", "cells", "particles"],
    "recovery": ["n_samples", "input_dim", "n_patterns", "n_test"],
    "images": ["multiplier"],
    "lazy": ["width", "n_train", "n_test", "input_dim", "n_outputs", "teacher_width"],
}


@pytest.mark.parametrize(
    ("study", "field"), [(study, f) for study, fields in SIZES.items() for f in fields]
)
@pytest.mark.parametrize("size", [10**9, 10**11, 2**62])
def test_a_size_beyond_memory_is_a_sentence_with_the_bytes(
    study, field, size, monkeypatch
):
    monkeypatch.setattr(memory, "memory", lambda: 10**9)
    entry = STUDIES[study]
    config = entry.config_class()(**{field: size})
    try:
        with pytest.raises(ConfigError) as error:
            entry.function("describe")(config)
    except DataError:
        pytest.skip("The data of this study are not here.")
    text = str(error.value)
    assert "bytes" in text
    assert f"`{field}`" in text
    assert "\n" not in text


def test_more_kept_networks_than_records_cost_nothing():
    config = STUDIES["timescales"].config_class()(
        n_steps=10, records=6, keep=str(10**12), limits=()
    )
    assert config.keep_steps == frozenset(range(0, 11, 2))


def test_a_training_has_no_more_steps_than_its_counter():
    from overparam.training import Plan
    from overparam.training.plan import MOST_STEPS

    with pytest.raises(ConfigError, match=r"at most 2\^31 - 1 steps"):
        Plan(n_steps=MOST_STEPS + 1, batch_size=1, record_every=1)
