"""What does not fit into memory is refused before anything is made."""

import pytest

from overparam import memory
from overparam.errors import ConfigError
from overparam.memory import Need, check_memory


def test_the_sentence_has_the_bytes_and_the_size_to_lower(monkeypatch):
    monkeypatch.setattr(memory, "memory", lambda: 10**9)
    small = Need("a batch", [("`batch_size`", 10), ("`width`", 10)])
    check_memory(small, small)
    large = Need("weights", [("`input_dim`", 150), ("`width`", 10**7)], 4, copies=2)
    with pytest.raises(ConfigError) as error:
        check_memory(small, large)
    assert str(error.value) == (
        "This needs 12,000,000,400 bytes of memory, most of it for weights (`input_dim`"
        " 150 x `width` 10000000), and 1,000,000,000 bytes of memory are there; lower "
        "`width`."
    )


def test_what_fits_one_by_one_must_fit_together(monkeypatch):
    monkeypatch.setattr(memory, "memory", lambda: 1000)
    half = Need("half", [("`n`", 150)])
    check_memory(half)
    with pytest.raises(ConfigError, match="1,200 bytes"):
        check_memory(half, half)


def test_limits_of_groups_count_with_those_around_them(tmp_path, monkeypatch):
    inner = tmp_path / "outer" / "inner"
    inner.mkdir(parents=True)
    (inner / "memory.max").write_text("max\n")
    (tmp_path / "outer" / "memory.max").write_text("4096\n")
    found = memory._limits(inner, tmp_path, "memory.max")
    assert list(found) == [4096]
    assert 0 < memory.memory() < 2**60
