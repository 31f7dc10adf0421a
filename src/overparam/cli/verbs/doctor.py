"""`overparam doctor`: what this machine offers, and what is wrong with it."""

import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...cores import n_cores, n_threads
from ...errors import DataError
from ...processes import compilation_cache, keep_compiled
from ...progress import Reporter
from ..arguments import Storage, parse_all
from ..show import print_json, print_table, print_values, tell


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
    """Versions, devices, threads, folders, data sets; or how fast this machine is.

    Examples:
      overparam doctor
      overparam doctor --json
      overparam doctor --speed
    """

    speed: bool = False
    """Measure a small piece of each study instead, beside what the docs have: about 20
    seconds, or a minute where nothing is compiled yet."""

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
    if examining.speed:
        _measure(as_json=examining.json)
        return 0
    facts = _versions() | _machine() | _folders(storage.runs) | _data()
    print_json(facts) if examining.json else print_values(facts)
    return 0


def _measure(*, as_json: bool) -> None:
    """How fast the studies are here."""
    keep_compiled()
    for sentence in _hindrances():
        tell(f"overparam: {sentence}")
    from ...running.speed import PROBES, REFERENCE_MACHINE, reached

    found = []
    with Reporter("speed", unit="study") as reporter:
        reporter(0, len(PROBES))
        for one in reached():
            found.append(one)
            reporter(len(found), len(PROBES))
    if as_json:
        rows = [asdict(one) | {"ratio": one.ratio} for one in found]
        print_json({"docs_measured_on": REFERENCE_MACHINE, "studies": rows})
        return
    headers = ("study", "what", "here, ms", "docs, ms", "ratio", "compilation, s")
    rows = [
        (
            one.study,
            one.what,
            f"{one.here_ms:.3g}",
            f"{one.docs_ms:.3g}",
            f"{one.ratio:.2f}",
            f"{one.compilation_s:.1f}",
            f"{one.peak_memory_gb:.2f}",
        )
        for one in found
    ]
    print_table((*headers, "peak memory, GB"), rows)
    clocks = ", ".join(one.study for one in found if one.clock == "wall")
    tell(
        f"The ratio is the time here over that of the docs, on {REFERENCE_MACHINE}: "
        f"below 1 this machine is faster. Times are of the processor ({clocks}: of the "
        "clock), compilation apart; memory is the most that the process took so far."
    )


def _hindrances() -> Iterator[str]:
    """What makes the numbers worse than they need be."""
    if n_cores() == 1:
        yield "One core is usable, and the docs' numbers are of two."
    folder = os.environ.get("JAX_COMPILATION_CACHE_DIR")
    if folder is None or not os.access(folder, os.W_OK):
        yield (
            f"Compiled programs cannot be kept in {folder or compilation_cache()}, so "
            "that every command compiles anew; set JAX_COMPILATION_CACHE_DIR to a "
            "folder that can be written."
        )


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
