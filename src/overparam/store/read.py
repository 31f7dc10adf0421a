"""Reading stored runs: each file on first use, damage told in one sentence."""

import contextlib
import functools
import io
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..checks import path_of
from ..errors import StoreError
from ..plugins import Origin
from ..spellings import as_spelled, spellings_of_study
from .files import Stamp, check_size, read_file, read_json, stamp_of
from .find import Unreadable, attempt_of, has, is_folder, latest, look, no_run_name
from .identity import is_run_name
from .named import Named
from .status import NAME as STATUS
from .status import Status, entry, read_config, read_status


if TYPE_CHECKING:
    import numpy as np
    import polars as pl


_MOST_VALUES = 10**8
"""In the records of a run: 0.8 GB of numbers."""

_FEW_RECORDS = 1000
"""More are counted before they are read."""


@dataclass(frozen=True)
class StoredRun:
    """One stored run; its parts are read when first asked for, and then verified.

    Example:
        `op.run("planted", **small).stored.metrics`
    """

    path: Path
    """Folder of the run."""
    _ahead: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)
    """Contents of its files that were read together with those of other runs."""

    @property
    def id(self) -> str:
        """Hash of the config, the same for all attempts."""
        return self.path.name.partition(".")[0]

    @property
    def attempt(self) -> int:
        """1 for the first attempt, 2 for `<id>.2`."""
        return attempt_of(self.path)

    @functools.cached_property
    def _status(self) -> Status:
        return read_status(self.path, ahead=self._ahead.pop(STATUS, None))

    @functools.cached_property
    def _config(self) -> tuple[str, dict[str, Any]]:
        ahead = self._ahead.pop("config.json", None)
        study, config = read_config(self.path, self._status, ahead=ahead)
        firsts = spellings_of_study(study)
        config = as_spelled(config, firsts, stored=True)
        return study, Named(self.path, "config.json", config, firsts)

    @functools.cached_property
    def _summary(self) -> tuple[dict[str, Any], list[Any]]:
        content: dict[str, Any] = {"summary": {}, "notes": []}
        if self._wrote("summary.json"):
            content = self._json("summary.json")
        path = f"{self.path}/summary.json"
        values = entry(path, content, "summary", dict)
        notes = entry(path, content, "notes", list)
        return Named(self.path, "summary.json", values), notes

    @property
    def study(self) -> str:
        """Name of the study."""
        return self._config[0]

    @property
    def config(self) -> dict[str, Any]:
        """Every field of the config; tuples come back as lists."""
        return self._config[1]

    @property
    def status(self) -> str:
        """How the run ended."""
        return self._status.status

    @property
    def verified(self) -> bool:
        """Whether a change of config or status would be noticed; not in schema 1."""
        return self._status.verified

    @property
    def data(self) -> Mapping[str, str]:
        """Digests of the data files read, of those that have no official checksum."""
        return self._status.data

    @property
    def plugins(self) -> tuple[Origin, ...]:
        """Whose code made the run, of what is not built in."""
        return self._status.plugins

    @property
    def made_by(self) -> dict[str, str]:
        """The same as a column of a table; runs of changed code have one config."""
        told = ", ".join(f"{origin} {origin.sha256[:8]}" for origin in self.plugins)
        return {"plugins": told} if told else {}

    @property
    def seconds(self) -> float | None:
        """Wall clock of the run."""
        return self._status.seconds

    @property
    def error(self) -> str | None:
        """What a failed run raised."""
        return self._status.error

    @property
    def summary(self) -> dict[str, Any]:
        """Scalars of the whole run; empty if it failed."""
        return self._summary[0]

    @property
    def notes(self) -> list[str]:
        """Sentences to read with the result."""
        return [str(note) for note in self._summary[1]]

    @functools.cached_property
    def reference(self) -> dict[str, str]:
        """What an answer made from this run says of it: its name and its content."""
        # The digests of all other files are in this one.
        content = read_file(self.path / "status.json")
        name = f"{self.study}/{self.path.name}"
        return {"run": name, "sha256": stamp_of(content).sha256}

    @functools.cached_property
    def environment(self) -> dict[str, Any]:
        """Where and with what the run was made."""
        return self._json("environment.json")

    @functools.cached_property
    def metrics(self) -> "pl.DataFrame":
        """One row per record."""
        import polars as pl

        content = read_file(
            self.path / "metrics.parquet", expected=self._stamp("metrics.parquet")
        )
        with _readable(self.path / "metrics.parquet"):
            # A few bytes can stand for any number of equal values.
            stored = pl.scan_parquet(io.BytesIO(content))
            records = stored.head(_FEW_RECORDS).collect()
            if records.height == _FEW_RECORDS:
                n_rows = stored.select(pl.len()).collect().item()
                if n_rows * records.width > _MOST_VALUES:
                    raise ValueError(f"it unpacks to {n_rows} rows")
                records = stored.collect()
            for name, kind in records.schema.items():
                if not (kind.is_numeric() or kind == pl.Boolean):
                    raise ValueError(f"its column `{name}` holds no numbers: {kind}")
            return records

    @functools.cached_property
    def arrays(self) -> "dict[str, np.ndarray]":
        """Named arrays."""
        name = "arrays.safetensors"
        return Named(self.path, name, self._tensors(name))

    @functools.cached_property
    def network(self) -> "tuple[dict[str, np.ndarray], Mapping[str, Any]] | None":
        """Named weights and the description of the network; `None` if none is kept."""
        if not self._wrote("network.json"):
            return None
        content = self._json("network.json")
        description = entry(self.path / "network.json", content, "network", dict)
        return self._tensors("network.safetensors"), description

    @functools.cached_property
    def kept_steps(self) -> tuple[int, ...]:
        """Steps whose networks were kept, in order; 0 is the start."""
        return tuple(sorted(self._kept))

    def kept(self, step: int) -> "tuple[dict[str, np.ndarray], Mapping[str, Any]]":
        """Named weights and the description of the network of a kept step.

        Raises:
            StoreError: If it was not kept.
        """
        if not isinstance(step, Hashable) or step not in self._kept:
            told = ", ".join(map(str, self.kept_steps[:10])) or "none"
            if len(self.kept_steps) > 10:
                told += f", ... up to {self.kept_steps[-1]}"
            raise StoreError(
                f"The run `{self.path}` kept no network of step {step}; it has {told}."
            )
        return self._kept[step]

    @functools.cached_property
    def _kept(self) -> "dict[int, tuple[dict[str, np.ndarray], Mapping[str, Any]]]":
        if not self._wrote("kept.json"):
            return _kept_before(self)
        path = self.path / "kept.json"
        described = entry(path, self._json("kept.json"), "steps", dict)
        weights: dict[str, dict[str, Any]] = {step: {} for step in described}
        # One pass, as there may be very many steps.
        for name, array in self._tensors("kept.safetensors").items():
            step, _, rest = name.partition(".")
            weights.setdefault(step, {})[rest] = array
        if not all(step.isdecimal() for step in weights):
            raise StoreError(f"`{path}` is damaged: its steps are no numbers.")
        return {
            int(step): (arrays, entry(path, described, step, dict))
            for step, arrays in weights.items()
        }

    def check_files(self, *, contents: bool = False) -> None:
        """See that every file is there with its size, or, if asked, as it was written.

        Raises:
            StoreError: If a file is missing or differs.
        """
        look = read_file if contents else check_size
        for name, written in self._status.files.items():
            look(self.path / name, expected=written)

    def check_data(self, data: Mapping[str, str] | None) -> None:
        """See that the run was made from the data files that are there.

        Args:
            data: Digests of these files; `None` where they are not at hand.

        Raises:
            StoreError: If it was made from others, as far as the run tells.
        """
        if self.verified and data is not None and dict(self.data) != dict(data):
            names = {n for n, _ in self.data.items() ^ data.items()}
            listed = ", ".join(sorted(names))
            raise StoreError(
                f"`{self.path}` was made from data of another content ({listed}): run "
                "into a new attempt with --force, or give the data back."
            )

    def _tensors(self, name: str) -> "dict[str, np.ndarray]":
        return read_tensors(self.path / name, expected=self._stamp(name))

    def _wrote(self, name: str) -> bool:
        return name in self._status.files

    def _stamp(self, name: str) -> Stamp:
        if not self._wrote(name):
            why = self.error or "it was not kept"
            message = f"The run `{self.path}` ({self.status}) has no `{name}`: {why}"
            raise StoreError(message)
        return self._status.files[name]

    def _json(self, name: str) -> dict[str, Any]:
        ahead = self._ahead.pop(name, None)
        return read_json(f"{self.path}/{name}", expected=self._stamp(name), ahead=ahead)


