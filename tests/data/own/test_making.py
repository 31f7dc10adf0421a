import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_array

import overparam as op
from overparam.errors import ConfigError


@pytest.mark.parametrize(
    ("labels", "listed"),
    [
        (["b", "a", "b", "a"] * 4, ("a", "b")),
        ([3, -7, 3, -7] * 4, ("-7", "3")),
        ([True, False] * 8, ("False", "True")),
        (np.array([0.5, 2.0] * 8), ("0.5", "2")),
    ],
)
def test_labels_of_any_kind_are_mapped_in_their_order_and_listed(labels, listed):
    x = np.arange(32.0).reshape(16, 2)
    found = op.dataset(x, labels, test=(x, labels), task="classification")
    assert found.labels == listed
    assert found.n_classes == 2
    assert found.train.y.dtype == np.int32
    assert [found.labels[c] for c in found.train.y] == [
        str(int(v)) if v == 2.0 and isinstance(v, float) else str(v) for v in labels
    ]


@pytest.mark.parametrize("make", [pl.DataFrame, pd.DataFrame])
def test_frames_are_taken_with_the_names_of_their_columns(make):
    frame = make({"a": [1, 2, 3, 4], "b": [0.5, 1.5, 2.5, 3.5]})
    found = op.dataset(frame, frame["b"], test=(frame, frame["b"]))
    np.testing.assert_array_equal(found.train.x, np.c_[[1, 2, 3, 4], frame["b"]])
    np.testing.assert_array_equal(found.train.y, np.c_[frame["b"]])
    gap = make({"a": [1, 2, 3, None], "b": [0.5, 1.5, 2.5, 3.5]})
    with pytest.raises(ConfigError, match=r"misses a value \(row 4, column 'a'\)"):
        op.dataset(gap, frame["b"])


def test_two_columns_of_one_name_are_refused():
    frame = pd.DataFrame(np.eye(4), columns=["a", "b", "a", "c"])
    with pytest.raises(ConfigError, match="two columns named 'a'"):
        op.dataset(frame, [0.5, 1.0, 2.0, 3.0])


def test_a_test_part_is_drawn_in_shares_by_the_key():
    labels = np.repeat([0, 1, 2], [60, 30, 10])
    x = np.arange(100.0)[:, None]
    found = op.dataset(x, labels, test_fraction=0.2, seed=3)
    assert np.bincount(found.test.y).tolist() == [12, 6, 2]
    both = np.concatenate([found.train.x, found.test.x])
    np.testing.assert_array_equal(np.sort(both, axis=0), x)
    for part in (found.train, found.test):
        np.testing.assert_array_equal(labels[part.x[:, 0].astype(int)], part.y)
    same, other = (op.dataset(x, labels, seed=seed) for seed in (3, 4))
    np.testing.assert_array_equal(same.test.x, found.test.x)
    assert set(other.test.x[:, 0]) != set(found.test.x[:, 0])


def test_numbers_are_split_by_the_key_too():
    x = np.arange(50.0)[:, None]
    found = op.dataset(x, x * 2, test_fraction=0.5)
    assert (len(found.train), len(found.test)) == (25, 25)
    np.testing.assert_array_equal(found.test.x * 2, found.test.y)


def test_nothing_is_standardised_before_it_is_asked_for():
    x = np.random.default_rng(0).normal(3, 2, size=(30, 2))
    found = op.dataset(x, x[:, 0], test=(x[:5], x[:5, 0]))
    np.testing.assert_array_equal(found.train.x, x)
    np.testing.assert_array_equal(found.scaled().train.x, x)
    standardised = found.standardised()
    # Two roundings of numbers of size one.
    np.testing.assert_allclose(standardised.train.x.mean(axis=0), 0, atol=1e-14)
    np.testing.assert_allclose(standardised.train.x.std(axis=0), 1, atol=1e-14)
    np.testing.assert_allclose(
        standardised.test.x, (x[:5] - x.mean(axis=0)) / x.std(axis=0), atol=1e-14
    )


def test_a_constant_column_is_kept_and_cannot_be_standardised():
    x = np.c_[np.arange(10.0), np.full(10, 0.1)]
    found = op.dataset(x, np.arange(10) / 3)
    with pytest.raises(ConfigError, match="the first of them number 2"):
        found.standardised()


def test_images_of_bytes_have_moments_of_each_channel():
    x = np.random.default_rng(1).integers(0, 256, (20, 4, 3, 3), np.uint8)
    found = op.dataset(x, np.arange(20) % 2, test=(x, np.arange(20) % 2))
    assert found.train.x.dtype == np.uint8
    np.testing.assert_allclose(found.normalisation.mean, x.mean((0, 1, 2)) / 255)
    np.testing.assert_allclose(found.normalisation.std, x.std((0, 1, 2)) / 255)
    flat = found.flat().standardised().train.x
    np.testing.assert_allclose(flat.reshape(-1, 3).mean(0), 0, atol=1e-6)


