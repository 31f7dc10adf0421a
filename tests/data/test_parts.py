"""Parts of sorted files hold every class in its share; one class is an error."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from overparam.data import Split
from overparam.data.parts import check_classes, hold_out, take
from overparam.errors import ConfigError


def labelled(y) -> Split:
    """Samples whose input is their index."""
    return Split(np.arange(len(y)), np.asarray(y, np.int32))


def sorted_file(*counts: int) -> Split:
    return labelled(np.repeat(np.arange(len(counts)), counts))


LABELS = st.lists(st.integers(0, 4), min_size=2, max_size=60).filter(
    lambda y: len(set(y)) > 1
)


@given(LABELS, st.data())
def test_a_stratified_part_has_every_class_in_its_share(y, data):
    whole = labelled(y)
    n = data.draw(st.integers(2, len(y)))
    part = take(whole, n, rule="stratified", what="training")
    classes, counts = np.unique(y, return_counts=True)
    found = np.array([np.sum(part.y == c) for c in classes])
    share = n * counts / len(y)
    # n = sum of ceil(t c) lies between t N and t N + K, hence ceil(t c) there:
    assert np.all(found < share + 1)
    assert np.all(found > share - len(classes) * counts / len(y) - 1e-9)
    assert len(part) == n
    if n >= len(classes):
        assert np.all(found >= 1)
    first = [i for i, c in enumerate(y) if y[:i].count(c) < found[classes == c][0]]
    assert part.x.tolist() == first


@given(LABELS, st.data())
def test_stratified_parts_grow(y, data):
    whole, n = labelled(y), data.draw(st.integers(0, len(y) - 1))
    smaller, larger = (set(whole.stratified(k).x) for k in (n, n + 1))
    assert smaller < larger


@given(LABELS, st.data())
def test_what_is_held_out_is_disjoint_and_leaves_every_class(y, data):
    whole, n = labelled(y), data.draw(st.integers(0, len(y)))
    kept, held = whole.hold_out_stratified(n)
    assert sorted([*kept.x, *held.x]) == list(range(len(y)))
    assert len(held) == n
    if n <= len(y) - len(set(y)):
        assert set(kept.y) == set(y)


@pytest.mark.parametrize("counts", [(292, 208), (292, 177, 10, 19, 2), (90, 10)])
@pytest.mark.parametrize("n", [2, 3, 41, 90])
def test_a_sorted_file_gives_parts_of_several_classes(counts, n):
    whole = sorted_file(*counts)
    kept, held = hold_out(whole, n, what="validation")
    for part in (kept, held, take(whole, n, what="training")):
        assert len(np.unique(part.y)) >= min(2, len(counts))
    assert set(kept.y) == set(whole.y)


@pytest.mark.parametrize("n", [1, 5, 137, 900])
def test_a_mixed_file_gives_its_first_and_its_last_samples(n):
    whole = labelled(np.random.default_rng(1).permutation(np.arange(1000) % 7))
    if n == 1:
        with pytest.raises(ConfigError, match="at least 2 classes in every part"):
            take(whole, n, what="training")
        return
    assert take(whole, n, what="training").x.tolist() == list(range(n))
    kept, held = hold_out(whole, n, what="validation")
    assert kept.x.tolist() == list(range(1000 - n))
    assert held.x.tolist() == list(range(1000 - n, 1000))


@pytest.mark.parametrize("n", [100, 250, 400])
def test_the_first_of_a_sorted_file_are_refused_when_they_are_insisted_on(n):
    with pytest.raises(ConfigError, match=r"sorted by class: .* use `subsets=strat"):
        take(sorted_file(292, 208), n, rule="first", what="training")


def test_one_class_is_an_error_and_no_sample_is_none():
    check_classes(labelled([]), what="validation")
    with pytest.raises(ConfigError, match="got 1 in the 3 training samples"):
        check_classes(labelled([4, 4, 4]), what="training")
    with pytest.raises(ConfigError, match="2 samples to take from, and 3 are"):
        take(labelled([0, 1]), 3, what="training")
