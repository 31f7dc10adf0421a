"""The options of dataclasses: their spelling, and their values from the command line.

Values are read by the rules of a sweep's grid, so that both say the same sentence.
"""

import dataclasses
import re
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..checks import nearest, written
from ..errors import ConfigError
from ..field_values import choices_of, converted, described, is_tuple
from ..spellings import as_spelled, first_spellings
from ..studies.presets import Preset, defaults_of, naming_defaults


_SURELY = 0.75
"""Of difflib's ratio: a value without its flag is a guess of two things."""


@dataclass(frozen=True)
class Option:
    """One field of a dataclass on the command line."""

    owner: type[Any]
    name: str
    """The field."""
    kind: Any
    """Its annotation."""
    flags: tuple[str, ...]
    """How it is spelled; none for a positional one."""
    required: bool = False

    @property
    def is_switch(self) -> bool:
        """Whether it has two flags without a value, for true and for false."""
        return self.kind is bool

    @property
    def takes_several(self) -> bool:
        """Whether several words follow."""
        return is_tuple(self.kind)

    def value(self, words: Sequence[str]) -> Any:
        """The value that the words after the flag stand for."""
        single = len(words) == 1
        return converted(words[0] if single else words, self.kind, name=self.name)


def options(kinds: Iterable[type[Any]]) -> list[Option]:
    """The options of several dataclasses, in their order."""
    found = []
    for kind in kinds:
        hints = typing.get_type_hints(kind, include_extras=True)
        fields = [field for field in dataclasses.fields(kind) if field.init]
        found += [_option(kind, field, hints[field.name]) for field in fields]
    return found


def _by_first_spelling(option: Option) -> list[Option]:
    """The same option as it is called by the first spelling of its field, if any."""
    first = first_spellings(option.owner).get(option.name)
    if first is None:
        return []
    flag = f"--{first.name.replace('_', '-')}"
    return [
        dataclasses.replace(
            option,
            name=first.name,
            kind=first.kind or option.kind,
            flags=(flag,),
            required=False,
        )
    ]


def flags(kinds: Iterable[type[Any]]) -> list[str]:
    """Every flag that the dataclasses take."""
    return [flag for option in options(kinds) for flag in option.flags]


def field_among(
    argv: Sequence[str], config: type[Any], kinds: Iterable[type[Any]]
) -> tuple[str, str] | None:
    """The first flag of a line that is a field of a config and none of the dataclasses.

    With what a sweep over its values is.
    """
    fields = [each.name for each in options([config])]
    fields += [first.name for first in first_spellings(config).values()]
    taken = flags(kinds)
    for word in argv:
        flag, _, value = word.partition("=")
        name = flag.removeprefix("--").replace("-", "_")
        if flag.startswith("--") and name in fields and flag not in taken:
            return flag, f"{name}={value or 'VALUE,...'}"
    return None


Given = Sequence[Mapping[str, Any]]
"""What a line gives of each of several dataclasses."""


def read(
    argv: Sequence[str],
    kinds: Iterable[type[Any]],
    *,
    prog: str,
    preset: Callable[[Given], Preset] = lambda given: (),
) -> list[Any]:
    """Instances of the dataclasses; what `argv` does not give has its default.

    Args:
        argv: The line.
        kinds: The dataclasses.
        prog: The command, in sentences.
        preset: Defaults of the first dataclass to take in the place of its own, by what
            the line gives.

    Raises:
        ConfigError: An option or a value is not valid or missing.
    """
    kinds = list(kinds)
    known = options(kinds)
    known += [former for option in known for former in _by_first_spelling(option)]
    given: dict[Option, Any] = {}
    for option, words in _assigned(argv, known, prog):
        # Of several the last counts, as anywhere: a script adds to a line it was given.
        given[option] = option.value(words)
    for option in known:
        if option.required and option not in given:
            called = option.flags[0] if option.flags else option.name.upper()
            remedy = f"`{prog} --help` has all options"
            # In the first example of the documentation nothing required is missing.
            about = option.owner.__doc__ or ""
            if found := re.search(r"^ *Examples:\n *(.*)$", about, re.MULTILINE):
                remedy = f"for example `{found[1]}`"
            raise ConfigError(f"`{prog}` needs `{called}`: {remedy}.")
    every = [
        as_spelled(
            {o.name: value for o, value in given.items() if o.owner is kind},
            first_spellings(kind),
        )
        for kind in kinds
    ]
    presets = [preset(every), *[()] * (len(kinds) - 1)]
    instances = []
    for kind, own, values in zip(kinds, presets, every, strict=True):
        chosen = defaults_of(own, values)
        default = getattr(kind, "default", None)
        with naming_defaults({n: v for n, v in chosen.items() if n not in values}):
            instances.append(
                kind(**chosen | values)
                if default is None
                else dataclasses.replace(default(), **chosen | values)
            )
    return instances


