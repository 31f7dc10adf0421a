"""A sweep written down in a TOML file.

Only the standard library is imported here.
"""

import itertools
import math
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from ..field_values import converted, field_kind, is_tuple, unknown
from ..spellings import as_spelled, first_spellings
from ..store.files import opened
from .grid import at_most, by_field, product, values_of


# A list of 100,000 values, which is the most, is smaller.
_MOST_BYTES = 2**22
_TABLES = ("sweep", "fixed", "grid", "cases")


@dataclass(frozen=True)
class SweepPlan:
    """What a sweep runs: a study, and the fields that each run sets."""

    study: str
    """Name of the study."""
    settings: tuple[dict[str, Any], ...]
    """Per run the fields that differ from their defaults, in a stable order."""


def plan_from_toml(path: Path | str, config_of: Callable[[str], type]) -> SweepPlan:
    r"""A sweep described in a TOML file.

    `[sweep] study = "planted"` names the study, `[fixed]` sets fields of all runs,
    `[grid]` gives lists (or texts such as "0..9") that are combined, and each
    `[[cases]]` table gives lists of one length whose values belong together. Every
    case is combined with the whole grid.

    Args:
        path: The file.
        config_of: Gives the config dataclass of a study, or raises ConfigError.

    Raises:
        ConfigError: If the file cannot be read or does not describe a sweep.

    Example:
        ```python
        from overparam.studies.registry import study
        from overparam.sweeping import plan_from_toml

        text = '[sweep]\nstudy = "planted"\n[grid]\nseed = "0..2"'
        Path("s.toml").write_text(text)
        plan_from_toml("s.toml", lambda name: study(name).config_class())
        ```
    """
    try:
        content = _toml(Path(path))
        head = _table(content, "sweep")
        for name in head:
            if name != "study":
                raise ConfigError(unknown(name, ["study"], what="entry of [sweep]"))
        if not isinstance(head.get("study"), str):
            raise ConfigError(
                'It names no study; begin with [sweep] and study = "...".'
            )
        study = head["study"]
        return SweepPlan(study, tuple(_settings(content, config_of(study))))
    except ConfigError as error:
        raise ConfigError(f"`{path}`: {error}") from None


def _toml(path: Path) -> dict[str, Any]:
    try:
        with opened(path) as (file, n_bytes):
            if n_bytes > _MOST_BYTES:
                raise ConfigError(
                    f"It has {n_bytes} bytes, at most {_MOST_BYTES} are read."
                )
            content = tomllib.loads(file.read(n_bytes).decode())
    except OSError as error:
        raise ConfigError(f"It cannot be read ({error.strerror}).") from None
    except (ValueError, RecursionError) as error:  # Of tomllib, and of what it calls.
        reason = str(error).removesuffix(".")
        raise ConfigError(f"It is no valid TOML: {reason}.") from None
    for table in content:
        if table not in _TABLES:
            raise ConfigError(unknown(table, _TABLES, what="table"))
    return content


def _settings(content: Mapping[str, Any], config: type) -> Iterator[dict[str, Any]]:
    fixed = {
        name: converted(value, field_kind(config, name), name=name)
        for name, value in _table(content, "fixed").items()
    }
    fixed = as_spelled(fixed, first_spellings(config))
    axes = _axes(_table(content, "grid"), config)
    cases = content.get("cases", [{}])
    is_tables = isinstance(cases, list) and all(isinstance(c, dict) for c in cases)
    if not is_tables or not cases:
        raise ConfigError("`cases` must be written [[cases]], with two brackets.")
    rows = [list(_zipped(case, config)) for case in cases]
    at_most(sum(map(len, rows)) * math.prod(map(len, axes.values())))
    for case in rows:
        for zipped in case:
            for one, other in itertools.combinations((fixed, axes, zipped), 2):
                for name in one.keys() & other.keys():
                    raise ConfigError(
                        f"`{name}` is set in two tables; keep it in one of them."
                    )
            for combined in product(axes):
                yield fixed | zipped | combined


def _table(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = content.get(name, {})
    if not isinstance(table, dict):
        raise ConfigError(f"`{name}` must be a table, written [{name}].")
    return table


def _axes(table: Mapping[str, Any], config: type) -> dict[str, list[Any]]:
    """The values that a table lists, by field."""
    listed = {}
    for name, value in table.items():
        kind = field_kind(config, name)
        if isinstance(value, str):
            listed[name] = values_of(value, kind, name=name)
            continue
        several = isinstance(value, list)
        if several and is_tuple(kind):
            several = any(isinstance(item, list) for item in value)
        values = value if several else [value]
        if not values:
            raise ConfigError(f"`{name}` has no value; give a list such as [1, 2].")
        listed[name] = [converted(item, kind, name=name) for item in values]
    return by_field(listed, config)


def _zipped(case: Mapping[str, Any], config: type) -> Iterator[dict[str, Any]]:
    columns = _axes(case, config)
    lengths = {name: len(values) for name, values in columns.items()}
    longest = max(lengths.values(), default=1)
    if not set(lengths.values()) <= {1, longest}:
        listed = ", ".join(f"`{name}` {length}" for name, length in lengths.items())
        message = f"Lists of a [[cases]] table must be of one length, got {listed}."
        raise ConfigError(message)
    for index in range(longest):
        yield {n: v[index if len(v) > 1 else 0] for n, v in columns.items()}
