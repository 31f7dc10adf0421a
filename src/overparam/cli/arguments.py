"""Dataclasses from the command line, with one way to report a bad value."""

import contextlib
import copy
import dataclasses
import functools
import inspect
import os
import re
import sys
import typing
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, NoReturn, TypeVar

import docstring_parser
import tyro

from ..errors import ConfigError
from ..field_values import is_tuple, unknown, value_words
from ..plots.styles import StyleName
from ..store.find import runs_folder
from ..studies.presets import Preset
from .folding import Folding, columns, folded
from .options import Given, options, read


T = TypeVar("T")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Storage:
    """Where runs are kept."""

    runs: Path = Path("runs")
    """Folder of all runs; the environment variable OVERPARAM_RUNS changes it."""

    @staticmethod
    def default() -> "Storage":
        """The folder the environment names, or `runs`."""
        return Storage(runs=runs_folder())


@dataclasses.dataclass(frozen=True, kw_only=True)
class OfRuns:
    """What a verb that looks at stored runs takes first."""

    runs: tyro.conf.Positional[Path] = dataclasses.field(default_factory=runs_folder)
    """Folder of all runs; the environment variable OVERPARAM_RUNS changes it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Drawing:
    """How figures are drawn."""

    style: StyleName = "screen"
    """For a screen, for one or two columns of a paper, or for slides; these two have
    the caption in the file and not in the picture."""


def parse(kind: type[T], argv: Sequence[str], *, prog: str) -> T:
    """Parse `argv` into one dataclass."""
    return parse_all([kind], argv, prog=prog, description=kind.__doc__ or "")[0]


def parse_all(
    kinds: Sequence[type[Any]],
    argv: Sequence[str],
    *,
    prog: str,
    description: str,
    preset: Callable[[Given], Preset] = lambda given: (),
) -> list[Any]:
    """Parse `argv` into several dataclasses whose options stand side by side.

    A preset holds other defaults of the first of them, by what the line gives.

    Raises:
        ConfigError: The line is not valid; the API says the same sentence of a value.
        SystemExit: Help was asked for, and is printed.
    """
    if {"-h", "--help"} & set(argv):
        _print_help(kinds, prog, description)
    return read(argv, kinds, prog=prog, preset=preset)


def _print_help(kinds: Sequence[type[Any]], prog: str, description: str) -> NoReturn:
    # A name becomes the title `NAME options`, a docstring the line below it. What the
    # whole is about stands above already.
    shown = [
        _shown(kind, "" if kind.__doc__ == description else None) for kind in kinds
    ]
    whole = dataclasses.make_dataclass("Options", shown, frozen=True, kw_only=True)
    # A line for every paragraph, as Tyro would break it where a line of the source
    # begins with a backquote; examples keep their lines.
    paragraphs = [
        part if "\n  " in part else " ".join(part.split())
        for part in inspect.cleandoc(description).split("\n\n")
    ]
    written = tyro.constructors.ConstructorRegistry()
    written.primitive_rule(_as_written)
    with _room_for_help(), written, contextlib.redirect_stdout(Folding(sys.stdout)):
        tyro.cli(
            whole,
            prog=prog,
            description="\n\n".join(paragraphs),
            args=["--help"],
            config=(tyro.conf.OmitArgPrefixes,),
        )
    raise SystemExit(0)


def _shown(kind: type[Any], about: str | None) -> tuple[str, Any, Any]:
    """A group of options as a field, each text of which is one line.

    Tyro would break them where a line of the source is indented.
    """
    texts = {
        each.arg_name: " ".join((each.description or "").split())
        for owner in reversed(kind.__mro__[:-1])
        for each in docstring_parser.parse_from_object(owner).params
    }
    hints = typing.get_type_hints(kind, include_extras=True)
    required = any(option.required for option in options([kind]))
    usual = None if required else getattr(kind, "default", kind)()
    fields = []
    for field in map(copy.copy, dataclasses.fields(kind)):
        field.metadata = MappingProxyType({"help": texts.get(field.name, "")})
        if usual is not None:
            field.default = dataclasses.MISSING
            field.default_factory = functools.partial(getattr, usual, field.name)
        fields.append((field.name, hints[field.name], field))
    shown = dataclasses.make_dataclass(kind.__name__, fields, kw_only=True)
    shown.__doc__ = kind.__doc__
    name = re.sub("(?<=.)Options$", "", kind.__name__).lower()
    marks = tyro.conf.OmitArgPrefixes, tyro.conf.arg(help=about)
    whole = (
        dataclasses.field() if required else dataclasses.field(default_factory=shown)
    )
    return name, Annotated[shown, *marks], whole


def _as_written(
    info: tyro.constructors.PrimitiveTypeInfo,
) -> tyro.constructors.PrimitiveConstructorSpec[Any] | None:
    """How help shows what `none` or several words may stand for.

    Tyro would say `{None}|INT` and `[INT [INT ...]]`.
    """
    words = value_words(info.type)
    if words is None:
        return None

    def shown(value: Any) -> list[str]:
        several = value if isinstance(value, list | tuple) else [value]
        return ["none" if each is None else str(each) for each in several]

    return tyro.constructors.PrimitiveConstructorSpec(
        nargs="*" if is_tuple(info.type) else 1,
        metavar=words,
        instance_from_str=lambda given: given,
        is_instance=lambda value: True,
        str_from_instance=shown,
    )


@contextlib.contextmanager
def _room_for_help() -> Iterator[None]:
    """A width at which Tyro's columns end."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(columns())
    try:
        yield
    finally:
        del os.environ["COLUMNS"]
        if before is not None:
            os.environ["COLUMNS"] = before


def take_name(argv: Sequence[str], *, what: str, choices: Collection[str]) -> str:
    """The first word of `argv`, which must be one of `choices`."""
    if not argv or argv[0].startswith("-"):
        raise ConfigError(f"Name a {what} first: one of {', '.join(choices)}.")
    if argv[0] not in choices:
        raise ConfigError(unknown(argv[0], choices, what=what))
    return argv[0]


def overview(
    usage: str,
    questions: Mapping[str, str],
    *,
    examples: Sequence[str],
    remark: str | None = None,
) -> str:
    """The help of a verb before its subject is named: what there is, with examples."""
    width = max(len(name) for name in questions)
    lines = [f"usage: overparam {usage}", ""]
    lines += [f"  {name:<{width}}  {text}" for name, text in questions.items()]
    lines += [] if remark is None else ["", remark]
    lines += ["", "Examples:", *(f"  overparam {example}" for example in examples)]
    return folded("\n".join(lines))
