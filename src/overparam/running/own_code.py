"""Code that is not built in, for the processes that work for this one."""

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.machinery import PathFinder
from typing import Any

from .. import catalogue, plugins
from ..by_name import place_of
from ..errors import ConfigError
from ..processes import keep_compiled
from ..studies.registry import origins
from ..sweeping.jobs import Job


@dataclass(frozen=True)
class OwnCode:
    """What another process loads before it can do our work."""

    files: Mapping[str, str] = field(default_factory=dict)
    """Paths of files, and the digests of what was loaded from them here."""
    registered: tuple[tuple[str, str, bytes], ...] = ()
    """Kind, name, and the pickled thing: it is unpickled when the files are loaded."""
    jobs: tuple[tuple[str, Mapping[str, Any], tuple[plugins.Origin, ...]], ...] = ()
    """A study and a config of each code that is asked for, and whose that is here."""

    def __bool__(self) -> bool:
        return bool(self.files or self.registered or self.jobs)

    def load(self) -> None:
        """Load it in this process.

        Raises:
            ConfigError: If some of it cannot be loaded, or is another here.
        """
        keep_compiled()  # Before anything of it loads JAX.
        for path, digest in self.files.items():
            plugins.load_file(path)
            if plugins.FILES[path] != digest:
                raise ConfigError(f"`{path}` is another than where the sweep began.")
        for kind, name, pickled in self.registered:
            if name not in catalogue.catalogue(kind).registered():
                try:
                    thing = pickle.loads(pickled)
                except Exception as error:
                    raise ConfigError(
                        f"The {kind} `{name}` cannot be loaded: {plugins.why(error)}."
                    ) from error
                catalogue.register(name, **{kind: thing})
        for study, config, expected in self.jobs:
            if study not in catalogue.STUDIES:
                raise ConfigError(f"The study `{study}` is not installed there.")
            if origins(study, config) != expected:
                raise ConfigError(
                    f"The code of the study `{study}` is another than where the sweep "
                    "began."
                )


def own_code(jobs: Sequence[Job]) -> OwnCode:
    """What the workers of a sweep must load.

    Raises:
        ConfigError: If they could not, as a notebook or a script is not imported.
    """
    needed = {}
    for job in jobs:
        if made_by := origins(job.study, job.config):
            needed.setdefault((job.study, made_by), job.config)
    named = {
        text for job in jobs for text in job.config.values() if isinstance(text, str)
    }
    named |= {job.study for job in jobs}
    sent = []
    for kind in catalogue.KINDS:
        for name, thing in catalogue.catalogue(kind).registered().items():
            if _module(thing).startswith(plugins.PREFIX):
                continue  # Its file is loaded.
            try:
                sent.append((kind, name, _sendable(thing)))
            except ConfigError as error:
                # What nobody asks for may stay here.
                if needed or name in named:
                    raise ConfigError(
                        f"The {kind} `{name}` {error}: move it to a module that they "
                        "import, or to a file given by `--with`, or use one process."
                    ) from None
    whose = tuple((study, config, origin) for (study, origin), config in needed.items())
    return OwnCode(dict(plugins.FILES), tuple(sent), whose)


def _module(thing: Any) -> str:
    return place_of(thing).partition(":")[0]


def _sendable(thing: Any) -> bytes:
    module = _module(thing)
    try:
        pickled = pickle.dumps(thing)
    except Exception as error:
        raise ConfigError(f"cannot be sent ({plugins.why(error)})") from None
    # A pickle names the modules that it is loaded from.
    if b"__main__" in pickled or PathFinder.find_spec(module.partition(".")[0]) is None:
        raise ConfigError(f"is of `{module}`, which worker processes do not import")
    return pickled
