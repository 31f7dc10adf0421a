"""Files of one's own as data: what each is, told by its content."""

import codecs
import gzip
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ...errors import ConfigError, DataError
from ...memory import Need, check_memory
from ...store.files import opened
from ..dataset import Dataset
from ..files.content import bounded, unpacking
from .arrays import archive_parts, array_in, is_archive, is_array, paired
from .making import Part, made, naming
from .options import Reading, Task
from .pictures import pictures
from .series import is_ts, series, ts_series
from .tables import is_headless, is_parquet, read_csv, read_parquet


GZIP = b"\x1f\x8b"

TABLES = (".csv", ".tsv")
"""Endings of tables with a header; without one `label` tells."""
SERIES = ".tsv"
"""That of the UCR archive too, whose files have no header."""


def read(paths: Sequence[Path], name: str, how: Reading) -> tuple[Dataset, bool]:
    """The data set in files, and whether its test part was drawn.

    Raises:
        ConfigError: The files do not make a data set together.
        DataError: A file is missing, damaged, or holds what no network takes.
    """
    ordered = sorted(paths, key=_is_test)
    if not ordered:
        raise ConfigError("Name a file, such as `mine.npz`.")
    twice = [path for path in ordered if ordered.count(path) > 1]
    if twice:
        raise ConfigError(f"`{twice[0]}` is named twice: name each file once.")
    if how.size is not None and not ordered[0].is_dir():
        raise ConfigError("`size` is for folders of pictures.")
    parts, task = _parts(ordered, how)
    if len(parts) > 2:
        raise ConfigError(
            f"{len(paths)} files make {len(parts)} parts: give a training and a test "
            "part, or the whole."
        )
    asked = how.task or task
    dataset = made(parts, name, asked, how.test_fraction, how.seed, refuse=DataError)
    return dataset, len(parts) == 1


def _is_test(path: Path) -> bool:
    name = path.name.lower()
    return "test" in name or "t10k" in name


def _parts(paths: Sequence[Path], how: Reading) -> tuple[list[Part], Task | None]:
    """The parts in files, and the task that their kind implies."""
    if all(path.is_dir() for path in paths):
        return pictures(paths, how.size), "classification"
    found = [(path, *_read(path, how)) for path in paths]
    loose = [(path, value) for path, value, _ in found if not isinstance(value, list)]
    if not loose:
        parts = [part for _, value, _ in found for part in value]
        return parts, found[0][2]
    if len(loose) < len(found):
        raise ConfigError("The files are of several kinds: give files of one kind.")
    return paired(loose), found[0][2]


def _read(path: Path, how: Reading) -> tuple[Any, Task | None]:
    """The parts in a file, or a single array, and the task that its kind implies."""
    with naming(str(path), DataError):
        raw = _content(path).removeprefix(codecs.BOM_UTF8)
        if is_archive(raw):
            return archive_parts(raw, str(path)), None
        if is_array(raw):
            # Labels of MNIST's layout are bytes; those of NumPy say what they are.
            return array_in(raw), None
        for fits, reader, task in _formats(path, how):
            if fits(raw):
                return [Part(*reader(raw), called=str(path))], task
    raise DataError(f"`{path}` is of no known kind.")


def _formats(
    path: Path, how: Reading
) -> list[tuple[Callable[[bytes], bool], Callable[[bytes], Any], Task | None]]:
    label = how.label or "y"
    ending = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    return [
        (is_parquet, partial(read_parquet, label=label), None),
        (is_ts, ts_series, None),
        (
            lambda raw: (
                how.label is not None
                or (ending in TABLES and not (ending == SERIES and is_headless(raw)))
            ),
            partial(read_csv, label=label),
            None,
        ),
        (lambda raw: True, series, "classification"),
    ]


def _content(path: Path) -> bytes:
    """The bytes of a file, unpacked if it is gzip.

    Raises:
        ConfigError: They do not fit into the memory.
        DamageError: It cannot be read.
    """
    with unpacking(), opened(path) as (file, n_bytes):
        packed = file.read(len(GZIP)) == GZIP
        file.seek(0)
        if packed:
            return bounded(gzip.GzipFile(fileobj=file).read)
        check_memory(Need("a file", ((f"the bytes of `{path.name}`", n_bytes),), 1, 3))
        return file.read(n_bytes)
