"""Named arrays of files that others wrote: safetensors, NumPy, PyTorch.

Nothing of a file is run: no pickle of its own making is read, and sizes that a file
announces are compared with the bytes that it has before memory is taken for them.
"""

import contextlib
import io
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jax.numpy as jnp
import numpy as np

from ...errors import ConfigError, DataError
from ...memory import memory
from ...store.files import opened
from ...store.npy import array_of


Arrays = dict[str, np.ndarray]
"""Floating arrays by name, in the order of the file."""

_TYPES: Mapping[str, Any] = MappingProxyType(
    {
        "F64": np.float64,
        "F32": np.float32,
        "F16": np.float16,
        "BF16": jnp.bfloat16,
        "I64": np.int64,
        "I32": np.int32,
        "I16": np.int16,
        "I8": np.int8,
        "U8": np.uint8,
        "BOOL": np.bool_,
    }
)
_STATES = ("state_dict", "model_state_dict", "model", "net", "weights")
"""Where checkpoints of PyTorch keep the weights."""
_COPIES = 3
"""Of what is unpacked: its bytes, its arrays, and these as wide as they are used."""


def read_bytes(path: Path) -> bytes:
    """The content of a file of weights.

    Raises:
        DataError: If it cannot be read, is empty or too large.
    """
    try:
        with opened(path) as (file, n_bytes):
            if n_bytes > memory():
                raise DataError(f"`{path}` is larger than the memory, {n_bytes} bytes.")
            content = file.read(n_bytes)
    except OSError as error:
        raise DataError(f"`{path}` cannot be read ({error.strerror}).") from None
    if not content:
        raise DataError(f"`{path}` is empty.")
    return content


def read_arrays(path: Path, content: bytes) -> tuple[Arrays, list[str]]:
    """The floating arrays of a file, those of 16 bits as float32, and what is left.

    The second are the names of arrays of other numbers, but for single ones.

    Raises:
        ConfigError: If the name tells no format, or PyTorch is needed and not there.
        DataError: If the content is not what the name says, or holds no weights.
    """
    readers = {
        ".safetensors": _safetensors,
        ".npz": _npz,
        ".pt": _torch,
        ".pth": _torch,
    }
    if path.suffix not in readers:
        listed = ", ".join([*readers, ".onnx"])
        raise ConfigError(
            f"`{path.name}` is of no known format; name a file that ends in {listed}."
        )
    with readable(path):
        found = readers[path.suffix](content)
    arrays = floating(found, path)
    return arrays, [name for name in found if name not in arrays and found[name].ndim]


def floating(arrays: Mapping[str, np.ndarray], path: Path) -> Arrays:
    """The floating ones among arrays, of at least 32 bits and all finite.

    Raises:
        DataError: If there is none, or a value is not finite.
    """
    found: Arrays = {}
    for name, array in arrays.items():
        if not jnp.issubdtype(array.dtype, jnp.floating):
            continue
        with np.errstate(over="ignore"):
            wide = array.astype("float64" if array.dtype.itemsize >= 8 else "float32")
        if bad := int(np.sum(~np.isfinite(wide))):
            raise DataError(
                f"`{path.name}` cannot be used: `{name}` holds {bad} values that are "
                "NaN or infinite."
            )
        found[name] = wide
    if not any(array.ndim > 1 and array.size for array in found.values()):
        raise DataError(f"`{path.name}` holds no matrix of weights.")
    return found


@contextlib.contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn what a reader of a format raises into one sentence."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit, ConfigError, DataError):
        raise
    except BaseException as error:  # A panic in Rust is no `Exception`.
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise DataError(
            f"`{path.name}` is damaged or no {path.suffix} file of weights: "
            f"{lines[0][:200].rstrip('.')}."
        ) from None


def _safetensors(content: bytes) -> Arrays:
    from safetensors import deserialize

    found = {}
    for name, about in deserialize(content):
        if about["dtype"] not in _TYPES:
            raise ValueError(f"`{name}` is of the type {about['dtype']}")
        flat = np.frombuffer(about["data"], _TYPES[about["dtype"]])
        found[name] = flat.reshape(about["shape"])
    # The format sorts arrays by size of their numbers first.
    return found


def _npz(content: bytes) -> Arrays:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
        # A few bytes can stand for any number of equal ones.
        n_bytes = sum(member.file_size for member in members)
        if _COPIES * n_bytes > memory():
            raise ValueError(f"it unpacks to {n_bytes} bytes, too many for the memory")
        found = {}
        for member in members:
            name = member.filename.removesuffix(".npy")
            if name in found:
                raise ValueError(f"it has two arrays `{name}`")
            # No more is unpacked than the archive announces.
            found[name] = array_of(archive.open(member).read(member.file_size))
        return found


def _torch(content: bytes) -> Arrays:
    try:
        import torch
    except ImportError:
        raise ConfigError(
            "Reading a file of PyTorch needs `torch`, which is not installed: pip "
            'install "overparam[torch]", or save the weights as safetensors.'
        ) from None
    import pickle

    _check_bytes(content)
    file = io.BytesIO(content)
    try:
        # It warns of how others wrote a file, which is refused or read.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        # PyTorch says how to load such a file all the same; nobody should.
        raise ValueError(
            "it holds more than weights, and code of a file is never run; save "
            "`module.state_dict()`"
        ) from None
    for name in _STATES:
        if isinstance(found, Mapping) and isinstance(found.get(name), Mapping):
            found = found[name]
            break
    if not isinstance(found, Mapping):
        raise ValueError(f"it holds no state of a module, but a {type(found).__name__}")
    return of_torch(found)


def _check_bytes(content: bytes) -> None:
    """Refuse a file of PyTorch that stands for more bytes than it has.

    PyTorch packs nothing, and a pickle of weights makes no bytes of a number of them.

    Raises:
        ValueError: If it would take memory that its size does not tell.
    """
    packed = b"bytearray" in content
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
        packed |= any(member.compress_type for member in members)
        packed |= sum(member.file_size for member in members) > len(content)
    if packed:
        raise ValueError(
            "it is packed, as PyTorch writes no weights; save `module.state_dict()`"
        )


def of_torch(state: Mapping[Any, Any]) -> Arrays:
    """The tensors of a state of a PyTorch module as arrays of NumPy.

    Those that are not floating are arrays of their shape without numbers.
    """
    import torch

    tensors = {}
    for name, tensor in state.items():
        if isinstance(tensor, torch.Tensor):
            if str(name) in tensors:
                raise ValueError(f"it has two arrays `{name}`")
            tensors[str(name)] = tensor
    # A single number may be spread over any shape.
    n_bytes = sum(8 * t.numel() for t in tensors.values())
    if n_bytes > memory():
        raise ValueError(f"it holds {n_bytes} bytes of numbers, more than the memory")
    found = {}
    for name, tensor in tensors.items():
        if not tensor.is_floating_point():
            found[name] = np.broadcast_to(np.zeros((), bool), tuple(tensor.shape))
            continue
        if tensor.layout != torch.strided:
            raise ValueError(f"`{name}` is no dense tensor")
        wide = tensor if tensor.dtype == torch.float64 else tensor.float()
        # A copy: the module may be trained on.
        found[name] = wide.detach().cpu().resolve_neg().numpy().copy()
    return found
