"""Activation patterns: sampling, enumeration, the all-ones question."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linprog

from overparam.convex import (
    all_ones_direction,
    enumerate_patterns,
    patterns_of,
    with_directions,
)
from overparam.convex.programs.patterns import (
    interior_gates,
    pattern_count,
    sample_gates,
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


def test_arrays_of_jax_have_the_same_patterns(rng):
    x = rng.standard_normal((9, 3))
    ours, theirs = enumerate_patterns(x), enumerate_patterns(jnp.asarray(x))
    np.testing.assert_array_equal(ours.masks, theirs.masks)


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


def brute_force_patterns(x):
    """All sign vectors that a linear programme realises with a margin, 2^n of them."""
    used = np.any(x != 0, axis=1)
    rows = x[used] / np.abs(x[used]).max(axis=1, keepdims=True)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    k, d = rows.shape
    if not k:
        return {np.ones(len(x), bool).tobytes()}
    found = set()
    for signs in itertools.product([-1.0, 1.0], repeat=k):
        best = linprog(
            np.append(np.zeros(d), -1.0),
            A_ub=np.hstack([-np.array(signs)[:, None] * rows, np.ones((k, 1))]),
            b_ub=np.zeros(k),
            bounds=[(-1, 1)] * d + [(None, None)],
        )
        if best.x[d] > 1e-7:
            mask = np.ones(len(x), bool)
            mask[used] = np.array(signs) > 0
            found.add(mask.tobytes())
    return found


def degenerate_rows(rng):
    """A few rows: some equal, opposite, collinear or zero, of low rank or integers."""
    n, d = rng.integers(1, 6), rng.integers(1, 5)
    rank = rng.integers(1, d + 1)
    x = rng.standard_normal((n, rank)) @ rng.standard_normal((rank, d))
    if rng.random() < 0.5:
        x = np.round(x)
    factors = rng.choice([1, -1, 3.7, -0.2, 0], size=n)
    copied = rng.random(n) < 0.3
    x[copied] = factors[copied, None] * x[rng.integers(n, size=copied.sum())]
    return x * 10.0 ** rng.uniform(-12, 12, size=(n, 1))


def test_enumeration_is_brute_force_on_degenerate_rows(rng):
    for _ in range(12):
        x = degenerate_rows(rng)
        patterns = enumerate_patterns(x)
        masks = {mask.tobytes() for mask in patterns.masks}
        assert len(masks) == len(patterns.masks)
        assert masks == brute_force_patterns(x)
        np.testing.assert_array_equal(patterns.gates @ x.T >= 0, patterns.masks)


@pytest.mark.parametrize(("n", "d"), [(9, 3), (8, 4), (8, 5), (5, 7), (1, 1), (6, 1)])
def test_equal_opposite_collinear_and_zero_rows_add_no_patterns(rng, n, d):
    x = rng.standard_normal((n, d))
    more = np.concatenate([x, x[:2], -x[:2], 1e-9 * x[-1:], np.zeros((1, d))])
    count = pattern_count(1 if d == 1 else n, min(n, d))
    assert len(enumerate_patterns(x).masks) == count
    assert len(enumerate_patterns(more).masks) == count


@pytest.mark.parametrize("scale", [1e-300, 1e-12, 1e-8, 1e12, 1e150])
def test_patterns_depend_on_the_directions_of_the_samples_alone(rng, scale):
    x = rng.standard_normal((7, 3))
    masks = {mask.tobytes() for mask in enumerate_patterns(x).masks}
    scaled = {mask.tobytes() for mask in enumerate_patterns(scale * x).masks}
    assert masks == scaled
    assert (all_ones_direction(scale * x) is None) == (all_ones_direction(x) is None)
    boundary = patterns_of(x, np.cross(x[0], x[1])[None])
    moved, again = interior_gates(x, boundary), interior_gates(scale * x, boundary)
    np.testing.assert_array_equal(moved.masks, again.masks)


def test_rows_that_differ_by_less_than_the_tolerance_are_one(rng):
    x = rng.standard_normal((6, 3))
    near = x[:2] + 1e-12 * rng.standard_normal((2, 3))
    patterns = enumerate_patterns(np.concatenate([x, near]))
    assert len(patterns.masks) == pattern_count(6, 3)
    # Rows that differ by more are two, with a cell between them.
    apart = x[:1] + 1e-5 * rng.standard_normal((1, 3))
    assert len(enumerate_patterns(np.concatenate([x, apart])).masks) > len(
        patterns.masks
    )


def test_samples_that_are_all_zero_have_one_pattern():
    assert enumerate_patterns(np.zeros((3, 2))).masks.tolist() == [[True] * 3]


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