def _under(prefix: str, arrays: "Mapping[str, np.ndarray]") -> "dict[str, np.ndarray]":
    """The arrays whose names begin with `prefix`, by the rest of their names."""
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


def _kept_before(
    run: StoredRun,
) -> "dict[int, tuple[dict[str, np.ndarray], Mapping[str, Any]]]":
    """Networks along a run of a version that stored them among the arrays of the run.

    Those of epochs are named `epoch_5.weights`; those of steps are stacked, with the
    steps beside them.
    """
    if run.network is None or not run.arrays:
        return {}
    description, arrays = run.network[1], run.arrays
    found = {}
    epochs = {name.partition(".")[0] for name in arrays if name.startswith("epoch_")}
    if epochs and {"epoch", "step"} <= set(run.metrics.columns):
        # A second training, of the readout, counts its epochs on from the first.
        rows = run.metrics.select("epoch", "step").rows()
        step_of = dict(reversed(rows))
        for name in epochs:
            epoch = float(name.removeprefix("epoch_"))
            if epoch in step_of:
                found[round(step_of[epoch])] = (_under(f"{name}.", arrays), description)
    if {"snapshot.steps", "snapshot.readout"} <= arrays.keys():
        stacked = _under("snapshot.", arrays)
        for index, step in enumerate(stacked.pop("steps")):
            each = {name: values[index] for name, values in stacked.items()}
            found[int(step)] = (each, description)
    return found


