"""The data sets by name: load, list, fetch, verify."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..checks import one_of
from ..errors import DataError
from .dataset import Dataset
from .files import download
from .files.content import read_checked
from .files.ecg import NPY_LABELS, load_ecg5000, n_labels
from .files.images import load_cifar, load_digits, load_idx
from .files.locate import Place, locate, search
from .files.official import OFFICIAL, Official
from .files.progress import Progress
from .own.description import described, is_kept, own_names
from .own.kept import load_kept
from .own.reference import is_own, reference


_LOADERS = {
    "mnist": load_idx,
    "fashion-mnist": load_idx,
    "cifar-10": load_cifar,
    "cifar-100": load_cifar,
}


def load_data(name: str | Path, *, folder: str | Path | None = None) -> Dataset:
    """A data set by name, with the checksums of its files verified.

    Official files are looked for in `folder` (or the folder that OVERPARAM_DATA
    names), then in the user's cache; then downloaded from the official address, with
    progress on stderr.

    Args:
        name: digits (scikit-learn's, needs no files), mnist, fashion-mnist, cifar-10,
            cifar-100, or ecg5000 (normal against the rest, official split; for others
            see `load_ecg5000`); the name of data of one's own; or a path to such data,
            which are kept under the name of the file.
        folder: A folder with the official files, or with a subfolder per data set.

    Returns:
        Training and test part: images uint8 `(n, height, width, channels)`, series
        float32 `(n, length)`; classes int32 `(n,)`. Data of one's own are as they were
        given, targets that are numbers `(n, n_outputs)`. Images and their classes
        are read-only: all who load them share them.

    Raises:
        ConfigError: There is no data set of that name.
        DataError: A file is missing, truncated, altered or of another shape.

    Example:
        ```python
        digits = op.load_data("digits").scaled().flat()
        digits.train.x.shape, digits.n_classes
        ```
    """
    name = reference(str(name) if isinstance(name, Path) else name)
    if is_own(name):
        return load_kept(*name.split("@"))
    official = OFFICIAL[name]
    if name == "digits":
        return load_digits()
    if name == "ecg5000":
        return load_ecg5000(folder)
    return _LOADERS[name](official, folder)


@dataclass(frozen=True)
class DataSetEntry:
    """One line of the list of data sets.

    Attributes:
        name: As given to `load`.
        title: As its authors write it.
        status: "found", "incomplete" (some files), "absent", "built in", or "own".
        folder: Where the files are.
        n_bytes: What they take on disk there.
        n_train: Number of training samples, of the files that are there.
        n_test: Number of test samples; `None` where a file cannot be read.
        licence: Of the data.
        citation: What to cite.
        missing: Names of the files that are not there.
    """

    name: str
    title: str
    status: Literal["found", "incomplete", "absent", "built in", "own"]
    folder: Path | None
    n_bytes: int
    n_train: int | None
    n_test: int | None
    licence: str
    citation: str
    missing: tuple[str, ...] = ()


def entries(*, folder: str | Path | None = None) -> list[DataSetEntry]:
    """Every data set and where it is; nothing is read or downloaded."""
    official = [_entry(official, folder) for official in OFFICIAL.values()]
    return official + [
        DataSetEntry(
            name=about.reference,
            title=", ".join(about.files),
            status="own",
            folder=about.arrays.parent,
            n_bytes=about.arrays.stat().st_size,
            n_train=about.n_train,
            n_test=about.n_test,
            licence="",
            citation="",
        )
        for about in map(described, own_names())
    ]


def _entry(official: Official, folder: str | Path | None) -> DataSetEntry:
    place = locate(official, folder) or next(search(official, folder), None)
    if not official.contents:
        status = "built in"
    elif place is None:
        status = "absent"
    else:
        status = "incomplete" if place.missing else "found"
    n_train, n_test = official.n_train, official.n_test
    if place is not None and not place.missing:
        # Of the files found only .npy files may have others than the official.
        labels = [each for each in place.files() if each[0].name in NPY_LABELS]
        if labels:
            n_train, n_test = (n_labels(official, *each) for each in labels)
    return DataSetEntry(
        name=official.name,
        title=official.title,
        status=status,
        folder=place.folder if place else None,
        n_bytes=place.n_bytes if place else 0,
        n_train=n_train,
        n_test=n_test,
        licence=official.licence,
        citation=official.citation,
        missing=place.missing if place else (),
    )


def fetch(
    name: str,
    progress: Progress | None = None,
    *,
    folder: str | Path | None = None,
) -> Path | None:
    """See that a data set is at hand, downloading what is missing into the cache.

    Args:
        name: A data set.
        progress: Called with file name, bytes so far, bytes in all; by default lines
            on stderr.
        folder: Searched first, like OVERPARAM_DATA.

    Returns:
        The folder with the files; `None` for a data set without files.

    Raises:
        ConfigError: There is no data set of that name.
        DataError: The files are nowhere to be had, or those of the user are damaged.
    """
    one_of(OFFICIAL, dataset=name)
    official = OFFICIAL[name]
    if not official.contents:
        return None
    place = locate(official, folder)
    if place is None or place.folder == download.cache_target(official):
        place = download.fetch(official, progress, folder=folder)
    for content, found in place.files():
        read_checked(official, content, found, len)
    return place.folder


@dataclass(frozen=True)
class FileCheck:
    """What was found out about one file.

    Attributes:
        name: The data set.
        file: The official file.
        status: "ok", "damaged", "missing", or "unpublished": readable and of the right
            size, but no checksum of it was published.
        message: What is wrong, a sentence; empty if nothing is.
    """

    name: str
    file: str
    status: Literal["ok", "damaged", "missing", "unpublished"]
    message: str = ""


def verify(
    name: str | None = None, *, folder: str | Path | None = None
) -> list[FileCheck]:
    """Check every file of one data set, or of all that are at hand.

    Raises:
        ConfigError: There is no data set of that name.
        DataError: The folder given does not exist.
    """
    if name is not None and is_kept(name):
        return [_verify_own(name)]
    if name is not None:
        one_of([*OFFICIAL, *own_names()], dataset=name)
        return _verify(OFFICIAL[name], folder)
    there = [
        official for official in OFFICIAL.values() if any(search(official, folder))
    ]
    checks = [check for official in there for check in _verify(official, folder)]
    return checks + [_verify_own(name) for name in own_names()]


def _verify_own(name: str) -> FileCheck:
    try:
        load_kept(name)
    except DataError as error:
        return FileCheck(name, "dataset.json", "damaged", str(error))
    return FileCheck(name, "dataset.json", "ok")


def _verify(official: Official, folder: str | Path | None) -> list[FileCheck]:
    place = locate(official, folder) or next(search(official, folder), None)
    if place is None:
        place = Place(Path(), official.contents, (None,) * len(official.contents))
    checks = []
    for content, found in zip(place.contents, place.found, strict=True):
        status, message = "ok" if content.digest else "unpublished", ""
        if found is None:
            status, remedy = "missing", f"`overparam data fetch {official.name}`"
            message = f"`{content.name}` is missing; {remedy}."
        else:
            try:
                read_checked(official, content, found, len)
            except DataError as error:
                status, message = "damaged", str(error)
        checks.append(FileCheck(official.name, content.name, status, message))
    return checks
