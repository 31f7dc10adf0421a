"""Which files a data set was read from, where no official checksum tells it."""

import functools
import hashlib

from ...errors import DataError
from .content import DamageError, Found
from .download import obtain
from .locate import Place, locate
from .official import OFFICIAL


def fingerprint(name: str) -> dict[str, str]:
    """SHA-256 by `name/file` of every file of a data set without official checksum.

    The digest is that of the content, whether the file is compressed or not. Of files
    with an official checksum there is none: `load` reads no others under their names.

    Raises:
        DataError: The files are nowhere, cannot be downloaded or cannot be read.
    """
    # Data of one's own are named by their digest.
    official = OFFICIAL.get(name)
    if official is None or not official.contents:
        return {}
    try:
        return _digests(name, obtain(official))
    except DamageError as damage:
        raise DataError(f"A file of {name} {damage}.") from damage


def fingerprint_at_hand(name: str) -> dict[str, str] | None:
    """The same without a download; `None` where the files are not to be had."""
    if name not in OFFICIAL:
        return None
    official = OFFICIAL[name]
    if not official.contents:
        return {}
    try:
        place = locate(official)
        return None if place is None else _digests(name, place)
    except (DataError, DamageError):
        return None


def _digests(name: str, place: Place) -> dict[str, str]:
    return {
        f"{name}/{content.name}": _digest(found, found.state)
        for content, found in place.files()
        if content.digest is None
    }


@functools.lru_cache(maxsize=64)
def _digest(found: Found, state: tuple[int, ...]) -> str:
    """Computed once for all runs of a grid, as long as the file stays as it is."""
    del state
    return hashlib.sha256(found.read()).hexdigest()
