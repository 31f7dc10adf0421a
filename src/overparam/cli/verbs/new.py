"""`overparam new study NAME`: a package of one's own that works, to be changed."""

import keyword
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import PathFinder
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import tyro

from ...catalogue import STUDIES
from ...errors import ConfigError
from ...store.files import write_file
from ..arguments import parse_all, take_name
from ..show import tell


@dataclass(frozen=True, kw_only=True)
class New:
    """Write a small package with a study, an analysis and a reproduction that work.

    Examples:
      overparam new study my-study
    """

    name: tyro.conf.Positional[str]
    """Name of the study: lower-case letters, digits and hyphens."""
    folder: Path = Path()
    """Where the folder of the package is made."""


def forms() -> dict[str, list[type[Any]]]:
    """The options of the verb, by its subject."""
    return {"study": [New]}


def main(argv: Sequence[str]) -> int:
    """Write a package."""
    if not argv or argv[0] in ("-h", "--help"):
        print("usage: overparam new study NAME [--folder FOLDER]")
        return 0 if argv else 2
    kind = take_name(argv, what="thing to make", choices=["study"])
    (new,) = parse_all(
        forms()[kind],
        argv[1:],
        prog="overparam new study",
        description=New.__doc__ or "",
    )
    folder = write_package(new.name, new.folder)
    tell(f"{folder}: `pip install -e {folder}`, then `overparam run {new.name}`.")
    return 0


def write_package(name: str, parent: Path) -> Path:
    """Write the package of a new study; its folder.

    Raises:
        ConfigError: If the name cannot be that of a study and of a Python package, or
            the folder is there.
    """
    module, folder = name.replace("-", "_"), parent / name
    if reason := STUDIES.refusal(name):
        raise ConfigError(reason)
    if name in STUDIES:
        raise ConfigError(f"There is a study `{name}` already: choose another name.")
    # What is built into the interpreter is in no folder.
    standard = keyword.iskeyword(module) or module in sys.stdlib_module_names
    if standard or PathFinder.find_spec(module) is not None:
        raise ConfigError(
            f"`{module}` is the name of a Python module already: choose another name."
        )
    if folder.exists():
        raise ConfigError(f"`{folder}` is there already: choose another name.")
    words = {
        "@NAME@": name,
        "@MODULE@": module,
        "@CLASS@": "".join(part.capitalize() for part in module.split("_")),
    }
    for path, text in _templates(files("overparam.cli") / "templates" / "study"):
        for word, meant in words.items():
            text = text.replace(word, meant)
        path = path.replace("package/", f"src/{module}/").removesuffix(".txt")
        write_file(folder / path, text.encode())
    return folder


def _templates(folder: Traversable, path: str = "") -> Iterator[tuple[str, str]]:
    for child in folder.iterdir():
        if child.is_dir():
            yield from _templates(child, f"{path}{child.name}/")
        else:
            yield path + child.name, child.read_text()
