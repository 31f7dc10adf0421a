"""The bytes of one official file, wherever they lie, and whether they are right."""

import contextlib
import gzip
import hashlib
import lzma
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ...errors import ConfigError, DataError
from ...store.files import opened
from .official import OFFICIAL, Content, Official


T = TypeVar("T")

MOST_BYTES = 2**28
"""What is unpacked of a content at most; the largest official one has 154 MB."""

UNPACKING = (
    *(gzip.BadGzipFile, zipfile.BadZipFile, tarfile.TarError, zlib.error),
    *(lzma.LZMAError, ValueError, RuntimeError, struct.error),
)
"""What readers of packed files raise, of passwords and unknown methods too."""


class DamageError(ValueError):
    """What is wrong with a file, as the end of a sentence that its name begins."""


@dataclass(frozen=True)
class Found:
    """Where a content lies: a file, perhaps gzip, or a member of a zip archive."""

    path: Path
    member: str | None = None

    def __str__(self) -> str:
        return f"{self.path}/{self.member}" if self.member else str(self.path)

    @property
    def state(self) -> tuple[int, int, int]:
        """When it was last modified, in nanoseconds, and what else tells a change."""
        state = os.stat(self.path)
        return state.st_mtime_ns, state.st_ctime_ns, state.st_size

    def read(self) -> bytes:
        """The decompressed bytes.

        Raises:
            DamageError: The file cannot be read or decompressed, or is too long.
        """
        with unpacking():
            return bounded(self._read)

    def _read(self, n_bytes: int) -> bytes:
        with opened(self.path) as (file, _):
            if self.member:
                with zipfile.ZipFile(file) as archive:
                    return archive.open(self.member).read(n_bytes)
            if self.path.suffix == ".gz":
                return gzip.GzipFile(fileobj=file).read(n_bytes)
            return file.read(n_bytes)


@contextlib.contextmanager
def unpacking() -> Iterator[None]:
    """Turn what reading and decompressing raise into one sentence.

    Raises:
        DamageError: In the place of it.
    """
    try:
        yield
    except (DamageError, ConfigError):
        raise
    except EOFError as error:
        raise DamageError("is truncated: its compressed stream ends early") from error
    except UNPACKING as error:
        raise DamageError(f"cannot be decompressed ({error})") from error
    except OSError as error:
        raise DamageError(f"cannot be read ({error.strerror})") from error


def bounded(read: Callable[[int], bytes]) -> bytes:
    """What `read` gives, which takes the number of bytes that are wanted.

    Raises:
        DamageError: There are more than any content has.
    """
    raw = read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        raise DamageError(f"is too long: its content has more than {MOST_BYTES} bytes")
    return raw


def check_size(raw: bytes, content: Content) -> None:
    """The content is as long as the official one, if that length is known."""
    expected = content.n_bytes
    if expected is not None and len(raw) != expected:
        state = "is truncated" if len(raw) < expected else "is too long"
        raise DamageError(f"{state}: its content has {len(raw)} of {expected} bytes")


def check_digest(raw: bytes, content: Content) -> None:
    """The content has the published checksum, if one was published."""
    if content.digest is None:
        return
    algorithm, _, expected = content.digest.partition(":")
    got = hashlib.new(algorithm, raw, usedforsecurity=False).hexdigest()
    if got == expected:
        return
    what = "not the official file"
    # MNIST and Fashion-MNIST share their file names.
    for official in OFFICIAL.values():
        if any(each.digest == f"{algorithm}:{got}" for each in official.contents):
            what = f"the file of {official.title} instead"
            break
    raise DamageError(
        f"is {what}: the {_WRITTEN[algorithm]} of its content is {got}, expected "
        f"{expected}"
    )


def check_content(raw: bytes, content: Content) -> None:
    """The content has the published length and checksum."""
    check_size(raw, content)
    check_digest(raw, content)


_WRITTEN = {"sha256": "SHA-256", "md5": "MD5"}


def read_checked(
    official: Official, content: Content, found: Found, parse: Callable[[bytes], T]
) -> T:
    """What `parse` makes of a file whose size and checksum are verified.

    Raises:
        DataError: The file is truncated, altered or not what `parse` expects.
    """
    try:
        raw = found.read()
        check_size(raw, content)
        parsed = parse(raw)
        check_digest(raw, content)
    except DamageError as damage:
        raise DataError(
            f"`{found}` {damage}; replace it, or delete it and run "
            f"`overparam data fetch {official.name}`."
        ) from damage
    return parsed
