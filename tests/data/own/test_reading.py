"""Every kind of file, written by another program than the one that reads it."""

import gzip
import io
import re
import shutil
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from overparam.data import add_data, load_data
from overparam.data.own.kept import remove
from overparam.errors import ConfigError, DataError


def idx(array: np.ndarray, kind: int = 8) -> bytes:
    """The layout of MNIST, number by number."""
    letter = {8: "B", 9: "b", 0x0B: "h", 0x0C: "i", 0x0D: "f", 0x0E: "d"}[kind]
    head = bytes([0, 0, kind, array.ndim]) + struct.pack(
        f">{array.ndim}I", *array.shape
    )
    return head + b"".join(struct.pack(f">{letter}", v) for v in array.ravel().tolist())


def read(*files: str, **options):
    """What is kept of files, as it is loaded."""
    return load_data(add_data("mine", *files, **options).reference)


def assert_holds(part, x, y) -> None:
    np.testing.assert_array_equal(part.x, x)
    np.testing.assert_array_equal(part.y, y)


def test_an_archive_with_a_test_part(own, x, y):
    np.savez_compressed("all.npz", x=x, y=y, x_test=x[:5] * 2, y_test=y[:5])
    found = read("all.npz")
    assert_holds(found.train, x, y + 1)
    assert_holds(found.test, x[:5] * 2, y[:5] + 1)
    assert found.labels == ("-1", "0", "1")


def test_names_of_other_libraries_in_an_archive(own, x, y):
    np.savez("a.npz", X_train=x, y_train=y, X_test=x, y_test=y)
    assert len(read("a.npz").test) == 40


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_pair_of_arrays_in_either_order(own, x, y, order):
    np.save("x.npy", x)
    np.save("labels.npy", y)
    names = ["x.npy", "labels.npy"]
    found = read(*(names[i] for i in order))
    assert (len(found.train), len(found.test), found.n_classes) == (32, 8, 3)


def test_four_arrays_as_a_shell_lists_them(own, x, y):
    for name, array in {"x": x, "y": y, "x_test": x[:4], "y_test": y[:4]}.items():
        np.save(f"{name}.npy", array)
    found = read("x.npy", "x_test.npy", "y.npy", "y_test.npy")
    assert_holds(found.train, x, y + 1)
    assert_holds(found.test, x[:4], y[:4] + 1)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_table_with_a_column_of_labels(own, x, ending):
    kinds = np.array(["cat", "dog"])[np.arange(40) % 2]
    frame = pl.DataFrame({"a": x[:, 0], "kind": kinds, "n": np.arange(40)})
    write = {"csv": frame.write_csv, "parquet": frame.write_parquet}[ending]
    write(f"t.{ending}")
    frame[:6].write_csv("test.csv")
    found = read(f"t.{ending}", "test.csv", label="kind")
    assert_holds(found.train, np.c_[x[:, 0], np.arange(40)], np.arange(40) % 2)
    assert len(found.test) == 6
    assert found.labels == ("cat", "dog")


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_label_that_is_misspelt_is_one_sentence(own, ending):
    frame = pl.DataFrame({"area": np.arange(40.0), "price": np.arange(40.0)})
    {"csv": frame.write_csv, "parquet": frame.write_parquet}[ending](f"t.{ending}")
    sentence = f"`t.{ending}` has no column 'prise', did you mean `price`?"
    with pytest.raises(DataError, match=re.escape(sentence)):
        read(f"t.{ending}", label="prise")


@pytest.mark.parametrize("separator", [";", "\t"])
def test_other_separators_and_a_byte_order_mark(own, separator):
    rows = [["a", "y"], *([str(i), str(i / 2)] for i in range(20))]
    text = "\ufeff" + "\n".join(separator.join(row) for row in rows)
    (own / "t.csv").write_text(text)
    found = read("t.csv")
    assert found.n_classes is None
    both = np.concatenate([found.train.x, found.test.x])
    assert sorted(both[:, 0]) == list(range(20))
    np.testing.assert_array_equal(found.train.x / 2, found.train.y)


