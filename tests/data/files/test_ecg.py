import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from overparam.data import load_data
from overparam.data.files.ecg import load_ecg5000
from overparam.errors import ConfigError, DataError


def read(small, folder: Path, **options):
    return load_ecg5000(folder, official=small.official, **options)


def as_tsv(small, folder: Path) -> None:
    for name, raw in small.files.items():
        text = "\n".join("\t".join(row.split()) for row in raw.decode().splitlines())
        (folder / name.replace(".txt", ".tsv")).write_text(text)


def as_zip(small, folder: Path) -> None:
    with zipfile.ZipFile(folder / "ECG5000.zip", "w") as archive:
        for name, raw in small.files.items():
            archive.writestr(f"ECG5000/{name}", raw)


def as_npy(small, folder: Path, **changed: np.ndarray) -> None:
    n = small.official.n_train
    arrays = {
        "X_train": small.x[:n],
        "y_train": small.y[:n],
        "X_test": small.x[n:],
        "y_test": small.y[n:],
    }
    for name, array in (arrays | changed).items():
        np.save(folder / f"{name}.npy", array)


@pytest.mark.parametrize(
    "write", [lambda small, folder: small.write(folder), as_tsv, as_zip, as_npy]
)
def test_every_writing_gives_the_same_series(
    write, small_ecg, home, tmp_path: Path
) -> None:
    write(small_ecg, tmp_path)
    dataset = read(small_ecg, tmp_path, labels="five")
    np.testing.assert_array_equal(dataset.train.x, small_ecg.x[:6])
    np.testing.assert_array_equal(dataset.test.x, small_ecg.x[6:])
    np.testing.assert_array_equal(dataset.train.y, small_ecg.y[:6])
    np.testing.assert_array_equal(dataset.test.y, small_ecg.y[6:])
    assert dataset.train.x.dtype == np.float32
    assert dataset.train.y.dtype == np.int32
    assert dataset.n_classes == 5


def test_normal_against_the_rest_is_the_default(
    small_ecg, home, tmp_path: Path
) -> None:
    dataset = read(small_ecg, small_ecg.write(tmp_path))
    np.testing.assert_array_equal(dataset.test.y, small_ecg.y[6:] != 0)
    assert dataset.n_classes == 2


def test_binary_npy_labels_stay_as_they_are(small_ecg, home, tmp_path: Path) -> None:
    y = np.array([0, 1, 1, 0, 1, 0])
    as_npy(small_ecg, tmp_path, y_train=y)
    np.testing.assert_array_equal(read(small_ecg, tmp_path).train.y, y)


def test_shuffling_permutes_the_pool_by_the_seed(small_ecg, home, tmp_path) -> None:
    folder = small_ecg.write(tmp_path)

    def shuffled(seed: int) -> np.ndarray:
        options = {"labels": "five", "split": "shuffled", "seed": seed}
        dataset = read(small_ecg, folder, **options)
        assert (len(dataset.train), len(dataset.test)) == (6, 10)
        parts = dataset.train, dataset.test
        return np.concatenate([np.column_stack([p.y, p.x]) for p in parts])

    pool = np.column_stack([small_ecg.y, small_ecg.x])
    orders = [shuffled(seed) for seed in range(4)]
    for order in orders:
        np.testing.assert_array_equal(np.sort(order, axis=0), np.sort(pool, axis=0))
        rows = {tuple(row) for row in order.tolist()}
        assert rows == {tuple(row) for row in pool.tolist()}
    # Two of 16! orders are equal by accident with probability 5e-14.
    assert len({order.tobytes() for order in [pool, *orders]}) == 5
    np.testing.assert_array_equal(shuffled(2), orders[2])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: "", "is empty"),
        (lambda text: text.replace("1.0", "heart", 1), "is no table of numbers"),
        (
            lambda text: text.partition("\n")[2],
            "has 5 rows of 7 numbers, expected 6 of 7",
        ),
        (lambda text: text + "1 2\n", "is no table of numbers"),
        (lambda text: "nan".join(text.rsplit("1", 1)), "no table|not finite"),
        (lambda text: "  6" + text[text.index("e+00") + 4 :], "from 1 to 5, got 6"),
        (lambda text: "  1.5" + text[text.index("e+00") + 4 :], "from 1 to 5, got 1.5"),
    ],
)
def test_a_damaged_text_is_refused_in_words(
    change, message: str, small_ecg, home, tmp_path: Path
) -> None:
    small = small_ecg.unchecked()
    text = small.files["ECG5000_TRAIN.txt"].decode()
    folder = small.with_file("ECG5000_TRAIN.txt", change(text).encode()).write(tmp_path)
    with pytest.raises(
        DataError, match=f"ECG5000_TRAIN.txt` .*({message}).*data fetch"
    ):
        read(small, folder)


