"""How files become a data set; standard library only, for the command line."""

from dataclasses import dataclass
from typing import Literal

from ...field_values import typed


Task = Literal["classification", "regression"]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How files become a data set."""

    label: str | None = None
    """Column of the targets in a table; `y` if it is not named."""
    size: int | None = None
    """Side in pixels that pictures are brought to, by the mean over areas."""
    task: Task | None = None
    """What targets are; floating ones are numbers and all others labels if `none`."""
    test_fraction: float = 0.2
    """Share of the samples for a test part that is not given, stratified by class."""
    seed: int = 0
    """Key of the order in which these samples are drawn."""

    def __post_init__(self) -> None:
        typed(self)
