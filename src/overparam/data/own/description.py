"""What is known of a kept data set without its arrays; standard library only."""

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from ...checks import written
from ...errors import ConfigError, DataError, StoreError
from ...field_values import typed
from ...store.files import read_file
from ...store.json_values import parsed
from ..files.locate import cache_folder
from ..files.official import OFFICIAL


FORMAT = 1
"""Version of the layout; a newer one is refused."""

FILE = "dataset.json"

DIGITS = 12
"""Of the digest, in references: as many as the id of a run has."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")

TAKEN = ("all", "cifar10", "cifar100", "gaussian", "lock", "mixture", "none")
"""Words that mean something else where a data set is named."""


@dataclass(frozen=True, kw_only=True)
class Description:
    """A kept data set: what its arrays hold, and where they came from."""

    name: str
    """As it was added."""
    digest: str
    """SHA-256 of task, labels and arrays."""
    task: str
    """`classification` or `regression`."""
    n_train: int
    """Number of training samples."""
    n_test: int
    """Number of test samples."""
    shape: tuple[int, ...]
    """Of one input."""
    n_outputs: int
    """Classes, or numbers of a target."""
    labels: tuple[str, ...]
    """How the labels were written, class by class."""
    files: tuple[str, ...]
    """Names of the files it was read from."""
    test_fraction: float | None
    """Share of the samples that was drawn for the test part, if none was given."""
    seed: int | None
    """Of that draw."""

    def __post_init__(self) -> None:
        typed(self)

    @property
    def reference(self) -> str:
        """The name with the beginning of the digest, as a config stores it."""
        return f"{self.name}@{self.digest[:DIGITS]}"

    @property
    def drawn(self) -> str:
        """That its test part was drawn, in a sentence; empty if it was given."""
        if self.seed is None:
            return ""
        return (
            f"The files have no test part: {self.n_test} of their "
            f"{self.n_train + self.n_test} samples, drawn with seed {self.seed}, are "
            "one and train nothing (`--test-fraction`, `--seed`)."
        )

    @property
    def arrays(self) -> Path:
        """The file of its arrays."""
        return folder_of(self.name) / f"{self.digest}.safetensors"

    def encoded(self) -> bytes:
        """The content of the file that describes it."""
        return (json.dumps({"format": FORMAT} | asdict(self), indent=1) + "\n").encode()


def own_folder() -> Path:
    """The folder of all kept data sets, beside the official ones."""
    return cache_folder() / "own"


def folder_of(name: str) -> Path:
    """The folder of one of them."""
    return own_folder() / name


def check_name(name: str) -> None:
    """A name that a folder may have and that nothing else has.

    Raises:
        ConfigError: It is none.
    """
    if not NAME.fullmatch(name):
        raise ConfigError(
            "`name` of a data set must be 1 to 64 letters, digits, `-` and `_`, got "
            f"{written(name)}."
        )
    if name.lower() in (*OFFICIAL, *TAKEN):
        raise ConfigError(f"`name` {written(name)} is taken; choose another.")


def own_names() -> list[str]:
    """Names of the kept data sets."""
    folder = own_folder()
    found = folder.iterdir() if folder.is_dir() else []
    return sorted(path.name for path in found if is_kept(path.name))


def is_kept(name: str) -> bool:
    """Whether there is a data set of one's own of that name."""
    return bool(NAME.fullmatch(name)) and (folder_of(name) / FILE).is_file()


def described(name: str) -> Description:
    """The description of a kept data set.

    Raises:
        DataError: It is not there, damaged or of a newer overparam.
    """
    if not is_kept(name):
        raise DataError(
            f"The data set `{name}` is not on this machine: add it with `overparam "
            f"data add {name} FILE`."
        )
    path = folder_of(name) / FILE
    try:
        said = parsed(read_file(path))
        if said.pop("format") > FORMAT:
            raise DataError(f"`{path}` is of a newer overparam: upgrade overparam.")
        found = Description(**said)
    except (StoreError, ValueError, KeyError, TypeError, AttributeError):
        raise damaged(name, path) from None
    if found.name != name or not re.fullmatch("[0-9a-f]{64}", found.digest):
        raise damaged(name, path)
    return found


def damaged(name: str, path: Path) -> DataError:
    """What to raise for a file of a kept data set that cannot be believed."""
    return DataError(
        f"`{path}` is damaged: add the data set again with `overparam data add {name} "
        "FILE --force`."
    )
