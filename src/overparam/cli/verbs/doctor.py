"""`overparam doctor`: what this machine offers, and what is wrong with it."""

import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...cores import n_cores, n_threads
from ...errors import DataError
from ...processes import compilation_cache, keep_compiled
from ..arguments import Storage, parse_all
from ..show import print_json, print_values


PACKAGES = (
    "overparam",
    "jax",
    "jaxlib",
    "equinox",
    "optax",
    "numpy",
    "scipy",
    "polars",
)
EXTRAS = {"convex": "cvxpy", "dask": "distributed", "ot": "pot", "torch": "torch"}


@dataclass(frozen=True, kw_only=True)
class Examining:
    """Versions, devices, threads, folders, data sets.

    Examples:
      overparam doctor
      overparam doctor --json
    """

    json: bool = False
    """Print as JSON."""


def forms() -> dict[str, list[type[Any]]]:
    """The options of the verb, by its subject."""
    return {"": [Examining, Storage]}


def main(argv: Sequence[str]) -> int:
    """Examine this installation."""
    examining, storage = parse_all(
        forms()[""],
        argv,
        prog="overparam doctor",
        description=Examining.__doc__ or "",
    )
    facts = _versions() | _machine() | _folders(storage.runs) | _data()
    print_json(facts) if examining.json else print_values(facts)
    return 0


def _versions() -> dict[str, Any]:
    versions = {name: _version(name) for name in PACKAGES}
    extras = {f"extra {e}": f"{name} {_version(name)}" for e, name in EXTRAS.items()}
    return {"python": platform.python_version()} | versions | extras


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _machine() -> dict[str, Any]:
    keep_compiled()
    import jax

    devices = [f"{device.platform}:{device.device_kind}" for device in jax.devices()]
    threads = {
        name: os.environ.get(name, "not set")
        for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
    }
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "devices": ", ".join(devices),
        "usable cores": n_cores(),
        "threads of JAX": n_threads(),
        **threads,
    }


def _folders(runs: Path) -> dict[str, Any]:
    where = runs if runs.is_dir() else Path.cwd()
    free = shutil.disk_usage(where).free / 1e9
    writable = os.access(where, os.W_OK)
    return {
        "runs": f"{runs.absolute()} ({'writable' if writable else 'NOT writable'})",
        "free disk there": f"{free:.1f} GB",
        "compilation cache": str(compilation_cache()),
        "command": sys.argv[0],
    }


def _data() -> dict[str, Any]:
    from ...data.catalogue import entries

    try:
        return {
            f"data {entry.name}": f"{entry.status} {entry.folder or ''}".strip()
            for entry in entries()
        }
    except DataError as error:  # It is what a doctor is asked for.
        return {"data": str(error)}
