"""Downloads of the official files into the user's cache: checked, never half done."""

import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...errors import DataError
from .archive import contents
from .content import MOST_BYTES, DamageError, Found, check_content, check_digest
from .locate import VARIABLE, Place, cache_folder, given_folders, locate, search
from .official import Archive, Content, Official
from .progress import Progress, report_on_stderr


CHUNK = 1 << 18  # Bytes; pooch's own 1 kB makes Python the bottleneck.
TIMEOUT = 20.0  # Seconds without any answer before the next address is tried.
STALE = 86_400.0  # Seconds after which what a killed download left is swept away.
PARTIAL = ".partial-"


class UnavailableError(Exception):
    """Why no address gave an archive, as a part of a sentence."""


def obtain(official: Official, folder: str | Path | None = None) -> Place:
    """The files of a data set where they lie, or else downloaded into the cache.

    Raises:
        DataError: They are nowhere and cannot be downloaded.
    """
    return locate(official, folder) or fetch(official, folder=folder)


def fetch(
    official: Official,
    progress: Progress | None = None,
    *,
    folder: str | Path | None = None,
) -> Place:
    """Download what the cache lacks of a data set, or holds with a wrong checksum.

    Every archive is checked, then every file in it, before it gets its final name; so
    the cache never holds half a file, whenever the process is killed.

    Args:
        official: The data set.
        progress: Told of every piece; by default a line on stderr.
        folder: Where the user has looked for the files; only named in the error.

    Raises:
        DataError: No address gave the right file, or the cache cannot be written.
    """
    target = cache_target(official)
    progress = progress or report_on_stderr()
    try:
        target.mkdir(parents=True, exist_ok=True)
        # What downloads that were killed long ago have left behind.
        for left in target.glob(f"{PARTIAL}*"):
            with suppress(OSError):
                if time.time() - left.stat().st_mtime > STALE:
                    shutil.rmtree(left)
        for archive in official.archives:
            if not all(_is_right(target, content) for content in archive.contents):
                _fetch_archive(archive, target, progress)
    except (UnavailableError, OSError) as error:
        raise DataError(_apology(official, folder, error)) from error
    found = tuple(Found(target / content.name) for content in official.contents)
    return Place(target, official.contents, found)


def cache_target(official: Official) -> Path:
    """The folder of the cache that holds a data set."""
    return cache_folder() / official.name


def _fetch_archive(archive: Archive, target: Path, progress: Progress) -> None:
    failures = []
    for address in archive.addresses:
        try:
            with tempfile.TemporaryDirectory(prefix=PARTIAL, dir=target) as partial:
                packed = Path(partial, archive.name)
                _download(address, packed, progress)
                if archive.digest is not None:
                    check_digest(
                        packed.read_bytes(), Content(name="", digest=archive.digest)
                    )
                for path in _unpack(packed, archive):
                    os.replace(path, target / path.name)
            return
        except (DamageError, OSError) as error:
            failures.append(f"{address} ({_reason(error)})")
    raise UnavailableError(f"the download from {' and '.join(failures)} failed")


def _download(address: str, path: Path, progress: Progress) -> None:
    import pooch

    # A server that decodes gzip on the way would change the archive's checksum.
    headers = {"Accept-Encoding": "identity"}
    meter: Any = _Meter(path.name, progress)  # Annotated as a bool by pooch.
    downloader = pooch.HTTPDownloader(
        progressbar=meter,
        chunk_size=CHUNK,
        timeout=TIMEOUT,
        headers=headers,
    )
    downloader(address, str(path), None)


class _Meter:
    """Progress in the form that pooch drives; pooch sets `total`."""

    def __init__(self, name: str, progress: Progress) -> None:
        self.name, self.progress, self.done, self.total = name, progress, 0, 0

    def update(self, n_bytes: int) -> None:
        self.done = min(self.done + n_bytes, self.total or self.done + n_bytes)
        if self.done > MOST_BYTES:
            raise DamageError(f"has no end: it has more than {MOST_BYTES} bytes")
        self.progress(self.name, self.done, self.total)

    def reset(self) -> None:
        self.done = 0

    def close(self) -> None:
        pass


def _unpack(packed: Path, archive: Archive) -> list[Path]:
    """The contents of an archive, each checked, written to a folder beside it."""
    folder = packed.parent / "contents"
    folder.mkdir()
    for content, raw in contents(packed, archive):
        check_content(raw, content)
        with open(folder / content.name, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
    return sorted(folder.iterdir())


def _is_right(target: Path, content: Content) -> bool:
    path = target / content.name
    if not path.is_file():
        return False
    with suppress(DamageError):
        check_content(Found(path).read(), content)
        return True
    return False


def _apology(
    official: Official, folder: str | Path | None, error: UnavailableError | OSError
) -> str:
    """One sentence: where the files were looked for, what failed, and the way out."""
    partial = [
        f"{', '.join(place.missing)} missing in {place.folder}"
        for place in search(official, folder)
        if len(place.missing) < len(place.contents)
    ]
    looked = [str(path) for path in [*given_folders(folder), cache_folder()]]
    where = "; ".join(partial) or f"not found in {' or '.join(looked)}"
    names = ", ".join(content.name for content in official.contents)
    single = len(official.archives) == 1
    source = f" (from {official.archives[0].name})" if single else ""
    return (
        f"{official.title} is not there: {where}, and {_reason(error)}; put the files "
        f"{names}{source} into a folder and set {VARIABLE} to it."
    )


def _reason(error: Exception) -> str:
    if isinstance(error, UnavailableError):
        return str(error)
    if isinstance(error, DamageError):
        return f"the file {error}"
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is not None:
        return f"HTTP status {status}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror + (f": {error.filename}" if error.filename else "")
    return type(error).__name__
