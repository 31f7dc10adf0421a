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
    """A question: what the command line says of it, and where its code is.

    Its folder holds `config.py`, a frozen dataclass of plain values that imports the
    standard library only; `problem.py`, with the class `Problem` and functions of what
    a run was about; and `run.py`, with `run(config, context) -> Outcome` and
    `describe(config)`, which gives facts known before training.
    """

    question: str
    """The question in one line."""
    citation: str
    """Key of its source in `overparam.citations`."""
    code: str
    """The package of the folder."""
    config: str
    """Name of the class in `config.py`."""
    gives: tuple[str, ...]
    """Functions of `problem.py`: `data`, `teacher` and `limit` of a config and the
    stored arrays, `objective` and `training` of a config."""
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
    """Fields in which runs may differ that are faster in one compiled batch, by
    `run_together(configs, context)` of `run.py`, which gives an outcome for each."""

    def config_class(self) -> type[Any]:
        """The class of the config."""
        return load(f"{self.code}.config:{self.config}")

    def function(self, name: str) -> Callable[..., Any]:
        """A function of `problem.py` or `run.py`."""
        return load(f"{self.code}.{'problem' if name in self.gives else 'run'}:{name}")