@pytest.mark.parametrize("packed", [False, True])
def test_the_layout_of_mnist_under_any_name(own, packed):
    rng = np.random.default_rng(1)
    x = rng.integers(0, 256, (12, 5, 4))
    y = np.arange(12) % 3
    files = {
        "train-images.idx3-ubyte": idx(x),
        "train-labels.idx1-ubyte": idx(y),
        "t10k-images-idx3-ubyte": idx(x[:6]),
        "t10k-labels-idx1-ubyte": idx(y[:6]),
    }
    for name, raw in files.items():
        (own / name).write_bytes(gzip.compress(raw) if packed else raw)
    found = read(*sorted(files))
    assert_holds(found.train, x[..., None], y)
    assert_holds(found.test, x[:6, ..., None], y[:6])
    assert found.train.x.dtype == np.uint8


@pytest.mark.parametrize("kind", [9, 0x0B, 0x0C, 0x0D, 0x0E])
def test_every_type_of_that_layout(own, kind):
    x = np.arange(40).reshape(20, 2) - 20
    (own / "inputs").write_bytes(idx(x, kind))
    (own / "labels").write_bytes(idx(np.arange(20) % 2))
    found = read("inputs", "labels")
    both = np.concatenate([found.train.x, found.test.x])
    np.testing.assert_array_equal(both[np.argsort(both[:, 0])], x)


@pytest.mark.parametrize("separator", [",", "\t", "  "])
def test_series_of_the_archive(own, x, y, separator):
    for part, rows in {"TRAIN": slice(40), "TEST": slice(9)}.items():
        lines = [
            separator.join([str(float(label)), *map(repr, row)])
            for label, row in zip(y[rows].tolist(), x[rows].tolist(), strict=True)
        ]
        (own / f"Shells_{part}.txt").write_text("\n".join(lines) + "\n")
    found = read("Shells_TEST.txt", "Shells_TRAIN.txt")
    assert_holds(found.train, x, y + 1)
    assert_holds(found.test, x[:9], y[:9] + 1)
    assert found.labels == ("-1", "0", "1")


TS = """# A comment.
@problemName Shells
@timeStamps false
@univariate {univariate}
@equalLength true
{target}
@data
"""


def ts_text(x, targets, *, number: bool = False) -> str:
    kind = "@targetLabel true" if number else "@classLabel true round flat"
    head = TS.format(univariate=str(x.ndim == 2).lower(), target=kind)
    lines = []
    for case, target in zip(x.tolist(), targets, strict=True):
        channels = [case] if x.ndim == 2 else zip(*case, strict=True)
        texts = [",".join(map(str, channel)) for channel in channels]
        lines.append(":".join([*texts, str(target)]))
    return head + "\n".join(lines)


def test_series_of_aeon(own, x):
    targets = ["round", "flat"] * 20
    text = ts_text(x, targets)
    (own / "Shells_TRAIN.ts").write_text(text)
    (own / "Shells_TEST.ts").write_text(text)
    found = read("Shells_TRAIN.ts", "Shells_TEST.ts")
    assert_holds(found.train, x, 1 - np.arange(40) % 2)
    assert found.labels == ("flat", "round")


def test_series_of_several_channels_and_a_number(own):
    x = np.random.default_rng(2).normal(size=(10, 6, 2))
    text = ts_text(x, (np.arange(10) / 4).tolist(), number=True)
    (own / "s.ts").write_text(text)
    found = read("s.ts")
    order = np.argsort(np.concatenate([found.train.y, found.test.y])[:, 0])
    both = np.concatenate([found.train.x, found.test.x])[order]
    np.testing.assert_array_equal(both, x)
    assert found.n_classes is None


def pictures(folder, arrays, labels) -> None:
    for number, (array, label) in enumerate(zip(arrays, labels, strict=True)):
        path = folder / label / f"{number:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(array).save(path)


