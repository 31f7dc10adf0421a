"""What a file of a run holds, by name."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..errors import StoreError
from ..spellings import Spellings


class Named(dict[str, Any]):
    """What a file of a run holds, by name; a name that it lacks is one sentence.

    A run of another version or study may lack what is asked of it. A field may be
    asked for by its first spelling.
    """

    def __init__(
        self,
        run: Path,
        file: str,
        values: Mapping[str, Any],
        firsts: Spellings = MappingProxyType({}),
    ) -> None:
        super().__init__(values)
        self._run, self._file = run, file
        self._today = {first.name: name for name, first in firsts.items()}

    def __missing__(self, name: str) -> Any:
        if self._today.get(name) in self:
            return self[self._today[name]]
        raise StoreError(
            f"The run `{self._run}` has no `{name}` in its `{self._file}`: it is of "
            "another version, or of another study."
        )

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(self._today.get(name, name), default)
