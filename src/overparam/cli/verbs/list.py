"""`overparam list`: what there is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tyro

from ...analysis.catalogue import ANALYSES
from ...catalogue import ACTIVATIONS, NETWORKS
from ...checks import one_of, written
from ...errors import ConfigError
from ...reproductions.registry import REPRODUCTIONS
from ...studies.registry import STUDIES, study
from ...studies.translating import row, rows
from ..arguments import parse
from ..show import print_json, print_table, print_values, tell


KINDS: tuple[str, ...] = ("studies", "analyses", "reproductions")


@dataclass(frozen=True, kw_only=True)
class Listing:
    """List studies, analyses and reproductions.

    Examples:
      overparam list
      overparam list studies
      overparam list --published
      overparam list --published features 25
    """

    what: tyro.conf.Positional[tuple[str, ...]] = ()
    """Some of studies, analyses and reproductions, or all without a word; with
    `--published` a study, and one of its rows."""
    published: bool = False
    """List the published commands: all, those of a study, or one whole, with what it is
    here."""
    json: bool = False
    """Print as JSON."""

    def __post_init__(self) -> None:
        if self.published and len(self.what) > 2:
            raise ConfigError(
                "`--published` takes a study and one of its rows, got also "
                f"{written(self.what[2])}."
            )
        for word in () if self.published else self.what:
            if word in STUDIES:
                raise ConfigError(
                    f"`{word}` is a study: `overparam run {word} --help` is about it, "
                    f"`overparam list {word} --published` has its published commands."
                )
            one_of(KINDS, what=word)


def forms() -> dict[str, list[type[Any]]]:
    """The options of the verb, by its subject."""
    return {"": [Listing]}


def main(argv: Sequence[str]) -> int:
    """List what there is."""
    listing = parse(Listing, argv, prog="overparam list")
    if listing.published:
        _list_published(*listing.what, as_json=listing.json)
        return 0
    content = {
        "study": {name: entry.question for name, entry in STUDIES.items()},
        "analysis": {name: entry.question for name, entry in ANALYSES.items()},
        "reproduction": {name: entry.title for name, entry in REPRODUCTIONS.items()},
    }
    kinds: dict[str, str] = dict(zip(KINDS, content, strict=True))
    brought = {
        f"{name} ({kind})": getattr(there.own(name), "place", "")
        for kind, there in (("activation", ACTIVATIONS), ("network", NETWORKS))
        for name in there.brought()
    }
    content |= {"plugin": brought} if brought else {}
    if listing.what:
        content = {kinds[each]: content[kinds[each]] for each in listing.what}
    if listing.json:
        print_json(content)
        return 0
    for kind, entries in content.items():
        print_table([kind, ""], list(entries.items()))
        print()
    return 0


def _list_published(
    name: str | None = None, key: str | None = None, *, as_json: bool
) -> None:
    """Print published commands: those of all studies, of one, or a row of it whole."""
    studies = STUDIES if name is None else [name]
    if name is not None:
        study(name)  # Refuses what is none.
    chosen = [
        (of, each) for of in studies for each in (rows(of) if key is None else [key])
    ]
    found = [(of, each, row(of, each)) for of, each in chosen]
    told = [
        {
            "study": of,
            "row": each,
            "published": rows(of)[each][1].line,
            "ours": translation.command,
        }
        for of, each, translation in found
    ]
    if as_json:
        print_json(told)
    elif key is not None:
        print_values(told[0])
        for sentence in found[0][2].says:
            tell(f"note: {sentence}")
    else:
        lines = [
            (of, each, translation.program.verb, rows(of)[each][1].line)
            for of, each, translation in found
        ]
        print_table(["study", "row", "verb", "published"], lines)
        tell(
            "`overparam list --published STUDY ROW` has what one is here; `overparam "
            "VERB STUDY --as-published ROW` does one that is a run, a sweep or a "
            "description."
        )
