"""Arms of the heavy-tails reproductions: runs that differ in their noise only."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float64
from numpy import ndarray

from ...analysis.intervals import mean_interval, sign_test
from ...analysis.pruning.table import COLUMNS
from ...progress import counted
from ...store.read import StoredRun
from ..reproduction import Claim, Results


SIGNIFICANT = 0.05
"""Two-sided level of the sign tests."""
MIN_PAIRS = 10
"""Fewest pairs of seeds that decide a claim."""
DEFAULT_ALPHA = 1.75
"""What a run without noise stores as its alpha."""


@dataclass(frozen=True, kw_only=True)
class Arm:
    """Noise and sizes of one group of runs; seeds pair the arms."""

    noise: str = "none"
    alpha: float = DEFAULT_ALPHA
    noise_when: str = "training"
    width: int
    depth: int = 2

    @property
    def label(self) -> str:
        """As it stands in tables and legends."""
        if self.noise == "none":
            return "no noise"
        tail = "Gaussian" if self.alpha == 2 else f"alpha {self.alpha:g}"
        after = ", added after training" if self.noise_when == "after" else ""
        return f"{self.noise}, {tail}{after}"

    def config(
        self, *, scale: float, learning_rate: float, n_steps: int
    ) -> dict[str, Any]:
        """Config fields whose noise adds up to `scale` over the run."""
        if self.noise == "none":
            return {"noise": "none", "width": self.width, "depth": self.depth}
        sigma = matched_sigma(
            scale, alpha=self.alpha, duration=learning_rate * (n_steps - 1)
        )
        return asdict(self) | {"sigma": sigma}

    def runs(self, results: Results) -> pl.DataFrame:
        """The runs of this arm, one row per seed in order."""
        frame = results.runs
        chosen = [pl.col(name) == value for name, value in asdict(self).items()]
        return frame.filter(*chosen).sort("seed")

    def values(self, results: Results, column: str) -> Float64[ndarray, " seeds"]:
        """One column of the runs, by seed."""
        return self.runs(results)[column].cast(pl.Float64).to_numpy()


def by_ratio(run: StoredRun) -> Float64[ndarray, "fractions columns"]:
    """The pruning table of a run, rows by removed fraction only; NaN if it diverged.

    What a run that diverged stores is of its last network.
    """
    table = np.asarray(run.arrays["pruning"], np.float64)
    table = table[table[:, COLUMNS.index("by_ratio")] == 1]
    return np.full_like(table, np.nan) if run.status == "diverged" else table


def matched_sigma(scale: float, *, alpha: float, duration: float) -> float:
    r"""$\sigma$ with $\sigma T^{1/\alpha} =$ `scale`.

    Noises of equal accumulated scale have nearly the same bulk whatever their index:
    the interquartile range of a stable law varies by less than 5 % over [1, 2].
    """
    return scale / duration ** (1 / alpha)


def differences(
    results: Results, first: Arm, second: Arm, column: str
) -> Float64[ndarray, " pairs"]:
    """`first` less `second` for every seed that both arms have."""
    pairs = first.runs(results).join(
        second.runs(results), on="seed", suffix="_second", maintain_order="left"
    )
    both = pairs[column].cast(pl.Float64) - pairs[f"{column}_second"].cast(pl.Float64)
    return both.to_numpy()


def higher(
    results: Results,
    arms: tuple[Arm, Arm],
    column: str,
    *,
    sentence: str,
    published: str,
    margin: float = 0.0,
) -> Claim:
    """The claim that the first arm has the larger `column`, but for `margin`."""
    found = differences(results, *arms, column)
    return sign_claim(found, sentence=sentence, published=published, margin=margin)


def sign_claim(
    found: Float64[ndarray, " pairs"],
    *,
    sentence: str,
    published: str,
    margin: float = 0.0,
) -> Claim:
    """The claim that paired differences exceed `-margin`, by a sign test.

    Where the test is significant it holds if more than half of the pairs do, and does
    not if more of them fall below than above. A test that is not significant decides
    nothing, nor do fewer than ten pairs, nor a half that are equal. A pair with a run
    that diverged has no difference, and is counted apart.
    """
    found, lost = found[~np.isnan(found)], int(np.isnan(found).sum())
    apart = f", {counted(lost, 'pair')} diverged" if lost else ""
    if not len(found):
        return Claim(
            sentence=sentence,
            published=published,
            measured=f"no pairs{apart}",
            holds=None,
        )
    signs = np.sign(found + margin)
    positive, p = int((signs > 0).sum()), sign_test(signs)
    agreeing = f"{positive} of {len(found)} pairs"
    if margin:
        agreeing += f" above {-margin:g}"
    holds = None
    if len(found) >= MIN_PAIRS and p < SIGNIFICANT:
        holds = False if signs.sum() < 0 else 2 * positive > len(found) or None
    return Claim(
        sentence=sentence,
        published=published,
        measured=f"{agreeing}, p = {p:.2g}, mean difference {mean_interval(found)}"
        + apart,
        holds=holds,
    )


def caption(results: Results) -> str:
    """Data, sizes, parametrisation and seeds, in one line."""
    first = results.runs.row(0, named=True)
    seeds = results.runs["seed"].n_unique()
    return (
        f"{first['dataset']}, {first['parametrisation']} parametrisation, neurons "
        f"pruned at relative squared error 0.1 unless said, {seeds} paired seeds; "
        f"batch {first['batch_size'] or 'all'}, step {first['learning_rate']:.3g}"
    )
