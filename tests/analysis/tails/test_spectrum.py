import math

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import overparam as op
from overparam.analysis.tails.spectrum import (
    power_law,
    spectrum_exponent,
    weightwatcher_alpha,
)
from overparam.errors import ConfigError


@pytest.mark.parametrize("exponent", [1.8, 2.5, 4.0])
def test_an_exact_power_law_is_found(exponent):
    sample = stats.pareto(exponent - 1).rvs(3000, random_state=np.random.default_rng(0))
    fit = power_law(sample)
    # The standard error of the likelihood fit, with the tail that was chosen.
    error = (exponent - 1) / math.sqrt(fit.n_tail)
    assert abs(fit.exponent - exponent) <= 5 * error
    assert fit.distance < 0.05


def test_the_fit_starts_where_the_power_law_starts():
    rng = np.random.default_rng(1)
    bulk = rng.uniform(0, 10, 2000)
    tail = 10 * stats.pareto(2).rvs(2000, random_state=rng)
    fit = power_law(np.concatenate([bulk, tail]))
    assert 8 < fit.smallest < 25
    assert fit.exponent == pytest.approx(3, abs=0.4)


def test_the_spectrum_of_a_kernel_is_that_of_its_matrix():
    rng = np.random.default_rng(2)
    kernel = rng.standard_normal((3, 3, 5, 20))
    eigenvalues = np.linalg.eigvalsh(kernel.reshape(45, 20).T @ kernel.reshape(45, 20))
    found, expected = spectrum_exponent(kernel), power_law(eigenvalues)
    assert found.exponent == pytest.approx(expected.exponent, rel=1e-9)


def test_agrees_with_the_powerlaw_package():
    powerlaw = pytest.importorskip("powerlaw")
    sample = stats.pareto(1.5).rvs(500, random_state=np.random.default_rng(3))
    theirs = powerlaw.Fit(sample, verbose=False)
    assert power_law(sample).exponent == pytest.approx(theirs.power_law.alpha, rel=0.02)


def test_too_few_values_are_refused():
    with pytest.raises(ConfigError, match="at least 10 positive values, got 3"):
        power_law(np.array([1.0, 2.0, 3.0, 0.0, -1.0]))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rank", [5, 12])
def test_a_matrix_of_low_rank_has_as_many_eigenvalues_as_its_rank(dtype, rank):
    rng = np.random.default_rng(4)
    left, right = rng.standard_normal((90, rank)), rng.standard_normal((rank, 50))
    matrix = (left @ right).astype(dtype)
    if rank < 10:
        with pytest.raises(ConfigError, match="at least 10 positive values, got 5"):
            spectrum_exponent(matrix)
        return
    # Those of the product, by another route: Q R and a small symmetric matrix.
    small = np.linalg.qr(right.T)[1] @ (left.T @ left) @ np.linalg.qr(right.T)[1].T
    expected = power_law(np.linalg.eigvalsh(small))
    found = spectrum_exponent(matrix)
    assert found.n_tail <= rank
    assert found.exponent == pytest.approx(expected.exponent, rel=1e-4)


@pytest.mark.parametrize("narrow", [jnp.bfloat16, np.float16, np.float32])
@pytest.mark.parametrize("wide", [None, np.float32, np.float64])
def test_entries_count_as_rounded_to_the_narrowest_type_that_holds_them(narrow, wide):
    rng = np.random.default_rng(4)
    low = (rng.standard_normal((90, 5)) @ rng.standard_normal((5, 50))).astype(narrow)
    with pytest.raises(ConfigError, match="at least 10 positive values, got 5"):
        spectrum_exponent(low.astype(wide or narrow))
    full = rng.standard_normal((90, 60)).astype(narrow).astype(wide or narrow)
    expected = power_law(np.linalg.svd(full.astype(float), compute_uv=False) ** 2)
    assert spectrum_exponent(full) == expected


