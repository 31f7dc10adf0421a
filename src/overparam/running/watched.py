"""Which fields of a config its own checks read, and whoever else looks at it."""

import functools
from collections.abc import Set
from typing import Any


_READS = "_reads_of_watched"


@functools.cache
def watched(kind: type[Any]) -> type[Any]:
    """A config class whose instances note what is read of them (`reads_of`).

    A check tells the same of every config that agrees on what it read. So of a grid
    that varies the seed alone one config is checked in full, and of the others only
    their seeds.
    """

    def read(self: Any, name: str) -> Any:
        try:
            object.__getattribute__(self, _READS).add(name)
        except AttributeError:
            object.__setattr__(self, _READS, {name})
        return object.__getattribute__(self, name)

    told = {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
    # In a slot, so that it is not among the attributes of the config.
    made = {"__slots__": (_READS,), "__getattribute__": read}
    return type(kind.__name__, (kind,), told | made)


def reads_of(config: Any) -> Set[str]:
    """What was read of an instance of a watched class; `__dict__` is everything."""
    reads = object.__getattribute__(config, _READS)
    return reads | vars(config).keys() if "__dict__" in reads else reads
