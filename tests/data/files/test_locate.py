import zipfile
from pathlib import Path

import pytest

from overparam.data.files.ecg import load_ecg5000
from overparam.data.files.locate import cache_folder, locate, search
from overparam.errors import DataError
from overparam.processes import compilation_cache


def test_the_cache_follows_the_platform(home: Path) -> None:
    assert cache_folder() == home


def test_compiled_programs_lie_beside_the_data_sets(home: Path) -> None:
    assert compilation_cache().parent == home.parent


def test_nothing_is_found_where_nothing_is(small_mnist, home, tmp_path: Path) -> None:
    assert locate(small_mnist.official) is None
    assert locate(small_mnist.official, tmp_path) is None


@pytest.mark.parametrize("subfolder", ["", "mnist", "MNIST/raw"])
@pytest.mark.parametrize("packed", [False, True])
def test_files_lie_in_the_folder_or_in_one_named_after_the_set(
    subfolder: str, packed: bool, small_mnist, home, tmp_path: Path
) -> None:
    folder = small_mnist.write(tmp_path / subfolder, packed=packed)
    place = locate(small_mnist.official, tmp_path)
    assert place is not None
    assert place.folder == folder
    assert [found.read() for _, found in place.files()] == [*small_mnist.files.values()]


def test_a_folder_given_goes_before_the_variable_and_that_before_the_cache(
    small_mnist, home: Path, tmp_path: Path, monkeypatch
) -> None:
    cached = small_mnist.write(home / "mnist")
    named = small_mnist.write(tmp_path / "named")
    given = small_mnist.write(tmp_path / "given")

    def found(folder: Path | None = None) -> Path | None:
        place = locate(small_mnist.official, folder)
        return place and place.folder

    assert found() == cached
    monkeypatch.setenv("OVERPARAM_DATA", str(named))
    assert found() == named
    assert found(given) == given
    for path in named.iterdir():
        path.unlink()
    assert found() == cached


def test_an_incomplete_folder_is_passed_over_but_remembered(
    small_mnist, home: Path, tmp_path: Path
) -> None:
    cached = small_mnist.write(home / "mnist")
    partial = small_mnist.write(tmp_path / "partial")
    (partial / "train-labels-idx1-ubyte").unlink()
    place = locate(small_mnist.official, partial)
    assert place is not None
    assert place.folder == cached
    first, *_ = search(small_mnist.official, partial)
    assert first.folder == partial
    assert first.missing == ("train-labels-idx1-ubyte",)


@pytest.mark.parametrize("by_variable", [False, True])
def test_a_folder_that_does_not_exist_is_named(
    by_variable: bool, small_mnist, home, tmp_path: Path, monkeypatch
) -> None:
    absent = tmp_path / "nowhere"
    if by_variable:
        monkeypatch.setenv("OVERPARAM_DATA", str(absent))
    with pytest.raises(DataError, match=f"`{absent}`.*create it, or") as caught:
        locate(small_mnist.official, None if by_variable else absent)
    assert ("OVERPARAM_DATA" in str(caught.value)) == by_variable


def test_official_files_go_before_their_stand_ins(
    small_ecg, home, tmp_path: Path
) -> None:
    small_ecg.write(tmp_path)
    for name in ("ECG5000_TRAIN.tsv", "ECG5000_TEST.tsv"):
        (tmp_path / name).write_text("1 2")
    place = locate(small_ecg.official, tmp_path)
    assert place is not None
    assert place.contents == small_ecg.official.contents


def test_one_part_as_text_and_the_other_in_the_archive_make_a_set(
    small_ecg, home, tmp_path: Path
) -> None:
    small_ecg.write(tmp_path)
    with zipfile.ZipFile(tmp_path / "ECG5000.zip", "w") as archive:
        archive.write(tmp_path / "ECG5000_TEST.txt", "ECG5000_TEST.txt")
    (tmp_path / "ECG5000_TEST.txt").unlink()
    place = locate(small_ecg.official, tmp_path)
    assert place is not None
    assert [found.read() for _, found in place.files()] == [*small_ecg.files.values()]


@pytest.mark.parametrize("raw", [b"", b"PK\3\4 and no more", b"no zip archive"])
def test_a_damaged_zip_archive_is_named_by_who_reads_it(
    raw: bytes, small_ecg, home, tmp_path: Path
) -> None:
    (tmp_path / "ECG5000.zip").write_bytes(raw)
    assert locate(small_ecg.official, tmp_path) is not None
    with pytest.raises(DataError, match=r"ECG5000.zip/ECG5000_TRAIN.txt` cannot be"):
        load_ecg5000(tmp_path, official=small_ecg.official)


def test_a_damaged_member_of_a_zip_archive_is_named(
    small_ecg, home, tmp_path: Path
) -> None:
    path = tmp_path / "ECG5000.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, raw in small_ecg.files.items():
            archive.writestr(name, raw)
    path.write_bytes(path.read_bytes().replace(b"e-01", b"e-02", 1))
    with pytest.raises(DataError, match=r"ECG5000_TRAIN.txt` cannot be decompressed"):
        load_ecg5000(tmp_path, official=small_ecg.official)
