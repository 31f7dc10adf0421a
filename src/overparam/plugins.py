"""Code of one's own: files of it, and whose it is, by name, version and content.

Only the standard library is imported here.
"""

import hashlib
import importlib
import os
import sys
from dataclasses import dataclass
from importlib.metadata import Distribution
from pathlib import Path
from types import ModuleType

from .errors import ConfigError
from .last_resort import PREFIX, brief


ENVIRONMENT = "OVERPARAM_WITH"
"""Names the files that are loaded like those of `--with`, as a PATH names folders."""

FILES: dict[str, str] = {}
"""The files that this process has loaded, each with the digest of its content."""


@dataclass(frozen=True, order=True)
class Origin:
    """Whose code something is. What that code made is told apart by it."""

    name: str
    """The package, or the file without its suffix."""
    version: str
    """Of the package, if it tells one."""
    sha256: str
    """Digest of its Python files, all of them: any may decide a number."""

    def __str__(self) -> str:
        return f"{self.name} {self.version}".rstrip()


def origin_of(module: str, package: Distribution | None = None) -> Origin | None:
    """The origin of a module; `None` where its code is in no file, as in a notebook.

    Args:
        module: Its name; what counts is the package that it is in.
        package: What was installed, where that is known.
    """
    top = importlib.import_module(module.partition(".")[0])
    sources = _sources(top)
    if not sources:
        return None
    digest = hashlib.sha256()
    for name, path in sources:
        content = path.read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    name, version = top.__name__.removeprefix(PREFIX), getattr(top, "__version__", "")
    if package is not None:
        name, version = package.name, package.version
    return Origin(name, str(version), digest.hexdigest())


def _sources(top: ModuleType) -> list[tuple[str, Path]]:
    folders = [Path(folder) for folder in getattr(top, "__path__", ())]
    if folders:
        return sorted(
            (path.relative_to(folder).as_posix(), path)
            for folder in folders
            for path in folder.rglob("*.py")
        )
    path = Path(getattr(top, "__file__", None) or "")
    return [(path.name, path)] if path.is_file() else []


_loading: list[Path] = []
"""The file that is being loaded."""


def load_environment() -> None:
    """Load the files that the environment names, each once and in their order.

    Raises:
        ConfigError: If one cannot be loaded.
    """
    if _loading:
        return  # What a file registers is compared with what is there, and asks for it.
    for path in filter(None, os.environ.get(ENVIRONMENT, "").split(os.pathsep)):
        load_file(path)


def load_file(path: Path | str) -> None:
    """Load a Python file, which registers what is in it; a loaded one is left.

    Raises:
        ConfigError: If it is missing, is no Python, or raises.
    """
    path = Path(os.path.abspath(path))
    if str(path) in FILES:
        return
    if path.is_dir():
        raise ConfigError(
            f"`{path}` is a folder: install the package in it by `pip install -e "
            f"{path}`, which makes its names known without `--with`."
        )
    name = f"{PREFIX}{path.stem}"
    if path.suffix != ".py" or not path.stem.isidentifier():
        raise ConfigError(
            f"`{path}` cannot be loaded: give a file that is named like a Python "
            "module, such as my_study.py."
        )
    if name in sys.modules:
        other = sys.modules[name].__file__
        raise ConfigError(f"`{path}` and `{other}` have one name; rename one of them.")
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module
    _loading.append(path)
    try:
        # Not by an importer: that would write beside the file, and may take what it
        # wrote for a file of the same second and size.
        content = path.read_bytes()
        exec(compile(content, str(path), "exec"), module.__dict__)
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, Exception | SystemExit):
            raise ConfigError(f"`{path}` cannot be loaded: {why(error)}.") from error
        raise
    finally:
        _loading.remove(path)
    FILES[str(path)] = hashlib.sha256(content).hexdigest()


def why(error: BaseException) -> str:
    """Why code could not be loaded, in one line without a full stop."""
    if isinstance(error, ConfigError):
        return str(error).removesuffix(".")
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, SyntaxError):
        return f"it is no Python ({error.msg}, line {error.lineno})"
    return brief(error)
