"""What a reproduction declares: its grid, its figures, its tables, its claims."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..checks import written
from ..errors import ConfigError


if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

    from ..plots.animation import Animation
    from ..store.read import StoredRun


Scale = Literal["smoke", "laptop", "paper"]
SCALES: tuple[Scale, ...] = ("smoke", "laptop", "paper")


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One sentence that the measured numbers confirm or do not.

    Example:
        ```python
        numbers = dict(published="1/2", measured="0.49 [0.47, 0.51]")
        claim = op.Claim(sentence="half of the runs fail", holds=True, **numbers)
        ```
    """

    sentence: str
    """What is claimed."""
    published: str
    """The published number or statement, and "ours" where the claim is our own."""
    measured: str
    """The measured number with its interval, or why it has none."""
    holds: bool | None
    """`None` where this scale cannot decide."""

    def __post_init__(self) -> None:
        for name in ("sentence", "published", "measured"):
            value = getattr(self, name)
            if not isinstance(value, str):
                raise ConfigError(
                    f"`{name}` of a claim must be text, got {written(value)}."
                )
        if not isinstance(self.holds, bool | np.bool_ | None):
            raise ConfigError(
                f"`holds` of the claim {written(self.sentence)} must be True, False or "
                f"None, got {written(self.holds)}."
            )
        if self.holds is not None:  # What arrays say is no `bool`.
            object.__setattr__(self, "holds", bool(self.holds))


def every(verdicts: Iterable[bool | None]) -> bool | None:
    """Whether all of it holds: one part that does not decides it, else an open one."""
    told = {None if verdict is None else bool(verdict) for verdict in verdicts}
    return False if False in told else None if None in told else True


@dataclass(frozen=True)
class Results:
    """The stored runs of a reproduction's grid."""

    scale: Scale
    runs: "pl.DataFrame"
    """One row per run: config fields, status, summary."""
    records: "pl.DataFrame"
    """One row per record: config fields, status, and the columns of the metrics."""
    stored: "Sequence[StoredRun]"
    """The runs themselves, for arrays and networks; in the order of `runs`."""


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    """A published figure or table, and what must be run to draw it.

    Example:
        ```python
        reproduction = op.Reproduction(
            title="Two widths",
            source="ours",
            study="planted",
            grid=lambda scale: [{"width": 8}, {"width": 16}],
            figures=lambda results: {},
            tables=lambda results: {"runs": results.runs},
            claims=lambda results: [],
        )
        op.register("two-widths", reproduction=reproduction)
        ```
    """

    title: str
    """What it shows, in one line."""
    source: str
    """Paper, figure or table."""
    study: str
    """Name of the study whose runs it needs."""
    grid: Callable[[Scale], Sequence[Mapping[str, Any]]]
    """Configs (fields that differ from the defaults) at each scale."""
    figures: "Callable[[Results], Mapping[str, Figure]]"
    """Figures by file name, without suffix."""
    tables: "Callable[[Results], Mapping[str, pl.DataFrame]]"
    """Tables by file name, without suffix."""
    claims: Callable[[Results], Sequence[Claim]]
    """What holds and what does not."""
    animations: "Callable[[Results], Mapping[str, Animation]]" = lambda results: {}
    """Animations by file name, without suffix."""
