"""What differs between two stored runs: configuration, environment, outcome."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .json_values import plain
from .read import StoredRun, read_run


# Names of outcome and metrics that no two runs share.
_TIMINGS = ("seconds", "summary.seconds")


@dataclass(frozen=True)
class Difference:
    """One value that two runs do not share; `None` where a run has none."""

    name: str
    one: Any
    other: Any


@dataclass(frozen=True)
class Comparison:
    """Every difference of two runs, by kind."""

    config: tuple[Difference, ...]
    """What was asked for."""
    environment: tuple[Difference, ...]
    """Where and with what it was run; nested names are joined by dots."""
    outcome: tuple[Difference, ...]
    """Status, seconds and summary."""
    metrics: tuple[Difference, ...]
    """Per column of the metrics the first record that differs."""

    @property
    def same_numbers(self) -> bool:
        """Whether summaries and metrics agree to the last bit, timings apart."""
        return all(
            difference.name.partition(",")[0] in _TIMINGS
            for difference in self.outcome + self.metrics
        )


def compare(one: Path | str, other: Path | str) -> Comparison:
    """Compare two stored runs, of one study or of two.

    Raises:
        StoreError: If a run cannot be read.
    """
    a, b = read_run(one), read_run(other)
    return Comparison(
        config=_differences(_asked(a), _asked(b)),
        environment=_differences(_environment(a), _environment(b)),
        outcome=_differences(_outcome(a), _outcome(b)),
        metrics=tuple(_metrics(a, b)),
    )


def _asked(run: StoredRun) -> dict[str, Any]:
    return {"study": run.study} | run.config | run.made_by


def _outcome(run: StoredRun) -> dict[str, Any]:
    kept = {"status": run.status, "seconds": run.seconds, "error": run.error}
    return kept | {f"summary.{name}": value for name, value in run.summary.items()}


def _environment(run: StoredRun) -> dict[str, Any]:
    ignored = {"schema"}
    return {n: v for n, v in _flat(run.environment) if n not in ignored}


def _flat(values: Mapping[str, Any], head: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{head}{name}.")
        else:
            yield head + name, value


def _differences(
    one: Mapping[str, Any], other: Mapping[str, Any]
) -> tuple[Difference, ...]:
    names = list(dict.fromkeys([*one, *other]))
    return tuple(
        Difference(name, one.get(name), other.get(name))
        for name in names
        # As stored, so that NaN equals NaN.
        if plain(one.get(name)) != plain(other.get(name))
    )


def _metrics(one: StoredRun, other: StoredRun) -> Iterator[Difference]:
    if one.error is not None or other.error is not None:
        return
    a, b = one.metrics, other.metrics
    if a.height != b.height:
        yield Difference("number of records", a.height, b.height)
    for name in dict.fromkeys([*a.columns, *b.columns]):
        if name not in a.columns or name not in b.columns:
            kinds = [
                str(f.schema.get(name)) if name in f.columns else None for f in (a, b)
            ]
            yield Difference(name, *kinds)
        else:
            pairs = zip(a[name].to_list(), b[name].to_list(), strict=False)
            for row, (left, right) in enumerate(pairs):
                if plain(left) != plain(right):
                    yield Difference(f"{name}, record {row}", left, right)
                    break  # The first one tells where the runs parted.