def _option(owner: type[Any], field: dataclasses.Field[Any], hint: Any) -> Option:
    marks = getattr(hint, "__metadata__", ())
    kind = typing.get_args(hint)[0] if marks else hint
    name = field.name.replace("_", "-")
    missing = dataclasses.MISSING
    required = field.default is missing and field.default_factory is missing
    if any("Positional" in str(mark) for mark in marks):
        return Option(owner, field.name, kind, (), required)
    if kind is bool:
        pair = (f"--{name}", f"--no-{name}")
        return Option(owner, field.name, kind, pair, required)
    aliases = [
        alias for mark in marks for alias in getattr(mark, "aliases", None) or ()
    ]
    spelled = dict.fromkeys([f"--{name}", *map(_spelled, aliases)])
    return Option(owner, field.name, kind, tuple(spelled), required)


def _assigned(
    argv: Sequence[str], known: Sequence[Option], prog: str
) -> Iterator[tuple[Option, list[str]]]:
    """Every option of the line with the words that belong to it."""
    by_flag = {flag: option for option in known for flag in option.flags}
    places = [option for option in known if not option.flags]
    loose: list[str] = []
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if word == "--":
            loose, rest = loose + rest, []
        elif not _is_flag(word, by_flag):
            loose.append(word)
        else:
            flag, equals, value = word.partition("=")
            option = by_flag.get(_spelled(flag))
            if option is None:
                near = _nearest(flag, by_flag)
                hint = f", did you mean `{near}`?" if near else "."
                raise ConfigError(
                    f"`{prog}` has no option {written(flag)}{hint} All are in "
                    f"`{prog} --help`."
                )
            attached = [value] if equals else None
            yield option, _words(option, flag, attached, rest, by_flag)
    for option in places:
        taken = loose if option.takes_several else loose[:1]
        loose = loose[len(taken) :]
        if taken:
            yield option, taken
    if loose:
        raise ConfigError(_no_place(loose[0], by_flag, prog))


def _words(
    option: Option,
    flag: str,
    attached: list[str] | None,
    rest: list[str],
    by_flag: dict[str, Option],
) -> list[str]:
    """Take the words of an option from the rest of the line."""
    if option.is_switch:
        if attached is not None:
            message = f"`{flag}` takes no value, got {written(attached[0])}."
            raise ConfigError(message)
        return ["true" if _spelled(flag) == option.flags[0] else "false"]
    if attached is not None:
        return attached
    most = len(rest) if option.takes_several else 1
    words: list[str] = []
    while rest and len(words) < most and not _is_flag(rest[0], by_flag):
        words.append(rest.pop(0))
    if not words and not option.takes_several:
        raise ConfigError(f"`{flag}` needs a value: {described(option.kind)}.")
    return words


def _is_flag(word: str, by_flag: dict[str, Option]) -> bool:
    return word.startswith("--") or word.partition("=")[0] in by_flag


def _spelled(flag: str) -> str:
    return flag[:2] + flag[2:].replace("_", "-")


def _nearest(name: str, by_flag: Iterable[str]) -> str | None:
    """The flag whose letters are nearest; the hyphens before them say nothing."""
    flags = {flag.removeprefix("--"): flag for flag in by_flag}
    near = nearest(_spelled(f"--{name}").strip("-"), flags)
    return None if near is None else flags[near]


def _no_place(word: str, by_flag: dict[str, Option], prog: str) -> str:
    """One sentence about a word that no option takes, and what it may be meant for."""
    name, equals, value = word.partition("=")
    told = f"{written(word)} has no place in `{prog}`"
    # Today's spellings come first, and of two the one that is kept is the last.
    choices = {
        choice: flag
        for flag, option in reversed(by_flag.items())
        for choice in choices_of(option.kind)
    }
    flag = _nearest(name, by_flag)
    if flag is not None and equals:
        return f"{told}: write `{flag} {value}`."
    near = nearest(word, choices, cutoff=_SURELY)
    meant = flag if near is None else f"{choices[near]} {near}"
    hint = f", did you mean `{meant}`?" if meant else "."
    return f"{told}{hint} All it takes is in `{prog} --help`."
