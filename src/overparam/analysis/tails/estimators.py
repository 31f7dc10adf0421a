r"""Tail indices of a sample: seven estimators, each with what it assumes.

The first four are right for stable laws (and wrong for other power tails); the last
three look at the far tail only, and are strongly biased on stable samples with an index
above about 1.7. All compute in float64 on the CPU and scale with the sample: none of
them depends on the unit of `x`. A sample that shows to be none that an estimator
assumes is refused by it with a `ConfigError`.
"""

import functools
import math
import operator
from collections.abc import Callable, Mapping
from itertools import accumulate, repeat
from types import MappingProxyType

import numpy as np
from jaxtyping import Float, Float64
from numpy import ndarray
from scipy.interpolate import PchipInterpolator

from ...errors import ConfigError


Sample = Float[ndarray, " n"]
Estimator = Callable[[Sample], float]

MIN_SAMPLE = 100
"""Fewer values tell nothing about a tail."""
MOST_ZEROS = 0.01
"""Largest share of zeros in a sample that may pass for one of a stable law."""
LEAST_LOG_VARIANCE = math.pi**2 / 8
r"""$\mathrm{Var} \log|X|$ of Gaussian values, the least of a symmetric stable law."""
LOG_VARIANCE_ERROR = math.sqrt(math.pi**4 / 16 + 2 * LEAST_LOG_VARIANCE**2)
r"""Standard error of that of n Gaussian values, times $\sqrt n$."""
HILL_SHARE = 0.02
"""Share of the largest values that the Hill and Dekkers estimators use."""
PICKANDS_SHARE = 0.005
"""Share k/n of the Pickands estimator, which needs 4k values."""
CHARACTERISTIC_POINTS = np.pi * np.arange(1, 11) / 25
"""Arguments of the characteristic function (Koutrouvelis 1980, table 1)."""

_SAFE = 500
"""Binary exponents up to which no sum over- or underflows."""

RATIO_INDICES = np.round(np.arange(0.5, 2.01, 0.05), 2)
"""Tail indices of `QUANTILE_RATIOS`."""
# fmt: off
QUANTILE_RATIOS = np.array([
    44.635118, 31.565569, 23.612189, 18.439617, 14.893767, 12.357522, 10.479083,
    9.047016, 7.928492, 7.036866, 6.313752, 5.718676, 5.222869, 4.805423, 4.450851,
    4.147494, 3.886470, 3.660946, 3.465625, 3.296352, 3.149795, 3.023170, 2.914029,
    2.820128, 2.739382, 2.669882, 2.609914, 2.557985, 2.512818, 2.473342, 2.438664,
])
# fmt: on
"""$(q_{95} - q_{05})/(q_{75} - q_{25})$ of the symmetric stable law (from its cdf)."""


