"""What is stored of a run: the values, before they are files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..checks import arrays_by_shape


if TYPE_CHECKING:
    import numpy as np


@arrays_by_shape
@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """What is stored of a run.

    Example:
        ```python
        defaults = {"width": 64}
        with op.store.open_run("runs", "mine", defaults, defaults) as run:
            run.write(op.store.RunRecord(status="finished", summary={"loss": 0.5}))
        ```
    """

    status: str
    """How the run ended, in the words of its study."""
    metrics: "Mapping[str, Sequence[Any] | np.ndarray]" = field(default_factory=dict)
    """Columns of one length, a row per record."""
    summary: Mapping[str, Any] = field(default_factory=dict)
    """Scalars of the whole run."""
    arrays: "Mapping[str, np.ndarray]" = field(default_factory=dict)
    """Named arrays."""
    network: "tuple[Mapping[str, np.ndarray], Mapping[str, Any]] | None" = None
    """Named weights and the description that rebuilds the network from them."""
    kept: "Mapping[int, tuple[Mapping[str, np.ndarray], Mapping[str, Any]]]" = field(
        default_factory=dict
    )
    """The same of networks along the run, by step."""
    notes: Sequence[str] = ()
    """Sentences to read with the result."""
    seconds: float | None = None
    """Wall clock of the run."""
    data: Mapping[str, str] = field(default_factory=dict)
    """Digests of the data files that were read, of those without an official one."""
