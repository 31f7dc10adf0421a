"""What is inside a downloaded archive: zip, tar.gz, or a single file in gzip."""

import tarfile
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from .content import UNPACKING, DamageError, Found, bounded
from .official import Archive, Content


def contents(packed: Path, archive: Archive) -> Iterator[tuple[Content, bytes]]:
    """Every official content of a downloaded archive, in one pass over it.

    Raises:
        DamageError: A content is not inside, or cannot be decompressed.
    """
    wanted = {content.name: content for content in archive.contents}
    try:
        for name, read in _members(packed):
            content = wanted.pop(name, None)
            if content is not None:
                yield content, read()
    except DamageError:
        raise
    except (EOFError, *UNPACKING) as error:
        raise DamageError(f"cannot be unpacked ({error})") from error
    if wanted:
        raise DamageError(f"has no member {', '.join(wanted)}")


def _members(packed: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Names without folders, in the archive's order, and how to read them."""
    if packed.suffix == ".zip":
        with zipfile.ZipFile(packed) as archive:
            for name in archive.namelist():
                yield Path(name).name, Found(packed, name).read
    elif packed.name.endswith(".tar.gz"):
        with tarfile.open(packed) as archive:
            for member in archive:
                file = archive.extractfile(member)
                if file is not None:
                    yield Path(member.name).name, partial(bounded, file.read)
    else:
        yield packed.stem, Found(packed).read
