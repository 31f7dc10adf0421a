"""Which moments of a run keep their network, as a config says it.

Standard library only, as every config imports this.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from .checks import written
from .errors import ConfigError
from .spellings import First


MOST = 100_000
"""Networks that a run keeps at most: a typing slip must not fill the memory."""

FORMS = "`5,10,20`, `every 5`, or a number of evenly spaced ones such as `11`"


def _every(keep: str) -> int | None:
    found = re.fullmatch(r"every ([1-9]\d*)", keep)
    return int(found[1]) if found else None


def _listed(epochs: Any) -> Any:
    if not isinstance(epochs, list | tuple):
        return epochs  # It is refused as text that it is not.
    return ",".join(map(str, epochs)) + "," * (len(epochs) == 1)


def _epochs(keep: str) -> list[int] | None:
    if not re.fullmatch(r"\d+,(\d+(,\d+)*)?", keep):
        return None
    return [int(part) for part in keep.split(",") if part]


def _number(keep: str) -> int | None:
    return int(keep) if re.fullmatch(r"[1-9]\d*", keep) else None


EVERY = First(
    "snapshot_every",
    int | None,
    read=lambda n: "" if n is None else f"every {n}",
    write=_every,
)
"""`every 5` was a number first."""
LISTED = First("keep_epochs", tuple[int, ...], read=_listed, write=_epochs)
"""`5,10` was a tuple first."""
EVENLY = First("snapshots", int, read=str, write=_number)
"""The number of evenly spaced ones was a number first."""


def moments(keep: str, last: int) -> Sequence[float]:
    """The moments that `keep` names, in its unit, between 0 and `last`.

    Args:
        keep: Moments with commas (`5,` is a single one), `every N`, or how many evenly
            spaced ones; empty for none.
        last: The end of the run.

    Raises:
        ConfigError: If it is of none of these forms, or names a moment outside the run.
    """
    text = keep.strip()
    try:
        if not text:
            return []
        if "," in text:
            found = [int(part) for part in text.split(",") if part.strip()]
        elif text.startswith("every"):
            step = int(text.removeprefix("every"))
            if step < 1:
                raise ValueError
            found = [*range(0, last + 1, step)[: MOST + 1]]
        else:
            number = int(text)
            if number < 1:
                raise ValueError
            # More than there are moments are all of them.
            number = min(number, last + 1, MOST + 1)
            found = [last * i / max(number - 1, 1) for i in range(number)]
    except ValueError:
        raise ConfigError(f"`keep` must be {FORMS}, got {written(keep)}.") from None
    if len(found) > MOST:
        raise ConfigError(
            f"`keep` names more than {MOST} moments of the run, got {written(keep)}."
        )
    outside = [moment for moment in found if not 0 <= moment <= last]
    if outside:
        raise ConfigError(
            f"`keep` names {written(outside[0])}, which is not between 0 and {last}, "
            "the end of the run."
        )
    return found


def recorded(keep: str, last: int, every: int) -> frozenset[int]:
    """The start, and the records nearest to what `keep` names.

    Args:
        keep: As in `moments`.
        last: The end of the run.
        every: Moments between two records; the end is one too.
    """
    return nearest_records([0, *moments(keep, last)], last, every)


def nearest_records(found: Iterable[float], last: int, every: int) -> frozenset[int]:
    """The records nearest to some moments; of two that are as near, the earlier."""

    def nearest(moment: float) -> int:
        below = int(moment // every) * every
        above = min(below + every, last)
        return below if moment - below <= above - moment else above

    return frozenset(map(nearest, found))
