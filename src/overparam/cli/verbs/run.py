"""`overparam run STUDY`: one run, stored."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

from ...errors import ConfigError
from ...field_values import field_names
from ...processes import STOP, keep_compiled
from ...progress import Reporter, duration
from ...running.execute import Executed, execute
from ...store.identity import option_words
from ...store.read import read_run
from ...studies.presets import Preset
from ...studies.published import Fields
from ...studies.registry import STUDIES, study
from ...studies.translating import Translation, published_defaults, row, rows
from ..arguments import Storage, overview, parse_all, take_name
from ..compile_clock import CompileClock
from ..options import Given, options
from ..show import print_json, print_values, tell, tell_unverified


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How to run."""

    force: bool = False
    """Run again into a new attempt if the outcome is stored already."""
    json: bool = False
    """Print the outcome as JSON."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """Whose defaults."""

    as_published: tuple[str, ...] = ()
    """Take the defaults of the published program; with the name of a published
    command, those of that command. `overparam list --published` tells which there are,
    and which of them are a sweep or an analysis here."""

    def __post_init__(self) -> None:
        if len(self.as_published) > 1:
            raise ConfigError(
                "`as_published` takes one published command, got "
                f"{', '.join(self.as_published)}."
            )


def forms() -> dict[str, list[type[Any]]]:
    """The options of the verb, by its subject."""
    return {name: _form(name) for name in STUDIES}


def _form(name: str) -> list[type[Any]]:
    entry = study(name)
    published = [Published] * bool(entry.published)
    return [entry.config_class(), RunOptions, Storage, *published]


def main(argv: Sequence[str]) -> int:
    """Run a study."""
    if not argv or argv[0] in ("-h", "--help"):
        print(
            overview(
                "run STUDY [options]",
                {name: entry.question for name, entry in STUDIES.items()},
                examples=["run planted --width 240", "run planted --help"],
            )
        )
        return 0 if argv else 2
    name, (config, running, storage, *published) = parse_run("run", argv)
    tell_of_rows(name, [key for each in published for key in each.as_published])
    keep_compiled()
    clock = CompileClock()
    clock.listen()
    unit = study(name).unit(config)
    with Reporter(name, unit=unit) as reporter, STOP.listening() as stop:
        executed = execute(
            name,
            config,
            storage.runs,
            force=running.force,
            progress=reporter,
            stop_requested=stop,
        )
    print_run(executed, as_json=running.json)
    if executed.fresh and clock.seconds:
        tell(f"Of the seconds, compilation took {duration(clock.seconds)}.")
    if executed.status == "max_iterations":
        tell("overparam: The solver did not reach its tolerance; the run is stored.")
        return 1
    return 0


def tell_of_rows(name: str, keys: Sequence[str]) -> None:
    """Tell what differs in the meaning of published commands."""
    for key in keys:
        for sentence in row(name, key).says:
            tell(f"note: {sentence}")


def parse_run(verb: str, argv: Sequence[str]) -> tuple[str, list[Any]]:
    """The study that a command line names, and its options as `forms` has them."""
    name = take_name(argv, what="study", choices=STUDIES)
    kinds = _form(name)
    prog, description = f"overparam {verb} {name}", kinds[0].__doc__ or ""
    preset = partial(_preset, verb, name)
    return name, parse_all(
        kinds, argv[1:], prog=prog, description=description, preset=preset
    )


def _preset(verb: str, name: str, given: Given) -> Preset:
    """The defaults that a line asks for; those of a row are refused if it has none."""
    fields, running, storage, *published = given
    if not (published and "as_published" in published[0]):
        return ()
    keys = published[0]["as_published"]
    if not keys:
        preset = published_defaults(name)
        if not preset:
            raise ConfigError(
                f"Name a published command of `{name}`: {_rows(verb, name)}."
            )
        return preset
    return taken_row(verb, name, keys[0], fields, {**running, **storage}).preset


def _rows(verb: str, name: str) -> str:
    """The rows of a study that a verb takes, or where all of them are told."""
    taken = rows(name, verb)
    if taken:
        return f"one of {', '.join(taken)}"
    return f"`overparam list --published {name}` has them, with the verb of each"


def taken_row(
    verb: str,
    name: str,
    key: str,
    fields: Fields,
    others: Fields | None = None,
    *,
    lost: Sequence[str] = (),
) -> Translation:
    """A published command that a verb takes.

    Args:
        verb: Ours.
        name: Of the study.
        key: Of the row.
        fields: Of the study, as the line gives them.
        others: What else the line gives, by the names of the options.
        lost: What the line gives that no other command takes as it is.

    Raises:
        ConfigError: If there is none of that name, or if it is of another verb; the
            sentence has the command of that verb, with what the line gives.
    """
    found = row(name, key, verb)
    if found.program.is_taken_by(verb):
        return found
    others, known = others or {}, field_names(found.kind)
    changes = {n: value for n, value in fields.items() if n in known}
    forms = import_module(f".{found.program.verb}", __package__).forms()
    form = forms[(name, *found.program.subject)[-1]]
    usual = {option.name for option in options(form)}
    rest = {n: value for n, value in others.items() if n in usual}
    command = f"{found.changed(changes)} {shlex.join(option_words(rest, {}))}".rstrip()
    lost = [*lost, *(n for n in (*fields, *others) if n not in {*changes, *rest})]
    is_none = "grid" if verb == "sweep" else "single run"
    told = [f"That is no {is_none} here but `{command}`."]
    told += [f"That leaves out `{'`, `'.join(lost)}`."] * bool(lost)
    raise ConfigError(" ".join([*told, *found.besides]))


def print_run(executed: Executed, *, as_json: bool) -> None:
    """Print a stored run, and tell whether it was run now."""
    run = read_run(executed.path)
    facts = {"run": str(run.path), "status": run.status, "seconds": run.seconds}
    if as_json:
        print_json(facts | {"summary": run.summary, "notes": run.notes})
    else:
        print_values(facts | run.summary)
    for note in run.notes:
        tell(f"note: {note}")
    if not executed.fresh:
        tell_unverified([run])
        tell("This run was stored before; --force runs it again.")
