"""The checker against files that were made or damaged to prove too much."""

import os
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest

from overparam import checker
from overparam.checker import verify
from overparam.convex import convex_program, enumerate_patterns, solve, solve_global
from overparam.convex.certificates.proof import write_proof
from overparam.errors import DataError


PARTS = ("basis", "codes", "shares", "r", "alpha")
PARTS_OF_SIGNS = ("basis", "codes", "leaves")


def one_sample():
    """At one, with label one: the optimum with penalty b is b - b^2 / 2."""
    arrays = {"x": np.ones((1, 1)), "y": np.ones(1), "dual": np.ones(1)}
    return arrays | {"penalty": 0.1, "unit": 1.0, "skip": False, "leaf": 9}


def smallest():
    """A proof of one sample by cones."""
    arrays = one_sample()
    for side, r, n_minus in (("plus", [[1.0], [0.0]], 0), ("minus", [[0.0], [0.0]], 1)):
        parts = (np.ones((1, 1)), [9, 9], np.zeros(0), r, np.zeros((2, n_minus)))
        named = zip(PARTS, parts, strict=True)
        arrays |= {f"{side}_{part}": np.asarray(values) for part, values in named}
    return arrays


def smallest_of_signs():
    """By signs: where the sample is active, where it is not, and all for minus l."""
    arrays = one_sample()
    for side, codes, leaves in (
        ("plus", [0, 9, 9], [[0.0, 0.0], [0.0, 1e-9]]),
        ("minus", [9], [[0.0, 0.0]]),
    ):
        parts = (np.ones((1, 1)), codes, leaves)
        named = zip(PARTS_OF_SIGNS, parts, strict=True)
        arrays |= {f"{side}_{part}": np.asarray(values) for part, values in named}
    return arrays


def claimed(arrays, file):
    """What a file proves; zero where it is refused in a sentence."""
    np.savez(file, **arrays)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            found = verify(file).lower
        except DataError:
            return 0.0
    assert 0 <= found < np.inf
    return found


@pytest.mark.parametrize("made", [smallest, smallest_of_signs])
def test_the_smallest_proof_is_the_closed_form(tmp_path, made):
    found = claimed(made(), tmp_path / "proof.npz")
    assert found == pytest.approx(0.1 - 0.1**2 / 2, rel=1e-10)
    assert found < 0.1 - 0.1**2 / 2


