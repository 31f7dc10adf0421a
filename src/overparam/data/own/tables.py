"""Tables with named columns: CSV and Parquet."""

import contextlib
import io
import math
import re
from collections.abc import Iterator

import polars as pl

from ...checks import shortened
from ...errors import OverparamError
from ...field_values import unknown
from ...memory import Need, check_memory
from ..files.content import DamageError
from .making import check_distinct


PARQUET = b"PAR1"
SEPARATORS = ",;\t"


def separator_of(line: bytes) -> str:
    """What stands between the names of a header."""
    plain = re.sub(rb'"[^"]*"', b"", line)
    return max(SEPARATORS, key=lambda mark: plain.count(mark.encode()))


def is_headless(raw: bytes) -> bool:
    """Whether the first line of a text is one of numbers, and no header."""
    words = re.split(rb"[,;\s]+", raw.partition(b"\n")[0].strip())
    try:
        return all(math.isfinite(float(word)) for word in words)
    except ValueError:
        return False


def is_parquet(raw: bytes) -> bool:
    """Whether a file is one of Parquet."""
    return raw.startswith(PARQUET)


def read_csv(raw: bytes, *, label: str) -> tuple[pl.DataFrame, pl.Series]:
    """Inputs and targets in a text with a header, between commas, semicolons or tabs.

    Raises:
        DamageError: It is no such table, two columns have one name, or none has that
            of the label.
    """
    if b"\n" not in raw:
        raw = raw.replace(b"\r", b"\n")  # Lines of the first Macs.
    first, _, rest = raw.partition(b"\n")
    if not rest.strip():
        raise DamageError("is empty")
    separator = separator_of(first)
    with _readable():
        header = pl.read_csv(
            raw, separator=separator, has_header=False, n_rows=1, infer_schema=False
        )
        names = [name or "" for name in header.row(0)]
        if label not in names and is_headless(raw):
            raise DamageError(
                "has numbers where the names of its columns are needed: write a "
                "header, or save rows of a label and a series as `.txt`"
            )
        check_distinct(names)
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
            f"{sentence.replace('There is', 'has', 1)}; name one by `overparam "
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
        if "utf-8" in str(error):
            raise DamageError("is no text in UTF-8: save it as such") from error
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        told = shortened(first).rstrip(".")
        raise DamageError(f"is no table ({told})") from error
