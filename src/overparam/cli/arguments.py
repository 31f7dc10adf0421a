"""Dataclasses from the command line, with one way to report a bad value."""

import dataclasses
import functools
import inspect
import os
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import tyro

from ..errors import ConfigError


T = TypeVar("T")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Storage:
    """Where runs are kept."""

    runs: Path = Path("runs")
    """Folder of all runs; the environment variable OVERPARAM_RUNS changes it."""

    @staticmethod
    def default() -> "Storage":
        """The folder the environment names, or `runs`."""
        return Storage(runs=Path(os.environ.get("OVERPARAM_RUNS", "runs")))


def parse(kind: type[T], argv: Sequence[str], *, prog: str) -> T:
    """Parse `argv` into one dataclass."""
    return parse_all([kind], argv, prog=prog, description=kind.__doc__ or "")[0]


def parse_all(
    kinds: Sequence[type[Any]], argv: Sequence[str], *, prog: str, description: str
) -> list[Any]:
    """Parse `argv` into several dataclasses whose options stand side by side.

    A bad value that a dataclass itself finds is raised as its `ConfigError`, so that
    the command line and the API say the same sentence.
    """
    fields = [
        (_slot(kind), tyro.conf.OmitArgPrefixes[_unchecked(kind)], _default(kind))
        for kind in kinds
    ]
    whole = dataclasses.make_dataclass(
        "Options",
        [(name, hint, default) for name, hint, default in fields],
        frozen=True,
        kw_only=True,
    )
    parsed = tyro.cli(
        whole,
        prog=prog,
        description=inspect.cleandoc(description),
        args=[*_spelled(argv, kinds)],
        config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff),
    )
    return [_checked(kind, getattr(parsed, _slot(kind))) for kind in kinds]


def _slot(kind: type[Any]) -> str:
    return kind.__name__.lower()


@functools.cache
def _unchecked(kind: type[Any]) -> type[Any]:
    # Tyro would wrap the error of `__post_init__` in a box of its own.
    body = {
        "__post_init__": lambda self: None,
        "__doc__": kind.__doc__,
        "__module__": kind.__module__,
    }
    return type(kind.__name__, (kind,), body)


def _default(kind: type[Any]) -> Any:
    make = getattr(kind, "default", None)
    if make is None:
        unchecked = _unchecked(kind)
        required = [f for f in dataclasses.fields(kind) if _is_required(f)]
        if required:
            return dataclasses.field()
        return dataclasses.field(default_factory=unchecked)
    values = vars(make())
    return dataclasses.field(default_factory=lambda: _unchecked(kind)(**values))


def _is_required(field: dataclasses.Field[Any]) -> bool:
    missing = dataclasses.MISSING
    return field.default is missing and field.default_factory is missing


def _checked(kind: type[T], raw: Any) -> T:
    values = {f.name: getattr(raw, f.name) for f in dataclasses.fields(raw)}
    return kind(**values)


def _spelled(argv: Sequence[str], kinds: Sequence[type[Any]]) -> list[str]:
    """`none` means no value for an optional field, as it does in sweeps."""
    optional = {
        f"--{name.replace('_', '-')}"
        for kind in kinds
        for name, hint in typing.get_type_hints(kind).items()
        if typing.get_origin(hint) in (typing.Union, types.UnionType)
        and type(None) in typing.get_args(hint)
    }
    spelled = list(argv)
    for index, word in enumerate(spelled[:-1]):
        flag = word.replace("_", "-")
        if flag in optional and spelled[index + 1] == "none":
            spelled[index + 1] = "None"
    return spelled


def take_name(argv: Sequence[str], *, what: str, choices: Sequence[str]) -> str:
    """The first word of `argv`, which must be one of `choices`."""
    listed = ", ".join(choices)
    if not argv or argv[0].startswith("-"):
        raise ConfigError(f"Name a {what} first: one of {listed}.")
    if argv[0] not in choices:
        raise ConfigError(f"There is no {what} {argv[0]!r}; choose from {listed}.")
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
    return "\n".join(lines)
