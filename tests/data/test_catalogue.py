from pathlib import Path

import pytest

from overparam.data import load_data
from overparam.data.catalogue import entries, fetch, verify
from overparam.data.files.official import OFFICIAL
from overparam.errors import ConfigError, DataError


NAMES = ["digits", "mnist", "fashion-mnist", "cifar-10", "cifar-100", "ecg5000"]


def entry(name: str, folder: Path | None = None):
    (found,) = [entry for entry in entries(folder=folder) if entry.name == name]
    return found


def test_every_data_set_is_listed_with_licence_and_citation(home) -> None:
    listed = entries()
    assert [entry.name for entry in listed] == NAMES
    assert all(entry.licence and entry.citation for entry in listed)
    assert entry("digits").status == "built in"
    assert {entry.status for entry in listed[1:]} == {"absent"}


@pytest.mark.parametrize("call", [load_data, fetch, verify])
def test_an_unknown_name_is_refused_with_the_choices(call, home) -> None:
    with pytest.raises(ConfigError, match=f"{', '.join(NAMES)}; got 'imagenet'"):
        call("imagenet")


def test_a_complete_set_is_found_with_its_size(
    small_mnist, publish, home, tmp_path: Path
) -> None:
    publish(small_mnist.official)
    small_mnist.write(tmp_path / "mnist")
    found = entry("mnist", tmp_path)
    assert found.status == "found"
    assert found.folder == tmp_path / "mnist"
    assert found.n_bytes == sum(map(len, small_mnist.files.values()))


def test_an_incomplete_set_names_what_is_missing(
    small_mnist, publish, home, tmp_path: Path
) -> None:
    publish(small_mnist.official)
    small_mnist.write(tmp_path)
    (tmp_path / "t10k-images-idx3-ubyte").unlink()
    found = entry("mnist", tmp_path)
    assert (found.status, found.missing) == ("incomplete", ("t10k-images-idx3-ubyte",))


def test_verifying_tells_right_from_damaged_and_missing_files(
    small_mnist, publish, home, tmp_path: Path
) -> None:
    publish(small_mnist.official)
    small_mnist.with_file("train-labels-idx1-ubyte", b"short").write(tmp_path)
    (tmp_path / "t10k-images-idx3-ubyte").unlink()
    checks = verify("mnist", folder=tmp_path)
    assert [check.status for check in checks] == ["ok", "damaged", "missing", "ok"]
    assert "train-labels-idx1-ubyte` is truncated" in checks[1].message
    assert "overparam data fetch mnist" in checks[2].message


def test_a_file_without_published_checksum_is_not_called_right(
    small_cifar_100, publish, home, tmp_path: Path
) -> None:
    publish(small_cifar_100.unchecked().official)
    small_cifar_100.write(tmp_path)
    statuses = {check.status for check in verify("cifar-100", folder=tmp_path)}
    assert statuses == {"unpublished"}


def test_verifying_all_means_those_that_are_there(
    small_mnist, small_ecg, publish, home, tmp_path: Path
) -> None:
    publish(small_mnist.official)
    publish(small_ecg.official)
    small_mnist.write(tmp_path / "mnist")
    small_ecg.write(tmp_path / "ecg5000")
    checks = verify(folder=tmp_path)
    assert {check.name for check in checks} == {"mnist", "ecg5000"}
    assert {check.status for check in checks} == {"ok"}


def test_verifying_an_absent_set_calls_its_files_missing(home) -> None:
    statuses = [check.status for check in verify("cifar-10")]
    assert statuses == ["missing"] * 6


def test_fetching_what_is_there_only_verifies_it(
    small_mnist, publish, home, tmp_path: Path
) -> None:
    publish(small_mnist.official)
    small_mnist.write(tmp_path)
    assert fetch("mnist", folder=tmp_path) == tmp_path
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(b"short")
    with pytest.raises(DataError, match="is truncated"):
        fetch("mnist", folder=tmp_path)


def test_digits_need_no_fetching(home) -> None:
    assert fetch("digits") is None
    assert verify("digits") == []


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "cifar-10", "ecg5000"])
def test_real_files_are_as_published(name: str, real_data) -> None:
    real_data(name)
    checks = verify(name)
    assert [check.file for check in checks] == [c.name for c in OFFICIAL[name].contents]
    assert {check.status for check in checks} == {"ok"}