def read_runs(
    root: Path | str, *, attempts: Literal["latest", "all"] = "all"
) -> tuple[list[StoredRun], list[Unreadable]]:
    """Every stored run under `root`, and what cannot be read.

    Args:
        root: Folder of all runs.
        attempts: The latest stored attempt at each run, or all.

    Raises:
        StoreError: If there is no such folder.
    """
    looked = look(root)
    runs, unreadable = [], [*looked.foreign]
    for path in looked.runs if attempts == "all" else latest(looked.runs):
        try:
            runs.append(read_run(path))
        except StoreError as error:
            unreadable.append(Unreadable(path, str(error)))
    return runs, unreadable


def read_tensors(path: Path, *, expected: Stamp) -> "dict[str, np.ndarray]":
    """Named arrays from a safetensors file.

    Raises:
        StoreError: If the file is missing, unreadable or not as it was written.
    """
    from safetensors.numpy import load

    content = read_file(path, expected=expected)
    with _readable(path):
        return load(content)


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what a reader of a file format raises into one sentence."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # A panic in Rust is no `Exception`.
        message = (
            f"`{path}` is damaged ({error}): run it again with --force, or delete the "
            "folder."
        )
        raise StoreError(message) from error


def read_run(path: Path | str) -> StoredRun:
    """A stored run, complete or failed.

    Raises:
        StoreError: If the folder holds no stored run, a half-written or damaged one,
            or one of a newer overparam.

    Example:
        `op.read_run(op.run("planted", **small).stored.path).summary`
    """
    return checked(StoredRun(path_of(path, name="path")))


def checked(run: StoredRun) -> StoredRun:
    """The run, if it is a stored one that can be believed.

    Raises:
        StoreError: For what `read_run` refuses.
    """
    try:
        _ = run.study, run.status
    except StoreError:
        # Only now, as nearly every run that is read is one.
        _check_is_stored(run.path)
        raise
    if not is_run_name(run.path.name):
        raise StoreError(no_run_name(run.path))
    return run


def _check_is_stored(path: Path) -> None:
    finished = has(path, "status.json")
    if not finished and not is_folder(path):
        raise StoreError(f"There is no run at `{path}`.")
    if not finished and not has(path, "config.json"):
        raise StoreError(f"`{path}` is no run: it has no `config.json`.")
    if not is_run_name(path.name):
        raise StoreError(no_run_name(path))
    if not finished:
        raise StoreError(
            f"The run `{path}` is not finished (it has no `status.json`): start the "
            "same command again to finish it."
        )
