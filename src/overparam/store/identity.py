"""The id of a run: a hash of the config fields that differ from their defaults.

A field that is added later with a default therefore leaves every old id as it was.
Only the standard library is imported here.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..checks import written
from ..errors import ConfigError
from ..plugins import Origin
from ..spellings import Spellings, as_stored, spellings_of_study
from .json_values import plain


# 48 bits: two of 100,000 runs of a study share an id with probability 2e-5, and
# opening a run compares the stored config anyway.
ID_LENGTH = 12

_RUN_NAME = re.compile(rf"[0-9a-f]{{{ID_LENGTH}}}(\.[1-9][0-9]{{0,8}})?")

_SORTED = json.JSONEncoder(sort_keys=True)


def is_run_name(name: str) -> bool:
    """Whether a folder of this name can be a run: an id, perhaps with an attempt."""
    return _RUN_NAME.fullmatch(name) is not None and not name.endswith(".1")


def is_plain(name: str) -> bool:
    """Whether it names something in a folder, on any system, and nothing elsewhere."""
    return name.isprintable() and not {*name} & {*"/\\:"} and name.strip(". ") != ""


def check_plain(name: str, *, what: str) -> None:
    """Refuse a name that leads out of the folder in which it is used.

    Raises:
        ConfigError: If it is none.
    """
    if not is_plain(name):
        raise ConfigError(
            f"{what} names a file or a folder, got {written(name)}: take letters, "
            "digits and hyphens."
        )


def run_id(
    study: str,
    config: Mapping[str, Any],
    defaults: Mapping[str, Any],
    plugins: Sequence[Origin] = (),
) -> str:
    """A short hexadecimal id of a study's config.

    Args:
        study: Name of the study.
        config: Field names and values.
        defaults: The default of every field that has one.
        plugins: Of the code that is not built in: changed code makes another run.

    Returns:
        Twelve hexadecimal digits; equal for configs that mean the same (1 and 1.0, a
        tuple and a list, a field left out and a field at its default).

    Example:
        ```python
        defaults = {"width": 64, "seed": 0}
        one = op.store.run_id("mine", {"width": 64, "seed": 1}, defaults)
        assert one == op.store.run_id("mine", {"seed": 1.0}, defaults)
        ```
    """
    return id_of(study, hashed(config, defaults, spellings_of_study(study)), plugins)


def hashed(
    config: Mapping[str, Any], defaults: Mapping[str, Any], firsts: Spellings
) -> dict[str, Any]:
    """The fields that an id is a hash of, each under its first spelling.

    Each field for itself: those of two parts of a config are those of the parts.
    """
    return as_stored(differing(config, defaults), firsts)


def id_of(study: str, fields: Mapping[str, Any], plugins: Sequence[Origin] = ()) -> str:
    """The id of a config of which `fields` are not at their defaults."""
    made_by = [plain(plugins)] if plugins else []
    described = _SORTED.encode([study, canonical(fields), *made_by])
    return hashlib.sha256(described.encode()).hexdigest()[:ID_LENGTH]


def differing(config: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The fields whose canonical value is not that of their default."""
    # A default that was not touched is told by identity, most fields of a grid are.
    values = {
        name: canonical(value)
        for name, value in config.items()
        if value is not defaults.get(name, config)
    }
    return {
        name: value
        for name, value in values.items()
        if name not in defaults or not _same(value, canonical(defaults[name]))
    }


def option_words(config: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[str]:
    """The options of a command line that gives the fields that differ."""
    words: list[str] = []
    for name in differing(config, defaults):
        value, flag = config[name], f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            words.append(flag if value else f"--no-{flag[2:]}")
        elif isinstance(value, list | tuple):
            words += [flag, *map(str, value)]
        else:
            words += [flag, "none" if value is None else str(value)]
    return words


def canonical(value: Any) -> Any:
    """One JSON form for all values that mean the same: 1.0 becomes 1."""
    return _whole(plain(value))


def _whole(value: Any) -> Any:
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {name: _whole(item) for name, item in value.items()}
    return value


def _same(one: Any, other: Any) -> bool:
    if not isinstance(one, list | dict):
        return type(one) is type(other) and one == other
    # Through text, because in Python True equals 1.
    return _SORTED.encode(one) == _SORTED.encode(other)
