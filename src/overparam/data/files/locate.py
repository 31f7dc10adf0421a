"""Where the files of a data set lie: a folder of the user's, then the user's cache."""

import os
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ...cache import user_cache
from ...errors import DataError
from .content import UNPACKING, Found
from .official import Content, Official


VARIABLE = "OVERPARAM_DATA"


@dataclass(frozen=True)
class Place:
    """A folder with at least one file of a data set.

    Attributes:
        folder: The folder.
        contents: The files that make the data set.
        found: Where each of them is; `None` for a missing one.
    """

    folder: Path
    contents: tuple[Content, ...]
    found: tuple[Found | None, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of the files that are not there."""
        pairs = zip(self.contents, self.found, strict=True)
        return tuple(content.name for content, found in pairs if found is None)

    def files(self) -> tuple[tuple[Content, Found], ...]:
        """The files that are there."""
        pairs = zip(self.contents, self.found, strict=True)
        return tuple((content, found) for content, found in pairs if found is not None)

    @property
    def n_bytes(self) -> int:
        """What the files take on disk, compressed or not."""
        paths = {found.path for _, found in self.files()}
        return sum(os.path.getsize(path) for path in paths)


def locate(official: Official, folder: str | Path | None = None) -> Place | None:
    """The first place that has all files of a data set.

    Looked through in this order: `folder`, or else the folder that the environment
    variable OVERPARAM_DATA names; then the user's cache. A folder may hold the files
    itself or in a subfolder such as `mnist/` or `cifar-10-batches-bin/`, each file as
    published or with `.gz`, ECG5000 also as the published zip archive.

    Raises:
        DataError: The folder given does not exist.
    """
    places = search(official, folder)
    return next((place for place in places if not place.missing), None)


def search(official: Official, folder: str | Path | None = None) -> Iterator[Place]:
    """Every place with some file of a data set, in the order of `locate`."""
    for root in [*given_folders(folder), cache_folder()]:
        for subfolder in [*official.folders, "."]:
            inside = root / subfolder
            if os.path.isdir(inside):
                yield from _places(official, inside)


def given_folders(folder: str | Path | None = None) -> list[Path]:
    """`folder`, or else the one that OVERPARAM_DATA names, or else none.

    Raises:
        DataError: It does not exist.
    """
    given = folder or os.environ.get(VARIABLE)
    if not given:
        return []
    path = Path(given).expanduser()
    if not os.path.isdir(path):
        whose, other = "", "name the one that has the files"
        if not folder:
            whose, other = f" that {VARIABLE} names", f"set {VARIABLE} to another"
        raise DataError(
            f"The data folder `{path}`{whose} does not exist: create it, or {other}."
        )
    return [path]


def cache_folder() -> Path:
    """The user's own data folder, where the platform keeps caches."""
    return user_cache() / "data"


def _places(official: Official, folder: Path) -> Iterator[Place]:
    members = _zip_members(official, folder)
    for contents in (official.contents, *official.stand_ins):
        found = tuple(_find(content, folder, members) for content in contents)
        if any(found):
            yield Place(folder, contents, found)


def _find(content: Content, folder: Path, members: dict[str, Found]) -> Found | None:
    for path in (folder / content.name, folder / f"{content.name}.gz"):
        if os.path.isfile(path):
            return Found(path)
    return members.get(content.name)


def _zip_members(official: Official, folder: Path) -> dict[str, Found]:
    """Members of the published zip archive, by their names without folders."""
    members = {}
    for archive in official.archives:
        path = folder / archive.name
        if path.suffix == ".zip" and os.path.isfile(path):
            with suppress(OSError, *UNPACKING), zipfile.ZipFile(path) as opened:
                members |= {Path(n).name: Found(path, n) for n in opened.namelist()}
            if not members:  # Unreadable: who reads the contents will learn why.
                names = [content.name for content in archive.contents]
                members = {name: Found(path, name) for name in names}
    return members
