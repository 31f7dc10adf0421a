"""Activation patterns: sampling, enumeration, the all-ones question."""

import numpy as np
import pytest

from overparam.convex.patterns import (
    all_ones_direction,
    enumerate_patterns,
    interior_gates,
    pattern_count,
    patterns_of,
    sample_gates,
    with_directions,
)
from overparam.errors import ConfigError


@pytest.mark.parametrize(("n", "d", "count"), [(6, 2, 12), (8, 3, 58), (7, 4, 84)])
def test_enumeration_finds_as_many_patterns_as_cover_counts(rng, n, d, count):
    x = rng.standard_normal((n, d))
    patterns = enumerate_patterns(x)
    assert pattern_count(n, d) == count
    assert len(patterns.masks) == count
    assert patterns.complete
    np.testing.assert_array_equal(patterns.gates @ x.T >= 0, patterns.masks)


def test_enumeration_holds_every_sampled_pattern(rng):
    for d in (2, 3):
        x = rng.standard_normal((9, d))
        every = enumerate_patterns(x)
        sampled = patterns_of(x, rng.standard_normal((300, d)))
        assert all(every.index(mask) is not None for mask in sampled.masks)


def test_the_sweep_and_the_programmes_agree_in_the_plane(rng):
    x = rng.standard_normal((7, 2))
    lifted = np.hstack([x, np.zeros((7, 1))])
    swept, grown = enumerate_patterns(x), enumerate_patterns(lifted)
    assert {m.tobytes() for m in swept.masks} == {m.tobytes() for m in grown.masks}


def test_enumeration_refuses_what_is_too_much(rng):
    with pytest.raises(ConfigError, match="patterns=sampled or column-generation"):
        enumerate_patterns(rng.standard_normal((100, 10)))


def test_the_all_ones_direction_is_found_exactly_when_enumeration_has_the_pattern(rng):
    for n in (4, 6, 8):
        x = rng.standard_normal((n, 3))
        direction = all_ones_direction(x)
        listed = enumerate_patterns(x).index(np.ones(n, bool)) is not None
        assert (direction is not None) == listed
        if direction is not None:
            assert (x @ direction).min() > 0


def test_patterns_are_distinct_and_planted_ones_come_once(rng):
    x = rng.standard_normal((12, 4))
    patterns = patterns_of(x, sample_gates(x, 200, rng=rng))
    packed = {mask.tobytes() for mask in patterns.masks}
    assert len(packed) == len(patterns.masks)
    np.testing.assert_array_equal(patterns.gates @ x.T >= 0, patterns.masks)
    again = with_directions(patterns, x, patterns.gates[5:6])
    assert len(again.masks) == len(patterns.masks)
    np.testing.assert_array_equal(again.masks[0], patterns.masks[5])


@pytest.mark.parametrize("sampler", ["dense", "sparse", "bisector"])
def test_gates_are_finite_directions(rng, sampler):
    x = rng.standard_normal((12, 6))
    gates = sample_gates(x, 40, sampler=sampler, rng=rng)
    assert gates.shape == (40, 6)
    assert np.all(np.any(gates != 0, axis=1))
    if sampler == "sparse":
        assert np.all((gates != 0).sum(axis=1) == 3)


def test_boundary_gates_are_moved_inside_or_dropped(rng):
    x = rng.standard_normal((10, 3))
    gate = np.cross(x[0], x[1])
    patterns = patterns_of(x, gate[None])
    moved = interior_gates(x, patterns)
    signs = 2.0 * moved.masks - 1
    assert np.all(signs * (moved.gates @ x.T) > 0)