def test_bytes_that_are_no_images_are_numbers():
    x = np.arange(40, dtype=np.uint8).reshape(20, 2)
    found = op.dataset(x, np.arange(20) % 2)
    assert found.train.x.dtype == np.float32
    assert found.scaled().train.x.max() > 1


@pytest.mark.parametrize(
    ("x", "y", "says"),
    [
        ([[1, 2], [3]], [0, 1], "rows of different lengths"),
        ([["1", "2"], ["3", "b"]], [0, 1], r"text \('b' in row 2|text \('3' in row 2"),
        (np.array([[{}], [1]], object), [0, 1], "values of type object"),
        (np.array([[None], [1]], object), [0, 1], "misses values"),
        (np.ones((2, 1)) * 1j, [0, 1], "values of type complex128"),
        (np.eye(2), [[0, 1]], "2 inputs and 1 targets"),
        (np.eye(2), np.array([object(), 1]), "targets of type object"),
        (np.eye(2), ["", "a"], "misses a label"),
        (3, [0, 1], "a row for each sample"),
        (np.eye(4), np.zeros((4, 2, 2)), "give a row each"),
    ],
)
def test_bad_arrays_get_one_sentence(x, y, says):
    with pytest.raises(ConfigError, match=says) as error:
        op.dataset(x, y)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"test": 3}, "`test` must be a pair"),
        ({"test": (np.eye(3), [0, 1, 0])}, r"inputs of the shape \(3,\)"),
        ({"test": (np.ones((2, 4)), ["a", "b"])}, "another kind"),
        ({"test_fraction": 2.0}, "`test_fraction` must lie"),
        ({"seed": -1}, "`seed`"),
        ({"task": "guess"}, "`task` must be one of"),
        ({"task": "regression", "test": (np.eye(4), [0, np.inf, 1, 1])}, "infinity"),
    ],
)
def test_bad_options_get_one_sentence(fields, says):
    with pytest.raises(ConfigError, match=says):
        op.dataset(np.eye(4), [0, 1, 0, 1], **fields)


def test_text_cannot_be_numbers():
    with pytest.raises(ConfigError, match="holds text as targets"):
        op.dataset(np.eye(4), list("abab"), task="regression")


_PICTURES = np.random.default_rng(0).integers(0, 256, (8, 2, 2, 3), np.uint8)


@pytest.mark.parametrize(
    ("train", "test"),
    [(_PICTURES, _PICTURES / 255), (_PICTURES / 255, _PICTURES)],
)
def test_parts_are_both_pictures_of_bytes_or_neither(train, test):
    """Bytes are divided by 255 in a study, and numbers are not."""
    labels = np.arange(8) % 2
    with pytest.raises(ConfigError, match="both pictures of bytes"):
        op.dataset(train, labels, test=(test, labels))


def test_numbers_of_the_test_part_make_no_classes():
    """Whole training targets and 0.5 in the test part were four classes."""
    parts = {"test": (np.eye(4), [0.5, 1, 2, 1])}
    with pytest.raises(ConfigError, match="--task regression"):
        op.dataset(np.eye(4), [0, 1, 0, 1], **parts)
    found = op.dataset(np.eye(4), [0, 1, 0, 1], task="regression", **parts)
    assert found.test.y[:, 0].tolist() == [0.5, 1, 2, 1]


@pytest.mark.parametrize(
    ("train", "test"),
    [([0.0, 1, 0, 1], [0, 1, 0, 1]), ([0.5, 1.5, 2, 3], [1, 2, 1, 2])],
)
def test_whole_numbers_of_the_test_part_are_numbers(train, test):
    found = op.dataset(np.eye(4), train, test=(np.eye(4), test))
    assert found.test.y[:, 0].tolist() == test


@pytest.mark.parametrize(
    ("train", "test"),
    [
        (np.float32([0, 0.5, 0, 0.5]), np.array([0, 1e300, 0, 1])),
        (np.int8([0, 1, 0, 1]), 2**30 + np.arange(4)),
    ],
)
def test_targets_have_a_type_that_holds_both_parts(train, test):
    x = np.eye(4)
    found = op.dataset(x, train, test=(x, test), task="regression")
    assert np.array_equal(found.test.y[:, 0], test)
    assert found.train.y.dtype == found.test.y.dtype


def test_inputs_have_a_type_that_holds_both_parts():
    x, y = np.eye(4), [0, 1, 0, 1]
    found = op.dataset(np.float32(x), y, test=(x / 3, y))
    assert found.train.x.dtype == found.test.x.dtype == np.float64


