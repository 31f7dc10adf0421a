"""One way to every format: a target makes a writer of runs for a folder."""

import contextlib
import importlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from ..errors import ConfigError, StoreError
from ..field_values import unknown
from ..store.files import writing
from ..store.find import Unreadable
from ..store.read import StoredRun
from .series import ended, points


Writer = Callable[[StoredRun], None]
"""Writes one run."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A format that runs are exported to."""

    packages: tuple[str, ...]
    """What must be importable."""
    extra: str
    """Extra of this package that brings it."""
    opening: str
    """`module:function` from a folder to a context whose value is a `Writer`."""
    look: str
    """The command that shows a folder of it."""


TARGETS: Mapping[str, Target] = MappingProxyType(
    {
        "tensorboard": Target(
            packages=("tensorboardX",),
            extra="tensorboard",
            opening="overparam.export.tensorboard:opening",
            look="tensorboard --logdir {folder}",
        ),
        "mlflow": Target(
            packages=("mlflow", "sqlalchemy", "alembic"),
            extra="mlflow",
            opening="overparam.export.mlflow:opening",
            look="mlflow ui --backend-store-uri sqlite:///{folder}/mlflow.db",
        ),
        "wandb": Target(
            packages=("wandb",),
            extra="wandb",
            opening="overparam.export.wandb:opening",
            look="wandb sync {folder}/wandb/offline-run-*",
        ),
    }
)


def export(
    runs: Iterable[StoredRun], *, to: str, folder: Path
) -> tuple[int, list[Unreadable]]:
    """Write stored runs into a new folder; what cannot be finished leaves no folder.

    Args:
        runs: The runs; of a failed one config and status are written.
        to: Name of the target.
        folder: A folder that is empty or does not exist.

    Returns:
        The number of runs written, and the damaged ones that were passed over.

    Raises:
        ConfigError: If the target is unknown, its packages are not installed, or the
            folder holds something: a second export would double every run.
        StoreError: If the folder cannot be written, or every run is damaged.
    """
    if to not in TARGETS:
        raise ConfigError(unknown(to, TARGETS, what="tool to export to"))
    opening = _opening(to, TARGETS[to])
    whole, damaged = [], []
    for run in runs:
        try:
            # All that is exported: damage is better noticed before a run is begun.
            _ = run.summary, run.notes
            ended(run)
            for _ in points(run):
                pass
            whole.append(run)
        except StoreError as error:
            damaged.append(Unreadable(run.path, str(error)))
    if damaged and not whole:
        raise StoreError(damaged[0].reason)
    with new_folder(folder), opening(folder.resolve()) as write:
        for run in whole:
            write(run)
    return len(whole), damaged


@contextlib.contextmanager
def new_folder(folder: Path) -> Iterator[None]:
    """A folder that is whole or gone."""
    with writing(folder):
        if os.path.lexists(folder) and (not folder.is_dir() or any(folder.iterdir())):
            message = f"`{folder}` is not empty: name a new folder to export to."
            raise ConfigError(message)
        folder.mkdir(parents=True, exist_ok=True)
    try:
        with writing(folder):
            yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def missing(target: Target) -> str | None:
    """The first package of a target that is not installed."""
    for name in target.packages:
        try:
            importlib.import_module(name)
        except ImportError:
            return name
    return None


def _opening(
    name: str, target: Target
) -> Callable[[Path], AbstractContextManager[Writer]]:
    absent = missing(target)
    if absent is not None:
        raise ConfigError(
            f"Exporting to {name} needs `{absent}`, which is not installed: "
            f'pip install "overparam[{target.extra}]".'
        )
    module, function = target.opening.split(":")
    return getattr(importlib.import_module(module), function)
