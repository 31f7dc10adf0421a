"""Stored proofs, and what the independent checker thinks of damaged ones."""

import dataclasses

import numpy as np
import pytest

from overparam.checker import verify
from overparam.convex import solve_global
from overparam.convex.certificates.proof import write_proof
from overparam.errors import DataError


@pytest.fixture(scope="module")
def proven(tmp_path_factory):
    """A proven optimum, its problem and the file of its proof."""
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal((14, 3)), rng.standard_normal(14)
    return stored(x, y, tmp_path_factory.mktemp("proof") / "proof.npz")


def stored(x, y, file, *, skip=False, penalty=0.1, gap=1e-3):
    found = solve_global(x, y, penalty=penalty, gap=gap, skip=skip)
    write_proof(found, x, y, penalty=penalty, skip=skip, file=file)
    return found, dict(np.load(file)), file


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_the_checker_finds_the_bound_again(rng, tmp_path, skip, scale):
    x, y = rng.standard_normal((12, 3)), rng.standard_normal(12)
    x[3], x[7] = 0, x[6]
    file = tmp_path / "proof.npz"
    found, _, _ = stored(scale * x, y, file, skip=skip, penalty=0.1 * scale)
    checked = verify(file)
    # Alpha is written in steps of 1/65535, r in single precision.
    assert checked.lower == pytest.approx(found.lower, rel=1e-3)
    assert checked.lower <= found.objective
    assert (checked.n_samples, checked.dimension) == (12, 3)


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_a_tree_of_signs_proves_the_bound_again(rng, tmp_path, skip, scale):
    x, y = rng.standard_normal((20, 8)), rng.standard_normal(20)
    x[3], x[7], x[9] = 0, x[6], -x[5]
    file = tmp_path / "proof.npz"
    found, arrays, _ = stored(
        scale * x, y, file, skip=skip, penalty=0.3 * scale, gap=1e-2
    )
    checked = verify(file)
    assert "plus_leaves" in arrays
    # Numbers are written in steps of 2^-22; a tree may prove more than was asked for.
    assert found.lower * (1 - 1e-3) <= checked.lower <= found.objective


def test_more_dimensions_than_samples_and_samples_too_small_to_count(rng, tmp_path):
    x, y = rng.standard_normal((9, 12)), rng.standard_normal(9)
    x[2] *= 1e-70
    found, _, file = stored(x, y, tmp_path / "proof.npz", penalty=0.5)
    assert found.lower * (1 - 1e-3) <= verify(file).lower <= found.objective


@pytest.mark.parametrize(("n", "d"), [(30, 3), (30, 10), (1100, 20)])
def test_a_bound_without_a_search_is_a_tree_of_one_leaf(rng, tmp_path, n, d):
    from overparam.convex import SearchLimits

    x, y = rng.standard_normal((n, d)), rng.standard_normal(n)
    limits, file = SearchLimits(seconds=1.0, nodes=0), tmp_path / "proof.npz"
    found = solve_global(x, y, penalty=0.3 * n, limits=limits)
    write_proof(found, x, y, penalty=0.3 * n, skip=False, file=file)
    checked = verify(file)
    assert checked.n_leaves == 2
    assert checked.lower == pytest.approx(found.lower, rel=1e-6)


def test_one_dimension_and_a_search_that_ended_early_have_proofs(rng, tmp_path):
    from overparam.convex import SearchLimits

    x, y = rng.standard_normal((9, 1)), rng.standard_normal(9)
    found, _, file = stored(x, y, tmp_path / "line.npz")
    assert verify(file).lower == pytest.approx(found.lower, rel=1e-3)
    x, y = rng.standard_normal((30, 5)), rng.standard_normal(30)
    short = solve_global(x, y, penalty=0.3, limits=SearchLimits(nodes=3000))
    write_proof(short, x, y, penalty=0.3, skip=False, file=tmp_path / "short.npz")
    checked = verify(tmp_path / "short.npz")
    assert short.lower * (1 - 1e-2) <= checked.lower <= short.objective


def test_a_search_over_signs_that_ended_early_has_a_proof(rng, tmp_path):
    from overparam.convex import SearchLimits
    from overparam.convex.certificates.sign_search import SignSearch

    x, y = rng.standard_normal((60, 10)), rng.standard_normal(60)
    search = SignSearch(x, y, tolerance=1e-6)
    search.run(SearchLimits(seconds=np.inf, nodes=400))
    nothing = solve_global(x, y, penalty=1.0, limits=SearchLimits(seconds=0.0))
    short = dataclasses.replace(
        nothing, dual=y, size=search.upper, n_nodes=search.n_nodes
    )
    n_leaves = write_proof(
        short, x, y, penalty=1.0, skip=False, file=tmp_path / "p.npz"
    )
    checked = verify(tmp_path / "p.npz")
    assert checked.n_leaves == n_leaves > 2
    assert search.best <= checked.size <= search.upper * (1 + 1e-3)


