"""Pictures: folders of class folders of PNG files."""

import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from ...checks import at_least
from ...errors import DataError, OverparamError
from ...last_resort import brief
from ...memory import Need, check_memory
from ..files.content import DamageError, Found
from .making import Part, naming


_BITS = 24
"""Where a PNG file says the bits of a channel."""

PARTS = ("train", "test")
"""Folders that are parts and no classes, where there are these two."""


def pictures(folders: Sequence[Path], size: int | None) -> list[Part]:
    """The parts in folders: a class folder each, with PNG files of 8 bits in it.

    Grey pictures have one channel; where some have colours all have three.

    Args:
        folders: One of each part, or one that holds `train` and `test`.
        size: Side of the square that every picture is brought to, by the mean over
            areas; `None` takes them as they are, all of one size.

    Raises:
        DataError: A folder holds something else, or pictures of several sizes.
    """
    at_least(1, size=size)
    if len(folders) == 1 and {p.name for p in _inside(folders[0])} == set(PARTS):
        folders = [folders[0] / part for part in PARTS]
    found = [_files(folder) for folder in folders]
    if size is not None:
        n_files = sum(map(len, found))
        sizes = (("pictures", n_files), ("`size`", size), ("`size`", size))
        check_memory(Need("pictures", sizes, 3, 2))
    parts = [[_read(path, size) for path, _ in files] for files in found]
    shapes = {
        x.shape[:2]: path
        for files, xs in zip(found, parts, strict=True)
        for (path, _), x in zip(files, xs, strict=True)
    }
    if len(shapes) > 1:
        (one, first), (other, second), *_ = shapes.items()
        raise DataError(
            f"`{first}` has {one[0]} x {one[1]} pixels and `{second}` {other[0]} x "
            f"{other[1]}: give one `size`."
        )
    colours = max(x.shape[2] for xs in parts for x in xs)
    return [
        Part(
            np.stack([np.broadcast_to(x, (*x.shape[:2], colours)) for x in xs]),
            np.array([label for _, label in files]),
            str(folder),
        )
        for folder, files, xs in zip(folders, found, parts, strict=True)
    ]


def _inside(folder: Path) -> list[Path]:
    """What a folder holds in the order of names, but for hidden files."""
    with naming(str(folder), DataError):
        try:
            return sorted(p for p in folder.iterdir() if not p.name.startswith("."))
        except OSError as error:
            raise DamageError(f"cannot be listed ({error.strerror})") from error


def _files(folder: Path) -> list[tuple[Path, str]]:
    """Every picture with its class."""
    found = []
    for inner in _inside(folder):
        if not inner.is_dir():
            raise DataError(f"`{inner}` is no folder of a class; move it elsewhere.")
        for path in _inside(inner):
            if path.suffix.lower() != ".png":
                raise DataError(f"`{path}` is no PNG file; convert or remove it.")
            found.append((path, inner.name))
    if not found:
        raise DataError(f"`{folder}` holds no class folders of PNG files.")
    return found


def _read(path: Path, size: int | None) -> UInt8[np.ndarray, "height width channels"]:
    from PIL import Image, UnidentifiedImageError

    with naming(str(path), DataError), warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        raw = Found(path).read()
        # Pillow would drop half of them unsaid.
        if raw[_BITS : _BITS + 1] == b"\x10":
            raise DamageError("has more than 8 bits a channel; convert it")
        try:
            # Nothing is unpacked before its size is known.
            with Image.open(io.BytesIO(raw), formats=["PNG"]) as picture:
                height, width = picture.size[::-1]
                pixels = (("height", height), ("width", width))
                check_memory(Need("a picture", pixels, 4, 2))
                return _pixels(picture, size)
        except (OverparamError, DamageError):
            raise
        except UnidentifiedImageError:
            raise DamageError("is no picture (nothing of PNG is in it)") from None
        except Exception as error:  # Whatever a reader of formats does.
            raise DamageError(f"is no picture ({brief(error)})") from error


def _pixels(picture: Any, size: int | None) -> np.ndarray:
    from PIL import Image

    bands = picture.getbands()
    if picture.has_transparency_data and "A" not in bands:
        picture = picture.convert("RGBA")
    if "A" in picture.getbands() and picture.getchannel("A").getextrema()[0] < 255:
        raise DamageError("is transparent in places; put it on a background first")
    converted = picture.convert("L" if bands[0] in "1L" else "RGB")
    if size is not None:
        converted = converted.resize((size, size), Image.Resampling.BOX)
    array = np.asarray(converted)
    return array[..., None] if array.ndim == 2 else array
