"""`overparam data add | list | fetch | verify | remove`: data sets on this machine."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import tyro

from ...checks import shortened
from ...data.own.options import Reading
from ...errors import ConfigError, DataError
from ...field_values import unknown
from ..arguments import parse, parse_all
from ..folding import folded
from ..show import print_json, print_table, print_values, tell


_HELP = """usage: overparam data {add,list,fetch,verify,remove} ...

  add NAME FILE ...  keep data of your own under a name, all of it checked
  list               every data set, and where it is
  fetch NAME ...     download what is missing into the cache, checksums verified
  verify [NAME]      check every file of one data set or of all that are there
  remove NAME ...    forget data of your own

Examples:
  overparam data add mine mine.npz
  overparam data add prices train.csv test.csv --label price
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


@dataclass(frozen=True, kw_only=True)
class Added:
    """Keep data of your own under a name.

    FILE is an `.npz` (x, y, perhaps x_test, y_test), arrays of inputs and of targets
    (`.npy`, IDX), a table (CSV, Parquet), series (UCR text, `.ts`) or a folder of class
    folders of PNG. Those whose name has `test` in it are the test part.
    """

    name_and_files: tyro.conf.Positional[tuple[str, ...]] = ()
    """The name, and the files."""
    force: bool = False
    """Replace data of this name with another content."""
    json: bool = False
    """Print as JSON."""


@dataclass(frozen=True, kw_only=True)
class Removed:
    """Forget data of your own."""

    names: tyro.conf.Positional[tuple[str, ...]] = ()
    """Names of data sets."""


def forms() -> dict[str, list[type[Any]]]:
    """The options of the verb, by its subject."""
    return {
        "add": [Added, Reading],
        "list": [DataFolder],
        "fetch": [DataSet],
        "verify": [DataSet],
        "remove": [Removed],
    }


def main(argv: Sequence[str]) -> int:
    """Add, list, fetch, verify or remove data sets."""
    if not argv or argv[0] in ("-h", "--help"):
        print(folded(_HELP))
        return 0 if argv else 2
    actions = {
        "add": _add,
        "list": _list,
        "fetch": _fetch,
        "verify": _verify,
        "remove": _remove,
    }
    if argv[0] not in actions:
        raise ConfigError(unknown(argv[0], actions, what="`overparam data` verb"))
    return actions[argv[0]](argv[1:])


def _add(argv: Sequence[str]) -> int:
    added, how = parse_all(
        forms()["add"],
        argv,
        prog="overparam data add",
        description=Added.__doc__ or "",
    )
    if len(added.name_and_files) < 2:
        raise ConfigError("Give a name and files: `overparam data add mine mine.npz`.")
    from ...data.own.adding import add_data
    from ...data.own.kept import load_kept

    name, *files = added.name_and_files
    found = add_data(name, *files, force=added.force, **asdict(how))
    if added.json:
        print_json(asdict(found) | {"reference": found.reference})
        return 0
    facts = {
        "name": found.name,
        "content": found.digest,
        "task": found.task,
        "training and test samples": (found.n_train, found.n_test),
        "shape of an input": found.shape,
        "outputs": found.n_outputs,
    }
    labels = {"labels": shortened(", ".join(found.labels))} if found.labels else {}
    print_values(facts | labels)
    if found.task == "classification":
        from ...data.dataset import class_notes

        for note in class_notes(found.n_outputs, found.n_train + found.n_test):
            tell(f"note: {note}")
    if found.drawn:
        tell(f"note: {found.drawn}")
    if constant := load_kept(found.name).constant:
        tell(f"note: {constant}: they cannot be standardised.")
    return 0


def _remove(argv: Sequence[str]) -> int:
    named = parse(Removed, argv, prog="overparam data remove")
    if not named.names:
        raise ConfigError("Name the data to remove.")
    from ...data.own.kept import remove

    for name in named.names:
        remove(name)
        tell(f"{name}: removed")
    return 0


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
