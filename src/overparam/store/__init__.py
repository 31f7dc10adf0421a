"""Runs on disk: a folder each, written once, found again by the id of its config.

Nothing here knows of neural networks; NumPy, Polars and safetensors are imported only
when an array or a table is read or written.
"""

from .find import find_runs
from .identity import run_id
from .lock import RunLockedError
from .read import StoredRun, read_run
from .record import RunRecord
from .resolve import resolve_run
from .run import RunDirectory, open_run, run_status
from .tables import gather, table, write_table


__all__ = [
    "RunDirectory",
    "RunLockedError",
    "RunRecord",
    "StoredRun",
    "find_runs",
    "gather",
    "open_run",
    "read_run",
    "resolve_run",
    "run_id",
    "run_status",
    "table",
    "write_table",
]