def test_an_altered_digit_is_noticed_by_the_checksum(small_ecg, home, tmp_path) -> None:
    raw = small_ecg.files["ECG5000_TEST.txt"]
    other = raw.replace(b"e-01", b"e-02", 1)
    assert len(other) == len(raw)
    assert other != raw
    folder = small_ecg.with_file("ECG5000_TEST.txt", other).write(tmp_path)
    with pytest.raises(DataError, match="is not the official file: the SHA-256"):
        read(small_ecg, folder)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"X_train": np.zeros((6, 5))}, "X_train.npy` must have 6 columns, got 5"),
        ({"X_train": np.zeros(6)}, "X_train.npy` must have 6 columns, got 1 axes"),
        ({"X_test": np.full((10, 6), np.nan)}, "X_test.npy` holds values that are not"),
        ({"X_test": np.full((10, 6), "a")}, "X_test.npy` holds values that are not"),
        ({"y_train": np.full(6, 5)}, "y_train.npy` must .* from 0 to 4, got 5"),
        ({"y_train": np.full(6, -1)}, "y_train.npy` must .* from 0 to 4, got -1"),
        ({"y_train": np.full(6, 0.5)}, "y_train.npy` must .* from 0 to 4, got 0.5"),
        ({"y_train": np.zeros((6, 1))}, "y_train.npy` must .* they have 2 axes"),
        ({"y_test": np.zeros(9, int)}, "X_test.npy` has 10 series but .* has 9 labels"),
        ({"X_test": np.array([{}])}, "X_test.npy` is no whole .npy file"),
    ],
)
def test_a_wrong_npy_file_is_refused_in_words(
    changed: dict, message: str, small_ecg, home, tmp_path: Path
) -> None:
    as_npy(small_ecg, tmp_path, **changed)
    with pytest.raises(DataError, match=message):
        read(small_ecg, tmp_path, labels="five")


def test_a_truncated_npy_file_is_refused(small_ecg, home, tmp_path: Path) -> None:
    as_npy(small_ecg, tmp_path)
    buffer = io.BytesIO()
    np.save(buffer, small_ecg.x[:6])
    whole = buffer.getvalue()
    announced = whole.replace(b"(6, 6)", b"(9**9,6)"), whole.replace(b"6, 6", b"9, 6")
    for raw in (*(whole[:n] for n in (0, 5, 40, len(whole) - 1)), *announced):
        (tmp_path / "X_train.npy").write_bytes(raw)
        with pytest.raises(DataError, match=r"X_train.npy` is no whole .npy file"):
            read(small_ecg, tmp_path)


@pytest.mark.parametrize("option", [{"labels": "two"}, {"split": "half"}])
def test_an_unknown_choice_is_refused_before_any_file(option: dict, home) -> None:
    with pytest.raises(ConfigError, match=f"`{next(iter(option))}` must be one of"):
        load_ecg5000(**option)


def test_the_real_series_have_the_published_class_counts(real_data) -> None:
    binary = real_data("ecg5000")
    five = load_ecg5000(labels="five")
    # The UCR archive's counts for the two files.
    assert np.bincount(five.train.y).tolist() == [292, 177, 10, 19, 2]
    assert np.bincount(five.test.y).tolist() == [2627, 1590, 86, 175, 22]
    np.testing.assert_array_equal(binary.train.y, five.train.y != 0)
    np.testing.assert_array_equal(binary.test.x, five.test.x)
    # z-normalised per series with n - 1: written with eight digits.
    assert abs(five.train.x.mean(axis=1)).max() < 1e-6
    np.testing.assert_allclose(five.train.x.std(axis=1, ddof=1), 1, atol=1e-6)
    assert load_data("ecg5000").shape == (140,)
