"""How a study declares itself, in the `__init__.py` of its folder.

Only the standard library is imported here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..catalogue import load
from .presets import Preset


@dataclass(frozen=True, kw_only=True)
class Study:
    """Where a study lives, and what the command line says of it.

    A config is a frozen dataclass of plain values whose module imports the standard
    library only. `run(config, context)` gives an `Outcome`.
    """

    question: str
    """The question in one line."""
    citation: str
    """Key of its source in `overparam.citations`."""
    config: str
    """`module:class` of the config."""
    run: str
    """`module:function` of the run."""
    describe: str
    """`module:function` from a config to facts known before training."""
    data: str | None = None
    """`module:function` from a config and the stored arrays to a `TrainTest`."""
    teacher: str | None = None
    """`module:function` from both to a `Teacher`, where one was planted."""
    objective: str | None = None
    """`module:function` from a config to the `Objective`."""
    training: str | None = None
    """`module:function` from a config to a `Training` and its `Plan`."""
    limit: str | None = None
    """`module:function` from a config and the stored arrays to the limit."""
    absent: Mapping[str, Any] = field(default_factory=dict)
    """Values of fields for stored runs that lack them, where not today's defaults."""
    published_tables: Mapping[str, str] = field(default_factory=dict)
    """By analysis, `module:function` from runs of this study and its first table to
    the table that a published script writes."""
    published: Preset = ()
    """The defaults of a published script, if there is one."""
    shapes: tuple[str, ...] = ()
    """Fields that decide the shapes of the compiled program."""
    batchable: tuple[str, ...] = ()
    """Fields in which runs may differ that are faster in one compiled batch."""
    run_together: str | None = None
    """`module:function` from such configs and a context to an outcome for each."""

    def config_class(self) -> type[Any]:
        """The class of the config."""
        return load(self.config)

    def function(self) -> Callable[..., Any]:
        """The function `run(config, context)`."""
        return load(self.run)