def test_folders_of_pictures(own):
    rng = np.random.default_rng(3)
    grey = rng.integers(0, 256, (8, 6, 5), np.uint8)
    colour = rng.integers(0, 256, (4, 6, 5, 3), np.uint8)
    pictures(own / "p" / "train", grey, "aaaabbbb")
    pictures(own / "p" / "test", colour, "aabb")
    (own / "p" / ".hidden").touch()
    found = read("p")
    assert_holds(found.train, np.repeat(grey[..., None], 3, axis=3), [0] * 4 + [1] * 4)
    assert_holds(found.test, colour, [0, 0, 1, 1])


def test_a_size_is_the_mean_over_areas(own):
    big = np.random.default_rng(4).integers(0, 256, (8, 6, 6), np.uint8)
    pictures(own / "p", big, "abababab")
    pictures(own / "q", big[:4], "abab")
    found = read("p", "q", size=3)
    means = big.reshape(8, 3, 2, 3, 2).mean((2, 4))
    order = [0, 2, 4, 6, 1, 3, 5, 7]
    # Rows are brought to bytes, and then columns: each rounds by at most a half.
    assert np.abs(found.train.x[..., 0] - means[order]).max() <= 1


def hostile_npz(**arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


class Boom:
    def __reduce__(self):
        return (pytest.fail, ("A pickle was opened.",))


def pickled() -> bytes:
    return hostile_npz(x=np.array([Boom()] * 4), y=np.arange(4))


def announced(shape: tuple[int, ...]) -> bytes:
    """A header of an array that is not there."""
    buffer = io.BytesIO()
    about = {"descr": "<f8", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, about)
    return buffer.getvalue()


def bomb() -> bytes:
    """Two gigabytes of zeros in two megabytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", announced((2**18, 8)) + bytes(2**24))
        archive.writestr("y.npy", announced((2**18,)) + bytes(2**21))
    return buffer.getvalue()


def cells(text: str) -> bytes:
    return ("a,b,y\n" + text * 12).encode()


BAD = {
    "axes.idx": (
        b"\0\0\x08\x41" + struct.pack(">65I", *[1] * 65) + b"0",
        "declares 65 axes, more than an array has",
    ),
    "nothing.npz": (b"", "is empty"),
    "truncated.npz": (
        hostile_npz(x=np.ones((4, 2)), y=np.arange(4))[:-30],
        "cannot be",
    ),
    "pickled.npz": (pickled(), "pickled objects"),
    "names.npz": (hostile_npz(a=np.ones(3)), "has no array `x`; it holds a"),
    "lengths.npz": (hostile_npz(x=np.eye(4), y=np.arange(3)), "4 inputs and 3 targets"),
    "one.npz": (hostile_npz(x=np.eye(4), y=np.ones(4, int)), "has one class (1)"),
    "flat.npz": (hostile_npz(x=np.ones((4, 2)), y=np.arange(4) % 2), "all constant"),
    "vector.npz": (hostile_npz(x=np.arange(4.0), y=np.arange(4) % 2), "`x[:, None]`"),
    "none.npz": (hostile_npz(x=np.ones((0, 2)), y=np.ones(0)), "is empty"),
    "nan.npz": (
        hostile_npz(x=np.diag([1, np.nan, 1, 1]), y=np.arange(4) % 2),
        "misses a value (row 2, column 2)",
    ),
    "inf.npz": (
        hostile_npz(x=np.diag([1, 1, np.inf, 1]), y=np.arange(4) % 2),
        "holds an infinity (row 3, column 3)",
    ),
    "target.npz": (
        hostile_npz(x=np.eye(4), y=np.array([1, np.nan, 1, 2])),
        "misses a value (row 2, target 1)",
    ),
    "text.npz": (hostile_npz(x=np.array([["a"]] * 4), y=np.arange(4)), "holds text"),
    "dates.npz": (
        hostile_npz(x=np.zeros((4, 2), "M8[D]"), y=np.arange(4)),
        "holds values of type datetime64",
    ),
    "hot.npz": (hostile_npz(x=np.eye(4), y=np.eye(4, dtype=int)), "one for each"),
    "prices.npz": (
        hostile_npz(x=np.eye(9), y=np.arange(9) * 100),
        "9 different whole numbers as 9 targets: say `--task regression`",
    ),
    "few.npz": (hostile_npz(x=np.eye(3), y=np.array(list("aba"))), "make no test part"),
    "word.csv": (cells("1,2,0\n1,?,1\n"), "holds text ('?' in row 2, column 'b')"),
    "gap.csv": (cells("1,2,0\n1,,1\n"), "misses a value (row 2, column 'b')"),
    "label.csv": (cells("1,2,u\n3,4,\n"), "misses a target"),
    "twice.csv": (b"a,a,y\n1,2,0\n", "two columns named 'a'"),
    "other.csv": (b"a,b,z\n1,2,0\n", "has no column 'y'"),
    "header.csv": (b"a,b,y\n", "is empty"),
    "ragged.csv": (b"a,y\n1,2\n1,2,3\n", "is no table"),
    "binary.csv": (bytes(range(1, 256)), "is no text in UTF-8"),
    "bad.parquet": (b"PAR1" + bytes(50) + b"PAR1", "is no table"),
    "short-idx": (idx(np.zeros((3, 2), int))[:-1], "has 17 bytes, expected 18"),
    "kind-idx": (b"\x00\x00\x05\x01" + bytes(8), "no header of an IDX file"),
    "huge-idx": (b"\x00\x00\x08\x03" + b"\xff" * 12, "has 16 bytes, expected"),
    "words.txt": (b"once upon a time", "is no table of numbers"),
    "ragged.txt": (b"1 2 3\n1 2\n", "is no table of numbers"),
    "gap.txt": (b"1 2 3\n1 2 NaN\n", "misses a value (row 2, column 2)"),
    "single.txt": (b"1\n2\n", "has a single column"),
    "empty.ts": (b"@problemName x\n@data\n", "is empty"),
    "data.ts": (b"@problemName x\n1,2:a\n", "has no line `@data`"),
    "gap.ts": (b"@p x\n@data\n1,?,3:a\n1,2,3:b\n", "misses a value (`?`)"),
    "lengths.ts": (b"@p x\n@data\n1,2:a\n1,2,3:b\n", "several lengths"),
    "stamps.ts": (b"@timeStamps true\n@data\n(1,2):a\n", "stamps of time"),
    "labels.ts": (b"@classLabel false\n@data\n1,2\n", "has no labels"),
    "x.npy": (announced((10**9, 1)), "announces"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_gets_one_sentence(own, name):
    content, says = BAD[name]
    (own / name).write_bytes(content)
    with pytest.raises(DataError) as error:
        add_data("mine", name)
    sentence = str(error.value)
    assert says in sentence
    assert name in sentence
    assert "\n" not in sentence
    assert sentence.endswith(".")
    with pytest.raises(ConfigError, match="must be one of"):
        load_data("mine")


def test_a_truncated_stream_is_one_sentence(own):
    (own / "a.csv.gz").write_bytes(gzip.compress(cells("1,2,0\n"))[:-9])
    with pytest.raises(DataError, match="is truncated"):
        add_data("mine", "a.csv.gz")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("bomb.npz", bomb()),
        ("wide.csv", cells("1,2,0\n1,3,1\n") * 2**18),
        ("big.txt", b"1 2 3\n" * 2**21),
    ],
)
def test_what_does_not_fit_into_the_memory_is_refused_before_it_is_made(
    own, name, content, monkeypatch
):
    (own / name).write_bytes(content)
    monkeypatch.setattr("overparam.memory.memory", lambda: 2**24)
    with pytest.raises(ConfigError, match=r"This needs [\d,]+ bytes of memory"):
        add_data("mine", name)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_would_take_more_than_the_memory_is_refused(own, dtype, monkeypatch):
    """Bytes that adding takes at its height are too many where there is one less."""
    x = np.random.default_rng(0).normal(size=(2**14, 64)).astype(dtype)
    np.save("x.npy", x)
    np.save("y.npy", np.arange(len(x)) % 2)
    monkeypatch.setattr("overparam.data.own.making.BLOCK", 2**14)
    tracemalloc.start()
    try:
        add_data("mine", "x.npy", "y.npy")
        height = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    monkeypatch.setattr("overparam.memory.memory", lambda: height - 1)
    with pytest.raises(ConfigError, match="bytes of memory"):
        add_data("mine", "x.npy", "y.npy")


def test_a_table_of_equal_values_is_counted_before_it_is_unpacked(own, monkeypatch):
    pl.DataFrame({"a": pl.zeros(10**6, eager=True), "y": 1}).write_parquet("t.parquet")
    assert (own / "t.parquet").stat().st_size < 10**5
    monkeypatch.setattr("overparam.memory.memory", lambda: 2**23)
    with pytest.raises(ConfigError, match="a table"):
        add_data("mine", "t.parquet")


def test_bad_pictures_get_one_sentence(own):
    def refused(says: str, **options) -> None:
        with pytest.raises(DataError) as error:
            add_data("mine", "p", **options)
        assert says in str(error.value)

    (own / "p").mkdir()
    refused("holds no class folders")
    pixels = np.random.default_rng(5).integers(0, 256, (2, 4, 4), np.uint8)
    pictures(own / "p", pixels, "ab")
    Image.fromarray(pixels[0, :3]).save("p/a/small.png")
    refused("give one `size`")
    (own / "p/a/small.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20))
    refused("is no picture")
    Image.fromarray(np.zeros((4, 4), np.uint16) + 300).save("p/a/small.png")
    refused("more than 8 bits")
    clear = np.zeros((4, 4, 4), np.uint8)
    Image.fromarray(clear).save("p/a/small.png")
    refused("is transparent")
    (own / "p/a/small.png").unlink()
    (own / "p/a/more.jpg").touch()
    refused("is no PNG file")


def test_files_of_several_kinds_are_refused(own, x, y):
    np.save("x.npy", x)
    np.savez("a.npz", x=x, y=y)
    with pytest.raises(ConfigError, match="files of one kind"):
        add_data("mine", "x.npy", "a.npz")
    with pytest.raises(ConfigError, match="1 files of inputs and 0 of targets"):
        add_data("mine", "x.npy")
    with pytest.raises(ConfigError, match="3 parts"):
        add_data("mine", *(shutil.copy("a.npz", f"{i}.npz") for i in range(3)))
    with pytest.raises(ConfigError, match="Name a file"):
        add_data("mine")
    with pytest.raises(ConfigError, match="`size` is for folders"):
        add_data("mine", "a.npz", size=3)


@pytest.mark.parametrize("separator", [",", "\t", "  ", ", "])
@pytest.mark.parametrize("suffix", ["tsv", "txt"])
def test_rows_of_the_archive_have_no_header(own, x, y, separator, suffix):
    rows = [[int(label), *map(float, row)] for label, row in zip(y, x, strict=True)]
    text = "\n".join(separator.join(map(repr, row)) for row in rows)
    for part in ("TRAIN", "TEST"):
        Path(f"a_{part}.{suffix}").write_text("\ufeff" + text)
    found = read(f"a_TRAIN.{suffix}", f"a_TEST.{suffix}")
    assert_holds(found.train, x, y + 1)
    assert_holds(found.test, x, y + 1)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("1,,3\n2,,4", "misses a value \\(row 1\\)"),
        ("1 2 3\n2\t\t4", "misses a value \\(row 2\\)"),
        ("1;0,5;0,7\n2;0,5;0,8", "several kinds of separators"),
        ("1 0,5 0,7\n2 0,5 0,8", "several kinds of separators"),
    ],
)
def test_rows_that_would_be_read_as_others_are_refused(own, text, sentence):
    Path("a.txt").write_text(text)
    with pytest.raises(DataError, match=sentence):
        read("a.txt")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"1,2,3\n4,5,6\n", "where the names of its columns are needed"),
        ("a,y\n1,é\n2,b".encode("latin1"), "no text in UTF-8"),
        ("a,y\n1,0\n2,1".encode("utf-16"), "no text in UTF-8"),
        (b"a,b,y\n 1, 2,0\n 3, 4,1", "written as text"),
    ],
)
def test_tables_that_are_none_are_refused(own, text, sentence):
    Path("a.csv").write_bytes(text)
    with pytest.raises(DataError, match=sentence):
        read("a.csv")


def test_tables_of_old_and_odd_writers(own):
    rows = [f"{i},{i * i},{i % 2}" for i in range(10)]
    Path("a.csv").write_bytes("\r".join(["a,b,y", *rows]).encode())
    assert read("a.csv").shape == (2,)
    remove("mine")
    Path("a.csv").write_text("\n".join(['"a;b;c;d",b,y', *rows]))
    assert read("a.csv").shape == (2,)


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (("x", "X", "y"), "several arrays `x`"),
        (("x", "x_train", "y"), "several arrays `x`"),
        (("x", "y", "y_test"), "no array `x_test`"),
    ],
)
def test_archives_that_say_two_things_are_refused(own, x, y, names, sentence):
    np.savez("a.npz", **{n: y if n.startswith("y") else x for n in names})
    with pytest.raises(DataError, match=sentence):
        read("a.npz")


def test_a_part_is_named_once(own):
    Path("a.txt").write_text("1 2\n2 3\n")
    with pytest.raises(ConfigError, match="named twice"):
        read("a.txt", "a.txt")


def test_series_have_the_labels_that_they_list(own):
    Path("a.ts").write_text("@classLabel true a b\n@data\n1,2:a\n3,4:c\n5,6:b\n")
    with pytest.raises(DataError, match="the label 'c'"):
        read("a.ts")


def test_columns_of_two_tables_are_found_by_their_names(own):
    Path("a.csv").write_text("p,q,y\n1,2,0.5\n3,4,1.5\n")
    Path("a_test.csv").write_text("y,q,p\n2.5,6,5\n3.5,8,7\n")
    found = read("a.csv", "a_test.csv")
    assert_holds(found.test, [[5, 6], [7, 8]], [[2.5], [3.5]])


def test_a_picture_with_a_long_text_in_it_is_refused(own):
    raw = io.BytesIO()
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(raw, "PNG")
    text = b"zTXt" + b"a\0\0" + zlib.compress(bytes(2**22))
    chunk = struct.pack(">I", len(text) - 4) + text
    chunk += struct.pack(">I", zlib.crc32(text))
    Path("pictures/a").mkdir(parents=True)
    # After the first chunk, the sizes.
    whole = raw.getvalue()
    Path("pictures/a/1.png").write_bytes(whole[:33] + chunk + whole[33:])
    with pytest.raises(DataError, match=r"1\.png` is no picture \(ValueError: Decomp"):
        read("pictures")


def test_a_picture_whose_pixels_would_change_is_refused(own):
    def block(kind: bytes, content: bytes) -> bytes:
        check = zlib.crc32(kind + content)
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)
        )

    wide = b"\x89PNG\r\n\x1a\n" + block(
        b"IHDR", struct.pack(">2I5B", 1, 1, 16, 2, 0, 0, 0)
    )
    wide += block(b"IDAT", zlib.compress(bytes(7))) + block(b"IEND", b"")
    Path("p/a").mkdir(parents=True)
    Path("p/a/0.png").write_bytes(wide)
    with pytest.raises(DataError, match="more than 8 bits"):
        read("p")
    Image.fromarray(np.eye(2, dtype=np.uint8)).save("p/a/0.png", transparency=1)
    with pytest.raises(DataError, match="transparent in places"):
        read("p")
