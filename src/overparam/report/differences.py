"""What many runs share, and what differs between them."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..store.tables import columns_of
from .values import canonical_text


@dataclass(frozen=True)
class Spread:
    """The values of one name over many runs."""

    name: str
    values: Sequence[tuple[Any, int]]
    """Each distinct value, `None` where a run has none, and how many runs have it."""

    @property
    def varies(self) -> bool:
        """Whether there is more than one value."""
        return len(self.values) > 1


def spreads(rows: Sequence[Mapping[str, Any]]) -> list[Spread]:
    """The values of every name over all rows, in the order of the names."""
    found = []
    for name, column in columns_of(rows).items():
        values: dict[str, Any] = {}
        counts: Counter[str] = Counter()
        for value, n in _counted(column):
            text = canonical_text(value)
            values[text] = value
            counts[text] += n
        pairs = [(value, counts[text]) for text, value in values.items()]
        found.append(Spread(name, sorted(pairs, key=_order)))
    return found


def _counted(column: Sequence[Any]) -> Iterator[tuple[Any, int]]:
    """Values and how often they are there; those without a hash one by one."""
    try:
        # The types too, as 1 equals True and 1.0.
        counts = Counter(zip(map(type, column), column, strict=True))
    except TypeError:
        yield from ((value, 1) for value in column)
    else:
        yield from ((value, n) for (_, value), n in counts.items())


def unlike(
    configs: Sequence[Mapping[str, Any]], colours: Sequence[Any]
) -> list[Spread]:
    """What but seeds differs between runs of one colour: they have no median.

    Args:
        configs: The config of every run.
        colours: What decides the colour of every run.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for config, colour in zip(configs, colours, strict=True):
        others = {name: v for name, v in config.items() if "seed" not in name}
        groups.setdefault(canonical_text(colour), []).append(others)
    found = {
        spread.name: spread
        for group in groups.values()
        for spread in spreads(group)
        if spread.varies
    }
    return list(found.values())


def flat(values: Mapping[str, Any], head: str = "") -> Iterator[tuple[str, Any]]:
    """Nested mappings as one, names joined by dots."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{head}{name}.")
        else:
            yield head + name, value


def _order(pair: tuple[Any, int]) -> tuple[int, float, str]:
    value = pair[0]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return (0, float(value), "")
    return (1, 0.0, canonical_text(value))