def block_index(x: Sample) -> float:
    r"""$1/\alpha = (E \log|Y| - E \log|X|) / \log K$, Y sums of K consecutive values.

    Assumes a symmetric stable sample in random order; $K = \lfloor\sqrt n\rfloor$.
    Values of one sign, or whose sums are no larger than they are, are refused.

    Reference: Mohammadi, Mohammadpour, Ogata, Metrika 78 (2015), corollary 2.4.
    """
    values = _in_range(check_sample(x))
    logs = _symmetric_logs(values, "block")
    size = math.isqrt(values.size)
    sums = values[: size * (values.size // size)].reshape(-1, size).sum(axis=1)
    sizes = np.abs(sums)
    growth = float(np.log(sizes[sizes > 0]).mean()) - float(logs.mean())
    if not growth > 0:
        raise ConfigError(
            f"`block` needs sums of {size} values that are larger than the values; "
            "these are not: the sample is not stable, or not in random order."
        )
    return math.log(size) / growth


def characteristic_index(x: Sample) -> float:
    r"""Slope of $\log(-\log|\hat\varphi(t)|^2)$ on $\log t$; assumes a stable sample.

    Reference: Koutrouvelis, JASA 75 (1980), eq. 3.3, without the iterations.
    """
    values = _in_range(check_sample(x))
    _check_no_atom(values, "characteristic")
    low, high = _quantiles(values, 0.25, 0.75)
    # The arguments are multiples of the first: powers of one exponential, since sines
    # of values far out in the tail are slow.
    turn = np.exp(1j * CHARACTERISTIC_POINTS[0] * (2 * values / (high - low)))
    powers = accumulate(repeat(turn, CHARACTERISTIC_POINTS.size), operator.mul)
    squares = np.array([abs(power.mean()) ** 2 for power in powers])
    if not np.all((squares > 0) & (squares < 1)):
        raise ConfigError(
            "`characteristic` needs a characteristic function between 0 and 1, got "
            f"squares from {squares.min():g} to {squares.max():g}."
        )
    logs = np.log(-np.log(squares))
    return float(np.polyfit(np.log(CHARACTERISTIC_POINTS), logs, 1)[0])


def mcculloch_index(x: Sample) -> float:
    r"""$(q_{95} - q_{05})/(q_{75} - q_{25})$ inverted; assumes symmetric stable.

    Samples beyond the ends of the table get its ends, 0.5 and 2.

    Reference: McCulloch, Comm. Stat. Simulation 15 (1986), table III.
    """
    values = _in_range(check_sample(x))
    _check_no_atom(values, "mcculloch")
    q25, q75, q05, q95 = _quantiles(values, 0.25, 0.75, 0.05, 0.95)
    ratio = np.log((q95 - q05) / (q75 - q25))
    table = _index_of_ratio()
    return float(table(np.clip(ratio, *table.x[[0, -1]])))


@functools.cache
def _index_of_ratio() -> PchipInterpolator:
    return PchipInterpolator(np.log(QUANTILE_RATIOS[::-1]), RATIO_INDICES[::-1])


def log_moment_index(x: Sample) -> float:
    r"""$\mathrm{Var} \log|X| = (\pi^2/6)(1/\alpha^2 + 1/2)$; assumes symmetric stable.

    A sample that varies less than a Gaussian one has an index above 2, as no stable law
    has. Below a variance of $\pi^2/12$ it is infinity while chance may explain it;
    beyond three standard errors such a sample is refused (Pareto laws from 1.11 on),
    and so are values of one sign.

    Reference: Nikias, Shao, Signal Processing with Alpha-Stable Distributions, 5.7.
    """
    logs = _symmetric_logs(check_sample(x), "log-moment")
    variance = np.var(logs, ddof=1)
    inverse_square = 6 * variance / math.pi**2 - 0.5
    if inverse_square > 0:
        return 1 / math.sqrt(inverse_square)
    error = LOG_VARIANCE_ERROR / math.sqrt(logs.size)
    if variance + 3 * error < LEAST_LOG_VARIANCE:
        raise ConfigError(
            "`log-moment` needs logarithms that vary like those of a symmetric stable "
            f"law, whose variance is at least {LEAST_LOG_VARIANCE:.3g}, got "
            f"{variance:.3g}."
        )
    return math.inf


def hill_index(x: Sample, *, k: int | None = None) -> float:
    r"""$1 / \mathrm{mean}_{i \le k} \log(X_{(i)} / X_{(k+1)})$; assumes a power tail.

    The index of a law with an atom at its end (all these values equal) is infinity.

    Args:
        x: Sample.
        k: Number of largest absolute values; by default 2 % of them.

    Reference: Hill, Annals of Statistics 3 (1975), eq. 2.6.
    """
    values = check_sample(x)
    k = max(1, int(HILL_SHARE * values.size)) if k is None else k
    mean = float(_log_excesses(values, k, "hill").mean())
    return 1 / mean if mean > 0 else math.inf


def dekkers_index(x: Sample, *, k: int | None = None) -> float:
    r"""$1/\alpha = M_1 + 1 - \tfrac12 / (1 - M_1^2/M_2)$, moments of the log-excesses.

    Assumes a power tail; a sample that looks lighter has index infinity.

    Reference: Dekkers, Einmahl, de Haan, Annals of Statistics 17 (1989), eq. 1.7.
    """
    values = check_sample(x)
    k = max(1, int(HILL_SHARE * values.size)) if k is None else k
    excesses = _log_excesses(values, k, "dekkers")
    first, second = float(excesses.mean()), float((excesses**2).mean())
    # Equal excesses are those of a law with an atom at its end.
    if not first**2 < second:
        return math.inf
    inverse = first + 1 - 0.5 / (1 - first**2 / second)
    return 1 / inverse if inverse > 0 else math.inf


def pickands_index(x: Sample, *, k: int | None = None) -> float:
    r"""$\log 2 / \log\frac{X_{(k)} - X_{(2k)}}{X_{(2k)} - X_{(4k)}}$.

    Assumes a power tail. A sample that looks lighter has index infinity, and so has one
    with an atom at its end; other ties among the order statistics are refused.

    Reference: Pickands, Annals of Statistics 3 (1975), eq. 11.
    """
    values = check_sample(x)
    k = max(1, int(PICKANDS_SHARE * values.size)) if k is None else k
    _check_k("pickands", 4 * k, values.size)
    ranks = values.size - np.array([k, 2 * k, 4 * k])
    x1, x2, x4 = np.partition(np.abs(values), ranks)[ranks]
    if x2 == 0:
        raise ConfigError(
            f"`pickands` needs more than 2k = {2 * k} values that are not 0."
        )
    if x1 == x2:
        return math.inf
    if x2 == x4:
        raise ConfigError(
            f"`pickands` needs order statistics that differ, got {x2:g} for the places "
            f"{2 * k} and {4 * k}: the sample is rounded or discrete."
        )
    ratio = (x1 - x2) / (x2 - x4)
    return math.log(2) / math.log(ratio) if ratio > 1 else math.inf


ESTIMATORS: Mapping[str, Estimator] = MappingProxyType(
    {
        "block": block_index,
        "characteristic": characteristic_index,
        "mcculloch": mcculloch_index,
        "log-moment": log_moment_index,
        "hill": hill_index,
        "dekkers": dekkers_index,
        "pickands": pickands_index,
    }
)

ASSUMPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "block": "symmetric stable, independent, random order",
        "characteristic": "stable",
        "mcculloch": "symmetric stable",
        "log-moment": "symmetric stable",
        "hill": "power tail",
        "dekkers": "power tail",
        "pickands": "power tail",
    }
)

