"""What a published program is here: its flags, its commands, and what differs.

Only the standard library is imported here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ..checks import written
from ..errors import ConfigError
from .presets import Preset


Fields = Mapping[str, Any]
_TAKEN_BY: Mapping[str, tuple[str, ...]] = {
    "run": ("run", "describe", "sweep"),
    "describe": ("describe",),
    "sweep": ("sweep",),
}


@dataclass(frozen=True, kw_only=True)
class Flag:
    """A flag of a published program, or an argument of a published function."""

    names: tuple[str, ...]
    """Its spellings, dashes included; the first is the one that is told."""
    ours: str = ""
    """Our field; none where `reads` says more, or where there is no counterpart."""
    default: str | None = None
    """The published default, as one would write it; `None` if there is none."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Our name of each value; empty where values mean the same."""
    reads: Callable[[str], Fields] | None = None
    """Our fields of a value, where one field does not take it as it is."""
    takes: str = ""
    """What `reads` takes, in words; empty where it takes everything."""
    words: Literal["one", "none", "several"] = "one"
    """How many words follow."""
    needed: bool = False
    """Whether the program needs it."""
    says: str = ""
    """What differs in meaning, said where the flag is given."""
    differs: Mapping[str, str] = field(default_factory=dict)
    """What differs in the meaning of single values, the default among them."""
    stands_for: str = ""
    """The flag that is meant where it is not given; where it is, this one is idle."""

    @property
    def means_something(self) -> bool:
        """Whether a field of ours says what it does."""
        return bool(self.ours) or self.reads is not None

    def fields(self, text: str) -> Fields:
        """What a value is in our fields.

        Raises:
            ConfigError: If the published program does not take it.
        """
        if self.values and text not in self.values:
            listed = ", ".join(self.values)
            raise ConfigError(
                f"`{self.names[0]}` must be one of {listed}, got {written(text)}."
            )
        if self.reads is None:
            return {self.ours: self.values.get(text, text)} if self.ours else {}
        try:
            return self.reads(text)
        except ConfigError:  # It says more.
            raise
        except (ValueError, ArithmeticError, LookupError):
            raise ConfigError(
                f"`{self.names[0]}` cannot be {written(text)}: it takes {self.takes}; "
                f"its published default is {self.default or 'none'}."
            ) from None


@dataclass(frozen=True, kw_only=True)
class PublishedCommand:
    """A published command."""

    line: str
    """As it was published."""
    says: str = ""
    """What one must know of it besides what its program says."""


@dataclass(frozen=True, kw_only=True)
class PublishedProgram:
    """A published program, or a function of a published notebook."""

    name: str
    """Its file, below its folder where several have the same name, or `name()`."""
    flags: Sequence[Flag]
    """Its flags; of a function its parameters in their order."""
    verb: Literal["run", "describe", "sweep", "analyse", "reproduce"] = "run"
    """Our verb for what it does."""
    subject: tuple[str, ...] = ()
    """What follows the verb in the place of the study; of `analyse` the analysis is
    the last."""
    fields: Fields = field(default_factory=dict)
    """What it does that no flag of it says, in our fields."""
    depends: Preset = ()
    """Fields that others settle, whatever the command gives."""
    picked_by: tuple[str, ...] = ()
    """Flags any of which tells it from another program of its name."""
    when: Fields | None = None
    """Fields for which its defaults are those of `--as-published` without a row."""
    says: tuple[str, ...] = ()
    """What no field makes the same."""
    instead: str = ""
    """What of ours does it, where no command does."""
    rows: Mapping[str, PublishedCommand] = field(default_factory=dict)
    """Its published commands by name."""

    def is_taken_by(self, verb: str) -> bool:
        """Whether a verb of ours takes its commands as they are."""
        return verb in _TAKEN_BY.get(self.verb, ())

    def defaults(self) -> dict[str, Any]:
        """Its defaults in our fields."""
        found = dict(self.fields)
        for flag in self.flags:
            if flag.default is not None:
                found |= flag.fields(flag.default)
        return found

    def preset(self, given: Fields) -> Preset:
        """The defaults of a command that gives some of our fields."""
        return (({}, self.defaults() | dict(given)), *self.depends)
