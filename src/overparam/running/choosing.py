"""Which of many runs are meant: those with values of config, summary or status."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..checks import written
from ..errors import ConfigError
from ..field_values import unknown
from ..progress import counted
from ..spellings import spellings_of_study
from ..store.json_values import encodable, plain
from ..store.read import StoredRun
from ..store.tables import Gathered
from ..sweeping.grid import values_of


def fitting(
    runs: Sequence[StoredRun], wanted: Mapping[str, Sequence[Any]]
) -> list[bool]:
    """Whether each run has, of every name, one of these values.

    Raises:
        ConfigError: If no run has something of such a name.
    """
    named = [_named(run) for run in runs]
    _check_known(named, wanted)
    return _fitting(named, wanted)


def chosen(gathered: Gathered, texts: Sequence[str]) -> Gathered:
    """The runs with the values of `FIELD=VALUES`, and their rows.

    Args:
        gathered: Runs, with a row each or with their records.
        texts: Each `width=120,240` or `seed=0..9`, as in a sweep.

    Raises:
        ConfigError: If a text is none, no run has such a field, or none such values.
    """
    if not (texts and gathered.runs):
        return gathered
    runs = chosen_runs(gathered.runs, len(gathered.unreadable), texts=texts)
    paths = [encodable(str(run.path)) for run in runs]
    rows = gathered.frame["path"].is_in(paths)
    return replace(gathered, frame=gathered.frame.filter(rows), runs=tuple(runs))


def chosen_runs(
    runs: Sequence[StoredRun], n_other: int, *, texts: Sequence[str]
) -> Sequence[StoredRun]:
    """The runs with the values of `FIELD=VALUES`; `n_other` more cannot be read.

    Raises:
        ConfigError: As `chosen` does.
    """
    if not (texts and runs):
        return runs
    named = [_named(run) for run in runs]
    wanted: dict[str, list[Any]] = {}
    for text in _whole(texts):
        name, equals, values = text.partition("=")
        name = name.strip().replace("-", "_")
        if not equals:
            raise ConfigError(f"`--where` takes FIELD=VALUES, got {written(text)}.")
        _check_known(named, [name])
        found = [has[name].value for has in named if name in has]
        wanted[name] = wanted.get(name, []) + values_of(values, _kind(found), name=name)
    fits = _fitting(named, wanted)
    if not any(fits):
        others = f", and {n_other} more cannot be read" if n_other else ""
        raise ConfigError(
            f"None of the {counted(len(fits), 'run')} has {', '.join(texts)}{others}."
        )
    return [run for run, fit in zip(runs, fits, strict=True) if fit]


def _fitting(
    named: "Sequence[Mapping[str, _Among]]", wanted: Mapping[str, Sequence[Any]]
) -> list[bool]:
    return [
        all(name in has and has[name](values) for name, values in wanted.items())
        for has in named
    ]


def _check_known(named: "Sequence[Mapping[str, _Among]]", names: Any) -> None:
    for name in names:
        if named and not any(name in has for has in named):
            known = list(dict.fromkeys(name for has in named for name in has))
            raise ConfigError(unknown(name, known, what="field"))


def _whole(texts: Sequence[str]) -> list[str]:
    """The texts, with values again at their field: a lone word is cut at its commas."""
    whole: list[str] = []
    for text in texts:
        if whole and "=" not in text:
            whole[-1] += f",{text}"
        else:
            whole.append(text)
    return whole


def _kind(values: Sequence[Any]) -> Any:
    """The type as which text is read to be compared with stored values."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return bool | None
    if kinds and kinds <= {int, float}:
        return float | None
    if kinds <= {list}:
        inner = [item for value in values if value is not None for item in value]
        return tuple[float, ...] if _kind(inner) == float | None else tuple[str, ...]
    return str | None


def _named(run: StoredRun) -> dict[str, "_Among"]:
    """By name, whether what a run has of it is among some values.

    What a field of its study was called first is that field, and no scalar of the
    summary that happens to be called so.
    """
    whole = {"study": run.study, "status": run.status, "id": run.id}
    has = dict(run.summary) | dict(run.config) | whole
    tests = {name: _Among(value) for name, value in has.items()}
    for field, first in spellings_of_study(run.study).items():
        if field in run.config and first.name not in run.config:
            tests[first.name] = _Among(run.config[field], first.read)
    return tests


@dataclass(frozen=True)
class _Among:
    """Whether a value is one of several, each of them as it is read today."""

    value: Any
    read: Callable[[Any], Any] = lambda value: value

    def __call__(self, values: Sequence[Any]) -> bool:
        # A flag is no number, though Python has True == 1.
        read = plain([*map(self.read, values)])
        is_flag = isinstance(self.value, bool)
        return any(v == self.value and isinstance(v, bool) == is_flag for v in read)
