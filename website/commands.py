"""The reference of the command line, from its parsers."""

import importlib
import re
from typing import Any

from overparam.analysis.catalogue import ANALYSES
from overparam.cli.main import VERBS
from overparam.studies.registry import STUDIES, study
from sources import at, text
from tables import about, of_fields, of_options, table


def pages() -> dict[str, str]:
    """The pages: address and Markdown."""
    found = {
        "reference/commands.md": _commands(),
        "reference/analyses.md": _analyses(),
        "reference/exit-codes.md": _exit_codes(),
    }
    return found | {f"reference/fields/{name}.md": _fields(name) for name in STUDIES}


def _forms(verb: str) -> dict[str, list[type[Any]]]:
    return importlib.import_module(f"overparam.cli.verbs.{verb}").forms()


def _commands() -> str:
    """Every verb with its options."""
    parts = [
        "# Command line",
        "`overparam VERB --help` says the same. `--with FILE.py`, anywhere, loads a "
        "file of your own first: studies, analyses, activations, networks, data.",
        table(
            ["verb", "what it does"],
            [[f"[`{verb}`](#{verb})", _sentence(told)] for verb, told in VERBS.items()],
        ),
    ]
    for verb, told in VERBS.items():
        parts += [f"## `{verb}` {{ #{verb} }}", f"{_sentence(told)}.", *_verb(verb)]
    return "\n\n".join(parts)


def _sentence(told: str) -> str:
    """The line of a verb, the example in it as code."""
    told = re.sub(r"(?<=: )(overparam .*)$", r"`\1`", told)
    return told[0].upper() + told[1:]


def _verb(verb: str) -> list[str]:
    subjects = _forms(verb)
    if not any(subjects.values()):
        return [f"Takes one of: {', '.join(f'`{name}`' for name in subjects)}."]
    by_options: dict[tuple[type[Any], ...], list[str]] = {}
    for subject, kinds in subjects.items():
        by_options.setdefault(tuple(_common(kinds, subject)), []).append(subject)
    parts = []
    if set(subjects) >= set(STUDIES):
        fields = ", ".join(f"[`{name}`](fields/{name}.md)" for name in STUDIES)
        parts.append(f"Takes a study and its fields: {fields}.")
    if set(subjects) >= set(ANALYSES):
        parts.append("Takes runs and an [analysis with its options](analyses.md).")
    for kinds, named in by_options.items():
        alone = len(by_options) == 1 or "" in named
        if not alone:
            parts.append(f"Of {', '.join(f'`{name}`' for name in named)}:")
        told = about(kinds[0])
        parts += [told] if alone and told.count(" ") > 3 else []
        parts.append(of_options(kinds))
    return parts


def _common(kinds: list[type[Any]], subject: str) -> list[type[Any]]:
    """The options of a subject but those that have a page of their own."""
    own = {study(name).config_class() for name in STUDIES}
    own |= {ANALYSES[name].options for name in ANALYSES}
    return [kind for kind in kinds if kind not in own]


def _fields(name: str) -> str:
    """The fields of a study's config."""
    config = study(name).config_class()
    where = f"Of `overparam run {name}`, of grids and of `op.run({name!r}, ...)`."
    parts = [f"# Fields of {name}", about(config), where, of_fields(config)]
    return "\n\n".join(parts)


def _analyses() -> str:
    """The options of every analysis."""
    parts = [
        "# Options of analyses",
        "`overparam analyse RUN ANALYSIS` and `op.analyse(run, ANALYSIS, ...)` take "
        "these; [which analysis applies to what](../analyses.md) is a table.",
    ]
    for name, entry in ANALYSES.items():
        parts += [f"## {name}", about(entry.options), of_options([entry.options])]
    return "\n\n".join(parts)


def _exit_codes() -> str:
    """What the command line ends with."""
    told = text(at("overparam.cli.main.run_command")).partition("The exit code:")[2]
    codes = re.findall(r"(\d+)\s+([^,.]+)", told)
    errors = [
        (found.name, text(found).splitlines()[0], _code(found))
        for found in at("overparam.errors").members.values()
        if found.is_class and found.name != "PluginWarning"
    ]
    return "\n\n".join(
        [
            "# Exit codes and errors",
            "Data go to the standard output and everything else to the error output.",
            table(
                ["code", "meaning"], [[f"`{n}`", " ".join(m.split())] for n, m in codes]
            ),
            "In Python the same mistakes are exceptions of `overparam.errors`. The "
            "text of each is one sentence: what was wrong, the value, the remedy.",
            table(["exception", "what it says", "code"], errors),
        ]
    )


def _code(error: Any) -> str:
    found = getattr(importlib.import_module("overparam.errors"), error.name)
    code = getattr(found, "exit_code", None)
    return "130 or 143" if code is None else str(code)
