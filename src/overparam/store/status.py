"""`status.json`: how a run ended, and what makes everything else of it believable.

It holds a stamp of every file, the fields that were hashed for the id, and a digest of
itself. A run is believed where all of that agrees: with its files, with the name of
its folder, and never with defaults, which may change. Runs of schema 1 have neither
the fields nor the digest: they are read, and said to be unverified.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import StoreError
from ..plugins import Origin
from .files import Stamp, damaged, read_json, read_sealed, write_sealed
from .identity import canonical, id_of
from .json_values import plain


NAME = "status.json"

_ABSENT: dict[str, Any] = {"seconds": None, "error": None, "date": "", "data": {}}
_ABSENT |= {"study": None, "hashed": None, "plugins": []}

_KINDS = {
    "status": [str],
    "seconds": [int, float, type(None)],
    "error": [str, type(None)],
    "date": [str],
    "files": [dict],
    "data": [dict],
    "study": [str, type(None)],
    "hashed": [dict, type(None)],
    "plugins": [list],
}


@dataclass(frozen=True, kw_only=True)
class Status:
    """What `status.json` says."""

    status: str
    """How the run ended, in the words of its study."""
    seconds: float | None = None
    """Wall clock of the run."""
    error: str | None = None
    """What a failed run raised."""
    date: str = ""
    """When it ended."""
    files: Mapping[str, Stamp] = field(default_factory=dict)
    """Every other file of the run as it was written."""
    data: Mapping[str, str] = field(default_factory=dict)
    """Digests of the data files that were read, of those without an official one."""
    study: str | None = None
    """Name of the study; `None` in a run of schema 1, like the next one."""
    hashed: Mapping[str, Any] | None = None
    """The fields of the config whose values the id is a hash of."""
    plugins: tuple[Origin, ...] = ()
    """Whose code made the run, of what is not built in; hashed with them."""

    @property
    def verified(self) -> bool:
        """Whether the run holds what it takes to notice a change of its JSON files."""
        return self.hashed is not None


def write_status(folder: Path, status: Status) -> None:
    """Write `status.json`, which makes a run a stored one.

    Raises:
        StoreError: If the disk refuses.
    """
    write_sealed(folder / NAME, plain(status) | {"run": folder.name})


def read_status(folder: Path, *, ahead: bytes | None = None) -> Status:
    """What `status.json` says, if it is as it was written and of this very run.

    Raises:
        StoreError: If it is not, or is missing, unreadable or of a newer schema.
    """
    path = f"{folder}/{NAME}"
    said = read_sealed(path, ahead=ahead)
    content = {**_ABSENT, **said}
    found: dict[str, Any]
    found = {name: entry(path, content, name, *kind) for name, kind in _KINDS.items()}
    stamps = {name: stamp_in(path, value) for name, value in found["files"].items()}
    if found["error"] is None and "summary.json" not in stamps:
        raise damaged(path, "has no stamps of the files")
    if not all(type(digest) is str for digest in found["data"].values()):
        raise damaged(path, "has a `data` of another type")
    found["files"] = stamps
    names = {"name", "version", "sha256"}
    if not all(type(v) is dict and v.keys() == names for v in found["plugins"]):
        raise damaged(path, "has a `plugins` of another type")
    found["plugins"] = tuple(
        Origin(**{name: entry(path, value, name, str) for name in value})
        for value in found["plugins"]
    )
    status = Status(**found)
    if said["schema"] == 1:
        return replace(status, study=None, hashed=None)
    if not status.study or status.hashed is None or "config.json" not in status.files:
        raise damaged(path, "is incomplete")
    id = id_of(status.study, status.hashed, status.plugins)
    if said.get("run") != folder.name or folder.name.partition(".")[0] != id:
        raise StoreError(
            f"`{folder}` is not named as the run that it holds, {said.get('run')}: "
            "give the folder its name back, or delete it."
        )
    return status


def read_config(
    folder: Path, status: Status, *, ahead: bytes | None = None
) -> tuple[str, dict[str, Any]]:
    """Study and config of a run, compared with what its status says of them.

    Raises:
        StoreError: If they differ, or `config.json` is missing or unreadable.
    """
    path = f"{folder}/config.json"
    content = read_json(path, expected=status.files.get("config.json"), ahead=ahead)
    study = entry(path, content, "study", str)
    config = entry(path, content, "config", dict)
    if status.hashed is None:
        if content["schema"] > 1:
            raise damaged(folder / NAME, "is of an older schema than `config.json`")
        return study, config
    agrees = study == status.study and all(
        name in config
        and (config[name] == value or canonical(config[name]) == canonical(value))
        for name, value in status.hashed.items()
    )
    if not agrees:
        raise damaged(path, "is not what the id of the run was made from")
    return study, config


def entry(path: Path | str, content: Mapping[str, Any], name: str, *kinds: Any) -> Any:
    """An entry of a stored JSON object, if it is of one of these types.

    Raises:
        StoreError: If it is missing or of another type.
    """
    if name not in content:
        raise damaged(path, f"has no `{name}`")
    value = content[name]
    if type(value) not in kinds:
        raise damaged(path, f"has a `{name}` of another type")
    return value


def texts(path: Path | str, content: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """An entry of a stored JSON object that is a list of texts.

    Raises:
        StoreError: If it is missing or of another type.
    """
    found = entry(path, content, name, list)
    if not all(type(item) is str for item in found):
        raise damaged(path, f"has a `{name}` of another type")
    return tuple(found)


def stamp_in(path: Path | str, value: Any) -> Stamp:
    """A stamp in a stored JSON object.

    Raises:
        StoreError: If it is none.
    """
    if isinstance(value, dict) and len(value) == 2:
        n_bytes, sha256 = value.get("bytes"), value.get("sha256")
        if type(n_bytes) is int and type(sha256) is str:
            return Stamp(n_bytes, sha256)
    raise damaged(path, "has no stamps of the files")


def no_network(run: object, status: str, error: str | None) -> str:
    """Why a stored run has no network to look at, in one sentence."""
    if error is not None:
        return f"The run `{run}` failed and holds no network: {error}"
    return f"The run `{run}` ({status}) holds no network to analyse."
