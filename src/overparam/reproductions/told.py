"""How claims tell what was measured: with its interval, or why there is none."""

from collections.abc import Sequence

from ..analysis.intervals import mean_interval, wilson
from ..progress import counted


def spanned(values: Sequence[float]) -> str:
    """From the first to the last, or the only one."""
    first, *rest = values
    return f"{first}..{rest[-1]}" if rest else str(first)


def without_interval(why: str) -> str:
    """In place of an interval."""
    return f"(no interval: {why})"


ONE_RUN = without_interval("one run")
NOT_RANDOM = without_interval("nothing of it is drawn at random")


def rate(successes: int, trials: int, noun: str) -> str:
    """How many of some trials, and the interval of their rate."""
    told = f"{successes} of {counted(trials, noun)}"
    return f"{told}, rate {wilson(successes, trials)}" if trials else told


def mean(
    values: Sequence[float],
    *,
    within: tuple[float, float] = (-float("inf"), float("inf")),
) -> str:
    """The mean with its interval over seeds."""
    if len(values) > 1:
        return str(mean_interval(values, within=within))
    return f"{values[0]:.3g} {ONE_RUN}" if len(values) else "not known"
