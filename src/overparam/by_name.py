"""One kind of thing by name: built in, registered, or of installed packages.

Only the standard library is imported here.
"""

import functools
import importlib
import re
import warnings
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from . import plugins
from .checks import written
from .errors import ConfigError, PluginWarning


T = TypeVar("T")

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST_NAME = 60


def load(reference: str) -> Any:
    """What `module:name` refers to.

    Raises:
        ConfigError: If the module has nothing of that name.
    """
    module, _, name = reference.partition(":")
    found = importlib.import_module(module)
    if not hasattr(found, name):
        raise ConfigError(f"The module `{module}` has no `{name}`.")
    return getattr(found, name)


@dataclass(frozen=True)
class Own(Generic[T]):
    """Something that is not built in."""

    value: T
    place: str
    """Where it is defined."""
    origin: plugins.Origin | None
    """Whose code it is; `None` where that cannot be read again."""
    registered: bool
    """By a program, so that another process must be told of it."""


class Catalogue(Mapping[str, T]):
    """What there is of one kind.

    To iterate over it loads everything: what cannot be loaded is left out with a
    warning. To look something up loads that alone.
    """

    remedy = (
        " One of your own is there once `--with` loads its file, or "
        "`overparam.register` is called."
    )
    """What to say beside the names that there are of one that is not among them."""

    def __init__(
        self,
        kind: str,
        plural: str,
        built_in: Mapping[str, Any],
        *,
        adopt: str,
        reserved: Collection[str] = (),
    ) -> None:
        """Begin with what is built in.

        Args:
            kind: What it is called.
            plural: Of the kind; entry points are those of `overparam.<plural>`.
            built_in: By name; a text is `module:name` of it.
            adopt: `module:name` of `adopt(name, value)`, which gives the value to
                keep of one that is brought, or refuses it.
            reserved: Names that nothing may have.
        """
        self.kind = kind
        self._group = f"overparam.{plural}"
        self.built_in = built_in
        self._adopt = adopt
        self._reserved = reserved
        self._own: dict[str, Own[T]] = {}
        self._broken: dict[str, str] = {}
        self._told: set[str] = set()

    def __getitem__(self, name: str) -> T:
        if name in self.built_in:
            value = self.built_in[name]
            return load(value) if isinstance(value, str) else value
        own = self.own(name)
        if own is None:
            raise KeyError(name)
        return own.value

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        if name in self.built_in or name in self._own:
            return True
        plugins.load_environment()
        return name in self._own or name in self._points

    def __iter__(self) -> Iterator[str]:
        yield from self.built_in
        yield from self.brought()

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def brought(self) -> Iterator[str]:
        """The names of what is not built in."""
        plugins.load_environment()
        for name in dict.fromkeys([*self._own, *self._points]):
            if self._usable(name):
                yield name

    def get(self, name: str, default: Any = None) -> Any:
        """The same, or the default where there is none that can be loaded."""
        if name in self and (name in self.built_in or self._usable(name)):
            return self[name]
        return default

    def own(self, name: str) -> Own[T] | None:
        """What is called so and is not built in, if there is any.

        Raises:
            ConfigError: If it cannot be loaded.
        """
        if name in self.built_in or name not in self:
            return None
        if name in self._own:
            return self._own[name]
        point = self._points[name]
        if name not in self._broken:
            try:
                value = load(self._adopt)(name, point.load())
                origin = plugins.origin_of(point.module, point.dist)
                own = Own(value, point.value, origin, registered=False)
                return self._own.setdefault(name, own)
            except (Exception, SystemExit) as error:
                self._broken[name] = plugins.why(error)
        raise ConfigError(
            f"The {self.kind} `{name}` of {_package(point)} cannot be loaded: "
            f"{self._broken[name]}."
        )

    def origin(self, name: str) -> plugins.Origin | None:
        """Whose code it is; `None` of what is built in.

        Raises:
            ConfigError: If it cannot be loaded, or its code is in no file.
        """
        own = self.own(name)
        if own is not None and own.origin is None:
            raise ConfigError(
                f"The {self.kind} `{name}` is defined where its code cannot be read "
                "again, by which runs are told apart: put it in a file."
            )
        return None if own is None else own.origin

    def registered(self) -> dict[str, T]:
        """What this process has registered, by name."""
        return {name: own.value for name, own in self._own.items() if own.registered}

    def register(self, name: str, value: Any) -> None:
        """Take something in under a name.

        Raises:
            ConfigError: If the name cannot be used, or the thing is none of the kind.
        """
        if reason := self.refusal(name):
            raise ConfigError(reason)
        plugins.load_environment()
        adopted, place = load(self._adopt)(name, value), place_of(value)
        point, own = self._points.get(name), self._own.get(name)
        # A module may tell of its own entry point, and a cell of a notebook run again.
        if point is not None and _package_of(point.value) != _package_of(place):
            raise ConfigError(self._taken(name, point.value))
        if own is not None and own.registered and own.place != place:
            raise ConfigError(self._taken(name, own.place))
        origin = plugins.origin_of(place.partition(":")[0])
        self._own[name] = Own(adopted, place, origin, registered=True)

    def _taken(self, name: str, place: str) -> str:
        return (
            f"The {self.kind} `{name}` is there already (`{place.rstrip(':')}`): "
            "choose another name."
        )

    @functools.cached_property
    def _points(self) -> dict[str, EntryPoint]:
        """The entry points of installed packages, by name."""
        found: dict[str, EntryPoint] = {}
        for point in entry_points(group=self._group):
            reason = self.refusal(point.name)
            if point.name in found:
                reason = f"There is another {self.kind} of that name."
            if reason:
                self._warn(
                    f"The {self.kind} `{point.name}` of {_package(point)} is left "
                    f"out: {reason}"
                )
            else:
                found[point.name] = point
        return found

    def _usable(self, name: str) -> bool:
        try:
            return self.own(name) is not None
        except ConfigError as error:
            self._warn(str(error))
            return False

    def _warn(self, sentence: str) -> None:
        if sentence not in self._told:
            self._told.add(sentence)
            warnings.warn(sentence, PluginWarning, stacklevel=4)

    def refusal(self, name: Any) -> str | None:
        """Why nothing of one's own may have a name."""
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            return (
                "Names are made of lower-case letters, digits and single hyphens, such "
                f"as my-{self.kind}; got {written(name)}."
            )
        if len(name) > _LONGEST_NAME:
            return f"A name has at most {_LONGEST_NAME} characters; got {len(name)}."
        if name in self.built_in:
            return f"The {self.kind} `{name}` is built in: choose another name."
        if name in self._reserved:
            return f"The name `{name}` is reserved: choose another name."
        return None


def place_of(value: Any) -> str:
    """Where something is defined, as `module:name`."""
    while isinstance(value, functools.partial):
        value = value.func
    if isinstance(code := getattr(value, "code", None), str):
        return f"{code}:"
    value = getattr(value, "grid", value)
    module = getattr(value, "__module__", None) or "__main__"
    return f"{module}:{getattr(value, '__qualname__', '')}"


def _package_of(place: str) -> str:
    return place.partition(":")[0].partition(".")[0]


def _package(point: EntryPoint) -> str:
    package = point.dist
    return point.value if package is None else f"{package.name} {package.version}"
