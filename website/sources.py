"""What the source says: packages, fronts and docstrings, read and not imported."""

import functools
from collections.abc import Iterator
from pathlib import Path

import griffe


PACKAGE = Path(__file__).parents[1] / "src" / "overparam"


@functools.cache
def package() -> griffe.Module:
    """The whole package."""
    found = griffe.load("overparam", search_paths=[str(PACKAGE.parent)])
    assert isinstance(found, griffe.Module)
    return found


def at(path: str) -> griffe.Object:
    """What stands at a path, `overparam.networks.TwoLayer` for example."""
    inner = path.partition(".")[2]
    found = package()[inner] if inner else package()
    return found.final_target if found.is_alias else found


def rooms() -> list[str]:
    """The packages that have a front, the whole first."""
    stubs = sorted(PACKAGE.glob("*/__init__.pyi"))
    return ["overparam", *(f"overparam.{stub.parent.name}" for stub in stubs)]


def front(room: str) -> Iterator[str]:
    """The names that a room exports."""
    stub = PACKAGE.parent.joinpath(*room.split("."), "__init__.pyi")
    for line in stub.read_text().splitlines():
        name, as_, _ = line.rpartition(" as ")
        if as_:
            yield name.split()[-1]


def text(found: griffe.Object) -> str:
    """The docstring."""
    return found.docstring.value if found.docstring else ""


def summary(found: griffe.Object) -> str:
    """The first paragraph of the docstring, in one line."""
    return " ".join(text(found).partition("\n\n")[0].split())