HOSTILE = {
    "a multiplier against the labels": {
        "dual": -np.ones(1),
        "plus_alpha": np.zeros((2, 1)),
        "minus_alpha": np.zeros((2, 0)),
    },
    "a multiplier whose square underflows": {"dual": np.full(1, 3e-162)},
    "a unit in which rows vanish": {"unit": 1e300},
    "a unit in which rows overflow": {"unit": 1e-300},
    "rows that vanish in a unit of their own": {
        "dual": np.full(1, 1e-90),
        "unit": 1e90,
    },
    "products without a value": {
        "x": np.full((1, 1), 1e200),
        "dual": np.full(1, 1e200),
        "skip": True,
    },
    "an end that is a cut": {"leaf": 0},
    "a negative cut": {
        "plus_codes": np.array([-1, 9, 9]),
        "plus_shares": np.full(1, 0.5),
    },
    "a tree that goes on": {
        "plus_codes": np.array([9, 9, 9]),
        "plus_r": np.ones((3, 1)),
        "plus_alpha": np.zeros((3, 0)),
    },
    "a tree that ends early": {
        "plus_codes": np.array([9]),
        "plus_r": np.ones((1, 1)),
        "plus_alpha": np.zeros((1, 0)),
    },
    "cuts that are used by none": {"plus_shares": np.full(1, 0.5)},
    "leaves in a matrix": {"plus_codes": np.array([[9], [9]])},
    "one column for many": {"plus_r": np.zeros((2, 0))},
    "a basis of too few": {"plus_basis": np.zeros((0, 1)), "plus_r": np.zeros((2, 0))},
    "levels above one": {"minus_alpha": np.full((2, 1), 70_000)},
    "levels below zero": {"minus_alpha": np.full((2, 1), -1)},
    "leaves without a direction": {"plus_r": np.full((2, 1), 1e308)},
    "whole inputs": {"x": np.ones((1, 1), int)},
    "whole multipliers": {"dual": np.array([1])},
    "more precision than there is": {"y": np.ones(1, np.longdouble)},
    "text": {"penalty": "0.1"},
    "a row of penalties": {"penalty": np.array([0.1])},
    "two kinds of networks": {"skip": np.array([False, True])},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_hostile_file_proves_more(tmp_path, name):
    assert claimed(smallest() | HOSTILE[name], tmp_path / "proof.npz") < 0.095


def plus(codes, leaves):
    return {"plus_codes": np.array(codes), "plus_leaves": np.array(leaves, float)}


HOSTILE_SIGNS = {
    "a tree that ends early": plus([0, 9], [[0, 0]]),
    "a tree that goes on": plus([0, 9, 9, 9], [[0, 0], [0, 0], [0, 0]]),
    "a tree of nothing": plus([], np.zeros((0, 2))),
    "a sign that is fixed twice": plus([0, 0, 9, 9, 9], [[0, 0]] * 3),
    "a sign of a sample that is none": plus([1, 9, 9], [[0, 0], [0, 0]]),
    "the sign of the last sample, counted from the end": plus([-1, 9, 9], [[0, 0]] * 2),
    "a sign of a sample with a negative multiplier": {
        "minus_codes": np.array([0, 9, 9]),
        "minus_leaves": np.zeros((2, 2)),
    },
    "leaves in a matrix": {"plus_codes": np.array([[0], [9], [9]])},
    "a negative m": plus([0, 9, 9], [[0, -1], [0, 1]]),
    "an m that overflows": plus([0, 9, 9], [[0, 1e200], [0, 0]]),
    "a delta that underflows": plus([9], [[0, -800]]),
    "a delta that overflows": plus([9], [[0, 800]]),
    "a first delta in which r vanishes": plus([0, 9, 9], [[700, 0], [700, 0]]),
    "an alpha above one": {"minus_leaves": np.array([[0, 2.0]])},
    "an alpha below zero": {"minus_leaves": np.array([[0, -1e9]])},
    "one column for many": {"plus_leaves": np.zeros((2, 1))},
    "whole leaves": {"plus_leaves": np.zeros((2, 2), int)},
    "a multiplier against the labels": {
        "dual": -np.ones(1),
        "plus_codes": np.array([9]),
        "plus_leaves": np.zeros((1, 2)),
    },
    "a unit in which rows vanish": {"unit": 1e300},
    "inputs whose products overflow": {"x": np.full((1, 1), 1e160), "unit": 1e160},
    "a basis of too few": {"plus_basis": np.zeros((0, 1))},
}


@pytest.mark.parametrize("name", HOSTILE_SIGNS)
def test_no_hostile_tree_of_signs_proves_more(tmp_path, name):
    arrays = smallest_of_signs() | HOSTILE_SIGNS[name]
    assert claimed(arrays, tmp_path / "proof.npz") < 0.095


@pytest.mark.parametrize("value", [-1.0, 0.0, np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("made", [smallest, smallest_of_signs])
def test_numbers_that_are_none_prove_nothing(tmp_path, made, value):
    for name in made():
        numbers_that_are_none(tmp_path, made(), name, value)


def numbers_that_are_none(tmp_path, arrays, name, value):
    arrays[name] = np.full(np.shape(arrays[name]), value)
    optimum = 0.5 if name == "x" and value == 0 else 0.095
    assert claimed(arrays, tmp_path / "proof.npz") <= optimum


SPECIAL = [0, -1, np.nan, np.inf, 1e308, 5e-324, 1e-160, 1e160, 0.5, 1e-17]
FACTORS = [2, 0.5, -1, 0, 1e-30, 1e30, 2.0**-20, 1 + 1e-9, 1 - 1e-12, 1e-160, 1e160]
KINDS = ["f2", "f4", "g", "i1", "i8", "u2", ">f8", "c16", "?", "U8"]


def mutated(rng, arrays):
    """A file with one thing changed: a bit, a type, a shape, a side, values."""
    name = rng.choice([*arrays])
    values = np.array(arrays[name])
    kind = rng.integers(7)
    if kind == 0 and values.size:
        raw = np.frombuffer(values.tobytes(), np.uint8).copy()
        raw[rng.integers(len(raw))] ^= 1 << rng.integers(8)
        values = np.frombuffer(raw.tobytes(), values.dtype).reshape(values.shape)
    elif kind == 1:
        values = values.astype(rng.choice(KINDS))
    elif kind == 2 and values.ndim:
        shapes = (values[:-1], values[None], values.T, values[..., :1], values[1:])
        values = shapes[rng.integers(len(shapes))]
    elif kind == 3:
        sides = rng.permutation(["plus", "minus"])
        parts = PARTS if "plus_r" in arrays else PARTS_OF_SIGNS
        some = parts if rng.random() < 0.5 else [rng.choice(parts)]
        return arrays | {f"{sides[0]}_{p}": arrays[f"{sides[1]}_{p}"] for p in some}
    elif kind == 4 and values.size and values.dtype.kind == "f":
        values = values.copy()
        values.flat[rng.integers(values.size)] = rng.choice(SPECIAL)
    elif kind == 5 and values.dtype.kind == "f":
        values = values * rng.choice(FACTORS)
    elif kind == 6 and values.ndim:
        values = rng.permutation(values)
    return arrays | {name: values}


def optimum(arrays):
    """That of the problem in a file, by the programme over all patterns."""
    x, y = arrays["x"].astype(float), arrays["y"].astype(float)
    live = x.any(axis=1)
    constant = 0.5 * y[~live] @ y[~live]
    if not live.any():
        return constant
    program = convex_program(
        x[live],
        y[live],
        patterns=enumerate_patterns(x[live]),
        network="skip" if arrays["skip"] else "plain",
        relaxation="exact",
        penalty=float(arrays["penalty"]),
    )
    return constant + solve(program).primal


# In more than six dimensions searches are over signs.
@pytest.mark.parametrize(("n", "d"), [(6, 2), (7, 8)])
@pytest.mark.parametrize("case", ["plain", "skip", "flat"])
def test_no_damage_proves_more_than_the_optimum(rng, tmp_path, case, n, d):
    x, y = rng.standard_normal((n, d)), rng.standard_normal(n)
    if case == "flat":
        x = x[:, :2] @ rng.standard_normal((2, d + 1))
    found = solve_global(x, y, penalty=0.2, skip=case == "skip", gap=1e-3)
    file = tmp_path / "proof.npz"
    write_proof(found, x, y, penalty=0.2, skip=case == "skip", file=file)
    honest = dict(np.load(file))
    assert "plus_leaves" in honest or d <= 6
    assert found.lower * (1 - 1e-3) <= verify(file).lower <= found.objective
    for _ in range(150):
        arrays = honest
        # Casts that overflow or drop an imaginary part are what is wanted.
        with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            for _ in range(rng.integers(1, 4)):
                arrays = mutated(rng, arrays)
        lower = claimed(arrays, file)
        if lower > 0:
            assert lower <= optimum(arrays) * (1 + 1e-9)


def of_zeros(n, d, codes, n_leaves):
    """Trees of signs of n samples that are all zero: a file of a few thousand bytes."""
    arrays = {"x": np.zeros((n, d)), "y": np.ones(n), "dual": np.ones(n)}
    arrays |= {"penalty": 0.1, "unit": 1.0, "skip": False, "leaf": -1}
    for side in ("plus", "minus"):
        parts = (np.eye(d), codes, np.zeros((n_leaves, 1 + n), np.float16))
        named = zip(PARTS_OF_SIGNS, parts, strict=True)
        arrays |= {f"{side}_{part}": np.asarray(values) for part, values in named}
    return arrays


HUNGRY = {
    "a basis of empty rows": {
        **smallest(),
        "x": np.ones((1, 0)),
        "plus_basis": np.ones((10**4, 0)),
    },
    "a tree of cuts": of_zeros(20_000, 1, np.arange(20_000), 0),
    "products of all samples": of_zeros(1000, 300, [-1], 1),
}


@pytest.mark.parametrize("name", HUNGRY)
def test_no_file_takes_memory_that_its_arrays_do_not(tmp_path, name):
    np.savez_compressed(tmp_path / "proof.npz", **HUNGRY[name])
    n_bytes = sum(np.asarray(array).nbytes for array in HUNGRY[name].values())
    tracemalloc.start()
    try:
        verify(tmp_path / "proof.npz")
    except DataError:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    # All arrays, as float64, and a few of their size.
    assert peak < 2**24 + 16 * n_bytes


def test_what_unpacks_to_more_than_the_memory_is_refused(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "proof.npz", **smallest())
    monkeypatch.setattr(checker, "memory", lambda: 1000)
    with pytest.raises(DataError, match=r"unpacks to .* too many for the memory"):
        verify(tmp_path / "proof.npz")


def test_what_is_no_regular_file_is_no_proof(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for file in (tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(DataError, match="no regular file"):
            verify(file)


def test_a_file_of_something_else_is_refused_in_words(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(DataError, match=r"read: Too many levels of symbolic links\.$"):
        verify(tmp_path / "loop")
    with zipfile.ZipFile(tmp_path / "proof.npz", "w") as archive:
        archive.writestr("x.npy", b"no array")
    with pytest.raises(DataError, match="`x` is no array"):
        verify(tmp_path / "proof.npz")
