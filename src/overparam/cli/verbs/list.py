"""`overparam list`: what there is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import tyro

from ...analysis.catalogue import ANALYSES
from ...catalogue import ACTIVATIONS, NETWORKS
from ...errors import ConfigError
from ...reproductions.registry import REPRODUCTIONS
from ...studies.registry import STUDIES
from ...studies.translating import row, rows
from ..arguments import parse
from ..show import print_json, print_table


Kind = Literal["studies", "analyses", "reproductions"]


@dataclass(frozen=True, kw_only=True)
class Listing:
    """List studies, analyses and reproductions.

    Examples:
      overparam list
      overparam list studies
      overparam list --published
    """

    kinds: tyro.conf.Positional[tuple[Kind, ...]] = ()
    """What to list; without a word all."""
    published: bool = False
    """List the published commands, and what each is here."""
    json: bool = False
    """Print as JSON."""

    def __post_init__(self) -> None:
        if self.published and self.kinds:
            raise ConfigError(
                f"`--published` lists commands and no {self.kinds[0]}; leave one out."
            )


def forms() -> dict[str, list[type[Any]]]:
    """The options of the verb, by its subject."""
    return {"": [Listing]}


def main(argv: Sequence[str]) -> int:
    """List what there is."""
    listing = parse(Listing, argv, prog="overparam list")
    if listing.published:
        commands = [
            {
                "study": name,
                "row": key,
                "published": published.line,
                "ours": row(name, key).command,
            }
            for name in STUDIES
            for key, (_, published) in rows(name).items()
        ]
        if listing.json:
            print_json(commands)
        else:
            print_table(list(commands[0]), [list(each.values()) for each in commands])
        return 0
    content = {
        "study": {name: entry.question for name, entry in STUDIES.items()},
        "analysis": {name: entry.question for name, entry in ANALYSES.items()},
        "reproduction": {name: entry.title for name, entry in REPRODUCTIONS.items()},
    }
    kinds = dict(zip(get_args(Kind), content, strict=True))
    brought = {
        f"{name} ({kind})": getattr(there.own(name), "place", "")
        for kind, there in (("activation", ACTIVATIONS), ("network", NETWORKS))
        for name in there.brought()
    }
    content |= {"plugin": brought} if brought else {}
    if listing.kinds:
        content = {kinds[each]: content[kinds[each]] for each in listing.kinds}
    if listing.json:
        print_json(content)
        return 0
    for kind, entries in content.items():
        print_table([kind, ""], list(entries.items()))
        print()
    return 0