def test_what_memory_cannot_hold_is_refused(monkeypatch):
    """A view of a billion cells takes none before they are looked at."""
    monkeypatch.setattr("overparam.memory.memory", lambda: 2**30)
    cells = np.broadcast_to(np.float32(0), (10**9, 1))
    with pytest.raises(ConfigError, match="bytes of memory"):
        op.dataset(cells, np.broadcast_to(0, 10**9))


@pytest.mark.parametrize(
    ("x", "y", "sentence"),
    [
        (
            [["1", " 2"]] * 2 + [["3", "4"]] * 2,
            [0, 1] * 2,
            "numbers that are written as text",
        ),
        (np.ma.array(np.eye(4), mask=np.eye(4)), [0, 1] * 2, "they are masked"),
        (np.eye(4), np.ma.array([0, 1] * 2, mask=[1, 0, 0, 0]), "they are masked"),
        (csr_array(np.eye(4)), [0, 1] * 2, "has a csr_array for an array"),
        (np.eye(4), 3, "has a int for an array"),
        (pl.LazyFrame(np.eye(4)), [0, 1] * 2, "no frame with columns"),
        (np.arange(8).reshape(4, 2) + 2**60, [0, 1] * 2, "beyond 2\\^53"),
        (np.eye(4) * np.longdouble("1e400"), [0, 1] * 2, "holds an infinity"),
    ],
    ids=["text", "masked", "targets", "sparse", "number", "lazy", "large", "long"],
)
@pytest.mark.filterwarnings("ignore")  # Polars warns of the columns of a lazy frame.
def test_what_would_be_changed_unsaid_is_refused(x, y, sentence):
    with pytest.raises(ConfigError, match=sentence):
        op.dataset(x, y)


def test_labels_that_floats_would_mix_up_are_refused():
    x, y = np.eye(4), np.array([0, 1, 0, 1]) + 2**53
    with pytest.raises(ConfigError, match="beyond 2\\^53"):
        op.dataset(x, y, test=(x, y.astype(np.uint64)))


@pytest.mark.parametrize("make", [pl.DataFrame, pd.DataFrame])
def test_columns_of_a_test_part_are_found_by_their_names(make):
    frame = make({"a": [1.0, 2.0, 3.0, 4.0], "b": [9.0, 8.0, 7.0, 6.0]})
    turned = make({"b": [0.5, 1.5], "a": [2.5, 3.5]})
    y = [0.1, 0.2, 0.3, 0.4]
    found = op.dataset(frame, y, test=(turned, y[:2]))
    np.testing.assert_array_equal(found.test.x, [[2.5, 0.5], [3.5, 1.5]])
    other = make({"a": [2.5, 3.5], "c": [0.5, 1.5]})
    with pytest.raises(ConfigError, match="`test` has other columns than the training"):
        op.dataset(frame, y, test=(other, y[:2]))
    # One column is the target, whatever it is called.
    price, target = make({"price": y}), make({"target": y[:2]})
    assert (
        op.dataset(frame, price, test=(turned, target)).test.y.ravel().tolist() == y[:2]
    )
    # Arrays have no names to compare.
    assert len(op.dataset(frame, y, test=(np.eye(2), y[:2])).test) == 2


def test_several_numbers_under_the_name_of_a_column_are_refused():
    frame = pl.DataFrame({"a": [{"b": 1, "c": 2}] * 4, "d": [1, 2, 3, 4]})
    with pytest.raises(ConfigError, match="several numbers in each row of the column"):
        op.dataset(frame, [0.5, 1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (["0", "1", "?", "NA"], r"misses a label \('\?'\)"),
        (["0", "1", "None", "0"], r"misses a label \('None'\)"),
        (["a", "b", "nan", "a"], r"misses a label \('nan'\)"),
        (["a", " ", "b", "a"], r"misses a label \(' '\)"),
        (["a", "b", "a ", "b"], "the labels 'a' and 'a ', which look alike"),
        (["\u00e9", "e\u0301"] * 2, r"labels 'e\\u0301' and '\\xe9', which look alike"),
    ],
)
def test_what_is_no_label_of_its_own_is_refused(labels, says):
    with pytest.raises(ConfigError, match=says):
        op.dataset(np.arange(16.0)[:, None], labels * 4)


@pytest.mark.parametrize("labels", [("none", "glioma"), ("+", "-"), ("-1", "1")])
def test_words_of_missing_values_may_be_classes_among_words(labels):
    found = op.dataset(np.arange(16.0)[:, None], labels * 8)
    assert set(found.labels) == set(labels)