LARGEST_STABLE = 2.0
"""The index of a Gaussian law, the largest of a stable one."""


def hill_plot(
    x: Sample, *, n_points: int = 200
) -> tuple[Float64[ndarray, " m"], Float64[ndarray, " m"]]:
    """The Hill index against k, for k spaced evenly on a log scale."""
    size = np.sort(np.abs(check_sample(x)))[::-1]
    logs = np.log(size[size > 0])
    if logs.size < MIN_SAMPLE:
        raise ConfigError(
            f"A Hill plot needs at least {MIN_SAMPLE} values that are not 0, got "
            f"{logs.size}."
        )
    ks = np.unique(np.geomspace(2, logs.size - 1, n_points).astype(int))
    sums = np.cumsum(logs)
    with np.errstate(divide="ignore"):
        # Of equal values rounding leaves a difference of either sign.
        return ks.astype(float), 1 / np.maximum(sums[ks - 1] / ks - logs[ks], 0)


def survival(x: Sample) -> tuple[Float64[ndarray, " n"], Float64[ndarray, " n"]]:
    """Absolute values, ascending, and the share of values at least as large."""
    values = np.sort(np.abs(check_sample(x)))
    return values, 1 - np.arange(values.size) / values.size


def check_sample(x: Sample) -> Float64[ndarray, " n"]:
    """`x` as a float64 vector that can have a tail index.

    Raises:
        ConfigError: If it has fewer than 100 values, or is constant or not finite.
    """
    values = np.asarray(x, np.float64).ravel()
    if values.size < MIN_SAMPLE:
        raise ConfigError(
            f"A tail index needs at least {MIN_SAMPLE} values, got {values.size}."
        )
    if not np.all(np.isfinite(values)):
        bad = int(np.sum(~np.isfinite(values)))
        raise ConfigError(f"A tail index needs finite values, got {bad} that are not.")
    if values.min() == values.max():
        raise ConfigError(
            f"A tail index needs values that differ, got {values[0]:g} throughout."
        )
    return values


def _in_range(values: Float64[ndarray, " n"]) -> Float64[ndarray, " n"]:
    """A sample in another unit, where its sums would leave the range of float64."""
    _, exponent = math.frexp(float(np.abs(values).max()))
    # A power of two changes no digit.
    return values if abs(exponent) < _SAFE else np.ldexp(values, -exponent)


def _quantiles(x: Float64[ndarray, " n"], *levels: float) -> Float64[ndarray, " m"]:
    """Quantiles of pairs of levels, which differ within each pair."""
    found = np.quantile(x, levels)
    for pair in range(0, len(levels), 2):
        if found[pair] == found[pair + 1]:
            raise ConfigError(
                "A tail index needs a sample whose quantiles differ, got "
                f"{found[pair]:g} for those of {levels[pair]} and {levels[pair + 1]}."
            )
    return found


def _symmetric_logs(x: Float64[ndarray, " n"], name: str) -> Sample:
    """Logarithms of the sizes of values of both signs, few of them 0."""
    if x.min() >= 0 or x.max() <= 0:
        raise ConfigError(
            f"`{name}` needs a sample that is symmetric around 0, got values of one "
            "sign only."
        )
    _check_no_atom(x, name)
    size = np.abs(x)
    return np.log(size[size > 0])


def _check_no_atom(x: Float64[ndarray, " n"], name: str) -> None:
    zeros = int(np.sum(x == 0))
    if zeros > MOST_ZEROS * x.size:
        raise ConfigError(
            f"`{name}` needs a sample of a stable law, which has no atom, and {zeros} "
            f"of the {x.size} values are 0."
        )


def _log_excesses(x: Float64[ndarray, " n"], k: int, name: str) -> Sample:
    _check_k(name, k, x.size)
    size = np.abs(x)
    top = np.partition(size, x.size - k - 1)[x.size - k - 1 :]
    if top[0] == 0:
        raise ConfigError(f"`{name}` needs more than k = {k} values that are not 0.")
    if np.median(top) == top[0] < top.max():
        raise ConfigError(
            f"`{name}` needs largest values that differ, but most of the {k} largest "
            f"are {top[0]:g}: the sample is rounded or discrete."
        )
    return np.log(top[1:] / top[0])


def _check_k(name: str, k: int, n: int) -> None:
    if not 1 <= k < n:
        raise ConfigError(f"`{name}` needs 1 <= k < N, got k = {k} for N = {n}.")
