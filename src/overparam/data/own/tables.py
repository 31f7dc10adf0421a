"""Tables with named columns: CSV and Parquet."""

import contextlib
import io
from collections.abc import Iterator
from typing import Any

import polars as pl

from ...errors import OverparamError
from ...field_values import unknown
from ...memory import Need, check_memory
from ..files.content import DamageError
from .making import check_distinct


PARQUET = b"PAR1"
SEPARATORS = ",;\t"


def is_parquet(raw: bytes) -> bool:
    """Whether a file is one of Parquet."""
    return raw.startswith(PARQUET)


def read_csv(raw: bytes, *, label: str) -> tuple[pl.DataFrame, pl.Series]:
    """Inputs and targets in a text with a header, between commas, semicolons or tabs.

    Raises:
        DamageError: It is no such table, two columns have one name, or none has that
            of the label.
    """
    first, _, rest = raw.lstrip(b"\xef\xbb\xbf").partition(b"\n")
    if not rest.strip():
        raise DamageError("is empty")
    separator = max(SEPARATORS, key=lambda mark: first.count(mark.encode()))
    with _readable():
        header = pl.read_csv(
            raw, separator=separator, has_header=False, n_rows=1, infer_schema=False
        )
        check_distinct([str(name) for name in header.row(0)])
        # Every row decides what a column holds.
        frame = pl.read_csv(raw, separator=separator, infer_schema_length=None)
    return _parted(frame, label)


def read_parquet(raw: bytes, *, label: str) -> tuple[pl.DataFrame, pl.Series]:
    """Inputs and targets in a file of Parquet.

    Raises:
        ConfigError: It has more values than there is memory for.
        DamageError: It is damaged, or no column has the name of the label.
    """
    with _readable():
        lazy = pl.scan_parquet(io.BytesIO(raw))
        n_rows = int(lazy.select(pl.len()).collect().item())
        n_columns = len(lazy.collect_schema())
        # Equal values take no bytes in the file.
        sizes = (("rows", n_rows), ("columns", n_columns))
        check_memory(Need("a table", sizes, 8, 2))
        frame = lazy.collect()
    return _parted(frame, label)


def _parted(frame: pl.DataFrame, label: str) -> tuple[pl.DataFrame, pl.Series]:
    if label not in frame.columns:
        sentence = unknown(label, frame.columns, what="column").rstrip(".")
        raise DamageError(
            f"has no such labels: {sentence}; name one by `overparam "
            "data add NAME FILE --label COLUMN`"
        )
    return frame.drop(label), frame[label]


@contextlib.contextmanager
def _readable() -> Iterator[None]:
    """Turn what the reader of a table raises into the end of a sentence."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit, DamageError, OverparamError):
        raise
    except BaseException as error:  # A panic in Rust is no `Exception`.
        raise DamageError(f"is no table ({_first_line(error)})") from error


def _first_line(error: BaseException) -> Any:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
