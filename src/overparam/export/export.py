"""One way to every format: a target makes a writer of runs for a folder."""

import importlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from ..errors import ConfigError
from ..store.files import writing
from ..store.read import StoredRun


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


def export(runs: Iterable[StoredRun], *, to: str, folder: Path) -> int:
    """Write stored runs into a new folder.

    Args:
        runs: The runs; of a failed one config and status are written.
        to: Name of the target.
        folder: A folder that is empty or does not exist.

    Returns:
        The number of runs written.

    Raises:
        ConfigError: If the target is unknown, its packages are not installed, or the
            folder holds something: a second export would double every run.
        StoreError: If a run is damaged or the folder cannot be written.
    """
    if to not in TARGETS:
        listed = ", ".join(TARGETS)
        raise ConfigError(f"There is no export to {to!r}; choose from {listed}.")
    target = TARGETS[to]
    opening = _opening(to, target)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"`{folder}` is not empty: name a new folder to export to.")
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    number = 0
    with opening(folder.resolve()) as write:
        for run in runs:
            write(run)
            number += 1
    return number


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
