"""Which of many runs are meant: those with values of config, summary or status."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar, get_args

from ..catalogue import IMPORTED, STUDIES
from ..checks import nearest, one_of, written
from ..data.files.official import CIFAR
from ..data.own.reference import is_own
from ..errors import ConfigError
from ..field_values import field_kind, of_kind, unknown
from ..progress import counted
from ..spellings import spellings_of_study
from ..store.identity import ID_LENGTH, is_run_name
from ..store.json_values import encodable, plain
from ..store.read import StoredRun
from ..store.run import FAILED
from ..store.tables import Gathered
from ..studies.registry import declared
from ..sweeping.grid import values_of


T = TypeVar("T")


def fitting(
    runs: Sequence[StoredRun], wanted: Mapping[str, Sequence[Any]]
) -> list[bool]:
    """Whether each run has, of every name, one of these values.

    Raises:
        ConfigError: If no run has something of such a name, or none can have a value.
    """
    named = [_named(run) for run in runs]
    _check_known(named, wanted)
    for name, values in wanted.items() if runs else ():
        for value in values:
            # What a run of another version has may be what none of today can have.
            if not any(name in has and has[name]([value]) for has in named):
                _check_possible(name, value, runs, named)
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
        kinds = _kinds(name, runs, named) or [str | None]
        for read in _of_any(kinds, partial(values_of, values, name=name)):
            wanted[name] = wanted.get(name, []) + read
    fits = fitting(runs, wanted)
    if not any(fits):
        others = f", and {n_other} more cannot be read" if n_other else ""
        near = _nearest_stored(named, wanted)
        hint = f", did you mean `{near}`?" if near else "."
        raise ConfigError(
            f"None of the {counted(len(fits), 'run')} has {', '.join(texts)}{others}"
            f"{hint}"
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


def _check_possible(
    name: str,
    value: Any,
    runs: Sequence[StoredRun],
    named: "Sequence[Mapping[str, _Among]]",
) -> None:
    """Refuse a value that no run can have: it would silently choose none."""
    if name == "study":
        if value != IMPORTED and value not in STUDIES:
            names = dict.fromkeys([*STUDIES, *(run.study for run in runs)])
            raise ConfigError(unknown(value, names, what="study"))
    elif name == "status":
        from ..training.plan import Status

        stored = (run.status for run in runs)
        one_of(dict.fromkeys([*get_args(Status), FAILED, *stored]), status=value)
    elif name == "id":
        if not (isinstance(value, str) and is_run_name(value) and "." not in value):
            raise ConfigError(
                f"`id` must be {ID_LENGTH} hexadecimal digits, got {written(value)}: "
                "`overparam.store.resolve_run` finds a run by its beginning."
            )
    elif kinds := _kinds(name, runs, named):
        _of_any(kinds, partial(of_kind, value, name=name))


def _of_any(kinds: Sequence[Any], read: Callable[[Any], T]) -> list[T]:
    """What is read, by each kind by which it can be: studies share names of fields.

    Raises:
        ConfigError: If it can by none; that of the first.
    """
    found, refused = [], []
    for kind in kinds:
        try:
            found.append(read(kind))
        except ConfigError as error:
            refused.append(error)
    if not found:
        raise refused[0]
    return found


def _kinds(
    name: str, runs: Sequence[StoredRun], named: "Sequence[Mapping[str, _Among]]"
) -> list[Any]:
    """The kinds of what is called so: of fields what their studies take.

    Of all else it is what there is; there may be nothing but `None`.
    """
    by_study: dict[str, Any] = {}
    stored = []
    for run, has in zip(runs, named, strict=True):
        if name not in has:
            continue
        if run.study not in by_study:
            by_study[run.study] = _field_kind(run.study, name)
        if by_study[run.study] is None or run.config.get(name) is not has[name].value:
            stored.append(has[name].value)
    has_some = any(value is not None for value in stored)
    kinds = [kind for kind in by_study.values() if kind is not None]
    return [*kinds, *([_kind(stored)] if has_some else [])]


def _field_kind(study: str, name: str) -> Any:
    """The annotation of a field, which may be called as it was first."""
    entry = declared(study)
    if entry is None:
        return None
    try:
        return field_kind(entry.config_class(), name)
    except ConfigError:
        return None


def _nearest_stored(
    named: "Sequence[Mapping[str, _Among]]", wanted: Mapping[str, Sequence[Any]]
) -> str | None:
    """The text that runs have and that looks most like one that is wanted."""
    for name, values in wanted.items():
        found = [has[name].value for has in named if name in has]
        texts = {value for value in found if isinstance(value, str)}
        for value in values:
            near = nearest(value, texts) if isinstance(value, str) else None
            if near is not None and near != value:
                return f"{name}={near}"
    return None


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
    if kinds == {list}:
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
    if isinstance(data := run.config.get("dataset"), str):
        # As it is asked for: data of one's own by their name, CIFAR by its first one.
        spellings = dict(CIFAR)
        if is_own(data):
            spellings[data.partition("@")[0]] = data
        tests["dataset"] = _Among(data, lambda asked: spellings.get(str(asked), asked))
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