def test_columns_of_very_different_size_all_count():
    rng = np.random.default_rng(5)
    matrix = rng.standard_normal((60, 30)) * np.logspace(0, -5, 30)
    expected = power_law(np.linalg.svd(matrix, compute_uv=False) ** 2)
    assert spectrum_exponent(matrix.astype("float32")).exponent == pytest.approx(
        expected.exponent, rel=1e-4
    )


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.eye(20), "values that differ, got 1 throughout"),
        (np.full((20, 20), np.nan), "finite values, got 400 that are not"),
        (np.diag(np.append(np.arange(1.0, 20), np.inf)), "finite values, got 1 that"),
        (np.zeros((20, 20)), "at least 10 positive values, got 0"),
        (np.zeros((20, 0)), r"needs a matrix, got shape \(20, 0\)"),
    ],
)
def test_matrices_without_a_spectrum_to_fit_are_refused(matrix, message):
    with pytest.raises(ConfigError, match=message):
        spectrum_exponent(matrix)


def matrices():
    rng = np.random.default_rng(0)
    return {
        "gaussian": rng.standard_normal((120, 60)),
        "student": rng.standard_t(2.5, (200, 100)),
        "decaying": rng.standard_normal((80, 80)) * np.arange(1, 81) ** -0.7,
    }


WEIGHTWATCHER = {
    "gaussian": 11.22368364148311,
    "student": 3.5751552087090555,
    "decaying": 1.781464510382372,
}
"""Alpha by `pl_fit` of WeightWatcher 0.7.7, on squared singular values above 1e-5."""


@pytest.mark.parametrize("name", WEIGHTWATCHER)
def test_alpha_is_that_of_weightwatcher(name):
    found = weightwatcher_alpha(matrices()[name])
    assert found == pytest.approx(WEIGHTWATCHER[name], rel=1e-9)


def test_alpha_of_weightwatcher_has_a_distance_of_its_own():
    """Ours is two-sided, and of at least ten eigenvalues."""
    matrix = matrices()["gaussian"]
    assert weightwatcher_alpha(matrix) != spectrum_exponent(matrix).exponent


def test_a_kernel_has_the_eigenvalues_of_all_its_slices():
    kernel = np.random.default_rng(1).standard_normal((3, 3, 20, 15))
    values = [np.linalg.svd(m, compute_uv=False) for m in kernel.reshape(9, 20, 15)]
    diagonal = np.diag(np.concatenate(values))
    wanted = weightwatcher_alpha(diagonal)
    assert weightwatcher_alpha(kernel) == pytest.approx(wanted, rel=1e-9)


def test_alpha_needs_eigenvalues_that_differ():
    with pytest.raises(ConfigError, match="at least 20 eigenvalues above 1e-05, got 5"):
        weightwatcher_alpha(np.ones((5, 5)) + np.eye(5))
    with pytest.raises(ConfigError, match="values that differ, got 4 throughout"):
        weightwatcher_alpha(2 * np.eye(30))
    with pytest.raises(ConfigError, match="finite"):
        weightwatcher_alpha(np.full((30, 30), np.nan))


def test_vectors_have_no_alpha_and_the_other_layers_keep_theirs():
    weights = np.random.default_rng(0).standard_normal((30, 40)).astype(np.float32)
    network = op.networks.MLP(
        layers=(weights,), readout=np.ones((40, 1), "f"), biases=(np.ones(40, "f"),)
    )
    options = {"layers": "*", "estimators": "hill", "progress": False}
    found = op.analyse(network, "tails", weightwatcher=True, **options)
    assert found.tables["weightwatcher"]["layer"].to_list() == ["layers.0"]
    assert any("needs a matrix, got shape (40,)" in note for note in found.notes)


def test_the_analysis_has_it_where_it_is_asked_for():
    rng = np.random.default_rng(0)
    layers = tuple(rng.standard_normal(s).astype(np.float32) for s in ((40, 30),))
    network = op.networks.MLP(layers=layers, readout=np.ones((30, 1), np.float32))
    found = op.analyse(network, "tails", estimators="hill", progress=False)
    assert "weightwatcher" not in found.tables
    found = op.analyse(
        network, "tails", estimators="hill", weightwatcher=True, progress=False
    )
    wanted = weightwatcher_alpha(layers[0])
    assert found.tables["weightwatcher"]["alpha"].item() == wanted
    assert found.summary["WeightWatcher's alpha of layers.0"] == wanted
