"""Reading stored runs: each file on first use, damage told in one sentence."""

import contextlib
import functools
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import StoreError
from .files import Stamp, read_file, read_json


if TYPE_CHECKING:
    import numpy as np
    import polars as pl


@dataclass(frozen=True)
class StoredRun:
    """One stored run; its parts are read when first asked for."""

    path: Path
    """Folder of the run."""

    @property
    def id(self) -> str:
        """Hash of the config, the same for all attempts."""
        return self.path.name.partition(".")[0]

    @property
    def attempt(self) -> int:
        """1 for the first attempt, 2 for `<id>.2`."""
        return int(self.path.name.partition(".")[2] or 1)

    @functools.cached_property
    def _config(self) -> dict[str, Any]:
        return read_json(self.path / "config.json")

    @functools.cached_property
    def _status(self) -> dict[str, Any]:
        return read_json(self.path / "status.json")

    @functools.cached_property
    def _summary(self) -> dict[str, Any]:
        return self._json("summary.json")

    @property
    def study(self) -> str:
        """Name of the study."""
        return _entry(self._config, "study", self.path)

    @property
    def config(self) -> dict[str, Any]:
        """Every field of the config; tuples come back as lists."""
        return _entry(self._config, "config", self.path)

    @property
    def status(self) -> str:
        """How the run ended."""
        return _entry(self._status, "status", self.path)

    @property
    def seconds(self) -> float | None:
        """Wall clock of the run."""
        return self._status.get("seconds")

    @property
    def error(self) -> str | None:
        """What a failed run raised."""
        return self._status.get("error")

    @property
    def summary(self) -> dict[str, Any]:
        """Scalars of the whole run; empty if it failed."""
        return self._summary.get("summary", {}) if self._wrote("summary.json") else {}

    @property
    def notes(self) -> list[str]:
        """Sentences to read with the result."""
        return self._summary.get("notes", []) if self._wrote("summary.json") else []

    @functools.cached_property
    def environment(self) -> dict[str, Any]:
        """Where and with what the run was made."""
        return self._json("environment.json")

    @functools.cached_property
    def metrics(self) -> "pl.DataFrame":
        """One row per record."""
        import polars as pl

        content = self._bytes("metrics.parquet")
        with _readable(self.path / "metrics.parquet"):
            return pl.read_parquet(io.BytesIO(content))

    @functools.cached_property
    def arrays(self) -> "dict[str, np.ndarray]":
        """Named arrays."""
        return self._tensors("arrays.safetensors")

    @functools.cached_property
    def network(self) -> "tuple[dict[str, np.ndarray], Mapping[str, Any]] | None":
        """Named weights and the description of the network; `None` if none is kept."""
        if not self._wrote("network.json"):
            return None
        description = self._json("network.json")["network"]
        return self._tensors("network.safetensors"), description

    def _tensors(self, name: str) -> "dict[str, np.ndarray]":
        from safetensors.numpy import load

        content = self._bytes(name)
        with _readable(self.path / name):
            return load(content)

    def _wrote(self, name: str) -> bool:
        return name in self._status.get("files", {})

    def _stamp(self, name: str) -> Stamp:
        stamps = self._status.get("files", {})
        if name not in stamps:
            why = self.error or "it was not kept"
            message = f"The run `{self.path}` ({self.status}) has no `{name}`: {why}"
            raise StoreError(message)
        return Stamp(**stamps[name])

    def _bytes(self, name: str) -> bytes:
        return read_file(self.path / name, expected=self._stamp(name))

    def _json(self, name: str) -> dict[str, Any]:
        return read_json(self.path / name, expected=self._stamp(name))


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what a reader of a file format raises into one sentence."""
    try:
        yield
    except Exception as error:
        message = f"`{path}` is damaged ({error}): run it again with --force."
        raise StoreError(message) from error


def read_run(path: Path | str) -> StoredRun:
    """A stored run, complete or failed.

    Raises:
        StoreError: If the folder holds no stored run, a half-written or damaged one,
            or one of a newer overparam.
    """
    run = StoredRun(Path(path))
    if not run.path.is_dir():
        raise StoreError(f"There is no run at `{path}`.")
    if not (run.path / "config.json").exists():
        raise StoreError(f"`{path}` is no run: it has no `config.json`.")
    if not (run.path / "status.json").exists():
        raise StoreError(
            f"The run `{path}` is not finished (it has no `status.json`): start the "
            "same command again to finish it."
        )
    _ = run.study, run.config, run.status
    return run


def find_runs(root: Path | str, study: str | None = None) -> list[Path]:
    """Folders of all runs under `root`, finished or not, in a stable order.

    Raises:
        StoreError: If there is no such folder.
    """
    root = Path(root)
    if not root.is_dir():
        raise StoreError(f"There is no folder of runs at `{root}`.")
    pattern = f"{study or '*'}/*/config.json"
    return sorted(path.parent for path in root.glob(pattern))


def _entry(content: dict[str, Any], name: str, path: Path) -> Any:
    if name not in content:
        message = f"The run `{path}` is damaged: its `{name}` is missing."
        raise StoreError(f"{message} Run it again with --force.")
    return content[name]
