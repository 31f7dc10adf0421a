import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overparam.data import Dataset, Split
from overparam.data.files.official import Normalisation
from overparam.errors import ConfigError


def numbered(labels: list[int]) -> Split:
    """Samples whose input is their index."""
    return Split(np.arange(len(labels)), np.asarray(labels, np.int32))


def images(normalisation: Normalisation, n_channels: int = 3) -> Dataset:
    x = np.random.default_rng(0).integers(0, 256, (7, 4, 5, n_channels), np.uint8)
    y = np.zeros(7, np.int32)
    return Dataset(
        name="noise",
        train=Split(x[:5], y[:5]),
        test=Split(x[5:], y[5:]),
        n_classes=1,
        normalisation=normalisation,
    )


CHANNELS = Normalisation(mean=(0.5, 0.4, 0.3), std=(0.2, 0.25, 0.3))


@settings(max_examples=50)
@given(st.lists(st.integers(0, 3), max_size=30), st.integers(0, 6))
def test_a_subset_per_class_is_the_first_of_each_in_file_order(
    labels: list[int], n: int
) -> None:
    expected = [i for i, label in enumerate(labels) if labels[:i].count(label) < n]
    subset = numbered(labels).subset_per_class(n)
    assert subset.x.tolist() == expected
    assert subset.y.tolist() == [labels[i] for i in expected]


@settings(max_examples=50)
@given(st.lists(st.integers(0, 3), max_size=30), st.integers(0, 6))
def test_what_is_held_out_per_class_is_the_last_of_each_and_disjoint(
    labels: list[int], n: int
) -> None:
    train, validation = numbered(labels).hold_out_per_class(n)
    last = [i for i, label in enumerate(labels) if labels[i + 1 :].count(label) < n]
    assert validation.x.tolist() == last
    assert sorted([*train.x, *validation.x]) == list(range(len(labels)))


def test_holding_out_cuts_off_the_end() -> None:
    train, validation = numbered([0, 1, 2, 0, 1]).hold_out(2)
    assert train.x.tolist() == [0, 1, 2]
    assert validation.x.tolist() == [3, 4]
    assert validation.y.tolist() == [0, 1]


@pytest.mark.parametrize("n", [-1, 6])
def test_more_samples_than_there_are_cannot_be_taken(n: int) -> None:
    with pytest.raises(ConfigError, match=f"are 5 samples to take from, and {n} are"):
        numbered([0, 1, 2, 0, 1]).subset(n)
    with pytest.raises(ConfigError, match=f"are 5 samples to take from, and {n} are"):
        numbered([0, 1, 2, 0, 1]).hold_out(n)


def test_a_subset_of_a_data_set_takes_the_first_of_both_parts() -> None:
    whole = images(CHANNELS)
    subset = whole.subset(3, 1)
    np.testing.assert_array_equal(subset.train.x, whole.train.x[:3])
    np.testing.assert_array_equal(subset.test.x, whole.test.x[:1])


def test_scaling_divides_pixels_by_255() -> None:
    whole = images(CHANNELS)
    scaled = whole.scaled()
    assert scaled.train.x.dtype == scaled.test.x.dtype == np.float32
    # One rounding to float32, against float64.
    np.testing.assert_allclose(scaled.train.x, whole.train.x / 255.0, rtol=6e-8)


def test_standardising_is_by_channel_and_commutes_with_flattening() -> None:
    whole = images(CHANNELS)
    expected = (whole.test.x / 255.0 - CHANNELS.mean) / CHANNELS.std
    got = whole.standardised()
    assert got.test.x.dtype == np.float32
    # A few roundings to float32 of numbers of size 1, divided by 0.2.
    np.testing.assert_allclose(got.test.x, expected, atol=2e-6)
    np.testing.assert_array_equal(whole.flat().standardised().test.x, got.flat().test.x)


def test_flattening_copies_nothing() -> None:
    whole = images(CHANNELS)
    assert whole.flat().shape == (60,)
    assert np.shares_memory(whole.flat().train.x, whole.train.x)


def test_the_original_stays_as_it_was() -> None:
    whole = images(CHANNELS)
    before = whole.train.x.copy()
    whole.standardised()
    np.testing.assert_array_equal(whole.train.x, before)


def test_normalising_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="normalised already"):
        images(CHANNELS).scaled().standardised()


def test_a_data_set_is_shown_by_its_sizes() -> None:
    whole = images(CHANNELS)
    shapes = "5 + 2 samples of shape (4, 5, 3)"
    assert repr(whole) == f"Dataset(noise: {shapes}, 1 classes)"
    assert repr(whole.test) == "Split(2 samples of shape (4, 5, 3))"
