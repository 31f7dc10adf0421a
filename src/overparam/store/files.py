"""Files that are whole or absent: a temporary name, fsync, rename; one-sentence errors.

A run killed at any moment, or a disk that fills up, leaves no half-written file under
a final name.
"""

import contextlib
import errno
import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import ConfigError, StoreError
from . import packed
from .json_values import parsed, plain


SCHEMA = 2
"""Version of the layout of a run; a newer one is refused, an older one is read."""

MOST_BYTES = 2**26
"""What is read of a file that no stamp describes; descriptions are far smaller."""

_TEMPORARY = ".tmp"

# What is encoded is made by `plain`, or was read: nothing of it holds itself.
_STRICT = json.JSONEncoder(sort_keys=True, allow_nan=False, check_circular=False)


@dataclass(frozen=True, slots=True)
class Stamp:
    """What `status.json` remembers of a file, so that damage is noticed."""

    bytes: int
    sha256: str


def stamp_of(content: bytes) -> Stamp:
    """Size and digest of a file's content."""
    return Stamp(len(content), hashlib.sha256(content).hexdigest())


def write_file(path: Path, content: bytes) -> Stamp:
    """Write a file so that it is whole or absent, even after a power cut.

    Raises:
        ConfigError: If the path is that of a folder, a device or a pipe.
        StoreError: If the disk is full, read-only or not permitted.
    """
    check_names_file(path)
    if os.path.isdir(path):
        raise ConfigError(f"`{path}` is a folder; name a file in it.")
    # A file would take the place of what every process of the machine writes to: a
    # device, a pipe, or one of the names of the streams in `/dev`.
    special = os.path.exists(path) and not os.path.isfile(path)
    if special or os.path.realpath(path.parent) == "/dev":
        raise ConfigError(f"`{path}` is a device or a pipe; name a file.")
    temporary = temporary_name(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(temporary, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            # A stump on a full disk would keep the space that the next try needs.
            with contextlib.suppress(OSError):
                temporary.unlink()
        sync(path.parent)
    return stamp_of(content)


def sync(path: Path) -> None:
    """Make a file durable, or what was renamed in a folder; some systems refuse."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def temporary_name(path: Path) -> Path:
    """Where something is made, beside the place that it gets when it is whole."""
    return path.with_name(f".{path.name}.{os.getpid()}{_TEMPORARY}")


def is_temporary(path: Path) -> bool:
    """Whether it has the name of something that is not whole."""
    return path.name.startswith(".") and path.suffix == _TEMPORARY


def check_names_file(path: Path) -> None:
    """Refuse `.`, `..` and `/`, which are folders whatever there is.

    Raises:
        ConfigError: If the path is one of them.
    """
    if path.name in ("", ".."):
        raise ConfigError(f"`{path}` is a folder; name a file in it.")


TABLES = (".csv", ".parquet", ".json")
PAGES = (".html", ".htm")
FIGURES = (".png", ".svg")
"""How the names of what is written end."""

_OTHER_FIGURES = (
    *(".avif", ".eps", ".gif", ".jpeg", ".jpg", ".pdf", ".pgf", ".ps", ".raw"),
    *(".rgba", ".svgz", ".tif", ".tiff", ".webp"),
)


def figure_name(path: Path) -> Path:
    """The name of a figure without an ending, which may be one of `FIGURES`.

    Raises:
        ConfigError: If the path is that of a folder, or promises another format.
    """
    check_names_file(path)
    if path.suffix.lower() in _OTHER_FIGURES:
        raise ConfigError(
            f"A figure is written as .png and as .svg, got `{path}`: name it "
            f"`{path.with_suffix('')}`, and convert the .svg."
        )
    return path.with_suffix("") if path.suffix in FIGURES else path


def check_ending(path: Path, endings: Iterable[str], *, what: str) -> None:
    """Refuse a name that promises another format than the one that is written.

    Raises:
        ConfigError: If the path has none of the endings.
    """
    if path.suffix not in endings:
        raise ConfigError(
            f"{what} is a file whose name ends in {' or '.join(endings)}, got `{path}`."
        )


def write_json(path: Path, value: Any) -> Stamp:
    """Write a value as strict JSON, with the schema version in front."""
    content = {"schema": SCHEMA} | plain(value)
    return write_file(path, (json.dumps(content, indent=1) + "\n").encode())


def read_file(
    path: Path | str, *, expected: Stamp | None = None, most: int = MOST_BYTES
) -> bytes:
    """Content of a stored file, compared with its stamp where there is one.

    Args:
        path: The file.
        expected: Its stamp.
        most: The most bytes that a file without a stamp may have.

    Raises:
        StoreError: If the file is missing, unreadable or not as it was written.
    """
    # Written out, as a loop takes longer, and this is called for very many files.
    if (content := _on_disk(path, expected, most)) is None:
        content = _in_archive(path, expected, most)
    if content is None and (content := _on_disk(path, expected, most)) is None:
        raise _missing(path)
    if expected is not None and stamp_of(content) != expected:
        raise damaged(path, "differs from what was written")
    return content


def _on_disk(path: Path | str, expected: Stamp | None, most: int) -> bytes | None:
    try:
        # Without `opened` and its file object, which cost as much as the reading.
        descriptor, n_bytes = _regular(path)
        try:
            _check_length(path, n_bytes, expected, most)
            content = piece = os.read(descriptor, n_bytes)
            # A system may give it in pieces, of 2 GB for example.
            while piece and len(content) < n_bytes:
                piece = os.read(descriptor, n_bytes - len(content))
                content += piece
            return content
        finally:
            os.close(descriptor)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        message = f"`{path}` cannot be read ({error.strerror}): check its permissions."
        raise StoreError(message) from error


def _in_archive(path: Path | str, expected: Stamp | None, most: int) -> bytes | None:
    entry = packed.of_file(path, most=expected.bytes if expected else most)
    if entry is None:
        return None
    _check_length(path, entry.bytes, expected, most)
    return entry.content


def stat_of(path: Path | str) -> tuple[int, float] | None:
    """Size of a file of a run, on disk or packed, and when it was written.

    Raises:
        OSError: If its folder cannot be looked into.
    """
    for _ in range(2):  # On disk, packed, and by then on disk again.
        try:
            found = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            if (kept := packed.of_file(path)) is not None:
                return kept.bytes, kept.modified
        except ValueError:  # No name of a file: it holds a zero.
            return None
        else:
            return found.st_size, found.st_mtime
    return None


@contextlib.contextmanager
def opened(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """A file to read and its size, which the reader looks at before the content.

    Raises:
        OSError: If it cannot be opened or is none: a pipe or a device has no end.
    """
    descriptor, n_bytes = _regular(path)
    with open(descriptor, "rb") as file:
        yield file, n_bytes


def _regular(path: Path | str) -> tuple[int, int]:
    """The descriptor of a regular file, and its size."""
    # Or else opening a pipe would wait for someone to write into it.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    found = os.fstat(descriptor)
    if stat.S_ISREG(found.st_mode):
        return descriptor, found.st_size
    os.close(descriptor)
    raise OSError(errno.EINVAL, "it is no regular file", str(path))


def check_size(path: Path, expected: Stamp) -> None:
    """See that a stored file is there and as long as it was.

    Raises:
        StoreError: If it is not.
    """
    try:
        found = stat_of(path)
    except OSError as error:
        raise damaged(path, f"cannot be found ({error.strerror})") from None
    if found is None:
        raise _missing(path)
    _check_length(path, found[0], expected)


def read_json(
    path: Path | str, *, expected: Stamp | None = None, ahead: bytes | None = None
) -> dict[str, Any]:
    """A stored JSON object.

    Args:
        path: The file.
        expected: Its stamp.
        ahead: What it holds, if that was read together with other files.

    Raises:
        StoreError: If the file is missing, no JSON, or of a newer schema.
    """
    # Of what is not as it was written, the file itself tells why.
    if ahead is None or (expected is not None and stamp_of(ahead) != expected):
        ahead = read_file(path, expected=expected)
    try:
        value = parsed(ahead)
        schema = value["schema"]
    except (ValueError, KeyError, TypeError):
        raise damaged(path, "is not valid") from None
    if type(schema) is not int or schema < 1:
        raise damaged(path, "has no schema")
    if schema > SCHEMA:
        raise StoreError(
            f"`{path}` was written by a newer overparam (schema {schema}, this one "
            f"reads up to {SCHEMA}): upgrade overparam."
        )
    return value


def write_sealed(path: Path, value: Any) -> None:
    """Write a JSON object that holds a digest of itself, so that edits are noticed."""
    content = plain(value)
    write_json(path, content | {"digest": _digest(content)})


def read_sealed(path: Path | str, *, ahead: bytes | None = None) -> dict[str, Any]:
    """A JSON object as `write_sealed` wrote it; one of schema 1 has no digest.

    Args:
        path: The file.
        ahead: What it holds, if that was read together with other files.

    Raises:
        StoreError: If it was changed, or for what `read_json` refuses.
    """
    content = read_json(path, ahead=ahead)
    said = {n: v for n, v in content.items() if n not in ("schema", "digest")}
    if content["schema"] > 1 and content.get("digest") != _digest(said):
        raise damaged(path, "differs from what was written")
    return said | {"schema": content["schema"]}


def _digest(content: dict[str, Any]) -> str:
    try:
        text = _STRICT.encode(content)
    except ValueError:  # It was read, and an infinity or NaN has another form in files.
        text = _STRICT.encode(plain(content))
    return hashlib.sha256(text.encode()).hexdigest()


def remove_temporaries(folder: Path) -> None:
    """Remove what a killed process left; the caller holds the lock of the folder."""
    for path in folder.glob(f".*{_TEMPORARY}"):
        with contextlib.suppress(OSError):
            path.unlink()


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the operating system refuses into one sentence."""
    try:
        yield
    except OSError as error:
        raise StoreError(_sentence(path, error)) from error


_REMEDIES: Mapping[int | None, str] = {
    # There are no folders of ours in `/proc`, and none below one that was removed.
    errno.ENOENT: "choose another folder",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ELOOP: "choose another folder",
    errno.EIO: "see whether the disk is healthy",
}


def _sentence(path: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"The disk is full, `{path}` was not written and nothing stored is lost: "
            "free some space and start the same command again."
        )
    if error.errno == errno.EROFS:
        why, remedy = "its file system is read-only", "choose another folder"
    elif error.errno in (errno.EACCES, errno.EPERM):
        why, remedy = "permission denied", "choose a folder that you may write to"
    elif error.errno in (errno.ENOTDIR, errno.EEXIST):
        why, remedy = "a file is where a folder should be", "choose another folder"
    else:
        why, remedy = (
            error.strerror or str(error),
            _REMEDIES.get(error.errno, "mend that and start the same command again"),
        )
    return f"`{path}` cannot be written ({why}): {remedy}."


def _check_length(
    path: Path | str, n_bytes: int, expected: Stamp | None, most: int = MOST_BYTES
) -> None:
    if expected is not None and n_bytes != expected.bytes:
        raise damaged(path, f"has {n_bytes} bytes instead of {expected.bytes}")
    if expected is None and n_bytes > most:
        raise damaged(path, f"has {n_bytes} bytes, more than {most}")


def _missing(path: Path | str) -> StoreError:
    """What to raise for a file that is not there, perhaps with the whole run."""
    folder = os.path.dirname(path)
    if os.path.isdir(folder) or packed.holds(folder):
        return damaged(path, "is missing")
    return StoreError(
        f"The run `{folder}` is not there any more: open it where it was moved to."
    )


def damaged(path: Path | str, what: str) -> StoreError:
    """What to raise for a file of a run that cannot be believed."""
    path = Path(path)
    return StoreError(
        f"The run `{path.parent}` is damaged: `{path.name}` {what}; run it again with "
        "--force, or delete the folder."
    )
