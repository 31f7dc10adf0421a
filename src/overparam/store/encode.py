"""Metrics as Parquet, arrays as safetensors: the bytes of a run's files."""

import io
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import StoreError
from .files import SCHEMA
from .json_values import plain


if TYPE_CHECKING:
    import numpy as np

    from .record import RunRecord


def contents(record: "RunRecord") -> "Iterator[tuple[str, bytes]]":
    """Name and content of each data file of a run, made one at a time."""
    yield "metrics.parquet", _parquet(record.metrics)
    yield "arrays.safetensors", tensors(record.arrays)
    if record.network is not None:
        weights, description = record.network
        content = {"schema": SCHEMA, "network": plain(description)}
        yield "network.safetensors", tensors(weights)
        yield "network.json", json.dumps(content, indent=1).encode()
    if record.kept:
        steps = {str(step): plain(about) for step, (_, about) in record.kept.items()}
        weights = {
            f"{step}.{name}": array
            for step, (arrays, _) in record.kept.items()
            for name, array in arrays.items()
        }
        yield "kept.safetensors", tensors(weights)
        yield "kept.json", json.dumps({"schema": SCHEMA, "steps": steps}).encode()


def _parquet(columns: Mapping[str, Any]) -> bytes:
    import numpy as np
    import polars as pl

    values = {name: np.asarray(column) for name, column in columns.items()}
    shapes = {name: column.shape for name, column in values.items()}
    if len(set(shapes.values())) > 1 or any(len(s) != 1 for s in shapes.values()):
        raise StoreError(f"Metrics must be columns of one length, got shapes {shapes}.")
    for name, column in values.items():
        if column.dtype.kind not in "biuf":
            raise StoreError(
                f"Metrics must be numbers, got {column.dtype} in `{name}`."
            )
    buffer = io.BytesIO()
    pl.DataFrame(values).write_parquet(buffer)
    return buffer.getvalue()


def tensors(arrays: "Mapping[str, np.ndarray]") -> bytes:
    """Named arrays as safetensors: equal arrays give equal bytes.

    Raises:
        StoreError: If an array is of a type that the format does not know.
    """
    import numpy as np
    from safetensors.numpy import save

    plain_arrays = {n: np.asarray(value, order="C") for n, value in arrays.items()}
    for name, array in plain_arrays.items():
        if array.dtype.kind in "OUSMm":
            raise StoreError(f"Array `{name}` of type {array.dtype} cannot be stored.")
    try:
        return save(plain_arrays)
    except Exception as error:  # safetensors raises whatever its Rust side says.
        raise StoreError(f"The arrays cannot be stored: {error}.") from error
