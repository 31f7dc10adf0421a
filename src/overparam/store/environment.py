"""Where and with what a run was made."""

import contextlib
import functools
import os
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from ..cores import THREADS, n_cores


_THREAD_SETTINGS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    THREADS,
    "XLA_FLAGS",
    "JAX_PLATFORMS",
    "JAX_ENABLE_X64",
)


def environment() -> dict[str, Any]:
    """Versions, machine, devices, threads, commit, command line and date."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": list(sys.argv),
        "folder": os.getcwd(),
        "commit": _commit(),
        "python": sys.version.split()[0],
        "versions": _versions(),
        "machine": _machine(),
        "devices": _devices(),
        "cores": n_cores(),
        "threads": {n: os.environ[n] for n in _THREAD_SETTINGS if n in os.environ},
    }


@functools.cache
def _versions() -> dict[str, str]:
    # Only what is loaded can have touched the numbers.
    loaded = {name.partition(".")[0] for name in sys.modules}
    found = {}
    for module in loaded - sys.stdlib_module_names:
        # By name, because to read the metadata of all that is installed takes long.
        with contextlib.suppress(PackageNotFoundError, ValueError):
            of_module = distribution(module)
            name = (of_module.name or "").lower()  # Its metadata may be gone.
            if name.replace("-", "_") == module:
                found[name] = of_module.version
    return dict(sorted(found.items()))


@functools.cache
def _machine() -> dict[str, str]:
    import platform

    return {
        "host": platform.node(),
        "system": platform.platform(),
        "processor": platform.processor() or platform.machine(),
    }


def _devices() -> list[str]:
    """Devices of JAX, if it runs already; this room never starts it."""
    jax = sys.modules.get("jax")
    if jax is None:
        return []
    try:
        return [f"{d.platform}: {d.device_kind}" for d in jax.devices()]
    except RuntimeError as error:
        return [f"unavailable: {error}"]


@functools.cache
def _commit() -> str | None:
    """Commit of the checkout this package runs from, with `-dirty` where changed."""
    import subprocess

    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--match="]
    here = Path(__file__).parent
    if "site-packages" in here.parts:
        return None
    try:
        answer = subprocess.run(
            command, cwd=here, capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() or None
