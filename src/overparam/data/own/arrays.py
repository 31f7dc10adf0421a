"""Arrays in files: `.npz`, `.npy` and IDX."""

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...errors import ConfigError
from ...memory import Need, check_memory
from ...store.npy import array_of
from ..files.content import DamageError, unpacking
from ..files.idx import idx_array
from .making import Part


NPY = b"\x93NUMPY"
ZIP = b"PK"


def is_archive(raw: bytes) -> bool:
    """Whether a file is a zip archive, as `.npz` files are."""
    return raw.startswith(ZIP)


def is_array(raw: bytes) -> bool:
    """Whether a file is a single array of NumPy or in the layout of MNIST."""
    return raw.startswith(NPY) or (raw[:2] == bytes(2) and len(raw) >= 4)


def array_in(raw: bytes) -> np.ndarray:
    """The array in a `.npy` or IDX file, never unpickled.

    Raises:
        DamageError: It is truncated, or holds objects.
    """
    if not raw.startswith(NPY):
        return idx_array(raw)
    try:
        return array_of(raw)
    except ValueError as error:
        raise DamageError(f"is no whole .npy file without pickles ({error})") from error


def archive_parts(raw: bytes, called: str) -> list[Part]:
    """The parts in an `.npz` file: `x`, `y`, and perhaps `x_test`, `y_test`.

    `x_train` and `y_train` are taken too, and names in capitals.

    Raises:
        DamageError: Arrays are missing or cannot be read.
    """
    with unpacking(), zipfile.ZipFile(io.BytesIO(raw)) as archive:
        names = [info.filename for info in archive.infolist()]
        members = {_plain(name): name for name in names}
        if len(members) < len(names):
            twice = next(
                n for n in names if members[_plain(n)] != n or names.count(n) > 1
            )
            raise DamageError(f"has several arrays `{_plain(twice)}`; keep one")
        tested = "x_test" in members or "y_test" in members
        wanted = ["x", "y"] + ["x_test", "y_test"] * tested
        missing = [name for name in wanted if name not in members]
        if missing:
            listed = ", ".join(name.removesuffix(".npy") for name in names) or "nothing"
            raise DamageError(f"has no array `{missing[0]}`; it holds {listed}")
        arrays = [_member(archive, members[name]) for name in wanted]
    pairs = zip(arrays[::2], arrays[1::2], strict=True)
    return [Part(x, y, called) for x, y in pairs]


def _plain(member: str) -> str:
    return member.removesuffix(".npy").lower().removesuffix("_train")


def _member(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    # No more is unpacked than the archive announces.
    n_bytes = archive.getinfo(name).file_size
    check_memory(Need("an array", ((f"the bytes of `{name}`", n_bytes),), 1, 3))
    try:
        return array_in(archive.open(name).read(n_bytes))
    except DamageError as damage:
        raise DamageError(f"has an array `{name}` that {damage}") from damage


def paired(files: Sequence[tuple[Path, np.ndarray]]) -> list[Part]:
    """Arrays of single files as parts, training before test.

    Labels are told by the name of their file (`y`, `labels`, `target`), or by their
    single axis, or else they come second.

    Raises:
        ConfigError: They are not as many inputs as targets.
    """
    names = [path.name.lower() for path, _ in files]
    flags = [n.startswith("y") or "label" in n or "target" in n for n in names]
    if not any(flags):
        flags = [array.ndim == 1 for _, array in files]
    if not any(flags) and len(files) == 2:
        flags = [False, True]
    xs = [file for file, is_target in zip(files, flags, strict=True) if not is_target]
    ys = [file for file, is_target in zip(files, flags, strict=True) if is_target]
    if len(xs) != len(ys):
        raise ConfigError(
            f"{len(xs)} files of inputs and {len(ys)} of targets make no data set: "
            "give as many of both, such as `x.npy y.npy`."
        )
    return [
        Part(x, y, f"{x_path}, {y_path}")
        for (x_path, x), (y_path, y) in zip(xs, ys, strict=True)
    ]
