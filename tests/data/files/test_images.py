import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from overparam.data import Dataset, load_data
from overparam.errors import DataError


def assert_holds(dataset: Dataset, small) -> None:
    n_train = small.official.n_train
    np.testing.assert_array_equal(dataset.train.x, small.x[:n_train])
    np.testing.assert_array_equal(dataset.test.x, small.x[n_train:])
    np.testing.assert_array_equal(dataset.train.y, small.y[:n_train])
    np.testing.assert_array_equal(dataset.test.y, small.y[n_train:])
    assert dataset.train.x.dtype == np.uint8
    assert dataset.train.y.dtype == np.int32
    assert dataset.n_classes == small.official.n_classes


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", ["small_mnist", "small_cifar_10", "small_cifar_100"])
def test_official_files_are_read_as_written(
    name: str, packed: bool, request, publish, home, tmp_path: Path
) -> None:
    small = request.getfixturevalue(name)
    publish(small.official)
    folder = small.write(tmp_path / "files", packed=packed)
    assert_holds(load_data(small.official.name, folder=folder), small)


LAST = "t10k-labels-idx1-ubyte"


def test_what_was_read_is_read_again_only_after_a_change(
    small_mnist, publish, home, tmp_path: Path
) -> None:
    publish(small_mnist.official)
    folder = small_mnist.write(tmp_path)
    fresh = load_data("mnist", folder=folder)
    # Files so new may change within a tick of the clock of their system.
    assert load_data("mnist", folder=folder) is not fresh
    for file in folder.iterdir():
        os.utime(file, (0, 0))
    kept = load_data("mnist", folder=folder)
    assert load_data("mnist", folder=folder) is kept
    assert_holds(kept, small_mnist)
    with pytest.raises(ValueError, match="read-only"):
        kept.train.x[0] = 0
    before = (folder / LAST).stat()
    (folder / LAST).write_bytes(bytes(18))
    with pytest.raises(DataError, match=LAST):
        load_data("mnist", folder=folder)
    # Nor does one pass for the old one that was given its time.
    os.utime(folder / LAST, (0, 0))
    while (folder / LAST).stat().st_ctime_ns == before.st_ctime_ns:
        os.utime(folder / LAST, (0, 0))
    with pytest.raises(DataError, match=LAST):
        load_data("mnist", folder=folder)


def test_digits_are_read_once():
    assert load_data("digits") is load_data("digits")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda raw: raw[:-3], "is truncated: its content has 15 of 18 bytes"),
        (lambda raw: raw + b"\0", "is too long: its content has 19 of 18 bytes"),
        (lambda raw: b"", "is truncated: its content has 0 of 18 bytes"),
        (
            lambda raw: raw[:-1] + bytes([(raw[-1] + 1) % 10]),
            "is not the official file",
        ),
        (lambda raw: raw[:-1] + b"\x0a", "holds the label 10, expected 0..9"),
        (lambda raw: raw[:3] + b"\x03" + raw[4:], "magic number 2051, expected 2049"),
        (lambda raw: raw[:7] + b"\x0b" + raw[8:], "declares the shape 11, expected 10"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_a_damaged_file_is_named_with_what_is_wrong_and_the_remedy(
    damage, message: str, packed: bool, small_mnist, publish, home, tmp_path: Path
) -> None:
    publish(small_mnist.official)
    damaged = small_mnist.with_file(LAST, damage(small_mnist.files[LAST]))
    folder = damaged.write(tmp_path, packed=packed)
    with pytest.raises(DataError) as caught:
        load_data("mnist", folder=folder)
    text = str(caught.value)
    assert f"`{folder / LAST}" in text
    assert message in text
    assert text.endswith("or delete it and run `overparam data fetch mnist`.")
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (gzip.compress(bytes(1000))[:-9], "compressed stream ends early"),
        (b"no gzip at all", "cannot be decompressed"),
        (gzip.compress(bytes(9))[:-8] + bytes(8), "cannot be decompressed"),
        (b"\x1f\x8b\x08" + bytes(7) + b"\xff" * 20, "cannot be decompressed"),
    ],
    # The bytes hold the time: as names, every process would collect other tests.
    ids=["truncated", "no gzip", "wrong checksum", "noise"],
)
def test_damaged_gzip_is_reported_as_such(
    raw: bytes, message: str, small_mnist, publish, home, tmp_path: Path
) -> None:
    publish(small_mnist.official)
    folder = small_mnist.write(tmp_path)
    (folder / LAST).unlink()
    (folder / f"{LAST}.gz").write_bytes(raw)
    with pytest.raises(DataError, match=message):
        load_data("mnist", folder=folder)


