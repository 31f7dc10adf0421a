import dataclasses
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from overparam.analysis.pruning.table import COLUMNS
from overparam.reproductions.heavy_tails import pruning, theorem, width
from overparam.reproductions.heavy_tails.arms import (
    Arm,
    differences,
    higher,
    matched_sigma,
    sign_claim,
)
from overparam.reproductions.reproduction import Results
from overparam.studies.heavy_tails.config import HeavyTails
from overparam.studies.heavy_tails.problem import Problem


NOISY, QUIET = Arm(noise="shared", width=5), Arm(width=5)


def results(noisy, quiet):
    rows = [
        {"noise": arm.noise, "alpha": arm.alpha, "noise_when": arm.noise_when}
        | {"width": 5, "depth": 2, "seed": seed, "ratio": value}
        for arm, values in ((NOISY, noisy), (QUIET, quiet))
        for seed, value in enumerate(values)
    ]
    frame = pl.DataFrame(rows).sample(fraction=1, shuffle=True, seed=0)
    return Results(scale="smoke", runs=frame, records=pl.DataFrame(), stored=[])


def test_differences_are_paired_by_seed():
    found = differences(
        results([1.0, 3.0, 5.0], [0.5, 1.0, 1.5]), NOISY, QUIET, "ratio"
    )
    assert sorted(found) == [0.5, 2.0, 3.5]


@pytest.mark.parametrize(
    ("found", "holds"),
    [
        (np.ones(10), True),
        (np.r_[np.ones(9), -1], True),
        # 8 of 10 pairs have a two-sided p-value of .11.
        (np.r_[np.ones(8), -1, -1], None),
        # Neither has an even split, nor what is significant for no side.
        (np.r_[np.ones(5), -np.ones(5)], None),
        (np.r_[np.ones(4), -np.ones(6)], None),
        (np.r_[np.ones(1), -np.ones(9)], False),
        (-np.ones(10), False),
        (np.ones(9), None),
    ],
)
def test_a_claim_needs_ten_pairs_and_a_significant_sign_test(found, holds):
    claim = sign_claim(found + 0.0, sentence="s", published="p")
    assert claim.holds is holds


def test_a_negative_margin_asks_for_a_gain():
    even = np.r_[np.ones(5), -np.ones(5)]
    # No gain of a point in any pair; half of the pairs with one decide nothing.
    for scale, holds in ((1e-3, False), (1e-1, None)):
        claim = sign_claim(scale * even, sentence="s", published="p", margin=-0.01)
        assert claim.holds is holds


def test_a_margin_forgives_small_losses():
    losses = np.full(10, -0.01)
    assert sign_claim(losses, sentence="s", published="p").holds is False
    assert sign_claim(losses, sentence="s", published="p", margin=0.02).holds is True


def test_arms_without_pairs_decide_nothing():
    found = results([1.0], [0.5])
    missing = Arm(noise="isotropic", width=5)
    claim = higher(found, (missing, QUIET), "ratio", sentence="s", published="p")
    assert claim.holds is None


@pytest.mark.parametrize("scale", ["smoke", "laptop", "paper"])
@pytest.mark.parametrize("module", [pruning, width, theorem])
def test_every_config_of_every_grid_is_valid_and_none_is_twice(module, scale):
    configs = [HeavyTails(**fields) for fields in module.grid(scale)]
    assert len(set(configs)) == len(configs)


def test_all_noise_accumulates_to_the_same_scale():
    scales = []
    for fields in pruning.grid("smoke"):
        config = HeavyTails(**fields)
        if config.noise != "none" and config.seed == 0:
            problem = Problem.of(config)
            scales.append(problem.accumulated(config.n_steps - 1))
    np.testing.assert_allclose(scales, pruning.ACCUMULATED_SCALE, rtol=1e-4)


def test_matched_noises_have_nearly_the_same_quartiles():
    from scipy import stats

    spreads = []
    for alpha in (1.5, 2.0):
        sigma = matched_sigma(0.3, alpha=alpha, duration=4.0)
        scale = sigma * 4.0 ** (1 / alpha)
        assert scale == pytest.approx(0.3)
        spreads.append(2 * scale * stats.levy_stable.ppf(0.75, alpha, 0))
    assert abs(spreads[0] / spreads[1] - 1) < 0.05


def test_the_limit_law_of_gaussian_columns_is_that_of_drawn_columns():
    d, n, c = theorem.MIXTURE_DIM, 20_000, theorem.ACCUMULATED_SCALE
    rng = np.random.default_rng(1)
    columns = rng.standard_normal((d, n)) / np.sqrt(d)
    columns += np.sqrt(2) * c * rng.standard_normal((1, n))
    drawn = np.sum(columns**2, axis=0)
    limit = theorem.gaussian_limit().squared_sizes
    # Standard errors of the mean and of quantiles of 20000 columns.
    assert drawn.mean() == pytest.approx(limit.mean(), rel=0.05)
    for level in (0.1, 0.5, 0.9):
        found = np.quantile(drawn, level)
        assert found == pytest.approx(np.quantile(limit, level), rel=0.05)


def stored(path, status, seed):
    """A run whose network and pruning table are there, whatever its status."""
    rng = np.random.default_rng(seed)
    table = np.zeros((12, len(COLUMNS)))
    table[1:, COLUMNS.index("by_ratio")] = 1
    return SimpleNamespace(
        path=path,
        status=status,
        network=({"weights": rng.normal(size=(3, 20))}, {}),
        arrays={"pruning": table},
    )


@pytest.mark.parametrize("reproduction", [theorem, pruning])
def test_the_last_network_of_a_run_that_diverged_is_no_result(reproduction):
    rows, runs = [], []
    for index, config in enumerate(reproduction.grid("smoke")):
        fields = dataclasses.asdict(HeavyTails(**config))
        # Of each arm the first seed is lost.
        status = "finished" if fields["seed"] else "diverged"
        runs.append(stored(f"run-{index}", status, index))
        measured = dict.fromkeys(
            ("pruning_ratio", "test_accuracy", "test_accuracy_pruned"),
            0.5 if fields["seed"] else None,
        )
        rows.append(fields | measured | {"path": runs[-1].path, "steps": 2})
    frame = pl.DataFrame(rows, infer_schema_length=None)
    told = Results("smoke", frame, pl.DataFrame(), stored=runs)  # type: ignore[arg-type]
    for claim in reproduction.claims(told):
        assert " of 1 pairs" in claim.measured
        assert claim.measured.endswith("1 pair diverged")
