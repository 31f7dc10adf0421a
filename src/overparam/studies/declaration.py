"""How a study declares itself, in the `__init__.py` of its folder.

Only the standard library is imported here.
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..by_name import load
from ..checks import written
from ..errors import ConfigError
from ..field_values import check_kinds
from .published import PublishedProgram


@dataclass(frozen=True, kw_only=True)
class Study:
    """A question: what the command line says of it, and where its code is.

    Its folder holds `config.py`, a frozen dataclass of plain values that imports the
    standard library only; `problem.py`, with the class `Problem` and functions of what
    a run was about; and `run.py`, with `run(config, context) -> Outcome` and
    `describe(config)`, which gives facts known before training. A study of one's own
    may have all of this in one module.

    Example:
        ```python
        study = op.Study(question="Does it?", code="my_study", config="my_study:Config")
        study.question
        ```
    """

    question: str
    """The question in one line."""
    citation: str = ""
    """BibTeX of its source, or a key of `overparam.citations`."""
    code: str
    """The package of the folder, or the one module."""
    config: str
    """Name of the class in `config.py`."""
    gives: tuple[str, ...] = ()
    """Functions of `problem.py`: `data`, `teacher` and `limit` of a config and the
    stored arrays, `objective` and `training` of a config."""
    absent: Mapping[str, Any] = field(default_factory=dict)
    """Values of fields for stored runs that lack them, where not today's defaults."""
    published_tables: Mapping[str, str] = field(default_factory=dict)
    """By analysis, `module:function` from runs of this study and its first table to
    the table that a published script writes."""
    published: tuple[PublishedProgram, ...] = ()
    """The published programs that ask it."""
    shapes: tuple[str, ...] = ()
    """Fields that decide the shapes of the compiled program."""
    batchable: tuple[str, ...] = ()
    """Fields in which runs may differ that are faster in one compiled batch, by
    `run_together(configs, context)` of `run.py`, which gives an outcome for each."""

    timed: Mapping[str, Any] = field(default_factory=dict)
    """Values of fields with which a run has so much time and not so many steps."""

    def unit(self, config: Any) -> str:
        """What the progress of a run counts."""
        timed = [getattr(config, name) == value for name, value in self.timed.items()]
        return "second" if timed and all(timed) else "step"

    def config_class(self) -> type[Any]:
        """The class of the config."""
        return self._part("config", self.config)

    def function(self, name: str) -> Callable[..., Any]:
        """A function of `problem.py` or `run.py`.

        Raises:
            ConfigError: If there is none.
        """
        return self._part("problem" if name in self.gives else "run", name)

    def _part(self, module: str, name: str) -> Any:
        in_folder = hasattr(importlib.import_module(self.code), "__path__")
        return load(f"{self.code}{f'.{module}' * in_folder}:{name}")


def adopt(name: str, value: Any) -> Study:
    """A study of one's own.

    Raises:
        ConfigError: If it is none, or its config is none of the command line.
    """
    if not isinstance(value, Study):
        message = f"The study `{name}` must be a `Study`, got {written(value)}."
        raise ConfigError(message)
    check_kinds(value.config_class())
    return value