def test_files_of_a_namesake_are_recognised(
    small_mnist, publish, home, tmp_path: Path
) -> None:
    publish(small_mnist.official)
    other = small_mnist.with_file(LAST, small_mnist.files[LAST][:-1] + b"\x0b")
    publish(other.reissued(name="fashion-mnist", n_classes=12).official)
    small_mnist.write(tmp_path)
    with pytest.raises(DataError, match="is the file of MNIST instead"):
        load_data("fashion-mnist", folder=tmp_path)


@pytest.mark.parametrize("name", ["small_cifar_10", "small_cifar_100"])
def test_a_cifar_record_too_few_is_noticed(
    name: str, request, publish, home, tmp_path: Path
) -> None:
    small = request.getfixturevalue(name)
    publish(small.official)
    file = small.official.contents[-1].name
    folder = small.with_file(file, small.files[file][:-19]).write(tmp_path)
    with pytest.raises(DataError, match=f"{file}` is truncated"):
        load_data(small.official.name, folder=folder)


def test_a_fine_class_beyond_the_hundred_is_noticed(
    small_cifar_100, publish, home, tmp_path: Path
) -> None:
    small = small_cifar_100
    publish(small.official)
    raw = small.files["test.bin"]
    folder = small.with_file("test.bin", raw[:1] + b"\x64" + raw[2:]).write(tmp_path)
    with pytest.raises(DataError, match=r"holds the label 100, expected 0..99"):
        load_data("cifar-100", folder=folder)


def test_digits_are_split_by_every_fifth_image_of_a_class() -> None:
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    dataset = load_data("digits")
    seen = dict.fromkeys(range(10), 0)
    test, train = [], []
    for i, label in enumerate(y):
        seen[label] += 1
        (test if seen[label] % 5 == 0 else train).append(i)
    np.testing.assert_array_equal(dataset.flat().train.x, x[train])
    np.testing.assert_array_equal(dataset.flat().test.x, x[test])
    np.testing.assert_array_equal(dataset.test.y, y[test])
    assert (len(dataset.train), len(dataset.test)) == (1442, 355)


def test_digits_need_no_files(home) -> None:
    assert load_data("digits").shape == (8, 8, 1)


@pytest.mark.parametrize("name", ["digits", "mnist", "fashion-mnist", "cifar-10"])
def test_the_stated_constants_are_the_moments_of_the_training_images(
    name: str, real_data
) -> None:
    dataset = real_data(name)
    constants = dataset.normalisation
    by_channel = dataset.train.x.reshape(-1, dataset.shape[-1])
    # Moments from counts of the 256 values: exact integers, an independent route.
    for c in range(dataset.shape[-1]):
        counts = np.bincount(by_channel[:, c], minlength=256)
        values = np.arange(256) / constants.maximum
        mean = counts @ values / counts.sum()
        std = np.sqrt(counts @ (values - mean) ** 2 / counts.sum())
        # Published with three (CIFAR-10) or four decimals, std sometimes truncated.
        tolerance = 1e-3 if name == "cifar-10" else 1e-4
        assert abs(mean - constants.mean[c]) < tolerance
        assert abs(std - constants.std[c]) < tolerance


@pytest.mark.parametrize(
    ("name", "per_class", "first"),
    [
        # The first labels as printed in the tutorials of these data sets; CIFAR-10
        # begins with a frog and two trucks, Fashion-MNIST with an ankle boot.
        ("mnist", (None, None), [5, 0, 4, 1, 9, 2]),
        ("fashion-mnist", (6000, 1000), [9, 0, 0, 3, 0]),
        ("cifar-10", (5000, 1000), [6, 9, 9, 4, 1]),
    ],
)
def test_real_images_have_the_published_counts(
    name: str, per_class: tuple, first: list[int], real_data
) -> None:
    dataset = real_data(name)
    assert dataset.train.y[: len(first)].tolist() == first
    for part, n in zip((dataset.train, dataset.test), per_class, strict=True):
        counts = np.bincount(part.y, minlength=10)
        assert len(counts) == 10
        assert n is None or (counts == n).all()
    assert dataset.scaled().flat().train.x.max() == 1


def test_a_validation_part_of_mnist_is_the_last_5000(real_data) -> None:
    whole = real_data("mnist").train
    train, validation = whole.hold_out(5000)
    assert len(train) == 55_000
    np.testing.assert_array_equal(validation.y, whole.y[55_000:])