def damaged(proven, tmp_path, **changes):
    _, arrays, _ = proven
    file = tmp_path / "damaged.npz"
    np.savez(file, **(arrays | changes))
    return file


@pytest.mark.parametrize("part", ["r", "alpha"])
def test_leaves_that_are_not_feasible_prove_less(proven, tmp_path, part):
    _, arrays, file = proven
    honest = verify(file).lower
    values = arrays[f"plus_{part}"].copy()
    values[...] = 0
    assert verify(damaged(proven, tmp_path, **{f"plus_{part}": values})).lower < honest


def test_a_tree_that_leaves_directions_out_is_refused(proven, tmp_path):
    _, arrays, _ = proven
    shorter = {f"plus_{part}": arrays[f"plus_{part}"][:-1] for part in ("r", "alpha")}
    changes = [
        (
            "does not cover all directions",
            shorter | {"plus_codes": arrays["plus_codes"][:-1]},
        ),
        ("has the shape", {"minus_r": arrays["minus_r"][:-1]}),
        ("a cut that is none", {"plus_shares": 1.5 + 0 * arrays["plus_shares"]}),
        ("not orthonormal", {"plus_basis": 2 * arrays["plus_basis"]}),
    ]
    for said, change in changes:
        file = damaged(proven, tmp_path, **change)
        with pytest.raises(DataError, match=said):
            verify(file)


def test_files_that_are_no_proofs_are_refused(proven, tmp_path):
    _, arrays, file = proven
    with pytest.raises(DataError, match="There is no file"):
        verify(tmp_path / "missing.npz")
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(DataError, match=r"can be read: it is no archive of NumPy\.$"):
        verify(tmp_path / "text.npz")
    np.save(tmp_path / "array.npy", np.ones(3))
    with pytest.raises(DataError, match=r"can be read: it is a single array\.$"):
        verify(tmp_path / "array.npy")
    with pytest.raises(DataError, match="is a folder; name the file"):
        verify(tmp_path)
    with pytest.raises(DataError, match=r"shape \(14,\) instead of \(samples"):
        verify(damaged(proven, tmp_path, x=arrays["x"][:, 0]))
    (tmp_path / "cut.npz").write_bytes(file.read_bytes()[:-300])
    with pytest.raises(DataError, match="no proof that can be read"):
        verify(tmp_path / "cut.npz")
    with pytest.raises(DataError, match="not finite"):
        verify(damaged(proven, tmp_path, y=np.nan * arrays["y"]))


def test_another_multiplier_is_judged_by_its_own_leaves(proven, tmp_path):
    # Twice the multiplier with the leaves of the first: they are no longer feasible.
    _, arrays, file = proven
    checked = verify(damaged(proven, tmp_path, dual=2 * arrays["dual"]))
    assert checked.lower <= verify(file).lower


def test_a_whole_penalty_is_one(rng, tmp_path):
    x, y = rng.standard_normal((8, 2)), rng.standard_normal(8)
    found, _, file = stored(x, y, tmp_path / "proof.npz", penalty=1)
    assert verify(file).lower == pytest.approx(found.lower, rel=1e-3)


@pytest.mark.parametrize("scale", [1e-7, 1.0, 3e5])
def test_a_line_has_a_proof_in_any_unit(tmp_path, scale):
    # A cone of one dimension has no edge to cut, however its bound is rounded.
    rng = np.random.default_rng(1)
    for _ in range(20):
        x, y = scale * rng.standard_normal((3, 1)), rng.standard_normal(3)
        found, _, file = stored(x, y, tmp_path / "p.npz", penalty=0.1 * scale)
        assert verify(file).lower == pytest.approx(found.lower, rel=1e-3)


def test_a_proof_that_cannot_be_written_leaves_the_one_that_was_there(
    rng, tmp_path, monkeypatch
):
    x, y = rng.standard_normal((8, 2)), rng.standard_normal(8)
    found, _, file = stored(x, y, tmp_path / "proof.npz")
    before, save = file.read_bytes(), np.savez_compressed

    def killed(opened, **arrays):
        save(opened, **arrays)
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez_compressed", killed)
    with pytest.raises(KeyboardInterrupt):
        write_proof(found, x, 2 * y, penalty=0.1, skip=False, file=file)
    assert file.read_bytes() == before
