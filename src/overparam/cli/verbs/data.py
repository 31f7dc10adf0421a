"""`overparam data list | fetch | verify`: the data sets on this machine."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from ...errors import ConfigError, DataError
from ..arguments import parse
from ..show import print_json, print_table, tell


_HELP = """usage: overparam data {list,fetch,verify} ...

  list            every data set, and where it is
  fetch NAME ...  download what is missing into the cache, checksums verified
  verify [NAME]   check every file of one data set or of all that are there

Examples:
  overparam data fetch mnist
  overparam data verify --folder /path/to/files"""


@dataclass(frozen=True, kw_only=True)
class DataFolder:
    """Every data set, and where it is."""

    folder: Path | None = None
    """Folder with the official files; also the variable OVERPARAM_DATA."""
    json: bool = False
    """Print as JSON."""


@dataclass(frozen=True, kw_only=True)
class DataSet(DataFolder):
    """Data sets by name."""

    names: tyro.conf.Positional[tuple[str, ...]] = ()
    """Names of data sets."""


def forms() -> dict[str, list[type[Any]]]:
    """The options of the verb, by its subject."""
    return {"list": [DataFolder], "fetch": [DataSet], "verify": [DataSet]}


def main(argv: Sequence[str]) -> int:
    """List, fetch or verify data sets."""
    if not argv or argv[0] in ("-h", "--help"):
        print(_HELP)
        return 0 if argv else 2
    actions = {"list": _list, "fetch": _fetch, "verify": _verify}
    if argv[0] not in actions:
        raise ConfigError(
            f"There is no `overparam data {argv[0]}`; choose list, fetch or verify."
        )
    return actions[argv[0]](argv[1:])


def _list(argv: Sequence[str]) -> int:
    place = parse(DataFolder, argv, prog="overparam data list")
    from ...data.catalogue import entries

    found = entries(folder=place.folder)
    if place.json:
        print_json(found)
        return 0
    rows = [(e.name, e.status, e.n_train, e.n_test, e.licence, e.folder) for e in found]
    print_table(["name", "status", "train", "test", "licence", "folder"], rows)
    return 0


def _fetch(argv: Sequence[str]) -> int:
    named = parse(DataSet, argv, prog="overparam data fetch")
    if not named.names:
        raise ConfigError("Name a data set to fetch, such as `mnist`.")
    from ...data.catalogue import fetch

    for name in named.names:
        folder = fetch(name, folder=named.folder)
        tell(f"{name}: {folder or 'built in, nothing to fetch'}")
    return 0


def _verify(argv: Sequence[str]) -> int:
    named = parse(DataSet, argv, prog="overparam data verify")
    from ...data.catalogue import verify

    checks = [
        check
        for name in named.names or (None,)
        for check in verify(name, folder=named.folder)
    ]
    if named.json:
        print_json(checks)
    else:
        rows = [(c.name, c.file, c.status) for c in checks]
        print_table(["name", "file", "status"], rows)
    wrong = [c.message for c in checks if c.status in ("damaged", "missing")]
    if wrong:
        more = f" ({len(wrong) - 1} more files are not in order)" if wrong[1:] else ""
        raise DataError(wrong[0] + more)
    return 0
