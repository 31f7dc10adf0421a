"""`overparam run STUDY`: one run, stored."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import ConfigError
from ...processes import STOP, keep_compiled
from ...progress import Reporter, duration
from ...running.execute import Executed, execute
from ...store.read import read_run
from ...studies.presets import Preset
from ...studies.registry import STUDIES, study
from ...studies.translating import published_defaults, row, rows
from ..arguments import Storage, overview, parse_all, take_name
from ..compile_clock import CompileClock
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
    command, those of that command. `overparam list --published` lists them."""

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
    for key in (key for each in published for key in each.as_published):
        for sentence in row(name, key).says:
            tell(f"note: {sentence}")
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


def parse_run(verb: str, argv: Sequence[str]) -> tuple[str, list[Any]]:
    """The study that a command line names, and its options as `forms` has them."""
    name = take_name(argv, what="study", choices=STUDIES)
    kinds = _form(name)
    prog, description = f"overparam {verb} {name}", kinds[0].__doc__ or ""
    return name, parse_all(
        kinds, argv[1:], prog=prog, description=description, preset=_preset(name, argv)
    )


def _preset(name: str, argv: Sequence[str]) -> Preset:
    """The defaults that a line asks for; those of a row are refused if it has none."""
    if not study(name).published:
        return ()
    preset: Preset = ()
    for word, after in itertools.zip_longest(argv, argv[1:], fillvalue="-"):
        flag, _, key = word.partition("=")
        if flag.replace("_", "-") != "--as-published":
            continue
        key = key or ("" if after.startswith("-") else after)
        preset = row(name, key).preset if key else published_defaults(name)
        if not preset:
            raise ConfigError(
                f"Name a published command of `{name}`: one of {', '.join(rows(name))}."
            )
    return preset


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
