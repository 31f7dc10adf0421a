"""Published commands as ours. Nothing of a published program is run."""

import ast
import dataclasses
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from ..analysis.catalogue import analysis
from ..checks import written
from ..errors import ConfigError
from ..field_values import field_value, unknown
from ..store.identity import option_words
from ..sweeping.grid import grid, text_of
from .presets import Preset, defaults_of
from .published import Fields, Flag, PublishedCommand, PublishedProgram
from .registry import STUDIES, defaults, study


_CALL = re.compile(r"\s*(\w+)\s*\(")
_SHELL = re.compile(r"[();<>|&]+|for|do|done")
_NOT_PARSED = (SyntaxError, ValueError, RecursionError, MemoryError)

Argument = str | tuple[str | None, str]
"""A word of a command line, or an argument of a call with its name, if it has one."""


@dataclass(frozen=True)
class Translation:
    """A published command, and what it is here."""

    study: str
    program: PublishedProgram
    given: Mapping[str, Any]
    """Our fields as the command gives them."""
    says: tuple[str, ...]
    """What differs in meaning."""
    besides: tuple[str, ...] = ()
    """What one must know of the published command, the first of `says`."""

    @property
    def preset(self) -> Preset:
        """Its fields as defaults of a config."""
        return _typed(self.kind, self.program.preset(self.given))

    @property
    def command(self) -> str:
        """Our command line.

        Raises:
            ConfigError: If our config refuses what is asked.
        """
        return self.changed({})

    def changed(self, changes: Fields) -> str:
        """Our command line with other values of some fields.

        Raises:
            ConfigError: If our config refuses what is asked.
        """
        program = self.program
        if program.verb == "sweep":
            changes = {name: text_of(value) for name, value in changes.items()}
        fields = self._fields(changes)
        if program.verb == "reproduce":
            words = list(program.subject)
        elif program.verb == "sweep":
            usual = defaults(self.kind)
            told = [
                text
                for text in _axes(fields)
                if any(
                    usual[name] != value
                    for setting in grid([text], self.kind)
                    for name, value in setting.items()
                )
            ]
            settings = grid(told, self.kind)
            for setting in (settings[0], settings[-1]):
                self.kind(**setting)  # Refuses what the study does not do.
            words = [self.study, *told]
        else:
            config = self.kind(**_values(self.kind, fields))
            options = option_words(dataclasses.asdict(config), defaults(self.kind))
            words = [*(program.subject or [self.study]), *options]
        return shlex.join(["overparam", program.verb, *words])

    def settings(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """Its grid, or that of its settings, with other values of some fields.

        Args:
            texts: Each `key=v1,v2` or the like, as of a sweep.

        Raises:
            ConfigError: If a text is malformed, or names an unknown field or value.
        """
        if self.program.verb != "sweep":
            given = grid(texts, self.kind)
            return [defaults_of(self.preset, each) | each for each in given]
        named = grid(texts, self.kind)[0]  # By the names that fields have today.
        own = {n: v for n, v in self._fields(named).items() if n not in named}
        return grid([*_axes(own), *texts], self.kind)

    def _fields(self, changes: Fields) -> dict[str, Any]:
        preset = self.program.preset(self.given)
        return defaults_of(preset, changes) | dict(changes)

    @property
    def kind(self) -> type[Any]:
        """The config that its fields are of."""
        if self.program.verb == "analyse":
            return analysis(self.program.subject[-1]).options
        return study(self.study).config_class()


def _axes(fields: Fields) -> list[str]:
    """Fields as the axes of a sweep."""
    return [
        f"{name}={value if isinstance(value, str) else text_of(value)}"
        for name, value in fields.items()
    ]


def _values(kind: type[Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: field_value(kind, name, value) for name, value in fields.items()}


def _typed(kind: type[Any], preset: Preset) -> Preset:
    return tuple((condition, _values(kind, found)) for condition, found in preset)


def published_defaults(name: str) -> Preset:
    """The defaults of the published program of a study; none where it has rows only."""
    entry = study(name)
    preset: Preset = ()
    for program in entry.published:
        if program.when is not None:
            preset += ((program.when, program.defaults()), *program.depends)
    return _typed(entry.config_class(), preset)


def rows(
    name: str, verb: str | None = None
) -> dict[str, tuple[PublishedProgram, PublishedCommand]]:
    """The published commands of a study by name; those that a verb of ours takes."""
    return {
        key: (program, row)
        for program in STUDIES[name].published
        for key, row in program.rows.items()
        if verb is None or program.is_taken_by(verb)
    }


def row(name: str, key: str, verb: str | None = None) -> Translation:
    """A published command of a study.

    Args:
        name: Of the study.
        key: Of the row.
        verb: Ours, whose rows are listed if there is none of that name.

    Raises:
        ConfigError: If there is none of that name.
    """
    known = rows(name)
    if not known:
        raise ConfigError(f"`{name}` has no published commands, got {written(key)}.")
    if key not in known:
        what = f"published command of `{name}`"
        raise ConfigError(unknown(key, rows(name, verb) or known, what=what))
    program, published = known[key]
    found = _translated(name, program, _arguments(published.line)[1])
    return _of_rows(found, [published])


def translate(line: str) -> list[Translation]:
    """What a published command line is here.

    Args:
        line: A command line, or a call of a function of the exercise.

    Returns:
        Several where programs of several folders have the name of the file.

    Raises:
        ConfigError: If there is no such program, or it has no such flag or value.
    """
    name, words = _arguments(line)
    named = [
        (own, program)
        for own, entry in STUDIES.items()
        for program in entry.published
        if _is_called(name, program)
    ]
    if not named:
        known = dict.fromkeys(
            program.name.partition(" (")[0]  # A version of it has the same name.
            for entry in STUDIES.values()
            for program in entry.published
        )
        raise ConfigError(unknown(name, known, what="published program"))
    picked = [entry for entry in named if _is_picked(entry[1], words)]
    found: list[Translation] = []
    refused: list[ConfigError] = []
    for own, program in picked or [each for each in named if not each[1].picked_by]:
        try:
            made = _translated(own, program, words)
            _ = made.command  # Refuses what the study does not do.
            same = [r for r in program.rows.values() if _arguments(r.line)[1] == words]
            found.append(_of_rows(made, same))
        except ConfigError as error:
            refused.append(error)
    # Of programs of one name, those are meant that take what is given.
    if not found:
        raise refused[0]
    return found


def _of_rows(found: Translation, same: Sequence[PublishedCommand]) -> Translation:
    """With what one must know of the published commands that it is."""
    besides = tuple(published.says for published in same if published.says)
    return dataclasses.replace(found, says=(*besides, *found.says), besides=besides)


def _is_picked(program: PublishedProgram, words: Sequence[Argument]) -> bool:
    """Whether a flag that tells it from others of its name is given, maybe cut."""
    flags = {word.partition("=")[0] for word in words if isinstance(word, str)}
    return any(
        program.picked_by and set(flag.names) & set(program.picked_by)
        for spelled in flags
        if (flag := _named(program, spelled))
    )


def _is_called(name: str, program: PublishedProgram) -> bool:
    """Whether one of two paths ends with the other."""
    one, other = PurePosixPath(name).parts, PurePosixPath(program.name).parts
    shared = min(len(one), len(other))
    return one[-shared:] == other[-shared:]


def _arguments(line: str) -> tuple[str, Sequence[Argument]]:
    """The program of a line, and what it is given."""
    call = _CALL.match(line)
    if call:
        return f"{call[1]}()", _of_call(line)
    try:
        joined = line.replace("\\\n", " ")
        lexer = shlex.shlex(joined, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        lexer.commenters = ""
        words = list(lexer)
    except ValueError as error:
        raise ConfigError(f"{written(line)} is no command line: {error}.") from None
    folder = ""
    if words[:1] == ["cd"] and len(words) > 3 and words[2] in ("&&", ";"):
        folder, words = words[1], words[3:]
    if any(map(_SHELL.fullmatch, words)):
        raise ConfigError(
            "That is a line of a shell; give one command of it, such as `python "
            "main.py --width 5000`."
        )
    place = next((i for i, word in enumerate(words) if word.endswith(".py")), None)
    if place is None:
        raise ConfigError(
            f"{written(line)} names no Python file; give a published command such as "
            "`python main.py --width 5000`."
        )
    return str(PurePosixPath(folder) / words[place]), words[place + 1 :]


def _of_call(line: str) -> Sequence[Argument]:
    """The arguments of a call; a list is written as the values of a sweep."""
    try:
        called = ast.parse(line.strip(), mode="eval").body
    except _NOT_PARSED:
        called = None
    if not isinstance(called, ast.Call):
        raise ConfigError(
            f"{written(line)} is no call of a function; give a published one, such as "
            "`run_experiment([60, 120], [0.1], [10], epochs=200)`."
        )
    named = [(keyword.arg, keyword.value) for keyword in called.keywords]
    every = [*((None, value) for value in called.args), *named]
    packed = any(isinstance(value, ast.Starred) for value in called.args)
    if packed or any(keyword.arg is None for keyword in called.keywords):
        raise ConfigError(f"Write the arguments of {written(line)} out, without `*`.")
    return [(name, _text(value)) for name, value in every]


def _text(node: ast.expr) -> str:
    try:
        value = ast.literal_eval(node)
    except _NOT_PARSED:
        return ast.unparse(node)
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _translated(
    own: str, program: PublishedProgram, arguments: Sequence[Argument]
) -> Translation:
    if program.instead:
        raise ConfigError(f"`{program.name}` is no command here: {program.instead}")
    given: dict[str, Any] = {}
    says: list[str] = []
    told_of = _given(program, arguments)
    used = {spelled for _, spelled, _ in told_of}
    for flag, spelled, text in told_of:
        if not (flag.stands_for and flag.stands_for in used):
            given |= flag.fields(text)
        told = flag.differs.get(text, flag.says)
        if told:
            says.append(f"`{spelled}`: {told}")
        elif not flag.means_something:
            says.append(f"`{spelled}` has no counterpart here.")
    used |= {flag.stands_for for flag, _, _ in told_of}
    for flag in program.flags:
        spelled = flag.names[0]
        told = flag.differs.get(flag.default or "")
        if spelled not in used and told:
            says.append(f"`{spelled}`: {told}")
        if spelled not in used and flag.needed:
            says.append(
                f"The published program needs `{spelled}`, which has no default there."
            )
    return Translation(own, program, given, (*says, *program.says))


def _given(
    program: PublishedProgram, arguments: Sequence[Argument]
) -> list[tuple[Flag, str, str]]:
    """Each flag that is given, with its spelling and its value."""
    found: list[tuple[Flag, str, str]] = []
    places = list(program.flags)
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if isinstance(argument, tuple):
            name, text = argument
            if name is None and not places:
                raise ConfigError(
                    f"`{program.name}` takes no argument {written(text)}."
                )
            flag = places.pop(0) if name is None else _flag(program, name)
            if any(flag is other for other, _, _ in found):
                raise ConfigError(
                    f"`{program.name}` is given `{flag.names[0]}` twice; leave one out."
                )
            found.append((flag, flag.names[0], text))
            continue
        if not argument.startswith("-"):
            raise ConfigError(f"{written(argument)} has no place in `{program.name}`.")
        spelled, equals, text = argument.partition("=")
        flag = _flag(program, spelled)
        if flag.words == "none" and equals:
            raise ConfigError(f"`{flag.names[0]}` of `{program.name}` takes no value.")
        if flag.words == "none":
            text = ""
        elif not equals:
            text = _words(program, flag, rest)
        found.append((flag, flag.names[0], text))
    return found


def _words(program: PublishedProgram, flag: Flag, rest: list[Argument]) -> str:
    """Take the value of a flag from the rest of the line."""
    known = {name for other in program.flags for name in other.names}
    words: list[str] = []
    while rest and (flag.words == "several" or not words):
        word = rest[0]
        if not isinstance(word, str) or word.partition("=")[0] in known:
            break
        words.append(word)
        del rest[0]
    if not words:
        raise ConfigError(f"`{flag.names[0]}` of `{program.name}` needs a value.")
    return " ".join(words)


def _named(program: PublishedProgram, spelled: str) -> Flag | None:
    """The flag of that name, or the one that begins so, as argparse has it."""
    by_name = {name: flag for flag in program.flags for name in flag.names}
    begun = [name for name in by_name if name.startswith(spelled)]
    if spelled not in by_name and len(begun) == 1 and spelled.startswith("--"):
        return by_name[begun[0]]
    return by_name.get(spelled)


def _flag(program: PublishedProgram, spelled: str) -> Flag:
    flag = _named(program, spelled)
    if flag is not None:
        return flag
    by_name = [name for each in program.flags for name in each.names]
    what = f"{'argument' if '()' in program.name else 'flag'} of `{program.name}`"
    raise ConfigError(unknown(spelled, by_name, what=what))
